"""A node's part in a job: take submissions in, meet the other nodes, compute, and keep the result as a draft.

A node believes the signed documents and nobody else. Whatever a coordinator asks for that they do not allow is refused
here, and written into the node's own log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from math import prod
from typing import Final

import numpy as np

from counterfoil.analyses.base import Output
from counterfoil.analyses.joint import MEMBERSHIP, JointComputation, analyses, array_specs, declared, losses
from counterfoil.analyses.rehearsal import Rehearsal, rehearse
from counterfoil.canonical import Ref, digest, jcs
from counterfoil.crypto.seal import seal, unseal
from counterfoil.errors import (
    CounterfoilError,
    DifferenceError,
    IntegrityError,
    InternalError,
    NotFoundError,
    RefusedError,
)
from counterfoil.governance import budget
from counterfoil.governance.agreement import Part
from counterfoil.governance.airlock import State, review
from counterfoil.governance.charge import Line, lines_of
from counterfoil.governance.decisions import hear
from counterfoil.governance.evidence import drafts, make_evidence, sign_evidence
from counterfoil.governance.holding import note_held
from counterfoil.governance.job import Event, Job, Stage, advance, count_iteration, plan_job, stage_of, start_attempt
from counterfoil.governance.manifest import Manifest
from counterfoil.governance.memory import Remembered, check_numbers, guarded, note_draft, remembered
from counterfoil.governance.reaffirmation import check_reviewed
from counterfoil.governance.signing import SignedAgreement, own_keys
from counterfoil.governance.standing import check_standing
from counterfoil.governance.submission import accept, load_shares, read_manifest, taken_in
from counterfoil.home import Home
from counterfoil.mpc.commit import commit
from counterfoil.mpc.memory import check_room
from counterfoil.mpc.noise_keys import Keeping
from counterfoil.mpc.party import Cost
from counterfoil.mpc.replicated import Replicated
from counterfoil.mpc.session import SUITES, Hello, Sealing, Session, open_session
from counterfoil.mpc.shares import Arith, Words
from counterfoil.mpc.transport.tls import Endpoint, connect
from counterfoil.report.leakage import statement
from counterfoil.roles.committed import component_content
from counterfoil.roles.membership import load_sketch, release_of
from counterfoil.roles.names import component_name, salt_name
from counterfoil.software import software_digest

PROTOCOLS: Final = {"rep3": "rep3-sh/1", "rep4": "rep4-mal/1"}
"""What an agreement calls a suite, and the protocol and version that this software runs for it."""

PEER_TIMEOUT_S: Final = 60.0
"""For how long a node waits for its peers to come, and then for each of their messages."""

_USED_BY: Final = "submission-job"


def take_in(
    home: Home, agreement: SignedAgreement, period: str, submissions: Sequence[Ref]
) -> tuple[Job, list[Manifest]]:
    """Every submission's shares are in this node's vault, and the job that they make; none of them served another job.

    One that is in the vault already, from an attempt that failed, is not taken in again.

    Raises: SignatureError, RefusedError, ExpiredError, TamperedError, SealError, ReplayError, NotFoundError;
        ReviewDueError when a review date has passed.
    """
    now = datetime.now(UTC)
    check_reviewed(agreement.terms, home.exchange, now.date())
    manifests = [read_manifest(reference, agreement, home.exchange, now) for reference in submissions]
    job = plan_job(agreement, period, manifests, now.date())
    for reference, manifest in zip(submissions, manifests, strict=True):
        home.state.check_bound(_USED_BY, manifest.key, job.id)
        if not taken_in(manifest, home.state):
            accept(reference, agreement, home, array_specs, now)
    note_held(agreement, "job", job.id, home.state, now.date())
    return job, manifests


@dataclass
class Computation:
    """One attempt of one job at this node, from meeting the peers to the signed evidence. It dies as a whole."""

    home: Home
    agreement: SignedAgreement
    job: Job
    manifests: Sequence[Manifest]
    attempt: int
    timeout_s: float = PEER_TIMEOUT_S
    rejected: dict[tuple[str, str], int] = field(init=False, default_factory=dict)
    hidden: dict[str, int] = field(init=False, default_factory=dict)
    compared: int = field(init=False, default=0)
    rehearsed: Rehearsal | None = field(init=False, default=None)
    _earlier: list[Remembered] = field(init=False, default_factory=list)
    _guarded: bool = field(init=False, default=False)
    _running: bool = field(init=False, default=False)
    _session: Session | None = field(init=False, default=None)
    _joint: JointComputation | None = field(init=False, default=None)

    def meet(self) -> None:
        """The nodes are linked, mean the same job, and share fresh keys; its submissions serve no other job.

        Nobody can then pair an owner's old submission with another's new one and look at the difference. They are used
        up only when all nodes mean the same job, so that what a coordinator tells one node alone costs nobody anything.

        The leakage statement's digest is in this node's log from here on.

        Raises: LimitError when it does not fit into memory; BudgetError when its noised results do not fit into a
            recipient's budget; ReplayError, RefusedError, TransportError, AttemptError, CheatingDetected;
            IntegrityError when an analysis is wrong on synthetic data.
        """
        terms = self.agreement.terms
        self._check_unfinished()
        suite = SUITES[PROTOCOLS[terms.suite]]
        check_room(
            sum(prod(array.shape) for each in self.manifests for array in each.arrays.values()), suite.parties - 1
        )
        if "synthetic" in terms.cross_checks:
            self.rehearsed = rehearse(terms)
        budget.learn(terms, self.home)
        budget.check(terms, self.job.id, self._charge(), self.home, datetime.now(UTC).date())
        start_attempt(self.home.state, self.job.id, self.attempt)
        self._running = True
        index = terms.nodes.index(self.home.party)
        peers = [terms.roster.party(node) for node in terms.nodes]
        endpoints = []
        for peer in peers:
            host, port = str(peer.address).rsplit(":", 1)
            endpoints.append(Endpoint(peer.id, host, int(port), peer.keys.tls))
        self._earlier = remembered(self.home.state, terms, self.job.id, datetime.now(UTC).date())
        hello, keys = self._hello(), own_keys(terms, self.home)
        links = connect(index, endpoints, keys.load_tls, hello.name, timeout_s=self.timeout_s, connect_s=self.timeout_s)
        sealing = Sealing(
            seal=lambda peer, plaintext, info: seal(plaintext, peers[peer].keys, info),
            unseal=lambda sealed, info: unseal(sealed, keys, info),
        )
        self._session = open_session(
            links,
            hello,
            index,
            claim=lambda *_: None,
            declared=declared(terms),
            sealing=sealing,
            keeping=Keeping(self._load_noise_keys, self._keep_noise_keys),
        )
        count_iteration(self.agreement, self.job.period, self.home.state)
        for manifest in self.manifests:
            self.home.state.bind(_USED_BY, manifest.key, self.job.id)
        self._joint = JointComputation(self._session.protocol, terms)
        # Before a share is sent it stands in this node's signed log what this attempt may let anybody learn.
        self.home.exchange.put("document", self.home.party, self._statement)
        begun = {"agreement": terms.digest, "transcript": self.transcript, "leakage": digest(self._statement)}
        self._note("attempt-begun", {**begun, "software": software_digest()}, {})

    def check(self) -> int:
        """What is out of the contract's bounds counts for nothing; how many rows or contributions that were."""
        shares: dict[Part, dict[str, Arith]] = {}
        for manifest in self.manifests:
            shares[manifest.part] = {
                name: self._protocol.share_input(load_shares(manifest, name, self.home.vault))
                for name in manifest.arrays
            }
        self.rejected = self._computing.check(shares, {manifest.part: manifest.rows for manifest in self.manifests})
        return sum(self.rejected.values())

    def guard(self) -> int:
        """This job's rows are those of no earlier release, or differ enough from them; how many it was held against.

        Raises: DifferenceError, ReconstructionError.
        """
        terms, release = self.agreement.terms, self._release()
        check_numbers(self._earlier, release, terms.rules.safe_rows_per_number)
        if release.owners:
            now = {
                Part(manifest.owner, terms.contracts[manifest.contract].id): self._protocol.share_input(
                    load_shares(manifest, MEMBERSHIP, self.home.vault)
                )
                for manifest in self.manifests
                if manifest.contract in guarded(terms)
            }
            close = self._computing.guard(now, [self._sketches(each, release) for each in self._earlier])
            for each, is_close in zip(self._earlier, close, strict=True):
                if is_close:
                    raise DifferenceError(
                        f"job {self.job.id}: the rows of some owner differ from those of job {each.job}, which was "
                        f"released, but by fewer than {terms.rules.safe_difference}: the two together would tell about "
                        "so few. Wait until more has changed, submit the same rows, or ask for noise"
                    )
        self._guarded = True
        return len(self._earlier)

    def _sketches(self, earlier: Remembered, release: Remembered) -> dict[Part, Arith]:
        """Of an earlier release, the sketches of the rows under contracts that this one is about, too."""
        return {
            Part(owner, contract): self._protocol.share_input(load_sketch(earlier, owner, contract, self.home.vault))
            for contract in sorted(set(release.owners) & set(earlier.owners))
            for owner in earlier.owners[contract]
        }

    def _release(self) -> Remembered:
        """What is to be remembered of this job's release."""
        return release_of(self.agreement.terms, self.job.id, self.manifests)

    def evaluate(self, name: str) -> None:
        """One planned analysis is computed; its result is shared."""
        self._computing.evaluate(name)

    def compare(self) -> int:
        """Analyses agree on the sums that they have in common, if that is agreed on; how many comparisons were made.

        Raises: IntegrityError naming two that do not.
        """
        agreed = self._computing.compare()
        if wrong := [str(each) for each, same in agreed.items() if not same]:
            raise IntegrityError(
                f"job {self.job.id}: {'; '.join(wrong)} do not agree: an analysis is wrong, or an owner handed in "
                "different data to the two"
            )
        self.compared = len(agreed)
        return self.compared

    def add_noise(self) -> int:
        """Results whose plans ask for noise have it, and no node knows it; how many cells got any."""
        return self._computing.add_noise()

    def suppress(self) -> int:
        """Cells that a disclosure rule forbids are hidden, and what would restore them; how many."""
        self.hidden = self._computing.suppress()
        return sum(self.hidden.values())

    def audit(self) -> Ref:
        """The result is in the vault as a draft, and this node's signed evidence on it in the exchange.

        What was opened is compared with what the leakage statement declares; nothing can be reviewed without this. Nor
        is there a draft if a party withdrew, or a key was revoked, while the attempt ran.
        """
        check_standing(self.agreement.terms, self.home, datetime.now(UTC).date())
        if not self._guarded:
            raise RefusedError(f"job {self.job.id}: a release is held against earlier ones before there is a draft")
        results = self._computing.finish()
        session = self._live
        opened = sorted(line.label for line in session.ledger.opened)
        terms = self.agreement.terms
        allowed = declared(terms)
        if opened != sorted(line.label for line in allowed):
            raise IntegrityError(f"job {self.job.id}: {len(opened)} openings, declared are {len(allowed)}")
        plans = analyses(terms)
        measures = {
            name: {
                "cells": _cells(plans[name].outputs()),
                "hidden-cells": self.hidden[name],
                **{
                    f"hidden-by-{rule.replace('_', '-')}": count
                    for rule, count in self._computing.by_rule.get(name, {}).items()
                },
                **{f"rejected-{owner}": count for owner, count in self.rejected_by(name).items()},
            }
            for name in plans
        }
        kept = {name: _by_component(self._protocol, result) for name, result in results.items()}
        committed = commit(
            self._protocol.party,
            {name: {j: component_content(parts, j) for j in self._protocol.components} for name, parts in kept.items()},
        )
        evidence = make_evidence(
            self.job,
            self.attempt,
            self.agreement,
            measures=measures,
            commitments={name: made.commitments for name, made in committed.items()},
            checks={
                **{f"opened-{label.replace(' ', '-')}": opened.count(label) for label in sorted(set(opened))},
                **({"sums-compared": self.compared} if "sums" in terms.cross_checks else {}),
                **({"rows-rehearsed": self.rehearsed.rows} if self.rehearsed else {}),
                "earlier-releases-compared": len(self._earlier),
            },
            leakage=digest(self._statement),
            transcript=self.transcript,
            charge=self._charge(),
            rehearsal=self.rehearsed.digest if self.rehearsed else "",
        )
        for name, parts in kept.items():
            salts = {salt_name(j): salt for j, salt in committed[name].salts.items()}
            self.home.vault.keep(self.job.id, name, {**parts, **salts}, aad=evidence.digest.encode())
        note_draft(evidence.digest, self._earlier, self._release(), self.home.state)
        advance(self.home.state, self.job.id, Event.DRAFT)
        self._running = False
        sign_evidence(evidence, self.home.keys, self.home.exchange)
        session.close()
        return Ref("evidence", self.home.party, evidence.digest)

    @property
    def transcript(self) -> str:
        """What the nodes agreed on when they met, as a digest."""
        return self._live.transcript.hex()

    def rejected_by(self, name: str) -> dict[str, int]:
        """How many inputs of one analysis were rejected, by owner."""
        return {owner: count for (owner, plan), count in self.rejected.items() if plan == name}

    def cost(self) -> Cost:
        """Rounds, bytes and seconds so far at this node."""
        return self._live.meter

    def fail(self, error: Exception) -> None:
        """The attempt is over: peers are told, whether a new attempt may follow is kept, and the log says what it was.

        One that was refused before it ran, or fails when its draft is kept, leaves the job where it is.
        """
        if self._session is not None:
            self._session.__exit__(type(error), error, None)
        if self._running:
            event = Event.HALT if isinstance(error, IntegrityError) else Event.FAIL
            advance(self.home.state, self.job.id, event)
        code = error.exit_code if isinstance(error, CounterfoilError) else InternalError.exit_code
        self._note("attempt-failed", {"agreement": self.agreement.digest}, {"exit-code": code})

    def _note(self, type: str, refs: Mapping[str, str], counts: Mapping[str, int]) -> None:
        self.home.log.append(type, subject=self.job.id, refs=refs, counts={"attempt": self.attempt, **counts})

    @cached_property
    def _statement(self) -> bytes:
        """The leakage statement, as every node derives it from the agreement."""
        terms = self.agreement.terms
        return statement(terms, tuple(analyses(terms).values()), declared(terms)).encode()

    def _load_noise_keys(self) -> bytes | None:
        try:
            return self.home.vault.load(self.job.id, self._noise_keys)["keys"].tobytes()
        except NotFoundError:
            return None

    def _keep_noise_keys(self, material: bytes) -> None:
        self.home.vault.keep(self.job.id, self._noise_keys, {"keys": np.frombuffer(material, np.uint64)})

    @property
    def _noise_keys(self) -> str:
        """What no plan can be called: a job's id depends on the names of its plans."""
        return f"noise-keys-{self.job.id}"

    def _charge(self) -> tuple[Line, ...]:
        """What the job's noised results cost their recipients."""
        return lines_of(self.agreement.terms, losses(self.agreement.terms))

    def _check_unfinished(self) -> None:
        """Raises: RefusedError when the job's draft is whole; one that some node did not live to sign is made again.

        So is one of which a reviewer asked for changes.
        """
        if stage_of(self.home.state, self.job.id) is not Stage.DRAFTED:
            return
        whole = (draft for draft in drafts(self.home.exchange, self.agreement) if draft.evidence.job == self.job.id)
        latest = max(whole, key=lambda draft: draft.evidence.attempt, default=None)
        if latest and review(latest, hear(latest, self.home)).state is not State.CHANGES_REQUESTED:
            raise RefusedError(f"job {self.job.id} has a draft that every node signed; review it instead")

    def _hello(self) -> Hello:
        terms = self.agreement.terms
        return Hello(
            suite=PROTOCOLS[terms.suite],
            job=self.job.id,
            attempt=self.attempt,
            roster=terms.roster.digest,
            program=digest(jcs({plan.name: plan.plan_digest for plan in terms.analyses})),
            contracts=digest(jcs({name: contract.digest for name, contract in terms.contracts.items()})),
            inputs=digest(jcs(dict(self.job.submissions))),
            checkpoint="none",
            params=self.agreement.digest,
            software=software_digest(),
            ledger=budget.standing_digest(terms, self.home.state),
            earlier=digest(jcs([each.job for each in self._earlier])),
        )

    @property
    def _live(self) -> Session:
        if self._session is None:
            raise RefusedError(f"job {self.job.id}: the nodes meet before they compute")
        return self._session

    @property
    def _protocol(self) -> Replicated:
        return self._live.protocol

    @property
    def _computing(self) -> JointComputation:
        if self._joint is None:
            raise RefusedError(f"job {self.job.id}: the nodes meet before they compute")
        return self._joint


def _by_component(p: Replicated, result: Mapping[str, Arith]) -> dict[str, Words]:
    """The parts of every output by `output--component`, so that a recipient can tell whose copy of what it holds."""
    return {
        component_name(output, j): part
        for output, share in result.items()
        for j, part in zip(p.components, share.parts, strict=True)
    }


def _cells(outputs: Sequence[Output]) -> int:
    (safe,) = (output for output in outputs if output.name == "safe")
    return prod(safe.shape)
