"""Every rule of rosters: one broken line each, the message that names it, and whose keys are whose."""

from __future__ import annotations

import base64
import dataclasses

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from counterfoil.crypto.keys import self_signed
from counterfoil.errors import RosterError
from counterfoil.governance.parties.roster import fill_roster, parse_roster
from tests.unit.conftest import CONTRACTS, IDS, TODAY, Consortium
from tests.unit.governance.complaints import complaint, line_of

MEMBERS = (CONTRACTS / "rosters" / "four-banks.roster.yaml").read_text()

BROKEN_ROSTER = {
    "unknown role": ("roles: [coordinator]", "roles: [boss]", "roles: [boss]", "must be one of owner"),
    "no role": ("roles: [coordinator]", "roles: []", "roles: []", "at least 1"),
    "party twice": ("id: bank-b", "id: bank-a", "- id: bank-a#2", "'bank-a' is there twice"),
    "country by name": ("jurisdiction: FR", "jurisdiction: France", "jurisdiction: France", "two letters"),
    "Norway is a country": ("jurisdiction: FR", "jurisdiction: no", "jurisdiction: no", "two letters"),
    "node without an address": ("    address: 127.0.0.1:7300\n", "", "- id: node-0", "needs 'address'"),
    "node without hosting": ("    hosting: a rented rack in Lyon\n", "", "- id: node-2", "needs 'hosting'"),
    "bank with an address": (
        "    roles: [coordinator]",
        "    roles: [coordinator]\n    address: a:1",
        "address: a:1",
        "only nodes",
    ),
    "address without a port": ("127.0.0.1:7300", "127.0.0.1", "address: 127.0.0.1\n", "host:port"),
    "address that nobody dials": ("127.0.0.1:7300", "0.0.0.0:7300", "address: 0.0.0.0", "nobody dials 0.0.0.0"),
    "IPv6 without brackets": ("127.0.0.1:7300", "::1:7300", "address: ::1:7300", "in brackets"),
    "port beyond all": ("127.0.0.1:7300", "127.0.0.1:73000", "address: 127.0.0.1:73000", "1 to 65535"),
    "no day": ("version: 1\n", 'version: 1\nexpires: "2028-12-32"\n', "expires", "not a day"),
    "no first day": ("version: 1\n", 'version: 1\nexpires: "2028-12-31"\n', "kind:", "has no day 'issued' yet"),
    "too long": (
        "version: 1\n",
        'version: 1\nissued: "2028-01-01"\nexpires: "2028-04-01"\n',
        "expires",
        "90 days after it",
    ),
    "backwards": ("version: 1\n", 'version: 1\nissued: "2028-01-02"\nexpires: "2028-01-01"\n', "expires", "90 days"),
    "beyond all time": ("version: 1\n", 'version: 1\nissued: "9999-12-30"\nexpires: "9999-12-31"\n', "- id", "no keys"),
    "version 0": ("version: 1", "version: 0", "version", "at least 1"),
}


def test_a_name_that_is_taken_for_anothers_is_named_with_its_line() -> None:
    look_alike = "\u0421\u041e\u0410"
    text = MEMBERS.replace("organisation: Bank A", "organisation: COA").replace("Bank B", look_alike)
    with pytest.raises(RosterError) as error:
        parse_roster(text.encode(), "roster.yaml")
    complaint(
        error, "roster.yaml", line_of(text, f"organisation: {look_alike}", 1), "is taken for 'COA'; write the same"
    )


@pytest.mark.parametrize("name", BROKEN_ROSTER)
def test_a_broken_roster_is_named_with_its_line(name: str, shared: Consortium) -> None:
    old, new, place, words = BROKEN_ROSTER[name]
    assert old in MEMBERS
    text = MEMBERS.replace(old, new, 1)
    part, _, nth = place.partition("#")
    with pytest.raises(RosterError) as error:
        parse_roster(text.encode(), "roster.yaml")
    complaint(error, "roster.yaml", line_of(text, part, int(nth or 1)), words)


def test_a_roster_without_keys_is_refused() -> None:
    with pytest.raises(RosterError, match="has no keys yet; fill them in"):
        parse_roster(MEMBERS.encode(), "roster.yaml")


def test_every_party_needs_its_own_card(shared: Consortium) -> None:
    cards = [shared.roster.party(id).keys for id in IDS]
    with pytest.raises(RosterError, match="no card of bank-a is given"):
        fill_roster(MEMBERS.encode(), "roster.yaml", cards[1:], TODAY)
    with pytest.raises(RosterError, match="cards of mallory are given"):
        fill_roster(MEMBERS.encode(), "roster.yaml", [*cards, dataclasses.replace(cards[0], party="mallory")], TODAY)
    stolen = dataclasses.replace(cards[1], party="bank-a")
    with pytest.raises(RosterError, match="another party has this key"):
        fill_roster(MEMBERS.encode(), "roster.yaml", [stolen, *cards[1:]], TODAY)


def test_another_certificate_of_the_same_key_is_no_other_key(shared: Consortium) -> None:
    """Links tell peers apart by the key that a certificate is of."""
    home = shared.homes["bank-a"]
    key = load_pem_private_key((home.path / "keys" / "tls.pem").read_bytes(), None)
    certificate = self_signed(key, "bank-b").public_bytes(Encoding.DER)
    value = yaml.safe_load(shared.roster.raw)
    (bank_b,) = (party for party in value["parties"] if party["id"] == "bank-b")
    bank_b["keys"]["tls"] = base64.b64encode(certificate).decode()
    with pytest.raises(RosterError, match=r"keys\.tls: another party has this key"):
        parse_roster(yaml.safe_dump(value).encode(), "roster.yaml")


@pytest.mark.parametrize("name", ["sign", "seal", "tls"])
def test_no_two_parties_share_any_key(name: str, shared: Consortium) -> None:
    value = yaml.safe_load(shared.roster.raw)
    value["parties"][1]["keys"][name] = value["parties"][0]["keys"][name]
    with pytest.raises(RosterError, match="another party has this key"):
        parse_roster(yaml.safe_dump(value).encode(), "roster.yaml")


@pytest.mark.parametrize("name", ["sign", "seal", "tls"])
@pytest.mark.parametrize("damage", ["", "AAAA", "not base64!"])
def test_damaged_keys_are_refused(name: str, damage: str, shared: Consortium) -> None:
    value = yaml.safe_load(shared.roster.raw)
    value["parties"][2]["keys"][name] = damage
    with pytest.raises(RosterError, match="ask bank-c for its card again"):
        parse_roster(yaml.safe_dump(value).encode(), "roster.yaml")


def test_a_roster_finds_its_parties(shared: Consortium) -> None:
    assert [party.id for party in shared.roster.nodes] == ["node-0", "node-1", "node-2"]
    assert [party.id for party in shared.roster.with_role("recipient")] == ["bank-a", "regulator"]
    assert shared.roster.party("bank-b").keys == shared.homes["bank-b"].keys.public
    with pytest.raises(RosterError, match="did you mean 'bank-d'"):
        shared.roster.party("bank-dd")
