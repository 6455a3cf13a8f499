"""Release by attribute: who an audience is, who reads that, and that no later roster widens it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from counterfoil.errors import AgreementError, NotEntitledError, RosterError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.diff import changes, roster_changes, signatures
from counterfoil.governance.agreements.signing.in_force import check_in_force
from counterfoil.governance.agreements.signing.signed import publish, read_agreement
from counterfoil.governance.parties.roster import Roster, fill_roster, parse_roster, revise_roster
from counterfoil.governance.parties.succession import sign_successor
from counterfoil.report.explain import entitlements, explain, facts
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, POLICY_FILE
from tests.unit.conftest import CONTRACTS, TODAY, Consortium

MEMBERS = CONTRACTS / "rosters" / "four-banks.roster.yaml"
AUDIENCES = """audiences:
  supervisors:
    sector: supervision
    jurisdiction: [DE, FR]
  german-owners:
    role: owner
    jurisdiction: DE
"""


def with_attributes(text: str) -> str:
    """Bank B may receive, too; the regulator supervises, and so does Bank D, from a country that is not asked for."""
    text = text.replace(
        "jurisdiction: FR\n    roles: [owner]\n", "jurisdiction: FR\n    roles: [owner, recipient]\n", 1
    )
    text = text.replace(
        "    jurisdiction: ES\n    roles: [owner]\n",
        "    jurisdiction: ES\n    roles: [owner, recipient]\n    attributes: {sector: supervision}\n",
    )
    return text.rstrip() + "\n    attributes:\n      sector: [banking, supervision]\n"


def agreed(folder: Path, roster: Roster, *changes: tuple[str, str]) -> Agreement:
    """The banks' agreement for the two audiences, with these words changed."""
    for name in (AGREEMENT_FILE, CONTRACT_FILE, POLICY_FILE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((CONTRACTS / name).read_bytes())
    text = (CONTRACTS / AGREEMENT_FILE).read_text()
    text = text.replace("recipients: [regulator, bank-a]", "recipients: [supervisors, german-owners]")
    text = text.replace("recipients: [regulator]", "recipients: [supervisors]")
    text = text.replace("review:\n", AUDIENCES + "\nreview:\n", 1)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / AGREEMENT_FILE).write_text(text)
    return read_agreement(folder / AGREEMENT_FILE, roster)


def roster_of(banks: Consortium) -> Roster:
    cards = [home.keys.public for home in banks.homes.values()]
    return fill_roster(with_attributes(MEMBERS.read_text()).encode(), MEMBERS.name, cards, TODAY)


@pytest.fixture
def roster(shared: Consortium) -> Roster:
    """Nobody signs anything under it."""
    return roster_of(shared)


@pytest.fixture
def banks(consortium: Consortium, tmp_path: Path) -> Consortium:
    """Everybody has signed the agreement for the two audiences."""
    roster = roster_of(consortium)
    agreement = agreed(tmp_path / "contracts", roster)
    ref = publish(agreement, consortium.exchange, "bank-a")
    made = dataclasses.replace(consortium, roster=roster, agreement=agreement, ref=ref)
    made.sign()
    return made


@pytest.fixture
def unsigned(shared: Consortium, roster: Roster, tmp_path: Path) -> Agreement:
    """The same agreement, to read."""
    return agreed(tmp_path / "contracts", roster)


def test_attributes_lead_to_the_same_parties_for_everybody(banks: Consortium) -> None:
    for id in ("bank-a", "node-2", "reviewer-1"):
        terms = banks.load(id).terms
        assert terms.recipients == ("regulator", "bank-a")
        assert {each.name: each.members for each in terms.audiences} == {
            "supervisors": ("regulator",), "german-owners": ("bank-a",),
        }  # fmt: skip
        assert terms.planned("correlation-of-shared-rows").recipients == ("regulator",)
        assert terms.planned("total-exposure").recipients == ("regulator", "bank-a")
    assert "bank-d" in banks.agreement.parties  # as an owner; it has one attribute of two


def test_a_plan_says_the_same_whether_its_recipients_are_named_or_described(
    unsigned: Agreement, shared: Consortium
) -> None:
    for plan in unsigned.analyses:
        assert plan.plan_digest == shared.agreement.planned(plan.name).plan_digest


def test_signers_read_who_that_is_now(unsigned: Agreement) -> None:
    words = explain(unsigned)
    described = (
        "supervisors are the recipients of roster four-banks version 1 with sector supervision and jurisdiction DE"
    )
    assert f"{described} or FR: regulator. A later version of the roster adds nobody" in words
    assert facts(unsigned)["audiences"] == {
        "supervisors": {
            "attributes": {"sector": ("supervision",), "jurisdiction": ("DE", "FR")}, "recipients": ("regulator",),
        },
        "german-owners": {"attributes": {"role": ("owner",), "jurisdiction": ("DE",)}, "recipients": ("bank-a",)},
    }  # fmt: skip


def test_the_recipient_reads_by_which_attributes_it_was(unsigned: Agreement, shared: Consortium) -> None:
    (line,) = entitlements(unsigned, "regulator")
    assert line.startswith("total-exposure, ")
    described = "the recipients of roster four-banks version 1 with sector supervision and jurisdiction DE or FR"
    assert line.endswith(f": as one of supervisors, {described}")
    (line,) = entitlements(shared.agreement, "regulator")
    assert line.endswith(": because the agreement names regulator")


def test_a_roster_adds_nobody_to_an_agreement_that_all_have_signed(banks: Consortium, tmp_path: Path) -> None:
    """Bank B moves to Germany; it would be one of the German owners, and is one in a new agreement alone."""
    later = changed(banks.roster, "jurisdiction: FR\n  roles:\n  - owner", "jurisdiction: DE\n  roles:\n  - owner")
    accept(banks, later)
    check_in_force(banks.agreement, banks.homes["node-0"], TODAY)
    assert banks.load("node-0").terms.recipients == ("regulator", "bank-a")
    anew = agreed(tmp_path / "anew", later)
    assert anew.recipients == ("regulator", "bank-a", "bank-b")
    told = changes(banks.agreement, anew)
    assert "recipients: bank-b added" in told and "german-owners: who that is: bank-b added" in told
    assert "bank-b, jurisdiction: was FR, becomes DE" in told
    assert signatures(banks.agreement, anew)[0].startswith("must sign again: bank-a, bank-b")


@pytest.mark.parametrize(
    ("old", "new", "who"),
    [
        ("    - supervision\n", "    - insurance\n", "regulator"),
        ("jurisdiction: DE\n  roles:\n  - recipient", "jurisdiction: NL\n  roles:\n  - recipient", "regulator"),
        ("  - owner\n  - recipient\n  keys", "  - owner\n  keys", "bank-a"),
    ],
)
def test_who_has_an_attribute_no_longer_gets_nothing_more(old: str, new: str, who: str, banks: Consortium) -> None:
    accept(banks, changed(banks.roster, old, new))
    for id in ("node-0", "node-1", "bank-b"):
        with pytest.raises(NotEntitledError, match=f"in roster four-banks 2 {who} is no recipient with .* any more"):
            check_in_force(banks.agreement, banks.homes[id], TODAY)


def test_a_roster_that_changes_nothing_of_it_stops_nothing(banks: Consortium) -> None:
    accept(banks, changed(banks.roster, "organisation: Bank C", "organisation: Bank C and sons"))
    check_in_force(banks.agreement, banks.homes["node-0"], TODAY)


def changed(roster: Roster, old: str, new: str) -> Roster:
    text = revise_roster(roster, TODAY).raw.decode()
    assert old in text, text
    return parse_roster(text.replace(old, new, 1).encode(), "roster-2.yaml")


def accept(banks: Consortium, new: Roster) -> None:
    for home in banks.homes.values():
        sign_successor(banks.roster, new, home.keys, banks.exchange)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sector: supervision", "sectr: supervision", "has an attribute 'sectr'; did you mean 'sector'?"),
        ("sector: supervision", "sector: shipping", "no recipient of roster four-banks has these attributes"),
        ("recipients: [supervisors, german-owners]", "recipients: [regulator, bank-a]", "or remove it"),
        ("  german-owners:", "  bank-c:", "a party of the roster has this name"),
        ("recipients: [supervisors]", "recipients: [supervisor]", "is not among the agreement's recipients"),
        ("    role: owner\n", "    role: owner\n    sector: []\n", "needs at least 1 entries"),
        ("    role: owner\n", "    role: 5\n", "must be text or a list"),
        ("    role: owner\n    jurisdiction: DE\n", "    {}\n", "needs at least 1 entries"),
        ("  quorum: 2\n", "  quorum: 2\n  checkers: [supervisors]\n", "supervisors is no reviewer here"),
    ],
)
def test_what_describes_nobody_is_refused_with_its_line(
    old: str, new: str, words: str, roster: Roster, tmp_path: Path
) -> None:
    with pytest.raises(AgreementError) as refused:
        agreed(tmp_path / "contracts", roster, (old, new))
    assert words in str(refused.value)
    assert str(refused.value).startswith("exposure.agreement.yaml:")


@pytest.mark.parametrize("name", ["role", "jurisdiction", "keys"])
def test_an_attribute_has_a_name_of_its_own(name: str, roster: Roster) -> None:
    with pytest.raises(RosterError, match=f"attributes.{name}: the roster says '{name}' of a party elsewhere"):
        changed(roster, "    sector: supervision\n", f"    {name}: supervision\n")


def test_the_next_version_of_a_roster_keeps_attributes_and_says_what_changes(roster: Roster) -> None:
    later = revise_roster(roster, TODAY + timedelta(days=1))
    assert [party.attributes for party in later.parties] == [party.attributes for party in roster.parties]
    assert later.party("regulator").attributes == {"sector": ("banking", "supervision")}
    other = changed(roster, "    - supervision\n", "")
    assert "regulator, sector: was banking, supervision, becomes banking" in roster_changes(roster, other)
    other = changed(roster, "  - owner\n  - recipient\n  keys", "  - owner\n  keys")
    assert "bank-a, roles: was owner, recipient, becomes owner" in roster_changes(roster, other)
