"""What is checked of an agreement, by what it is loaded for: each cell of the table in the docstring."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from counterfoil.canonical import Ref
from counterfoil.errors import (
    AgreementError,
    CounterfoilError,
    ExpiredError,
    NotEntitledError,
    RevokedError,
    RosterError,
    SignatureError,
    WithdrawnError,
)
from counterfoil.governance.agreements.signing import in_force
from counterfoil.governance.agreements.signing.in_force import AUDIT, OPEN, REVIEW, RUN, Purpose, load
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.agreements.signing.withdrawal import withdraw
from tests.unit.conftest import NOW, TODAY, Consortium

ROOT = Path(__file__).parents[3]
AFTER = date(2099, 1, 1)
Break = Callable[[Consortium, pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Check:
    """A row of the table: how it is broken, the error of those who check it, and on which day."""

    broken: Break
    error: type[CounterfoilError]
    today: date = TODAY


def unsigned_by(party: str) -> Break:
    def broken(signed: Consortium, _: pytest.MonkeyPatch) -> None:
        signed.exchange.remove(("signatures", signed.ref.digest, party))

    return broken


def refusing(name: str, error: type[CounterfoilError]) -> Break:
    """As if the check of this name failed: what makes it fail is tested where the check is."""

    def broken(_: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise error("refused")

        monkeypatch.setattr(name, refuse)

    return broken


IN = "counterfoil.governance.agreements.signing.in_force"
CHECKS = {
    "this party signed the statement": Check(unsigned_by("bank-a"), SignatureError),
    "the agreement names this party": Check(refusing(f"{IN}.check_named", RosterError), RosterError),
    "the agreement and its roster are in force today": Check(lambda *_: None, ExpiredError, AFTER),
    "every party that it names signed it": Check(unsigned_by("node-1"), SignatureError),
    "what it repeats, if anything": Check(
        refusing("counterfoil.governance.agreements.signing.signed._check_repetition", AgreementError), AgreementError
    ),
    "no party withdrew": Check(
        lambda signed, _: withdraw(signed.agreement, signed.homes["bank-c"], NOW), WithdrawnError
    ),
    "the latest roster honours every key": Check(refusing(f"{IN}._check_keys", RevokedError), RevokedError),
    "each member of an audience": Check(refusing(f"{IN}._check_entitled", NotEntitledError), NotEntitledError),
}
PURPOSES = (RUN, REVIEW, OPEN, AUDIT)


def table() -> dict[str, dict[Purpose, bool]]:
    """The docstring's table."""
    rows = [row.strip("|").split("|") for row in re.findall(r"^\|.*\|$", str(in_force.__doc__), re.MULTILINE)]
    assert [cell.strip() for cell in rows[0]] == ["check", "RUN", "REVIEW", "OPEN", "AUDIT"]
    return {
        row[0].strip(): {purpose: "yes" in cell for purpose, cell in zip(PURPOSES, row[1:], strict=True)}
        for row in rows[2:]
    }


def load_for(signed: Consortium, purpose: Purpose, today: date) -> SignedAgreement:
    home = signed.homes["bank-a"]
    if purpose is RUN:
        return load(home, signed.ref, for_=RUN, today=today)
    if purpose is REVIEW:
        return load(home, signed.ref, for_=REVIEW, today=today)
    return load(home, signed.ref, for_=OPEN) if purpose is OPEN else load(home.exchange, signed.ref, for_=AUDIT)


def test_the_table_has_the_checks_that_are_tried() -> None:
    assert len(table()) == len(CHECKS)
    for told, tried in zip(table(), CHECKS, strict=True):
        assert told.startswith(tried)


@pytest.mark.parametrize("row", CHECKS)
def test_each_purpose_has_its_checks(row: str, signed: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    check = CHECKS[row]
    (asked,) = (cells for told, cells in table().items() if told.startswith(row))
    check.broken(signed, monkeypatch)
    for purpose in PURPOSES:
        # That all signed covers this party's own signature.
        if asked[purpose] or (check.broken.__qualname__.startswith("unsigned_by") and row.startswith("this party")):
            with pytest.raises(check.error):
                load_for(signed, purpose, check.today)
        else:
            assert load_for(signed, purpose, check.today).digest == signed.ref.digest


def test_nothing_is_parsed_that_this_party_did_not_sign(signed: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    signed.exchange.remove(("signatures", signed.ref.digest, "bank-a"))

    def parse(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(f"{IN}.fetch_agreement", parse)
    for purpose in (RUN, REVIEW, OPEN):
        with pytest.raises(SignatureError, match="not signed by bank-a"):
            load_for(signed, purpose, TODAY)


def test_a_purpose_is_not_mistaken_for_another(shared: Consortium) -> None:
    home, ref = shared.homes["bank-a"], shared.ref
    for at, purpose, today in (
        (home, RUN, None), (home, REVIEW, None), (home, OPEN, TODAY), (home, AUDIT, None), (home.exchange, RUN, TODAY),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            load(at, ref, for_=purpose, today=today)


def test_nothing_else_makes_a_signed_agreement() -> None:
    """But what verifies the signatures for `load`; and only those read a proposal that need no signature of it."""
    makes, reads = set(), set()
    for path in (
        path for room in ("counterfoil", "mpc_tasks", "flows") for path in sorted((ROOT / room).rglob("*.py"))
    ):
        text = path.read_text("utf-8")
        makes |= {path.name} if re.search(r"(?<!class )\b(SignedAgreement|verify_signatures)\(", text) else set()
        reads |= {path.name} if re.search(r"\bfetch_agreement\(", text) else set()
    assert makes == {"signed.py", "in_force.py"}
    needing_none = {
        "agreement.py",
        "purge.py",
        "release.py",
        "bundle.py",
        "dossier.py",
        "table_memory.py",
        "planning.py",
    }
    assert reads == {"signed.py", "in_force.py", *needing_none}


def test_a_reference_to_nothing_is_not_found(shared: Consortium) -> None:
    with pytest.raises(CounterfoilError):
        load(shared.homes["bank-a"], Ref("agreement", "bank-a", "0" * 64), for_=RUN, today=TODAY)
