"""Releases by one spelling of keys against those by another: they are compared, and nobody passes for another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from counterfoil.data.reading.table import Table
from counterfoil.data.row_tags import with_tags
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import compare
from counterfoil.governance.contracts.key_domain import UNSPELT, key_domains, place_of
from counterfoil.governance.contracts.key_spelling import KeySpelling
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, another
from tests.lib.consortium import REVIEWERS, Consortium, found
from tests.unit.roles.test_differences import draft, hand_in, keep, publish, waiting

pytestmark = pytest.mark.slow

IDENTIFIER = "          - property: privacyRole\n            value: identifier\n"
KEY = """          - property: privacyRole
            value: key
          - property: pseudonym
            value: agreement
"""
SPELLING = "          - property: keySpelling\n            value: {case: lower, drop: X}\n"


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """One total was released, on keys as they were written."""

    def edit(contracts: Path) -> None:
        keep("total-exposure")(contracts)
        file = contracts / CONTRACT_FILE
        file.write_text(file.read_text().replace(IDENTIFIER, KEY))

    banks = found(tmp_path_factory.mktemp("banks"), 100, edit=edit)
    publish(banks, hand_in(banks))
    return banks


def sequel(banks: Consortium, folder: Path, number: int, spelling: str = "", former: str = "") -> Consortium:
    """Another agreement, on a contract that spells keys by these rules."""
    words = {KEY: KEY + spelling, "  - property: minimumCount\n": f"{former}  - property: minimumCount\n"}
    return another(banks, folder, {AGREEMENT_FILE: {"version: 1.0.0": f"version: 1.0.{number}"}, CONTRACT_FILE: words})


def test_the_first_release_by_a_new_spelling_is_compared_by_the_old_one(banks: Consortium, tmp_path: Path) -> None:
    """Where no former spelling is named nobody can tell who changed, so nobody has; else those who have."""
    unnamed = sequel(banks, tmp_path / "unnamed", 1, SPELLING)
    assert waiting(unnamed, draft(unnamed, hand_in(unnamed, every=40))) == ("loans",)
    former = "  - {property: formerKeySpelling, value: [{customer_id: {form: NFC}}]}\n"
    named = sequel(banks, tmp_path / "named", 2, SPELLING, former)
    assert waiting(named, draft(named, hand_in(named, without=1))) == ("loans",)
    again = sequel(banks, tmp_path / "again", 3, SPELLING, former)
    submissions = hand_in(again, every=40)
    evidence = draft(again, submissions)
    assert waiting(again, evidence) == ()
    again.review(evidence, REVIEWERS[:2])
    again.release(evidence)
    # Back to the first spelling, both releases are held against it.
    first = "  - {property: formerKeySpelling, value: [{customer_id: {case: lower, drop: X}}]}\n"
    back = sequel(banks, tmp_path / "back", 4, "", first)
    for without, every in ((2, 0), (0, 41)):
        assert waiting(back, draft(back, hand_in(back, without, every))) == ("loans",)
    assert waiting(back, draft(back, hand_in(back, every=20))) == ()


LOANS = Path("contracts/data/loans.odcs.yaml").read_text().replace(IDENTIFIER, KEY)


def read(spelling: str = "", former: str = "") -> Contract:
    before = "  - property: minimumCount\n"
    return parse_contract(
        LOANS.replace(KEY, KEY + spelling).replace(before, former + before).encode(), "loans.odcs.yaml"
    )


def test_a_change_of_spelling_that_names_no_former_one_is_told_by_diff() -> None:
    text = "keys are spelt anew: add formerKeySpelling"
    assert any(text in change.text for change in compare(read(), read(SPELLING)).changes)
    named = read(SPELLING, "  - {property: formerKeySpelling, value: [{customer_id: {form: NFC}}]}\n")
    assert not any(text in change.text for change in compare(read(), named).changes)
    assert place_of(named, key_domains(read())[0].name) == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[{customer: {form: NFC}}]", "no key of type string is called 'customer'; did you mean 'customer_id'"),
        ("[{customer_id: {case: lower, drop: X}}]", "is how keys are spelt now"),
        ("[{}]", "needs at least 1 entries"),
        ("[{customer_id: {case: title}}]", "must be one of upper, lower"),
    ],
)
def test_a_former_spelling_that_makes_no_sense_is_refused(value: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        read(SPELLING, f"  - {{property: formerKeySpelling, value: {value}}}\n")


def test_a_domain_is_named_by_rules_that_change_something() -> None:
    plain = read()
    assert key_domains(plain)[0].name == '{"keys":{},"rules":2}'
    assert key_domains(read(SPELLING))[0].of("customer_id") == KeySpelling("X", "lower")
    assert [each.name for each in key_domains(plain)][1] == UNSPELT


def test_persons_have_one_tag_however_their_keys_are_written() -> None:
    contract = read(SPELLING)
    schema = pa.schema([("customer_id", pa.string()), ("balance", pa.int64())])
    rows = {"customer_id": ["AB1", "ab1", "\uff21\uff22X1", "ab2"], "balance": [1, 1, 1, 1]}
    tags = with_tags(Table(contract, "loans.csv", pa.table(rows, schema=schema)), b"k" * 32).who
    assert tags is not None
    present, unspelt = tags[:, 0], tags[:, 1]
    assert present[0] == present[1] == present[2] != present[3]
    assert len(np.unique(unspelt)) == unspelt.size


def test_tags_are_the_owners_own_and_the_same_each_time() -> None:
    def tags(key: bytes) -> list[int]:
        table = Table(read(), "loans.csv", pa.table({"customer_id": ["AB1", "AB2", "AB3"]}))
        who = with_tags(table, key).who
        assert who is not None and who[[2]].tolist() == with_tags(table.take(np.array([2])), key).who.tolist()
        return who[:, 0].tolist()

    first, again, foreign = (tags(each) for each in (b"k" * 32, b"k" * 32, b"l" * 32))
    assert first == again and not set(first) & set(foreign) and len(set(first)) == 3
