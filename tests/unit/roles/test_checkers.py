"""Checkers see their part of a result before it is approved, because the agreement says so; nobody else does."""

from __future__ import annotations

import secrets
from math import prod
from pathlib import Path

import numpy as np
import pytest

from counterfoil import clock
from counterfoil.errors import NotApprovedError, NotEntitledError, RefusedError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.cumulative.release_history import PastRelease, note_draft
from counterfoil.governance.jobs.evidence import load_draft, make_evidence, sign_evidence
from counterfoil.governance.jobs.job import Event, Job, Stage, advance, stage_of
from counterfoil.governance.releases.announcement import check_announced
from counterfoil.governance.releases.release import release
from counterfoil.governance.review.airlock import decide, review
from counterfoil.governance.review.decisions import decisions
from counterfoil.governance.review.leaving import for_checkers
from counterfoil.joint.computation import analyses
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.suites.commitments import commitment
from counterfoil.mpc.suites.replicated import components
from counterfoil.roles.committed import component_content
from counterfoil.roles.node.handover import hand_over
from counterfoil.roles.recipient.opening import open_job
from counterfoil.roles.result_names import component_name, salt_name
from tests.lib.consortium import NODES, Consortium, found, today

pytestmark = pytest.mark.slow


def checked(contracts: Path) -> None:
    """Reviewer 1 is a checker, and receives the total."""
    file = contracts / "agreements" / "exposure.agreement.yaml"
    text = file.read_text().replace("quorum: 2\n", "quorum: 2\n  checkers: [reviewer-1]\n")
    text = text.replace("recipients: [regulator, bank-a]", "recipients: [regulator, bank-a, reviewer-1]", 2)
    file.write_text(text)
    roster = contracts / "rosters" / "four-banks.roster.yaml"
    roster.write_text(roster.read_text().replace("[reviewer]", "[reviewer, recipient]", 1))


def drafted(banks: Consortium) -> str:
    """A draft at every node, of results in which every cell is hidden; its evidence. Nobody had to compute it."""
    terms, count = banks.agreement, len(NODES)
    inputs = {str(part): secrets.token_hex(32) for part in terms.parts}
    job = Job(terms.digest, banks.period, inputs)
    held: dict[str, dict[str, dict[str, Words]]] = {node: {} for node in NODES}
    commitments = {}
    for name, analysis in analyses(terms).items():
        parts: list[dict[str, Words]] = [{} for _ in range(count)]
        for output in analysis.outputs():
            drawn = [np.frombuffer(secrets.token_bytes(8 * prod(output.shape)), np.uint64) for _ in range(count - 1)]
            drawn.append(np.negative(sum(drawn[1:], drawn[0])))
            for j, part in enumerate(drawn):
                parts[j][component_name(output.name, j)] = part.reshape(output.shape)
        salts = [np.frombuffer(secrets.token_bytes(32), np.uint64) for _ in range(count)]
        commitments[name] = [commitment(salts[j], name, j, component_content(parts[j], j)) for j in range(count)]
        for index, node in enumerate(NODES):
            held[node][name] = {}
            for j in components(count, index):
                held[node][name] |= {**parts[j], salt_name(j): salts[j]}
    evidence = make_evidence(
        job,
        1,
        banks.signed("node-0"),
        measures={name: {"cells": 1, "hidden-cells": 1} | rejected(terms) for name in commitments},
        commitments=commitments,
        checks={},
        leakage="1" * 64,
        transcript="2" * 64,
    )
    for node in NODES:
        home = banks.homes[node]
        for event in (Event.START, Event.DRAFT):
            advance(home.state, job.id, event)
        for name, items in held[node].items():
            home.vault.keep(job.id, name, items, aad=evidence.digest.encode())
        note_draft(evidence.digest, [], PastRelease(job.id, "rep3", NODES, {}, {}, {}, ""), home.state)
        sign_evidence(evidence, home.keys, home.exchange)
    return evidence.digest


def rejected(terms: Agreement) -> dict[str, int]:
    return {f"rejected-{owner}": 0 for owner in terms.owners}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, str]:
    """A draft that nobody has decided on, and that all nodes let go as far as they may."""
    banks = found(tmp_path_factory.mktemp("checkers"), 1000, edit=checked)
    evidence = drafted(banks)
    banks.release(evidence)
    return banks, evidence


def released_to(banks: Consortium, evidence: str) -> set[str]:
    return {name[2] for name in banks.homes["bank-b"].exchange.list(("releases", evidence))}


def test_a_checker_alone_sees_its_part_before_the_quorum(shown: tuple[Consortium, str]) -> None:
    banks, evidence = shown
    assert released_to(banks, evidence) == {"reviewer-1"}
    opened = open_job(banks.homes["reviewer-1"], banks.signed("reviewer-1"), evidence, clock.now())
    assert [result.name for result in opened.results] == ["total-exposure"]
    assert "checker's copy" in opened.page.read_text()
    for recipient in ("regulator", "bank-a"):
        with pytest.raises(NotApprovedError, match="0 of 2 approvals"):
            open_job(banks.homes[recipient], banks.signed(recipient), evidence, clock.now())
    with pytest.raises(NotEntitledError):
        open_job(banks.homes["reviewer-2"], banks.signed("reviewer-2"), evidence, clock.now())


def test_a_node_gives_what_is_not_approved_to_nobody_but_checkers(shown: tuple[Consortium, str]) -> None:
    banks, evidence = shown
    home = banks.homes["node-0"]
    draft = load_draft(home.exchange, banks.signed("node-0"), evidence)
    announced = check_announced(for_checkers(review(draft, decisions(home.exchange, draft))), home)
    with pytest.raises(NotApprovedError, match="regulator is no checker"):
        release(announced, "regulator", b"", home, clock.now())
    assert stage_of(home.state, draft.evidence.job) is Stage.DRAFTED


def test_after_the_quorum_all_others_get_theirs_and_checkers_nothing_new(shown: tuple[Consortium, str]) -> None:
    banks, evidence = shown
    exchange = banks.homes["bank-b"].exchange
    before = {node: exchange.get_named(("releases", evidence, "reviewer-1", node)) for node in NODES}
    banks.review(evidence, ["reviewer-1", "reviewer-3"])
    banks.release(evidence)
    assert released_to(banks, evidence) == {"reviewer-1", "regulator", "bank-a"}
    assert {node: exchange.get_named(("releases", evidence, "reviewer-1", node)) for node in NODES} == before
    opened = open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.now())
    assert len(opened.results) == len(banks.agreement.analyses)
    assert "checker's copy" not in opened.page.read_text()


def test_a_draft_that_was_stopped_is_shown_to_nobody(shown: tuple[Consortium, str]) -> None:
    banks, _ = shown
    evidence = drafted(banks)
    home = banks.homes["reviewer-2"]
    draft = load_draft(home.exchange, banks.signed("reviewer-2"), evidence)
    decide(draft, "reject", comment="no", keys=home.keys, exchange=home.exchange, now=today())
    for node in NODES:
        with pytest.raises((NotApprovedError, RefusedError), match="rejected"):
            hand_over(banks.homes[node], banks.signed(node), evidence, clock.now())
    with pytest.raises(NotApprovedError, match="lets nobody see it"):
        for_checkers(review(draft, decisions(home.exchange, draft)))
    assert released_to(banks, evidence) == set()
