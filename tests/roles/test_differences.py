"""Known attacks by comparing releases, on a consortium of four banks and three nodes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from counterfoil.canonical import Ref
from counterfoil.errors import AttemptError, DifferenceError, ReconstructionError
from counterfoil.governance.memory import remembered
from counterfoil.governance.retention import purge
from counterfoil.governance.withdrawal import withdraw
from counterfoil.home import Home
from tests.agreements import AGREEMENT_FILE, another
from tests.consortium import NODES, OWNERS, REVIEWERS, Consortium, found, today
from tests.private import only

ROWS = 100


def keep(*names: str) -> Callable[[Path], None]:
    def edit(contracts: Path) -> None:
        file = contracts / AGREEMENT_FILE
        file.write_text(only(file.read_text(), names))

    return edit


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """One total was released, under the first agreement."""
    consortium = found(tmp_path_factory.mktemp("banks"), ROWS, edit=keep("total-exposure"))
    shutil.copytree(consortium.homes["node-1"].path, consortium.folder / "old")
    publish(consortium, hand_in(consortium))
    return consortium


def hand_in(banks: Consortium, without: int = 0) -> list[Ref]:
    """Every bank's submission; bank-b leaves its last so many rows out."""
    submissions = []
    for owner in OWNERS:
        table = banks.table(owner)
        left_out = without if owner == "bank-b" else 0
        submissions.append(banks.hand_in(owner, table.take(np.arange(table.rows - left_out))))
    return submissions


def draft(banks: Consortium, submissions: list[Ref]) -> str:
    return banks.analyse(submissions)[0].digest


def publish(banks: Consortium, submissions: list[Ref]) -> None:
    evidence = draft(banks, submissions)
    banks.review(evidence, REVIEWERS[:2])
    banks.release(evidence)


def sequel(banks: Consortium, folder: Path, number: int) -> Consortium:
    """The same parties, contract and analysis under another agreement."""
    return another(banks, folder, {AGREEMENT_FILE: {"version: 1.0.0": f"version: 1.0.{number}"}})


@pytest.mark.parametrize("without", [1, 9])
def test_all_rows_against_all_but_few_is_refused(banks: Consortium, without: int, tmp_path: Path) -> None:
    """N against N - 1, across two agreements on one contract."""
    again = sequel(banks, tmp_path, without)
    with pytest.raises(DifferenceError, match=r"differ from those of job [0-9a-f]{32}, .* by fewer than 10"):
        draft(again, hand_in(again, without))


def test_the_same_rows_and_far_other_rows_are_fine(banks: Consortium, tmp_path: Path) -> None:
    same = sequel(banks, tmp_path / "same", 20)
    draft(same, hand_in(same))
    other = sequel(banks, tmp_path / "other", 21)
    draft(other, hand_in(other, without=40))


def test_a_node_that_forgot_a_release_is_noticed(banks: Consortium, tmp_path: Path) -> None:
    """Its disk is a copy from before the release: it means another past than the others. A restart forgets nothing."""
    again = sequel(banks, tmp_path, 30)
    assert len(remembered(banks.homes["node-1"].state, again.agreement, "", today().date())) == 1
    reopened = {node: Home.open(banks.homes[node].path) for node in NODES}
    rolled_back = Home.open(shutil.copytree(banks.folder / "old", tmp_path / "old"))
    submissions = hand_in(again, without=1)
    with pytest.raises(AttemptError, match="earlier"):
        replace(again, homes={**again.homes, **reopened, "node-1": rolled_back}).analyse(submissions)
    with pytest.raises(DifferenceError):
        replace(again, homes={**again.homes, **reopened}).analyse(submissions, attempt=2)


def test_two_drafts_that_wait_are_compared_before_the_second_leaves(banks: Consortium, tmp_path: Path) -> None:
    one, two = sequel(banks, tmp_path / "one", 40), sequel(banks, tmp_path / "two", 41)
    first, second = draft(one, hand_in(one, without=60)), draft(two, hand_in(two, without=61))
    for consortium, evidence in ((one, first), (two, second)):
        consortium.review(evidence, REVIEWERS[:2])
    one.release(first)
    with pytest.raises(DifferenceError, match="was released on the same contract since this draft was made"):
        two.release(second)


def test_what_is_remembered_outlives_a_withdrawal_and_ends_with_the_contracts_days(
    banks: Consortium, tmp_path: Path
) -> None:
    again = sequel(banks, tmp_path, 50)
    node = Home.open(shutil.copytree(banks.homes["node-2"].path, tmp_path / "node"))
    (contract,) = again.agreement.contracts.values()
    days = timedelta(days=contract.retention_days)
    before = remembered(node.state, again.agreement, "", today().date())
    assert before
    withdraw(banks.agreement, banks.homes["bank-d"], today())
    erased = {each.id for each in purge(node, today())}
    assert erased and not erased & {each.vault_id for each in before}
    assert remembered(node.state, again.agreement, "", today().date() + days) == before
    assert remembered(node.state, again.agreement, "", today().date() + days + timedelta(days=1)) == []
    assert {each.vault_id for each in before} <= {each.id for each in purge(node, today() + days + timedelta(days=1))}


def test_many_means_and_covariances_of_few_rows_are_refused(tmp_path: Path) -> None:
    """Every number is one equation about the rows: as many as rows would give them."""
    banks = found(
        tmp_path, 15, edit=keep("total-exposure", "balance-by-region-and-product", "correlation-of-pre-aggregates")
    )
    with pytest.raises(ReconstructionError, match=r"71 exact numbers about 60 rows .* asks for 2 rows to each"):
        draft(banks, hand_in(banks))
