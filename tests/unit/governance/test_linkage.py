"""Keys of people: pseudonyms that owners alone can make, under a key that the first owner deals when it signs."""

from __future__ import annotations

import hmac
from pathlib import Path

import pyarrow as pa
import pytest

from counterfoil.analyses.registry import build
from counterfoil.canonical import bind, jcs
from counterfoil.crypto.sign import sign
from counterfoil.data.minimising.minimise import minimise
from counterfoil.data.minimising.pseudonym import pseudonyms
from counterfoil.data.reading.cells import TYPES
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import (
    AgreementError,
    NotFoundError,
    PlanError,
    RefusedError,
    SealError,
    SignatureError,
    TamperedError,
)
from counterfoil.governance.agreements.agreement import Agreement, Planned
from counterfoil.governance.agreements.parse import parse_agreement
from counterfoil.governance.agreements.signing.link_key import LINK_KEY, link_key
from counterfoil.governance.agreements.signing.signed import publish, sign_agreement
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.policies.rules import OFF, Rules
from tests.unit.analyses.judging import newest
from tests.unit.conftest import Consortium, make_consortium
from tests.unit.governance.test_agreement import EXPOSURE, LOANS, POLICY

OWNERS = ("bank-a", "bank-b", "bank-c", "bank-d")
IDENTIFIER = """          - property: privacyRole
            value: identifier
"""
KEY = """          - property: privacyRole
            value: key
          - property: pseudonym
            value: agreement
"""
WITH_KEY = EXPOSURE.replace("columns: [balance, region, product]", "columns: [balance, region, product, customer_id]")


def keyed(text: str = LOANS.replace(IDENTIFIER, KEY)) -> Contract:
    return parse_contract(text.encode(), "loans.odcs.yaml")


@pytest.fixture
def linked(tmp_path: Path) -> tuple[Consortium, Agreement]:
    """An agreement under which customers' numbers leave as pseudonyms; nobody has signed."""
    consortium = make_consortium(tmp_path)
    terms = parse_agreement(WITH_KEY.encode(), "x.yaml", {"loans": keyed()}, [POLICY], consortium.roster)
    publish(terms, consortium.exchange, "bank-a")
    return consortium, terms


def sign_as(consortium: Consortium, terms: Agreement, *ids: str) -> None:
    for id in ids:
        sign_agreement(terms, consortium.homes[id].keys, consortium.homes[id].exchange)


def key_of(consortium: Consortium, terms: Agreement, id: str) -> bytes:
    return link_key(terms, consortium.homes[id].keys, consortium.homes[id].exchange)


def test_every_owner_gets_the_key_when_the_first_has_signed(linked: tuple[Consortium, Agreement]) -> None:
    consortium, terms = linked
    sign_as(consortium, terms, "bank-b", "node-0")
    with pytest.raises(NotFoundError):
        key_of(consortium, terms, "bank-b")
    sign_as(consortium, terms, "bank-a")
    keys = {key_of(consortium, terms, owner) for owner in OWNERS}
    assert [len(key) for key in keys] == [32]
    sign_as(consortium, terms, "bank-a")
    assert {key_of(consortium, terms, owner) for owner in OWNERS} == keys


def test_nobody_else_opens_it(linked: tuple[Consortium, Agreement]) -> None:
    consortium, terms = linked
    sign_as(consortium, terms, "bank-a")
    envelope = consortium.exchange.get_named(("link-keys", terms.digest, "bank-b"))
    with pytest.raises(NotFoundError):
        key_of(consortium, terms, "node-0")
    consortium.exchange.put_named(("link-keys", terms.digest, "node-0"), envelope)
    with pytest.raises(SealError):
        key_of(consortium, terms, "node-0")
    consortium.exchange.put_named(("link-keys", terms.digest, "bank-c"), envelope, replace=True)
    with pytest.raises(SealError):
        key_of(consortium, terms, "bank-c")


def test_a_key_that_the_first_owner_did_not_deal_is_refused(linked: tuple[Consortium, Agreement]) -> None:
    consortium, terms = linked
    sign_as(consortium, terms, "bank-a")
    forged = sign(LINK_KEY.kind, b"x" * 2000, consortium.homes["bank-d"].keys)
    consortium.exchange.put_named(("link-keys", terms.digest, "bank-b"), forged, replace=True)
    with pytest.raises(SignatureError):
        key_of(consortium, terms, "bank-b")


def test_what_a_stranger_put_in_its_place_keeps_no_key_from_being_dealt(linked: tuple[Consortium, Agreement]) -> None:
    consortium, terms = linked
    for owner in ("bank-a", "bank-b"):
        consortium.exchange.put_named(("link-keys", terms.digest, owner), b"mine")
    sign_as(consortium, terms, "bank-a")
    assert len({key_of(consortium, terms, owner) for owner in OWNERS}) == 1


def test_a_key_that_was_dealt_is_not_dealt_anew(linked: tuple[Consortium, Agreement]) -> None:
    """Pseudonyms would change, and rows would part from those of earlier periods."""
    consortium, terms = linked
    sign_as(consortium, terms, "bank-a")
    before = key_of(consortium, terms, "bank-b")
    consortium.exchange.put_named(("link-keys", terms.digest, "bank-a"), b"mine", replace=True)
    with pytest.raises(TamperedError, match=f"put back link-keys/{terms.digest}/bank-a"):
        sign_as(consortium, terms, "bank-a")
    assert key_of(consortium, terms, "bank-b") == before


def test_no_key_is_dealt_where_no_contract_asks(consortium: Consortium) -> None:
    consortium.sign()
    assert not consortium.exchange.list(("link-keys",))


def test_a_key_without_a_pseudonym_enters_no_analysis(shared: Consortium) -> None:
    contract = keyed(LOANS.replace(IDENTIFIER, IDENTIFIER.replace("identifier", "key")))
    with pytest.raises(AgreementError, match="customer_id is a key; add the property 'pseudonym'"):
        parse_agreement(WITH_KEY.encode(), "x.yaml", {"loans": contract}, [POLICY], shared.roster)


def test_pseudonyms_are_the_first_bits_of_the_hmac() -> None:
    cells = pa.chunked_array([["DE01", None], ["DE02", "DE01"]])
    first, missing, second, again = pseudonyms(cells, b"k" * 32).to_pylist()
    domain = jcs({"rules": 2, "spelling": {"drop": "", "case": "", "leading-zeros": True, "form": "NFC"}})
    over = bind("counterfoil/pseudonym/2", domain, b"DE01")
    assert first == again == int.from_bytes(hmac.digest(b"k" * 32, over, "sha256")[:8], "big") >> 4
    assert missing is None
    assert len({first, second, *pseudonyms(cells, b"l" * 32).to_pylist()}) == 5
    assert pseudonyms(pa.chunked_array([[7, 7]]), b"k" * 32).to_pylist()[0] < 1 << 60


def test_keys_leave_as_pseudonyms_within_public_bounds() -> None:
    contract = keyed()
    schema = pa.schema([(column.name, TYPES[column.type]) for column in contract.columns])
    rows = [["AB00000001", "north", "car", 1, 1, 20, 0, 0], ["AB00000002", "north", "car", 1, 1, 20, 0, 0]]
    table = Table(contract, "loans.csv", pa.table(list(map(list, zip(*rows, strict=True))), schema=schema))
    kept = minimise(table, ["customer_id", "balance"], b"k" * 32).table
    cells = kept.data["customer_id"].to_pylist()
    assert cells == pseudonyms(table.data["customer_id"], b"k" * 32).to_pylist()
    assert kept.contract.column("customer_id").bounds == (0, (1 << 60) - 1)
    with pytest.raises(RefusedError, match="customer_id of contract loans leaves as a pseudonym alone"):
        minimise(table, ["customer_id", "balance"])


SPELT = """          - property: keySpelling
            value: {drop: " -./", case: upper, leadingZeros: drop}
"""


def test_one_person_has_one_pseudonym_in_any_format(linked: tuple[Consortium, Agreement]) -> None:
    spelling = keyed(LOANS.replace(IDENTIFIER, KEY + SPELT)).column("customer_id").key_spelling
    formats = pa.chunked_array([["0012.345-x", "12345X", "12 345/x", "012346X", "000", "-./"]])
    one, other, third, else_, zeros, signs = pseudonyms(formats, b"k" * 32, spelling).to_pylist()
    assert one == other == third
    assert len({one, else_, zeros, signs}) == 4
    assert one == pseudonyms(pa.chunked_array([["12345X"]]), b"k" * 32, spelling).to_pylist()[0]
    assert str(spelling) == "without ' -./', in upper case, without leading zeros"


def test_a_country_that_bans_a_column_stops_the_agreement(shared: Consortium) -> None:
    ban = "          - property: notFrom\n            value: [FR]\n"
    age = "            value: Shows whether exposure and default go with age.\n"
    text = LOANS.replace(age, age + ban)
    contract = parse_contract(text.encode(), "loans.odcs.yaml")
    with pytest.raises(AgreementError, match="age may not come from FR, where bank-b is; leave it or the owner out"):
        parse_agreement(EXPOSURE.encode(), "x.yaml", {"loans": contract}, [POLICY], shared.roster)
    elsewhere = parse_contract(text.replace("[FR]", "[PL, SE]").encode(), "loans.odcs.yaml")
    assert parse_agreement(EXPOSURE.encode(), "x.yaml", {"loans": elsewhere}, [POLICY], shared.roster)


@pytest.mark.parametrize("analysis", ["histogram", "total", "threshold", "correlation", "mean_by_group"])
def test_no_analysis_asks_for_somebodys_key(analysis: str) -> None:
    """Every owner can make anybody's pseudonym. A bin around one, filled up with made-up rows, would be shown where
    others have that person, and hidden where nobody has."""
    (pseudonym,) = pseudonyms(pa.chunked_array([pa.array(["somebody"])]), bytes(32)).to_pylist()
    params = {
        "histogram": {"column": "customer_id", "edges": (pseudonym, pseudonym + 1)},
        "total": {"column": "customer_id"},
        "threshold": {"column": "customer_id", "at_least": pseudonym},
        "correlation": {},
        "mean_by_group": {"value": "customer_id", "by": ("region",)},
    }[analysis]
    plan = Planned(
        analysis, analysis, newest(analysis), "probing", "loans",
        ("customer_id", "balance", "region")[: 2 if not params else 3], params, ("bank-a",), "0" * 64,
    )  # fmt: skip
    with pytest.raises(PlanError, match=f"'customer_id' tells people apart; {analysis} of it would answer whether"):
        build(plan, keyed().shared(), Limits(4, 1000, Rules(safe_threshold=2, **OFF)))
