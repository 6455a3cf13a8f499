"""Drafts for tests: evidence on made-up inputs, each time on others."""

from __future__ import annotations

import secrets

from counterfoil.audit.witness import witness
from counterfoil.governance.jobs.evidence import Draft, Evidence, load_draft, make_evidence, sign_evidence
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.releases.announcement import Announced, announce, check_announced
from counterfoil.governance.review.airlock import decide, review
from counterfoil.governance.review.decisions import Verdict, decisions
from counterfoil.governance.review.leaving import Approved, for_all
from tests.unit.conftest import NOW, PERIOD, Consortium

NODES = ("node-0", "node-1", "node-2")
REVIEWERS = ("reviewer-1", "reviewer-2", "reviewer-3")


def evidence(consortium: Consortium, period: str = PERIOD) -> Evidence:
    """Evidence that nobody signed yet."""
    terms = consortium.agreement
    inputs = {str(part): secrets.token_hex(32) for part in terms.parts}
    return make_evidence(
        Job(terms.digest, period, inputs),
        1,
        consortium.known("node-0"),
        measures={plan.name: {"cells": 24, "hidden-cells": 1} for plan in terms.analyses},
        commitments={plan.name: [secrets.token_bytes(32) for _ in NODES] for plan in terms.analyses},
        checks={"rejected-rows-bank-a": 0},
        leakage="1" * 64,
        transcript="2" * 64,
    )


def draft(consortium: Consortium, period: str = PERIOD) -> Draft:
    """A draft that every node signed."""
    made = evidence(consortium, period)
    for node in NODES:
        sign_evidence(made, consortium.homes[node].keys, consortium.exchange)
    return load_draft(consortium.exchange, consortium.known("reviewer-1"), made.digest)


def approve(consortium: Consortium, made: Draft, reviewer: str, verdict: Verdict = "approve") -> None:
    """The reviewer's decision lies in the exchange."""
    home = consortium.homes[reviewer]
    decide(made, verdict, comment="because", keys=home.keys, exchange=home.exchange, now=NOW)


def announced(consortium: Consortium, made: Approved, node: str) -> Announced:
    """The approved draft as this node announced it, and as the other nodes saw it."""
    home = consortium.homes[node]
    announce(made, home)
    for other in NODES:
        if other != node:
            by = consortium.homes[other]
            witness(home.keys.public, by.keys, by.state, by.exchange)
    return check_announced(made, home)


def approved(consortium: Consortium, period: str = PERIOD) -> Approved:
    """A draft that two reviewers approved."""
    made = draft(consortium, period)
    for reviewer in REVIEWERS[:2]:
        approve(consortium, made, reviewer)
    return for_all(review(made, decisions(consortium.exchange, made)))
