"""Releases by one spelling of keys against those by another: neither is the guard off, nor does it compare apart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from counterfoil.canonical import Ref, jcs
from counterfoil.data.reading.table import Table
from counterfoil.data.row_sketch import KINDS, in_domain, tagged
from counterfoil.errors import ContractError, DifferenceError, KeySpellingError
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import compare
from counterfoil.governance.contracts.key_domain import UNSPELT, key_domains, place_of
from counterfoil.governance.contracts.key_spelling import KeySpelling
from counterfoil.governance.cumulative.release_history import item_name, past_releases
from counterfoil.governance.jobs.submission import read_manifest
from counterfoil.joint.computation import MEMBERSHIP
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, another
from tests.lib.consortium import NODES, OWNERS, Consortium, found, today
from tests.unit.roles.test_differences import draft, keep, publish

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


def hand_in(banks: Consortium, without: int = 0) -> list[Ref]:
    submissions = []
    for owner in OWNERS:
        table = banks.table(owner)
        submissions.append(banks.hand_in(owner, table.take(np.arange(table.rows - without * (owner == "bank-b")))))
    return submissions


def sequel(banks: Consortium, folder: Path, number: int, spelling: str = "", former: str = "") -> Consortium:
    """Another agreement, on a contract that spells keys by these rules."""
    words = {KEY: KEY + spelling, "  - property: minimumCount\n": f"{former}  - property: minimumCount\n"}
    return another(banks, folder, {AGREEMENT_FILE: {"version: 1.0.0": f"version: 1.0.{number}"}, CONTRACT_FILE: words})


def test_the_first_release_by_a_new_spelling_is_compared_by_the_old_one(banks: Consortium, tmp_path: Path) -> None:
    unnamed = sequel(banks, tmp_path / "unnamed", 1, SPELLING)
    with pytest.raises(KeySpellingError, match="keys were spelt in another way") as refused:
        draft(unnamed, hand_in(unnamed, without=1))
    # The remedy works as it is told, and does not switch the guard off.
    told = re.search(r"add (\{.*\}) to the contract", str(refused.value))
    assert told
    former = f"  - {told[1]}\n"
    named = sequel(banks, tmp_path / "named", 2, SPELLING, former)
    with pytest.raises(DifferenceError, match="by fewer than 10"):
        draft(named, hand_in(named, without=1))
    # The same people, and many others, are released.
    publish(again := sequel(banks, tmp_path / "again", 3, SPELLING, former), hand_in(again))
    contract = again.agreement.contracts["loans"]
    for node in NODES:
        known = past_releases(banks.homes[node].state, again.agreement, "", today().date())
        domains = {each.domain("loans") for each in known}
        assert domains == {each.name for each in key_domains(contract) if each.name != UNSPELT}
    # Back to the first spelling, both releases are held against it.
    first = "  - {property: formerKeySpelling, value: [{customer_id: {case: lower, drop: X}}]}\n"
    back = sequel(banks, tmp_path / "back", 4, "", first)
    with pytest.raises(DifferenceError):
        draft(back, hand_in(back, without=2))


def test_releases_of_before_there_were_rules_are_compared_as_cells_were_written(tmp_path: Path) -> None:
    banks = found(tmp_path / "banks", 60, edit=keep("total-exposure"))
    submissions = hand_in(banks)
    publish(banks, submissions)
    for node in NODES:  # what an earlier version would have kept
        home = banks.homes[node]
        (release,) = past_releases(home.state, banks.agreement, "", today().date())
        facts = json.loads(home.state.get("released-sets", release.job))
        del facts["spelling"]
        home.state.put("released-sets", release.job, jcs(facts))
        for reference, owner in zip(submissions, OWNERS, strict=True):
            manifest = read_manifest(reference, banks.signed(node), home.exchange, today())
            made = home.vault.load(manifest.digest, MEMBERSHIP, aad=banks.agreement.digest.encode())
            old = {index: in_domain(words, 1) for index, words in made.items()}
            home.vault.keep(release.vault_id, item_name(owner, "loans"), old)
    again = renewed(banks, tmp_path, 1)
    with pytest.raises(DifferenceError):
        draft(again, hand_in(again, without=1))
    draft(same := renewed(banks, tmp_path / "same", 2), hand_in(same))


def renewed(banks: Consortium, folder: Path, number: int) -> Consortium:
    return another(banks, folder, {AGREEMENT_FILE: {"version: 1.0.0": f"version: 1.0.{number}"}})


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


def test_rows_have_one_tag_however_their_keys_are_written() -> None:
    contract = read(SPELLING)
    schema = pa.schema([("customer_id", pa.string()), ("balance", pa.int64())])
    rows = {"customer_id": ["AB1", "ab1", "\uff21\uff22X1", "ab2"], "balance": [1, 1, 1, 1]}
    tags = tagged(Table(contract, "loans.csv", pa.table(rows, schema=schema)), b"k" * 32).tags
    assert tags is not None
    present, unspelt = tags[:, :KINDS], tags[:, KINDS : 2 * KINDS]
    assert (present[0] == present[1]).all() and (present[0] == present[2]).all() and (present[0] != present[3]).all()
    assert len(np.unique(unspelt)) == unspelt.size
