"""What is released by attribute opens with the keys of who has them, and with no other party's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from counterfoil import clock
from counterfoil.canonical import Ref, bind
from counterfoil.crypto.seal import unseal
from counterfoil.errors import NotEntitledError, SealError
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.parties.roster import parse_roster, revise_roster
from counterfoil.governance.parties.succession import sign_successor
from counterfoil.governance.releases.delivery import SEALED
from counterfoil.governance.releases.release import read_release
from counterfoil.roles.node.handover import announce_release, hand_over
from counterfoil.roles.recipient.opening import open_job
from tests.lib.consortium import Consortium, found, today

pytestmark = pytest.mark.slow


def supervised(contracts: Path) -> None:
    """One analysis, for whoever supervises in Germany; Bank B may receive, and is none of them."""
    file = contracts / "agreements" / "exposure.agreement.yaml"
    terms = yaml.safe_load(file.read_text())
    terms["audiences"] = {"supervisors": {"sector": "supervision", "jurisdiction": "DE"}}
    terms["recipients"] = ["supervisors", "bank-b"]
    (total,) = (plan for plan in terms["analyses"] if plan["name"] == "total-exposure")
    (means,) = (plan for plan in terms["analyses"] if plan["name"] == "balance-by-region-and-product")
    terms["analyses"] = [{**total, "recipients": ["supervisors"]}, {**means, "recipients": ["bank-b", "supervisors"]}]
    file.write_text(yaml.safe_dump(terms, sort_keys=False))
    file = contracts / "rosters" / "four-banks.roster.yaml"
    roster = yaml.safe_load(file.read_text())
    for party in roster["parties"]:
        if party["id"] == "bank-b":
            party |= {"roles": ["owner", "recipient"], "attributes": {"sector": "banking"}}
        if party["id"] == "regulator":
            party |= {"attributes": {"sector": "supervision"}}
    file.write_text(yaml.safe_dump(roster, sort_keys=False))


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found(tmp_path_factory.mktemp("audience"), 1000, edit=supervised)


@pytest.fixture(scope="module")
def evidence(banks: Consortium) -> str:
    """Of an approved draft."""
    submissions = [banks.hand_in(owner, banks.table(owner)) for owner in banks.agreement.owners]
    digest = banks.analyse(submissions)[0].digest
    banks.review(digest, ["reviewer-1", "reviewer-2"])
    return digest


def test_only_who_has_the_attributes_opens_it_and_reads_by_which(banks: Consortium, evidence: str) -> None:
    banks.release(evidence)
    opened = open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.now())
    assert [result.name for result in opened.results] == ["total-exposure", "balance-by-region-and-product"]
    (line,) = json.loads((opened.page.parent / "report.json").read_text())["entitled"]
    plans, described = line.split(": as one of supervisors, ")
    assert plans == "total-exposure, balance-by-region-and-product"
    assert described == "the recipients of roster four-banks version 1 with sector supervision and jurisdiction DE"
    assert line in opened.page.read_text()
    other = open_job(banks.homes["bank-b"], banks.signed("bank-b"), evidence, clock.now())
    assert [result.name for result in other.results] == ["balance-by-region-and-product"]
    (line,) = json.loads((other.page.parent / "report.json").read_text())["entitled"]
    assert line == "balance-by-region-and-product: because the agreement names bank-b"
    with pytest.raises(NotEntitledError, match="bank-a is not a recipient"):
        open_job(banks.homes["bank-a"], banks.signed("bank-a"), evidence, clock.now())


def test_nobody_elses_keys_open_what_is_sealed_to_it(banks: Consortium, evidence: str) -> None:
    mine = banks.homes["regulator"]
    draft = load_draft(mine.exchange, banks.signed("regulator"), evidence)
    info = mine.keys.public.seal_id.encode()
    for node in banks.agreement.nodes:
        document = read_release(mine.exchange, draft, "regulator", node)
        sealed = mine.exchange.get(Ref(SEALED, node, document.sealed))
        purpose = bind("mpc/release/1", evidence.encode(), node.encode(), info)
        assert unseal(sealed, mine.keys, purpose)
        for id, home in banks.homes.items():
            if id != "regulator":
                with pytest.raises(SealError):
                    unseal(sealed, home.keys, purpose)


def test_a_node_releases_nothing_once_the_attribute_is_gone(tmp_path: Path) -> None:
    banks = found(tmp_path, 1000, edit=supervised)
    submissions = [banks.hand_in(owner, banks.table(owner)) for owner in banks.agreement.owners]
    evidence = banks.analyse(submissions)[0].digest
    banks.review(evidence, ["reviewer-1", "reviewer-2"])
    roster = banks.agreement.roster
    text = revise_roster(roster, today().date()).raw.decode()
    assert text.count("sector: supervision") == 1
    later = parse_roster(text.replace("sector: supervision", "sector: insurance").encode(), "roster-2.yaml")
    for home in banks.homes.values():
        sign_successor(roster, later, home.keys, home.exchange)
    for node in banks.agreement.nodes:
        with pytest.raises(NotEntitledError, match="regulator is no recipient with sector supervision and"):
            announce_release(banks.homes[node], banks.signed(node), evidence, clock.now())
        with pytest.raises(NotEntitledError):
            hand_over(banks.homes[node], banks.signed(node), evidence, clock.now())
    assert not [name for name in banks.homes["node-0"].exchange.list() if SEALED in name]
