"""A coordinator that lies in every way it can: in what it asks of a party, and in what it writes to the exchange (T17).

Each trial asks one party for one stage, as a flow run would, with parameters drawn from true and false ones alike,
after the exchange was tampered with or not. Whatever it is: the party does what the signed documents allow and nothing
else, or it refuses by name, with an entry in its own log; and nothing has left it but what the right job would send.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from prefect.logging import disable_run_logger

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError, InternalError, RefusedError
from counterfoil.governance.jobs.evidence import read_evidence
from counterfoil.home import HOME, Home
from counterfoil.joint.computation import analyses
from counterfoil.mpc.transport.tls import connect
from counterfoil.roles.node import meeting
from counterfoil.roles.node.attempt import Computation
from counterfoil.roles.node.intake import take_in
from counterfoil.roles.recipient.opening import open_job
from counterfoil_prefect.flows.gate import Gate
from counterfoil_prefect.flows.parameters import parse
from counterfoil_prefect.flows.party import flows_of
from counterfoil_prefect.mpc_tasks import held
from counterfoil_prefect.mpc_tasks.announce import announce
from counterfoil_prefect.mpc_tasks.cosign import cosign_nodes
from counterfoil_prefect.mpc_tasks.evaluate import evaluate
from counterfoil_prefect.mpc_tasks.look_back import look_back
from counterfoil_prefect.mpc_tasks.meet import meet
from counterfoil_prefect.mpc_tasks.minimise import minimise
from counterfoil_prefect.mpc_tasks.range_check import range_check
from counterfoil_prefect.mpc_tasks.receive import receive
from counterfoil_prefect.mpc_tasks.seal import seal
from counterfoil_prefect.mpc_tasks.share import share
from counterfoil_prefect.mpc_tasks.suppress import suppress
from counterfoil_prefect.mpc_tasks.validate import validate
from counterfoil_prefect.mpc_tasks.verify import verify
from counterfoil_prefect.synthetic_data.loans import canary
from tests.adversary.lies import APPROVED, BINDING, FORGED, LIES, OTHER, PROPOSALS, Tampering, World
from tests.lib.consortium import NODES, OWNERS, compute, together

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SEED = 17
STAGES: dict[str, Callable[[dict[str, Any]], Ref]] = {
    "agree": lambda asked: verify.fn(**asked),
    "contribute": lambda asked: share.fn(minimise.fn(validate.fn(**asked))),
    "analyse": lambda asked: receive.fn(**asked),
    "announce": lambda asked: announce.fn(**asked),
    "countersign": lambda asked: cosign_nodes.fn(**asked),
    "release": lambda asked: seal.fn(**asked),
}
"""What each stage does first, as its flow does it."""

OF = {"agree": (*OWNERS, *NODES), "contribute": OWNERS}
"""Of whom a stage is asked, if not of a node."""

BEFORE_MEETING = (range_check.fn, look_back.fn, lambda attempt: evaluate.fn(attempt, "total-exposure"), suppress.fn)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with disable_run_logger():
        yield World.found(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def at_nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(HOME, "")
    yield
    held.home.cache_clear()


@contextmanager
def hurried() -> Iterator[None]:
    """Nobody waits long for peers that do not come."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meeting, "connect", lambda *args, **kwargs: connect(*args, **{**kwargs, "connect_s": 0.5}))
        yield


@contextmanager
def at(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Steps are taken by this party."""
    monkeypatch.setenv(HOME, str(home.path))
    held.home.cache_clear()
    yield


class Trial:
    """One request to one party."""

    def __init__(self, world: World, number: int) -> None:
        self.random = random.Random(f"{SEED}-{number}")
        self.stage = world.turn("stage", (*STAGES, "analyse"))
        self.party = self.random.choice(OF.get(self.stage, NODES))
        if self.random.random() < 0.05:
            self.stage = world.turn("stage of others", (*STAGES, "collaborate", "evil"))
        self.home = world.banks.homes[self.party]
        self.raw = world.parameters(self.stage, self.random)
        self.told = world.told
        self.lies = [world.turn("tampering", LIES) for _ in range(self.random.choice((0, 0, 0, 0, 1, 2)))]
        lies = ", ".join(lie.__name__ for lie in self.lies) or "no lie"
        self.title = f"seed {SEED}, trial {number}: {self.party} is asked to {self.stage} after {lies}"

    def run(self, world: World) -> str:
        """What came of it: `done`, or the error's class. Raises: AssertionError if more came of it."""
        before_log = len(self.home.log.entries())
        with Tampering(world) as tampering:
            for lie in self.lies:
                lie(tampering, self.random)
            before = world.files()
            outcome, self.asked = "done", {}
            try:
                gate = Gate(flows_of(self.home.roles), lambda run: self.home.log.append("run-refused", subject=run))
                gate(str(UUID(int=self.random.getrandbits(128))), self.stage, self.raw)
                (flow,) = (flow for flow in flows_of(self.home.roles) if flow.name == self.stage)
                self.asked = parse(flow.fn, self.raw)
                came = STAGES[self.stage](self.asked)
                self.check_done(world, came)
            except CounterfoilError as error:
                assert not isinstance(error, InternalError), (self.home.path / "errors.log").read_text()
                outcome = type(error).__name__
                (said,) = [Event.parse(entry) for entry in self.home.log.entries()[before_log:]][-1:]
                assert said.type == "run-refused" or (said.type.endswith("-failed") and said.counts["exit-code"])
            after = world.files()
            changed = {name for name in after if after[name] != before.get(name)}
            assert not before.keys() - after.keys()
            for name in changed:
                self.check_left(world, name)
        world.learn(changed)
        return outcome

    def check_left(self, world: World, name: tuple[str, ...]) -> None:
        """What the party wrote to the exchange is what the right job would send there."""
        agreement = self.asked["agreement"].digest
        match name:
            case ("receipts", manifest, self.party):
                assert manifest in world.manifests
            case ("envelopes", _, node):
                assert self.party in OWNERS and node in NODES and agreement in world.digests(BINDING)
            case ("blobs", "manifest", self.party, _):
                assert self.party in OWNERS and agreement in world.digests(BINDING)
            case ("submissions", under, self.party, contract, period, number):
                assert self.party in OWNERS and under == agreement and agreement in world.digests(BINDING)
                assert (contract, period, number) == (self.asked["contract"], self.asked["period"], "0")
            case ("log", self.party, *_):
                assert self.stage == "announce" and self.asked["evidence"].digest == world.evidence[APPROVED]
            case ("log", owner, "cosigned", self.party, _):
                assert self.stage == "countersign" and owner in NODES and agreement in world.digests(BINDING)
            case ("releases", evidence, "regulator" | "bank-a", self.party):
                assert evidence == world.evidence[APPROVED]
            case ("blobs", "sealed", self.party, _):
                assert self.asked["evidence"].digest == world.evidence[APPROVED]
            case _:
                raise AssertionError(f"{'/'.join(name)} has left {self.party}")

    def check_done(self, world: World, came: Ref) -> None:
        """What was done is what everybody signed."""
        assert self.asked["agreement"].digest in world.digests(BINDING)
        if self.stage == "analyse":
            attempt = held.held(came, Computation)
            agreement = attempt.agreement.digest
            assert sorted(manifest.owner for manifest in attempt.manifests) == list(OWNERS)
            for manifest in attempt.manifests:
                assert world.manifests[manifest.digest] == (manifest.owner, agreement, self.asked["period"])
            wrong = self.random.choice((*BEFORE_MEETING, meet.fn))
            with pytest.raises(CounterfoilError):  # its peers are not there
                wrong(came)
            with pytest.raises(CounterfoilError):
                meet.fn(came)
            with pytest.raises(RefusedError, match="meet before"):
                _ = attempt.transcript
        if self.stage in ("announce", "release"):
            assert self.asked["evidence"].digest == world.evidence[APPROVED]


def lie(world: World, numbers: range, monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """What came of each trial, and that the right job runs after all of them."""
    outcomes: Counter[tuple[str, str]] = Counter()
    for number in numbers:
        trial = Trial(world, number)
        with at(trial.home, monkeypatch), hurried():
            try:
                outcome = trial.run(world)
                assert outcome != "done" or not trial.told, trial.told
            except Exception as error:
                raise AssertionError(f"{trial.title} with {trial.raw}") from error
            outcomes[trial.stage, outcome] += 1
            for kind in trial.told:
                outcomes[kind, outcome] += 1
    return outcomes


def check_outcomes(world: World, outcomes: Counter[tuple[str, str]]) -> None:
    """Every stage was asked for, rightly and wrongly, and came to seven kinds of end at least; no harm was done."""
    for stage in STAGES:  # or else nothing was tried
        came = {outcome for asked, outcome in outcomes if asked == stage}
        assert "done" in came and len(came) > 2, (stage, dict(outcomes))
    assert len({outcome for _, outcome in outcomes}) >= 7, dict(outcomes)
    check_kinds(outcomes)
    check_plaintext(world)
    check_right_job(world)


def check_kinds(outcomes: Counter[tuple[str, str]]) -> None:
    """Every kind of lie was told, and refused by a name, each time."""
    submissions = (f"submissions: {lie}" for lie in ("false", "twice", "one less", "many"))
    evidence = (f"evidence: {lie}" for lie in ("none", "forged", "another's"))
    for kind in (*PROPOSALS, *FORGED, "junk", *submissions, *evidence):
        refusals = {outcome: count for (told, outcome), count in outcomes.items() if told == kind}
        assert kind == OTHER or (refusals and "done" not in refusals), (kind, refusals)


def check_plaintext(world: World) -> None:
    """No cell that was planted in the banks' tables lies anywhere but at its owner."""
    contract = world.banks.agreement.contracts["loans"]
    planted = [canary(number, contract) for number in range(len(OWNERS))]
    cells = [cell.encode() for each in planted for cell in (each.customer_id, str(each.balance))]
    for path in world.banks.folder.rglob("*"):
        at_owner = path.is_relative_to(world.banks.folder / "tables") or path.parent.name == "data"
        if path.is_file() and not at_owner:
            content = path.read_bytes()
            assert not any(cell in content for cell in cells), path


def check_right_job(world: World) -> None:
    """A job that nobody lies about gives the pooled answer; or waits, if a trial released the same rows before."""
    banks = world.banks
    for owner in OWNERS:
        banks.forget(owner)  # what the trials had nodes take in
    (evidence, *_) = banks.analyse([banks.contribute(owner) for owner in OWNERS])
    banks.review(evidence.digest, ["reviewer-1", "reviewer-2"])
    banks.release(evidence.digest)
    opened = open_job(banks.homes["regulator"], banks.signed("regulator"), evidence.digest, clock.now())
    total = next(result for result in opened.results if result.name == "total-exposure").tables[0].frame
    pooled = analyses(banks.agreement)["total-exposure"].plain(banks.pooled())
    if waiting := read_evidence(banks.homes["regulator"].exchange, evidence.digest).waiting:
        assert waiting == ("loans",) and total[pooled.columns].isna().all(axis=None)
        return
    for column in pooled.select_dtypes("number").columns:
        np.testing.assert_allclose(total[column].astype(float), pooled[column].astype(float), rtol=1e-6)


def test_a_lying_coordinator_gets_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    check_outcomes(world, lie(world, range(100), monkeypatch))


@pytest.mark.soak
def test_a_coordinator_that_lies_long_gets_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    check_outcomes(world, lie(world, range(1_000, 2_200), monkeypatch))


def test_nodes_that_are_told_different_things_do_not_meet(world: World) -> None:
    """Each of these is right by itself: another attempt, another submission of an owner, another agreement."""
    banks, other = world.banks, world.agreements["other"]
    tables = {owner: banks.table(owner) for owner in OWNERS}
    first = [banks.hand_in(owner, table) for owner, table in tables.items()]
    mixed = [banks.hand_in("bank-a", tables["bank-a"]), *first[1:]]
    elsewhere = [other.hand_in(owner, table) for owner, table in tables.items()]
    told = [(banks, first, 1), (banks, first, 2), (banks, mixed, 1), (other, elsewhere, 1)]
    dice = random.Random(SEED)
    for _ in range(4):
        given = dice.sample(told, len(NODES))

        def attempt(node: str, given: list[Any] = given) -> str:
            under, submissions, number = given[NODES.index(node)]
            home = banks.homes[node]
            evidence = len(home.exchange.list(("evidence",)))
            try:
                job, manifests = take_in(home, under.signed(node), banks.period, submissions, clock.now())
                compute(Computation(home, under.signed(node), job, manifests, number))
            except CounterfoilError as error:
                assert len(home.exchange.list(("evidence",))) == evidence
                return type(error).__name__
            raise AssertionError(f"seed {SEED}: {node} computed, though its peers were told otherwise")

        with hurried():
            came = together([lambda node=node: attempt(node) for node in NODES])
        assert set(came) <= {
            "AttemptError",
            "CorrectionError",
            "PeerTimeoutError",
            "PeerLostError",
            "ReplayError",
            "RefusedError",
        }
