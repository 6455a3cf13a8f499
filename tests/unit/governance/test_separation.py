"""Nobody approves what it proposed, computed or is to receive: refused in the agreement, before anybody signs it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml

from counterfoil.errors import AgreementError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.parse import parse_agreement
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.parties.roster import parse_roster
from counterfoil.governance.policies.policy import parse_policy
from tests.unit.conftest import CONTRACTS, Consortium

EXPOSURE = (CONTRACTS / "agreements" / "exposure.agreement.yaml").read_text()
REVIEWERS, RECIPIENTS = "reviewers: [reviewer-1, reviewer-2, reviewer-3]", "recipients: [regulator, bank-a]"


def agreed(consortium: Consortium, words: Mapping[str, str], roles: Mapping[str, list[str]]) -> Agreement:
    """The agreement with these words changed, under a roster in which parties have these roles besides."""
    text, roster = EXPOSURE, yaml.safe_load(consortium.roster.raw)
    for old, new in words.items():
        assert old in text
        text = text.replace(old, new, 1)
    for party in roster["parties"]:
        party["roles"] += roles.get(party["id"], [])
    return parse_agreement(
        text.encode(),
        "exposure.agreement.yaml",
        {"loans": parse_contract((CONTRACTS / "data" / "loans.odcs.yaml").read_bytes(), "loans.odcs.yaml")},
        [parse_policy((CONTRACTS / "policies" / "strict-counts.policy.yaml").read_bytes(), "strict.policy.yaml")],
        parse_roster(yaml.safe_dump(roster, sort_keys=False).encode(), "roster.yaml"),
    )


@pytest.mark.parametrize(
    ("reviewer", "words"),
    [
        ("bank-a", "bank-a proposes the analyses and cannot approve their results"),
        ("node-1", "node-1 takes part in making the results"),
        ("coordinator", "coordinator takes part in making the results"),
        ("regulator", "regulator receives results; it may review as a checker only"),
    ],
)
def test_who_has_a_part_in_a_result_does_not_review_it(reviewer: str, words: str, consortium: Consortium) -> None:
    changed = {REVIEWERS: f"reviewers: [reviewer-1, reviewer-2, {reviewer}]"}
    with pytest.raises(AgreementError, match=words):
        agreed(consortium, changed, {reviewer: ["reviewer"]})


def test_an_owner_may_review_what_is_made_of_its_data(consortium: Consortium) -> None:
    changed = {REVIEWERS: "reviewers: [reviewer-1, reviewer-2, bank-b]"}
    assert "bank-b" in agreed(consortium, changed, {"bank-b": ["reviewer"]}).reviewers


def test_the_proposers_organisation_does_not_review(consortium: Consortium) -> None:
    with pytest.raises(AgreementError, match="reviewer-2 is of the same organisation as bank-c, who proposes"):
        text = {"proposer: bank-a": "proposer: bank-c"}
        roster = consortium.roster.raw.replace(b"Bank C, legal department", b"Bank C")
        agreed(_with(consortium, roster), text, {})


def test_a_checker_reviews_and_receives(consortium: Consortium) -> None:
    changed = {
        RECIPIENTS: "recipients: [regulator, bank-a, reviewer-1]",
        "quorum: 2": "quorum: 2\n  checkers: [reviewer-1]",
        "recipients: [regulator, bank-a]\n": "recipients: [regulator, bank-a, reviewer-1]\n",
    }
    terms = agreed(consortium, changed, {"reviewer-1": ["recipient"]})
    assert terms.checkers == ("reviewer-1",)
    assert [plan.name for plan in terms.plans_for("reviewer-1")] == ["total-exposure"]


def _with(consortium: Consortium, roster: bytes) -> Consortium:
    from dataclasses import replace

    return replace(consortium, roster=parse_roster(roster, "roster.yaml"))
