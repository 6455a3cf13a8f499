"""Nodes that die, hang, stay away, lie or rot, each a process of its own: all others stop by name, and can go on."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.data.reading.table import Table
from counterfoil.errors import (
    AttemptError,
    CheatingDetected,
    CounterfoilError,
    PeerIdentityError,
    PeerLostError,
    PeerTimeoutError,
    RefusedError,
    ReplayError,
    TamperedError,
)
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.job import Job, Stage, plan_job, stage_of
from counterfoil.governance.jobs.submission import read_manifest
from counterfoil.joint.computation import analyses
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.runtime.noise_keys import NoiseKeys
from counterfoil.mpc.suites.output import recombine
from counterfoil.mpc.suites.replicated import components
from counterfoil.roles.recipient.opening import open_job
from counterfoil.roles.result_names import component_name
from tests.lib.agreements import AGREEMENT_FILE
from tests.lib.consortium import NODES, OWNERS, Consortium, assert_pooled, found, today
from tests.unit.roles.node_process import SIGNING, NodeProcess, Order, Outcome

pytestmark = pytest.mark.slow

ROWS = 1000
SHORT_S, LONG_S = 8.0, 60.0
"""Time-outs: for attempts that are to run into them, and for those that are not."""


@dataclass(frozen=True)
class Banks:
    """A consortium, and how its banks hand in anew for every job."""

    consortium: Consortium
    tables: Mapping[str, Table]
    started: list[NodeProcess] = field(default_factory=list)

    def hand_in(self) -> list[Ref]:
        return [self.consortium.hand_in(owner, self.tables[owner]) for owner in OWNERS]

    def start(
        self, node: str, submissions: Sequence[Ref], attempt: int, timeout_s: float, **fate: str | Path
    ) -> NodeProcess:
        home, consortium = self.consortium.homes[node].path, self.consortium
        order = Order(home, consortium.ref, consortium.period, tuple(submissions), attempt, timeout_s, **fate)
        self.started.append(NodeProcess(order))
        return self.started[-1]

    def run(self, submissions: Sequence[Ref], attempt: int, nodes: Sequence[str] = NODES) -> list[Outcome]:
        """The nodes' outcomes of an attempt in which nothing befalls them."""
        return outcomes([self.start(node, submissions, attempt, LONG_S) for node in nodes])

    def job(self, submissions: Sequence[Ref]) -> Job:
        """The job that the submissions make."""
        signed, exchange = self.consortium.signed("node-0"), self.consortium.homes["node-0"].exchange
        manifests = [read_manifest(ref, signed, exchange, today()) for ref in submissions]
        return plan_job(signed, self.consortium.period, manifests, today().date())

    def noise_keys(self, submissions: Sequence[Ref]) -> list[NoiseKeys]:
        """What each node's vault has of the job's noise: the same at both holders of a component."""
        job = self.job(submissions).id
        kept = []
        for index, node in enumerate(NODES):
            material = self.consortium.homes[node].vault.load(job, f"noise-keys-{job}")["keys"].tobytes()
            kept.append(NoiseKeys.unpack(material, components(len(NODES), index)))
        keys = {(j, key) for each in kept for j, key in each.keys.items()}
        assert len(keys) == len(NODES)
        assert all(each.settled for each in kept)
        return kept

    def stages(self, submissions: Sequence[Ref]) -> list[Stage]:
        job = self.job(submissions).id
        return [stage_of(self.consortium.homes[node].state, job) for node in NODES]

    def checkpoints(self, submissions: Sequence[Ref]) -> list[list[str]]:
        """The names of all that each node's vault has of the job's checkpoints, the last one's index last."""
        vaults = [self.consortium.homes[node].vault for node in NODES]
        job = self.job(submissions).id
        return [[name for name in vault.names(job) if name.startswith("step-")] for vault in vaults]

    def steps_kept(self, submissions: Sequence[Ref]) -> list[list[int]]:
        """By each node's log, how many steps each attempt of the job found done when it began."""
        job = self.job(submissions).id
        logs = [map(Event.parse, self.consortium.homes[node].log.entries()) for node in NODES]
        return [
            [each.counts["steps-kept"] for each in log if (each.type, each.subject) == ("attempt-begun", job)]
            for log in logs
        ]

    def rot_inputs(self, submissions: Sequence[Ref]) -> None:
        """No node can read an input of the job any more."""
        for node in NODES:
            for manifest in self.job(submissions).submissions.values():
                for path in (self.consortium.homes[node].path / "vault" / "items" / manifest).iterdir():
                    rot(path)

    def published(self) -> list[tuple[str, ...]]:
        """What of any result lies in the exchange: evidence, decisions, releases."""
        exchange = self.consortium.homes["regulator"].exchange
        kinds = [("evidence",), ("decisions",), ("releases",), ("blobs", "evidence"), ("blobs", "sealed")]
        return [name for kind in kinds for name in exchange.list(kind)]

    def check_answer(self, evidence: Sequence[Ref | None]) -> None:
        """All nodes drafted the same, and their drafts add up to what pooling the tables would give."""
        (digest,) = {ref.digest for ref in evidence if ref}
        assert None not in evidence
        consortium = self.consortium
        draft = load_draft(consortium.homes["regulator"].exchange, consortium.signed("regulator"), digest)
        results = []
        for name, analysis in analyses(consortium.agreement).items():
            held = [consortium.homes[node].vault.load(draft.evidence.job, name, aad=digest.encode()) for node in NODES]
            opened = {}
            for output in analysis.outputs():
                copies = [
                    {j: parts[component_name(output.name, j)] for j in components(len(NODES), index)}
                    for index, parts in enumerate(held)
                ]
                opened[output.name] = as_signed(recombine(copies))
            results.append(analysis.present(opened))
        assert_pooled(consortium, results)


def kill(banks: Banks, node: str, step: str, submissions: Sequence[Ref], attempt: int) -> None:
    """The attempt ended because this node was killed when it had come that far."""
    victim = banks.start(node, submissions, attempt, LONG_S, pause_at=step)
    others = [banks.start(other, submissions, attempt, LONG_S) for other in NODES if other != node]
    victim.wait_for(step)
    victim.send(signal.SIGKILL)
    for outcome in outcomes(others):
        stopped(outcome, PeerLostError)
    victim.end()


def rot(path: Path) -> None:
    """A bit in the middle of the file is another."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def outcomes(processes: Sequence[NodeProcess]) -> list[Outcome]:
    return [process.outcome() for process in processes]


def stopped(outcome: Outcome, error: type[CounterfoilError], *named: str) -> None:
    """The node ended by this very error, with its exit code, and says all that."""
    assert outcome.error == error.__name__, outcome
    assert outcome.exit_code == error.exit_code
    for name in named:
        assert name in outcome.text


def allow(contracts: Path) -> None:
    """More computations for one period than the agreement's twelve: all these tests are of one."""
    file = contracts / AGREEMENT_FILE
    file.write_text(file.read_text().replace("iterations: 12", "iterations: 1000"))


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Banks]:
    consortium = found(tmp_path_factory.mktemp("node-failures"), ROWS, edit=allow)
    yield Banks(consortium, {owner: consortium.table(owner) for owner in OWNERS})


@pytest.fixture(autouse=True)
def nobody_is_left(banks: Banks) -> Iterator[None]:
    """No node of a test outlives it."""
    yield
    while banks.started:
        banks.started.pop().end()


@pytest.mark.parametrize("step", ["meet", "balance-by-region-and-product", "suppress"])
def test_a_node_that_is_killed_stops_all_and_a_new_attempt_goes_on_after_its_last_step(step: str, banks: Banks) -> None:
    """Proved by the inputs: rotten in a vault by then, they would end the job if any step that reads them ran again."""
    submissions, before = banks.hand_in(), banks.published()
    victim = banks.start("node-1", submissions, 1, LONG_S, pause_at=step)
    others = [banks.start(node, submissions, 1, LONG_S) for node in ("node-0", "node-2")]
    victim.wait_for(step)
    killed = time.monotonic()
    victim.send(signal.SIGKILL)
    for outcome in outcomes(others):
        stopped(outcome, PeerLostError)
    assert time.monotonic() - killed < LONG_S
    assert victim.outcome().exit_code == -signal.SIGKILL
    assert banks.published() == before
    assert banks.stages(submissions) == [Stage.READY, Stage.RUNNING, Stage.READY]
    plans = [plan.name for plan in banks.consortium.agreement.analyses]
    steps = ["meet", "check", "look back", *plans, "compare", "noise", "suppress"]
    if step != "meet":
        banks.rot_inputs(submissions)
    again = banks.run(submissions, 2)
    banks.check_answer([outcome.evidence for outcome in again])
    assert banks.steps_kept(submissions) == [[0, steps.index(step)]] * 3
    assert banks.checkpoints(submissions) == [[]] * 3  # the draft has taken their place


def test_all_nodes_go_back_to_what_the_one_that_lost_most_still_has(banks: Banks) -> None:
    submissions = banks.hand_in()
    kill(banks, "node-2", "look back", submissions, attempt=1)
    assert [len(kept) for kept in banks.checkpoints(submissions)] == [3, 3, 3]  # looking back left no new shares
    *_, last = banks.checkpoints(submissions)[1]
    banks.consortium.homes["node-1"].vault.remove(banks.job(submissions).id, last)
    kill(banks, "node-0", "compare", submissions, attempt=2)
    *_, third = banks.checkpoints(submissions)
    for name in third:
        banks.consortium.homes["node-2"].vault.remove(banks.job(submissions).id, name)
    banks.check_answer([outcome.evidence for outcome in banks.run(submissions, 3)])
    assert banks.steps_kept(submissions) == [[0, 1, 0]] * 3


def test_a_checkpoint_that_rotted_in_a_vault_ends_the_job(banks: Banks) -> None:
    submissions, before = banks.hand_in(), banks.published()
    kill(banks, "node-0", "look back", submissions, attempt=1)
    job, home = banks.job(submissions).id, banks.consortium.homes["node-1"]
    rot(home.path / "vault" / "items" / job / banks.checkpoints(submissions)[1][-1])
    first, rotten, last = banks.run(submissions, 2)
    stopped(rotten, TamperedError, "step-0002-0000000001", job, "was changed")
    for outcome in (first, last):  # one of them may hear of it from the other
        stopped(outcome, CheatingDetected, "ended the job")
    assert banks.published() == before
    assert banks.stages(submissions) == [Stage.HALTED] * 3
    assert banks.checkpoints(submissions) == [[]] * 3


def test_a_result_is_released_after_an_attempt_that_died(banks: Banks) -> None:
    consortium, submissions = banks.consortium, banks.hand_in()
    victim = banks.start("node-2", submissions, 1, LONG_S, pause_at="check")
    others = [banks.start(node, submissions, 1, LONG_S) for node in ("node-0", "node-1")]
    victim.wait_for("check")
    victim.send(signal.SIGKILL)
    for outcome in outcomes([*others, victim]):
        assert outcome.evidence is None
    noise = banks.noise_keys(submissions)
    (evidence,) = {outcome.evidence.digest for outcome in banks.run(submissions, 2) if outcome.evidence}
    assert banks.noise_keys(submissions) == noise
    consortium.review(evidence, ["reviewer-1", "reviewer-2"])
    consortium.release(evidence)
    assert_pooled(
        consortium, open_job(consortium.homes["bank-a"], consortium.signed("bank-a"), evidence, clock.now()).results
    )
    assert banks.stages(submissions) == [Stage.RELEASED] * 3
    for outcome in banks.run(submissions, 3):
        stopped(outcome, RefusedError, "is released")
    assert banks.stages(submissions) == [Stage.RELEASED] * 3


def test_a_draft_that_one_node_did_not_live_to_sign_is_made_again(banks: Banks) -> None:
    submissions = banks.hand_in()
    victim = banks.start("node-1", submissions, 1, LONG_S, pause_at=SIGNING)
    others = [banks.start(node, submissions, 1, LONG_S) for node in ("node-0", "node-2")]
    unfinished = outcomes(others)
    victim.wait_for(SIGNING)
    victim.end()
    assert all(outcome.evidence for outcome in unfinished)
    assert banks.stages(submissions) == [Stage.DRAFTED] * 3
    again = banks.run(submissions, 2)
    banks.check_answer([outcome.evidence for outcome in again])
    for outcome in banks.run(submissions, 3):  # now it is whole, and stays
        stopped(outcome, RefusedError, "every node signed")
    banks.check_answer([outcome.evidence for outcome in again])


def test_a_node_that_hangs_is_not_waited_for_longer_than_agreed(banks: Banks) -> None:
    submissions, before = banks.hand_in(), banks.published()
    victim = banks.start("node-0", submissions, 1, LONG_S, pause_at="check")
    others = [banks.start(node, submissions, 1, SHORT_S) for node in ("node-1", "node-2")]
    victim.wait_for("check")
    hung = time.monotonic()
    found_errors = {outcome.error for outcome in outcomes(others)}
    assert time.monotonic() - hung < SHORT_S + 10
    assert PeerTimeoutError.__name__ in found_errors
    assert found_errors <= {PeerTimeoutError.__name__, PeerLostError.__name__}  # the second hears of it from the first
    victim.end()
    assert banks.published() == before
    banks.check_answer([outcome.evidence for outcome in banks.run(submissions, 2)])


def test_a_node_with_a_key_outside_the_roster_is_refused(banks: Banks, tmp_path: Path) -> None:
    submissions, before = banks.hand_in(), banks.published()
    PrivateKeys.create(tmp_path / "impostor", "node-1")
    keys = banks.consortium.homes["node-1"].path / "keys"
    shutil.copytree(keys, tmp_path / "right")
    try:
        impostor = banks.start("node-1", submissions, 1, SHORT_S, tls=tmp_path / "impostor")
        peers = outcomes([banks.start(node, submissions, 1, SHORT_S) for node in ("node-0", "node-2")])
        assert impostor.outcome().error in {PeerIdentityError.__name__, PeerTimeoutError.__name__}
    finally:
        shutil.copytree(tmp_path / "right", keys, dirs_exist_ok=True)
    # Whoever sees the key says so and leaves; a peer that comes too late for it, and misses both, says that.
    assert PeerIdentityError.__name__ in {outcome.error for outcome in peers}
    for outcome in peers:
        stopped(outcome, PeerIdentityError if "pinned" in outcome.text else PeerTimeoutError, "node-1")
        assert outcome.seconds < SHORT_S + 20
    assert banks.published() == before
    assert banks.stages(submissions) == [Stage.READY] * 3
    banks.check_answer([outcome.evidence for outcome in banks.run(submissions, 2)])


def test_a_node_that_never_comes_is_named_and_an_old_attempt_stays_over(banks: Banks) -> None:
    submissions, before = banks.hand_in(), banks.published()
    for outcome in outcomes([banks.start(node, submissions, 2, SHORT_S) for node in ("node-0", "node-1")]):
        stopped(outcome, PeerTimeoutError, "node-2", "did not connect")
        assert outcome.seconds < SHORT_S + 20
    for attempt in (1, 2):
        for outcome in banks.run(submissions, attempt, ("node-0", "node-1")):
            stopped(outcome, ReplayError, f"attempt {attempt} of job", "start a new attempt")
            assert outcome.seconds < SHORT_S + 20  # it does not wait for anybody
    assert banks.published() == before
    assert banks.stages(submissions) == [Stage.READY] * 3
    banks.check_answer([outcome.evidence for outcome in banks.run(submissions, 3)])


def test_an_old_attempt_does_not_disturb_the_one_that_runs(banks: Banks) -> None:
    submissions = banks.hand_in()
    running = [banks.start(node, submissions, 2, LONG_S) for node in ("node-0", "node-2")]
    while banks.stages(submissions)[0] is not Stage.RUNNING:
        time.sleep(0.01)
    for attempt in (1, 2):
        (stale,) = banks.run(submissions, attempt, ["node-0"])
        stopped(stale, ReplayError, f"attempt {attempt} of job")
        assert banks.stages(submissions)[0] is Stage.RUNNING
    running.append(banks.start("node-1", submissions, 2, LONG_S))
    banks.check_answer([outcome.evidence for outcome in outcomes(running)])


def test_nodes_that_were_told_different_submissions_do_not_compute(banks: Banks) -> None:
    consortium, submissions, before = banks.consortium, banks.hand_in(), banks.published()
    lie = [submissions[0], consortium.hand_in("bank-b", banks.tables["bank-b"]), *submissions[2:]]
    told = {"node-0": submissions, "node-1": lie, "node-2": submissions}
    first, misled, last = outcomes([banks.start(node, told[node], 1, SHORT_S) for node in NODES])
    for outcome in (first, last):
        stopped(outcome, AttemptError, "node-1", "another job or attempt")
    stopped(misled, AttemptError, "node-0", "node-2", "another job or attempt")
    assert banks.published() == before
    assert banks.job(lie).id != banks.job(submissions).id
    consortium.forget("bank-b")  # of which node-1 has another submission by now
    banks.check_answer([outcome.evidence for outcome in banks.run(submissions, 2)])
    for outcome in banks.run(lie, 2):  # and what bank-a submitted serves no second job
        stopped(outcome, ReplayError, "submission-job")


def test_a_share_that_rotted_in_a_vault_ends_the_job(banks: Banks) -> None:
    consortium, submissions, before = banks.consortium, banks.hand_in(), banks.published()
    home = consortium.homes["node-1"]
    consortium.computation("node-1", submissions)
    item = "correlation-of-shared-rows--high"
    manifest = banks.job(submissions).submissions["bank-c/loans"]
    assert item in home.vault.names(manifest)
    rot(home.path / "vault" / "items" / manifest / item)
    first, rotten, last = banks.run(submissions, 1)
    stopped(rotten, TamperedError, item, manifest, "was changed")
    for outcome in (first, last):  # one of them may hear of it from the other
        stopped(outcome, CheatingDetected, "ended the job")
    assert "party 1" in first.text + last.text
    assert banks.published() == before
    assert banks.stages(submissions) == [Stage.HALTED] * 3
    for outcome in banks.run(submissions, 2):  # no retry hides it: a person must look, and owners submit again
        stopped(outcome, RefusedError, "is halted")
    banks.check_answer([outcome.evidence for outcome in banks.run(banks.hand_in(), 1)])
