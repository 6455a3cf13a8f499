"""Where a node keeps the checkpoints of a job: each is found by attempts that mean what it meant, and by no other."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import NotFoundError
from counterfoil.mpc.session.session import Hello
from counterfoil.mpc.session.step_checkpoint import Shelf, checkpoint_id
from counterfoil.roles.node.steps import clear_steps, shelf_of
from counterfoil.storage.vault import Vault

JOB = "0123456789abcdef" * 2
HELLO = Hello("rep3-sh/1", JOB, 1, "roster", "program", "contracts", "inputs", "params", "software")
FIRST, SECOND = checkpoint_id(1, 1), checkpoint_id(2, 1)
PLANS = ("means", "step-0001-0000000001-" + "a" * 32)  # some plan may be called what looks like a checkpoint


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path / "vault", PrivateKeys.create(tmp_path / "keys", "node-0"))


def shelf(vault: Vault, hello: Hello = HELLO) -> Shelf:
    return shelf_of(vault, JOB, hello.meant)


def words(value: int) -> dict[str, np.ndarray]:
    return {"0--1": np.array([value], np.uint64)}


def test_what_was_kept_is_loaded_in_order_and_dropped(vault: Vault) -> None:
    for id, value in ((SECOND, 2), (FIRST, 1)):
        shelf(vault).keep(id, words(value))
    assert list(shelf(vault).names()) == [FIRST, SECOND]
    assert shelf(vault).load(SECOND)["0--1"].tolist() == [2]
    shelf(vault).drop(SECOND)
    assert list(shelf(vault).names()) == [FIRST]


def test_a_later_attempt_of_the_same_finds_it(vault: Vault) -> None:
    shelf(vault).keep(FIRST, words(1))
    assert list(shelf(vault, replace(HELLO, attempt=2)).names()) == [FIRST]


def test_one_of_other_software_that_means_the_same_counts(vault: Vault) -> None:
    shelf(vault).keep(FIRST, words(1))
    assert list(shelf(vault, replace(HELLO, software="5" * 64)).names()) == [FIRST]


@pytest.mark.parametrize("name", [field.name for field in fields(Hello) if field.name not in {"attempt", "software"}])
def test_one_that_means_something_else_does_not(name: str, vault: Vault) -> None:
    shelf(vault).keep(FIRST, words(1))
    other = replace(HELLO, **{name: "other"})
    assert list(shelf(vault, other).names()) == []
    with pytest.raises(NotFoundError):
        shelf(vault, other).load(FIRST)


def test_checkpoints_are_cleared_and_results_stay(vault: Vault) -> None:
    for plan in PLANS:
        vault.keep(JOB, plan, words(3))
    shelf(vault).keep(FIRST, words(1))
    shelf(vault, replace(HELLO, earlier="other")).keep(SECOND, words(2))
    clear_steps(vault, JOB, PLANS, but=HELLO.meant)
    assert list(shelf(vault).names()) == [FIRST]
    assert len(vault.names(JOB)) == len(PLANS) + 1
    clear_steps(vault, JOB, PLANS)
    assert vault.names(JOB) == sorted(PLANS)


def test_nothing_is_left_of_an_erased_job(vault: Vault) -> None:
    shelf(vault).keep(FIRST, words(1))
    vault.destroy(JOB)
    assert list(shelf(vault).names()) == []
    with pytest.raises(NotFoundError):
        shelf(vault).load(FIRST)
    with pytest.raises(NotFoundError, match="was destroyed"):
        shelf(vault).keep(SECOND, words(2))
