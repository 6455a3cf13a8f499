"""The catalogue: what is in an entry and what never is, how coarse its count is, and which entries nobody believes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.canonical import jcs
from counterfoil.crypto.sign import MAX_ENVELOPE_BYTES, claimed, sign
from counterfoil.errors import (
    DocumentError,
    ExpiredError,
    NotFoundError,
    RefusedError,
    ReplayError,
    RosterError,
    SignatureError,
    StoreError,
    TamperedError,
    WithdrawnError,
)
from counterfoil.governance.catalogue.catalogue import (
    Entry,
    Refused,
    Wanted,
    entries,
    offer,
    read_entry,
    withdraw_offer,
)
from counterfoil.governance.catalogue.row_count_bands import band
from counterfoil.governance.contracts.contract import Contract, parse_contract
from tests.lib.chance import Chance, fits
from tests.unit.conftest import CONTRACTS, NOW, TODAY, Consortium, make_consortium

UNTIL = TODAY + timedelta(days=90)
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """For tests that leave nothing behind but numbers that were counted."""
    return make_consortium(tmp_path_factory.mktemp("catalogue"))


def put(at: Consortium, party: str, envelope: bytes, contract: str = "loans") -> None:
    at.exchange.put_named(("catalogue", party, contract), envelope, replace=True)


def lies(at: Consortium, party: str, contract: str = "loans") -> bytes:
    return at.exchange.get_named(("catalogue", party, contract))


def read(at: Consortium, party: str = "bank-a", reader: str = "bank-b", today: date = TODAY) -> Entry:
    return read_entry(at.exchange, at.roster.party(party), "loans", today, at.homes[reader].state)


def offered(at: Consortium, loans: Contract, party: str = "bank-a", rows: int = 5000) -> Entry:
    return offer(loans, rows, UNTIL, at.homes[party], at.exchange, NOW)


# --- how coarse the count is --------------------------------------------------------------------------------------


def lowest(minimum_count: int) -> int:
    """From where on the lowest edge may lie, as the module says."""
    power = 2
    while 0.8 * 10**power < minimum_count:
        power += 1
    return 8 * 10 ** (power - 1)


@given(rows=st.integers(1, 10**9), minimum=st.integers(2, 10**6), key=st.binary(min_size=32, max_size=32))
def test_a_count_is_told_within_an_order_of_magnitude_and_never_below_the_minimum(
    rows: int, minimum: int, key: bytes
) -> None:
    try:
        found = band(rows, "loans", minimum, key)
    except RefusedError as error:
        assert rows < lowest(minimum) * 1.5
        assert f"{rows:,}" not in str(error).replace(f"{lowest(minimum) * 10 // 8:,}", "")
        return
    assert found.at_least <= rows < found.below
    assert found.at_least >= max(minimum, 80)
    assert 10 * 0.8 / 1.2 <= found.below / found.at_least <= 10 * 1.2 / 0.8


@settings(max_examples=5)
@given(key=st.binary(min_size=32, max_size=32), contract=st.sampled_from(["loans", "purchases"]))
def test_one_row_more_changes_the_band_at_one_place_near_each_power_of_ten(key: bytes, contract: str) -> None:
    for power in (3, 4):
        around = range(10**power // 2, 13 * 10**power // 10)
        bands = [band(rows, contract, 10, key) for rows in around]
        changes = [around[at] for at in range(1, len(bands)) if bands[at] != bands[at - 1]]
        assert len(changes) == 1
        assert 8 * 10 ** (power - 1) <= changes[0] < 12 * 10 ** (power - 1)


def test_where_the_edges_lie_is_spread_evenly_over_owners_and_contracts(chance: Chance) -> None:
    """So that whoever knows all rows but one learns of that one with a probability of 1 in 400, near 1,000 rows."""
    draws = 4000
    edges = [band(2000, "loans", 10, number.to_bytes(32)).at_least for number in range(draws)]
    assert min(edges) >= 800 and max(edges) < 1200
    counts = [sum(800 + 40 * tenth <= edge < 840 + 40 * tenth for edge in edges) for tenth in range(10)]
    chance.verdict({"tenth": fits(counts, [1 / 10] * 10)})
    assert len({band(2000, f"contract-{number}", 10, KEY).at_least for number in range(50)}) > 30


def test_a_table_of_few_rows_is_not_offered(signed: Consortium, loans: Contract) -> None:
    for rows in (0, 1, 9, 79):
        with pytest.raises(RefusedError, match="too few rows to be offered; about 100 are needed"):
            offered(signed, loans, rows=rows)
    assert not signed.exchange.list(("catalogue",))


def test_entries_of_tables_that_differ_in_a_row_are_equal_away_from_an_edge(
    signed: Consortium, loans: Contract
) -> None:
    said = []
    for rows in (5000, 5001):
        said.append({**offered(signed, loans, rows=rows).document, "serial": 0})
    assert said[0] == said[1]


# --- what is in an entry ------------------------------------------------------------------------------------------


def test_an_entry_shows_the_schema_and_no_category(signed: Consortium, loans: Contract) -> None:
    entry = offered(signed, loans)
    assert [column["name"] for column in entry.columns] == [column.name for column in loans.columns]
    balance = next(column for column in entry.columns if column["name"] == "balance")
    assert (balance["minimum"], balance["maximum"]) == (
        str(loans.column("balance").minimum), str(loans.column("balance").maximum),
    )  # fmt: skip
    assert entry.document["refreshed"] == "7 d" and entry.document["asOf"] == TODAY.isoformat()
    shown = json.dumps([{**column, "description": "", "businessName": ""} for column in entry.columns])
    for column in loans.columns:
        assert not [category for category in column.categories if f'"{category}"' in shown]
    assert read(signed).document == entry.document


# --- what nobody believes -----------------------------------------------------------------------------------------


def forge_key(at: Consortium) -> bytes:
    return sign("catalogue", claimed(lies(at, "bank-a")), at.homes["coordinator"].keys)


def forge_kind(at: Consortium) -> bytes:
    return sign("contract", claimed(lies(at, "bank-a")), at.homes["bank-a"].keys)


def forge_word(at: Consortium) -> bytes:
    return lies(at, "bank-a").replace(b"payload", b"pay1oad", 1)


def forge_party(at: Consortium) -> bytes:
    return _signed(at, party="bank-b")


def forge_contract(at: Consortium) -> bytes:
    return _signed(at, contract={"id": "stores", "version": "1.0.0", "sha256": "0" * 64})


def _signed(at: Consortium, **changes: object) -> bytes:
    document = {**json.loads(claimed(lies(at, "bank-a"))), **changes}
    with patch("counterfoil.crypto.sign.check_texts"):  # as software that is not ours would sign it
        return sign("catalogue", jcs(document), at.homes["bank-a"].keys)


@pytest.mark.parametrize("forge", [forge_key, forge_kind, forge_word, forge_party, forge_contract])
def test_what_is_forged_is_refused_by_name(
    forge: Callable[[Consortium], bytes], banks: Consortium, loans: Contract
) -> None:
    offered(banks, loans)
    put(banks, "bank-a", forge(banks))
    with pytest.raises(SignatureError):
        read(banks)
    (found,) = entries(banks.exchange, banks.roster, TODAY, banks.homes["bank-b"].state)
    assert isinstance(found, Refused) and (found.party, found.contract) == ("bank-a", "loans")


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "\x1b[2J"}, {"columns": []}, {"rows": {"at_least": 5}}, {"extra": 1}, {"serial": 0},
        {"until": "2026-02-30"}, {"withdrawn": "no"}, {"contract": {"id": "loans"}}, {"purpose": "one\ntwo"},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_what_is_not_an_entry_is_refused(changes: dict[str, object], banks: Consortium, loans: Contract) -> None:
    offered(banks, loans)
    put(banks, "bank-a", _signed(banks, **changes))
    with pytest.raises(DocumentError):
        read(banks)


def test_an_older_entry_is_refused_by_who_saw_a_later_one(signed: Consortium, loans: Contract) -> None:
    assert offered(signed, loans, rows=500).serial == 1
    older = lies(signed, "bank-a")
    assert offered(signed, loans).serial == 2
    assert read(signed).serial == 2
    put(signed, "bank-a", older)
    with pytest.raises(ReplayError, match="entry of bank-a for loans is its number 1; number 2 was here before"):
        read(signed)
    assert read(signed, reader="regulator").serial == 1  # it was never shown the other one
    put(signed, "bank-a", _signed(signed, serial=2))
    with pytest.raises(TamperedError, match="two different ones have the number 2"):
        read(signed)


def test_an_entry_that_is_hidden_is_missed_by_name(signed: Consortium, loans: Contract) -> None:
    offered(signed, loans)
    read(signed)
    signed.exchange.remove(("catalogue", "bank-a", "loans"))
    (found,) = entries(signed.exchange, signed.roster, TODAY, signed.homes["bank-b"].state)
    assert isinstance(found, Refused) and isinstance(found.error, NotFoundError) and found.party == "bank-a"
    assert not list(entries(signed.exchange, signed.roster, TODAY, signed.homes["bank-c"].state))


def test_one_that_is_too_long_is_not_read_and_hides_no_other(signed: Consortium, loans: Contract) -> None:
    offered(signed, loans)
    put(signed, "bank-c", bytes(MAX_ENVELOPE_BYTES + 1))
    good, long = entries(signed.exchange, signed.roster, TODAY, signed.homes["bank-b"].state)
    assert isinstance(good, Entry) and good.party == "bank-a"
    assert isinstance(long, Refused) and isinstance(long.error, StoreError) and long.party == "bank-c"


def test_an_entry_ends_on_its_day(signed: Consortium, loans: Contract) -> None:
    offered(signed, loans)
    assert read(signed, today=UNTIL).until == UNTIL
    with pytest.raises(ExpiredError, match="stood until 2027-02-21; ask bank-a to offer it again"):
        read(signed, today=UNTIL + timedelta(days=1))
    home = signed.homes["bank-a"]
    for last in (TODAY - timedelta(days=1), TODAY + timedelta(days=367), loans.expires + timedelta(days=1)):
        with pytest.raises(RefusedError, match="is past, after the contract's end, or more than 366 days ahead"):
            offer(loans, 5000, last, home, signed.exchange, NOW)
    with pytest.raises(ExpiredError):
        offer(loans, 5000, UNTIL, home, signed.exchange, datetime(2029, 1, 1, tzinfo=UTC))


def test_who_withdraws_offers_nothing_and_an_older_entry_stays_refused(signed: Consortium, loans: Contract) -> None:
    home = signed.homes["bank-a"]
    with pytest.raises(NotFoundError, match="bank-a offers nothing under 'loans'"):
        withdraw_offer("loans", home, signed.exchange, NOW)
    offered(signed, loans)
    older = lies(signed, "bank-a")
    withdraw_offer("loans", home, signed.exchange, NOW)
    with pytest.raises(WithdrawnError, match="bank-a does not offer loans any more"):
        read(signed)
    assert not list(entries(signed.exchange, signed.roster, TODAY, signed.homes["bank-b"].state))
    put(signed, "bank-a", older)
    with pytest.raises(ReplayError):
        read(signed)
    assert offered(signed, loans).serial == 3
    assert read(signed).serial == 3


def test_an_owner_that_lost_its_state_counts_on(signed: Consortium, loans: Contract) -> None:
    for _ in range(3):
        offered(signed, loans)
    (signed.homes["bank-a"].path / "state.sqlite").unlink()
    again = type(signed.homes["bank-a"]).open(signed.homes["bank-a"].path)
    assert offer(loans, 5000, UNTIL, again, signed.exchange, NOW).serial == 4


def test_only_owners_of_the_roster_offer(signed: Consortium, loans: Contract) -> None:
    offered(signed, loans, party="node-0")
    with pytest.raises(RosterError, match="in the roster node-0 is node, not owner"):
        read(signed, party="node-0")
    assert not list(entries(signed.exchange, signed.roster, TODAY, signed.homes["bank-b"].state))


def test_a_column_is_found_by_its_business_name(signed: Consortium) -> None:
    contract = parse_contract((CONTRACTS / "data" / "admissions.odcs.yaml").read_bytes(), "admissions.odcs.yaml")
    entry = offer(contract, 5000, UNTIL, signed.homes["bank-a"], signed.exchange, NOW)
    assert Wanted(column="length of Stay").columns(entry) == ["days"]
    assert Wanted(column="days").columns(entry) == ["days"]
    assert Wanted(("readmitted",), role="key").columns(entry) is None
