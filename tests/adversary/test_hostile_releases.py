"""Attempts to get a result out that was not approved, against each node's own release path: none succeeds (T14).

The attacker runs the coordinator and the exchange, and has the keys of one reviewer, one node, one owner and one
recipient besides. Each attempt writes what it likes to the exchange and asks an honest node to announce and hand over,
with parameters of its choice. The node refuses by name, seals and signs nothing, and announces nothing in its log; what
was rejected stays so when the rejection is hidden. In the end the same draft, approved, leaves.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.audit.witness import witness
from counterfoil.canonical import jcs
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.sign import sign
from counterfoil.errors import CounterfoilError, InternalError, NotApprovedError, RefusedError, RevokedError
from counterfoil.governance.jobs.evidence import Draft, Evidence, load_draft, sign_evidence
from counterfoil.governance.jobs.job import Job, Stage, stage_of
from counterfoil.governance.parties.roster import revise_roster
from counterfoil.governance.parties.succession import sign_successor
from counterfoil.governance.review.airlock import decide
from counterfoil.governance.review.decisions import Decision, decisions
from counterfoil.roles.node.handover import announce_release, hand_over
from counterfoil.roles.recipient.opening import open_job
from tests.adversary import lies
from tests.lib.agreements import AGREEMENT_FILE, another
from tests.lib.consortium import NODES, OWNERS, REVIEWERS, Consortium, assert_pooled, found, today
from tests.lib.trials import trials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

HONEST = NODES[:2]
CORRUPT = ("coordinator", "reviewer-1", "node-2", "bank-d", "regulator")
LEFT = {"release-approved", "released"}


@dataclass
class World:
    """A draft that lacks one approval, one that was approved and then rejected, and one under another agreement."""

    banks: Consortium
    other: Consortium
    waiting: Draft
    rejected: Draft
    elsewhere: Draft
    outsider: PrivateKeys
    old_decisions: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)

    @classmethod
    def found(cls, folder: Path) -> Self:
        banks = found(folder, 1000)
        other = another(banks, folder / "other", {AGREEMENT_FILE: {"version: 1.0.0": "version: 1.1.0"}})
        tables = {owner: banks.table(owner) for owner in OWNERS}
        waiting, rejected = (
            load(banks, banks.analyse([banks.hand_in(owner, table) for owner, table in tables.items()])[0].digest)
            for _ in range(2)
        )
        stated = waiting.evidence
        inputs = dict.fromkeys(stated.inputs, "1" * 64)
        evidence = replace(
            stated, agreement=other.ref.digest, inputs=inputs, job=Job(other.ref.digest, stated.period, inputs).id
        )
        for node in NODES:
            sign_evidence(evidence, banks.homes[node].keys, banks.homes[node].exchange)
        elsewhere = load(other, evidence.digest)
        world = cls(banks, other, waiting, rejected, elsewhere, PrivateKeys.create(folder / "outsider", "reviewer-2"))
        banks.review(waiting.evidence.digest, ["reviewer-1"])
        banks.review(rejected.evidence.digest, ["reviewer-1", "reviewer-2"])
        other.review(elsewhere.evidence.digest, REVIEWERS)
        home = banks.homes["reviewer-3"]
        decide(rejected, "reject", comment="no", keys=home.keys, exchange=home.exchange, now=today())
        for node in HONEST:
            with pytest.raises(NotApprovedError, match="reviewer-3 rejected"):
                announce_release(banks.homes[node], banks.signed(node), rejected.evidence.digest, clock.now())
        for draft in (rejected, elsewhere):
            names = banks.homes["coordinator"].exchange.list(("decisions", draft.evidence.digest))
            world.old_decisions += [(name, banks.homes["coordinator"].exchange.get_named(name)) for name in names]
        return world

    @property
    def folder(self) -> Path:
        return Path(self.banks.homes["coordinator"].exchange_url)

    def files(self) -> dict[tuple[str, ...], tuple[int, int]]:
        """Every file of the exchange, with what changes when it is written."""
        return lies.files_in(self.folder)

    def keys(self, party: str) -> PrivateKeys:
        assert party in CORRUPT
        return self.banks.homes[party].keys


def load(banks: Consortium, evidence: str) -> Draft:
    return load_draft(banks.homes["bank-a"].exchange, banks.signed("bank-a"), evidence)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.found(tmp_path_factory.mktemp("hostile"))


# --- what the attacker writes -------------------------------------------------------------------------------------

Attack = Callable[[lies.Tampering, World, random.Random], dict[str, Any] | None]
"""Writes to the exchange; it may change what the node is asked for."""


def put(t: lies.Tampering, evidence: str, party: str, envelope: bytes, verdict: str = "approve") -> None:
    t.write(("decisions", evidence, party, verdict), envelope)


def approval(draft: Draft, party: str, /, **changes: Any) -> bytes:
    stated = draft.evidence
    made = Decision(stated.job, stated.agreement, stated.digest, party, "approve", "", today())
    return replace(made, **changes).pack()


def too_few(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """One approval less than agreed, and nothing else."""


def forged(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """Approvals in the names of all reviewers, signed by one whose key the attacker has."""
    for reviewer in REVIEWERS[1:]:
        put(t, w.waiting.evidence.digest, reviewer, sign("decision", approval(w.waiting, reviewer), keys(w, dice)))


def outsiders(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """A reviewer's name on a key that no roster has."""
    reviewer = dice.choice(REVIEWERS[1:])
    put(t, w.waiting.evidence.digest, reviewer, sign("decision", approval(w.waiting, reviewer), w.outsider))


def self_approved(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """Whoever is no reviewer approves: owners, nodes, recipients and the coordinator, all that the attacker has."""
    for party in CORRUPT:
        put(t, w.waiting.evidence.digest, party, sign("decision", approval(w.waiting, party), w.keys(party)))


def duplicated(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """The one valid approval, under every name and verdict; and the corrupt reviewer's anew, at other times."""
    evidence = w.waiting.evidence.digest
    valid = t.read(("decisions", evidence, "reviewer-1", "approve"))
    for reviewer in REVIEWERS:
        for verdict in ("approve", "request-changes", "reject", "withdraw", "again"):
            put(t, evidence, reviewer, valid, verdict)
    anew = sign("decision", approval(w.waiting, "reviewer-1", comment=str(dice.random())), w.keys("reviewer-1"))
    put(t, evidence, "reviewer-1", anew, "twice")


def stale(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """Genuine approvals of another draft, or of one under another agreement."""
    for name, envelope in dice.sample(w.old_decisions, k=dice.randint(1, len(w.old_decisions))):
        put(t, w.waiting.evidence.digest, name[2], envelope)


def readdressed(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """The corrupt reviewer signs what names another job, agreement, evidence or party than it should."""
    field_ = dice.choice(("job", "agreement", "evidence", "party"))
    other = {
        "job": w.rejected.evidence.job,
        "agreement": w.other.ref.digest,
        "evidence": w.rejected.evidence.digest,
        "party": dice.choice(REVIEWERS[1:]),
    }[field_]
    made = sign("decision", approval(w.waiting, "reviewer-1", **{field_: other}), w.keys("reviewer-1"))
    for reviewer in REVIEWERS:
        put(t, w.waiting.evidence.digest, reviewer, made)


def spliced(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """The payload of one envelope under the signature of another, or bits of a genuine one changed."""
    name, envelope = dice.choice(w.old_decisions)
    parsed = fields(envelope)
    fresh = fields(sign("decision", approval(w.waiting, name[2]), w.keys("coordinator")))
    mixed = dice.choice(
        (
            {**parsed, "payload": fresh["payload"]},
            {**fresh, "signatures": parsed["signatures"]},
            {**fresh, "signatures": [*parsed["signatures"], *fresh["signatures"]]},
            {**parsed, "payloadType": "application/vnd.counterfoil.evidence"},
        )
    )
    put(t, w.waiting.evidence.digest, name[2], jcs(mixed))


def other_kind(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """What reviewers signed as another kind of document: their agreement, or a remark."""
    for reviewer in REVIEWERS[1:]:
        signature = t.read(("signatures", w.banks.ref.digest, reviewer))
        put(t, w.waiting.evidence.digest, reviewer, signature)


def altered_evidence(t: lies.Tampering, w: World, dice: random.Random) -> dict[str, Any]:
    """Other evidence on the same job, signed by the corrupt node in all names, and approved by the corrupt reviewer."""
    stated = w.waiting.evidence
    key = w.keys(dice.choice(CORRUPT)).public.seal_id
    changed = dice.choice(
        (
            replace(stated, keys=dict.fromkeys(stated.keys, key)),
            replace(stated, attempt=stated.attempt + 1),
            replace(stated, leakage="0" * 64),
            replace(stated, checks={}),
            replace(stated, transcript="0" * 64),
            replace(stated, outputs=w.rejected.evidence.outputs),
            replace(stated, inputs=w.rejected.evidence.inputs),
        )
    )
    t.write(("blobs", "evidence", "nodes", changed.digest), changed.pack())
    for node in NODES:
        own = sign("evidence", changed.pack(), w.keys("node-2"))
        genuine = t.read(("evidence", stated.digest, node))
        t.write(("evidence", changed.digest, node), own if node == "node-2" else dice.choice((own, genuine)))
    vote_for(t, w, changed)
    return {"evidence": changed.digest}


def vote_for(t: lies.Tampering, w: World, evidence: Evidence) -> None:
    made = Decision(evidence.job, evidence.agreement, evidence.digest, "reviewer-1", "approve", "", today())
    for reviewer in REVIEWERS:
        put(t, evidence.digest, reviewer, sign("decision", made.pack(), w.keys("reviewer-1")))
        forged_one = replace(made, party=reviewer).pack()
        put(t, evidence.digest, reviewer, sign("decision", forged_one, w.keys("coordinator")), "forged")


def hidden_rejection(t: lies.Tampering, w: World, dice: random.Random) -> dict[str, Any]:
    """Everything but the rejection that the nodes have heard; or the old approvals once more, and nothing else."""
    evidence = w.rejected.evidence.digest
    t.write(("decisions", evidence, "reviewer-3", "reject"), None)
    if dice.random() < 0.5:
        third = sign("decision", approval(w.rejected, "reviewer-3"), w.keys("coordinator"))
        put(t, evidence, "reviewer-3", third)
    return {"evidence": evidence}


def other_parameters(t: lies.Tampering, w: World, dice: random.Random) -> dict[str, Any]:
    """What Prefect's database could be made to say: true references in the wrong places, and untrue ones."""
    digests = [each.evidence.digest for each in (w.waiting, w.rejected, w.elsewhere)]
    digests += [w.banks.ref.digest, "0" * 64, w.waiting.evidence.leakage]
    return {"evidence": dice.choice(digests), "under": dice.choice(("banks", "other"))}


def forged_cosignatures(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """The corrupt node cosigns the honest ones' logs, which does not make them announce anything."""
    home = w.banks.homes["node-2"]
    for node in HONEST:
        with suppress(CounterfoilError):
            witness(w.banks.homes[node].keys.public, home.keys, home.state, home.exchange)


def vandalism(t: lies.Tampering, w: World, dice: random.Random) -> None:
    """Whatever else can be done to files, after an attack that needs them."""
    dice.choice((forged, stale, duplicated, self_approved))(t, w, dice)
    for _ in range(dice.randint(1, 3)):
        dice.choice((lies.flip, lies.cut, lies.remove, lies.exchange, lies.plant_link))(t, dice)


ATTACKS: tuple[Attack, ...] = (
    too_few, forged, outsiders, self_approved, duplicated, stale, readdressed, spliced, other_kind, altered_evidence,
    hidden_rejection, other_parameters, forged_cosignatures, vandalism,
)  # fmt: skip


def keys(w: World, dice: random.Random) -> PrivateKeys:
    return w.keys(dice.choice(CORRUPT))


def fields(envelope: bytes) -> dict[str, Any]:
    return dict(json.loads(envelope))


# --- attempts -----------------------------------------------------------------------------------------------------


def attempt(world: World, number: int, outcomes: Counter[tuple[str, str]]) -> None:
    """One hostile attempt at one honest node; the exchange is then as it was."""
    dice = random.Random(f"hostile-{number}")
    attack, node = ATTACKS[number % len(ATTACKS)], dice.choice(HONEST)
    title = f"seed {number}: {attack.__name__} at {node}"
    home = world.banks.homes[node]
    entries = len(home.log.entries())
    with lies.Tampering(world) as tampering:
        asked = {"evidence": world.waiting.evidence.digest, "under": "banks"} | (attack(tampering, world, dice) or {})
        before = world.files()
        under = world.banks if asked["under"] == "banks" else world.other
        for step in (announce_release, hand_over):
            try:
                step(home, under.signed(node), asked["evidence"], clock.now())
            except CounterfoilError as error:
                assert not isinstance(error, InternalError), title
                outcomes[attack.__name__, type(error).__name__] += 1
            else:
                raise AssertionError(f"{title}: {step.__name__} went through")
        after = world.files()
        assert {name for name in after if after[name] != before.get(name)} == set(), title
    assert not (world.folder / "releases").exists() and not (world.folder / "blobs" / "sealed").exists(), title
    said = {Event.parse(entry).type for entry in home.log.entries()[entries:]}
    assert not said & LEFT, title
    assert stage_of(home.state, world.waiting.evidence.job) is Stage.DRAFTED, title
    assert stage_of(home.state, world.rejected.evidence.job) is Stage.REJECTED, title


@trials(56, 1_400)
def test_no_hostile_attempt_gets_anything_out(trials: range, world: World) -> None:
    outcomes: Counter[tuple[str, str]] = Counter()
    for number in trials:
        attempt(world, number, outcomes)
    assert sum(outcomes.values()) == 2 * len(trials)
    assert {attack for attack, _ in outcomes} == {attack.__name__ for attack in ATTACKS}, outcomes
    assert len({error for _, error in outcomes}) > 3, outcomes


def test_the_same_draft_leaves_once_it_is_approved(world: World) -> None:
    """So the attempts failed for want of an approval, and for nothing else."""
    banks, evidence = world.banks, world.waiting.evidence.digest
    banks.review(evidence, ["reviewer-2"])
    banks.release(evidence)
    assert_pooled(banks, open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.now()).results)
    with pytest.raises(RefusedError, match="is rejected"):
        hand_over(banks.homes["node-0"], banks.signed("node-0"), world.rejected.evidence.digest, clock.now())


def test_a_revoked_reviewers_approval_releases_nothing(world: World) -> None:
    banks = world.banks
    (evidence, *_) = banks.analyse([banks.hand_in(owner, banks.table(owner)) for owner in OWNERS])
    banks.review(evidence.digest, ["reviewer-1"])
    sealed = world.files()
    roster = banks.agreement.roster
    without = revise_roster(roster, today().date(), without=["reviewer-2"])
    for party in (*OWNERS, *NODES):
        sign_successor(roster, without, banks.homes[party].keys, banks.homes[party].exchange)
    thief = banks.homes["reviewer-2"]
    draft = load(banks, evidence.digest)
    decide(draft, "approve", comment="", keys=thief.keys, exchange=thief.exchange, now=today())
    assert len(decisions(thief.exchange, draft)) == 2
    for node in NODES:
        for step in (announce_release, hand_over):
            with pytest.raises(RevokedError, match="the keys of reviewer-2"):
                step(banks.homes[node], banks.signed(node), evidence.digest, clock.now())
    assert {name for name in world.files().keys() - sealed.keys() if name[0] != "rosters"} == {
        ("decisions", evidence.digest, "reviewer-2", "approve")
    }
