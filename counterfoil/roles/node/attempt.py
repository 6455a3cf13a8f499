"""A node's part in a job: meet the other nodes, compute step by step, and keep the result as a draft.

A node believes the signed documents and nobody else. Whatever a coordinator asks for that they do not allow is refused
here, and written into the node's own log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from math import prod

from counterfoil.canonical import Ref, digest
from counterfoil.errors import (
    CounterfoilError,
    IntegrityError,
    InternalError,
    RefusedError,
)
from counterfoil.governance.agreements.agreement import Agreement, Part, Planned
from counterfoil.governance.agreements.signing.in_force import check_in_force
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.cumulative import budget_ledger
from counterfoil.governance.cumulative.charge import Line, lines_of
from counterfoil.governance.cumulative.release_history import PastRelease, check_numbers, note_draft, table_releases
from counterfoil.governance.jobs.evidence import make_evidence, sign_evidence
from counterfoil.governance.jobs.job import Event, Job, advance, count_iteration, start_attempt
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.governance.jobs.submission import load_shares
from counterfoil.home import Home
from counterfoil.joint.computation import JointComputation, analyses, losses
from counterfoil.joint.openings import declared
from counterfoil.joint.rehearsal import Rehearsal, rehearse
from counterfoil.mpc.ring.shares import Arith
from counterfoil.mpc.runtime.host_memory import check_room
from counterfoil.mpc.runtime.party import Cost
from counterfoil.mpc.session.session import Session
from counterfoil.mpc.session.step_checkpoint import steps_done
from counterfoil.mpc.suites.registry import SUITES
from counterfoil.mpc.suites.replicated import Replicated
from counterfoil.report.leakage import statement
from counterfoil.roles.node.drafting import check_openings, check_unfinished, measure, settle
from counterfoil.roles.node.earlier import Past, past_of, release_of
from counterfoil.roles.node.intake import use_up
from counterfoil.roles.node.meeting import PEER_TIMEOUT_S, meet_nodes
from counterfoil.roles.node.steps import Steps, clear_steps

CHECK, LOOK_BACK, COMPARE, NOISE, SUPPRESS = "check ranges", "look back", "compare sums", "add noise", "hide cells"
"""Steps; the evaluation of a plan has the plan's name, in which there is no space."""


@dataclass
class Computation:
    """One attempt of one job at this node, from meeting the peers to the signed evidence. It dies as a whole."""

    home: Home
    agreement: SignedAgreement
    job: Job
    manifests: Sequence[Manifest]
    attempt: int
    timeout_s: float = PEER_TIMEOUT_S
    rehearsed: Rehearsal | None = field(init=False, default=None)
    _past: Past = field(init=False, default_factory=Past)
    _running: bool = field(init=False, default=False)
    _session: Session | None = field(init=False, default=None)
    _steps: Steps | None = field(init=False, default=None)

    def meet(self, today: date) -> None:
        """Link the nodes, agree on the job, and share fresh keys; its submissions serve no other job from then on.

        Nobody can then pair an owner's old submission with another's new one and look at the difference. They are used
        up only when all nodes mean the same job, so that what a coordinator tells one node alone costs nobody anything.

        The leakage statement's digest is in this node's log from here on. If an earlier attempt left a checkpoint that
        all nodes hold, the steps until then are done.

        Raises: LimitError when it does not fit into memory; BudgetError when its noised results do not fit into a
            recipient's budget; DifferenceError when an owner leaves out a state that is remembered;
            ReplayError, RefusedError, TransportError, AttemptError;
            CheatingDetected; IntegrityError when an analysis is wrong on synthetic data.
        """
        terms = self.agreement.terms
        terms.check_node(self.home.party)
        check_unfinished(self.home, self.agreement, self.job)
        check_room(
            sum(prod(array.shape) for each in self.manifests for array in each.arrays.values()),
            SUITES[terms.suite].nodes - 1,
        )
        if "synthetic" in terms.cross_checks:
            self.rehearsed = rehearse(terms)
        budget_ledger.learn(terms, self.home)
        budget_ledger.check(terms, self.job.id, self._charge(), self.home, today)
        self._past = past_of(terms, self.job, self.manifests, self.home.state, today)
        start_attempt(self.home.state, self.job.id, self.attempt)
        self._running = True
        self._session = meet_nodes(self.home, terms, self.job, self.attempt, self._past.json(), self.timeout_s)
        count_iteration(self.agreement, self.job.period, self.home.state)
        use_up(self.manifests, self.job, terms, self.home)
        # Before a share is sent, this node's signed log says what this attempt may let anybody learn.
        self.home.exchange.put("document", self.home.party, self._statement)
        begun = {"agreement": terms.digest, "transcript": self.transcript, "leakage": digest(self._statement)}
        resumed = {"steps-kept": steps_done(self._session.resumed)}
        ran = dict(zip(terms.nodes, self._session.software, strict=True))
        others = {f"software-of-{node}": ran[node] for node in terms.nodes if node != self.home.party}
        self._note("attempt-begun", {**begun, "software": ran[self.home.party], **others}, resumed)
        joint = JointComputation(self._session.protocol, terms, period=self.job.period, since=self._past.since)
        self._steps = Steps(self._session, joint, self.attempt)

    def check(self) -> int:
        """Count for nothing what is out of the contract's bounds; return how many rows or contributions that were."""
        return self.steps.do(CHECK, self._check)

    def _check(self) -> int:
        shares: dict[Part, dict[str, Arith]] = {}
        for manifest in self.manifests:
            shares[manifest.part] = {
                name: self._protocol.share_input(load_shares(manifest, name, self.home.vault))
                for name in manifest.arrays
            }
        rejected = self._computing.check(shares, {manifest.part: manifest.rows for manifest in self.manifests})
        return sum(rejected.values())

    def look_back(self, today: date) -> int:
        """Find the tables in which too little changed since an earlier release: nothing exact of them leaves this job.

        What may take noise in place of that does, within the budgets; all nodes read the same. Returns how many
        releases there were.

        Raises: BudgetError; ReconstructionError when too many exact numbers about too few rows would be known.
        """
        return self.steps.do(LOOK_BACK, lambda: self._look_back(today))

    def _look_back(self, today: date) -> int:
        self._computing.look_back()
        if self._computing.progress.instead:
            budget_ledger.check(self._terms, self.job.id, self._charge(), self.home, today)
        about = self._release()
        check_numbers(
            table_releases(self.home.state, self._terms, about, today), about, self._terms.rules.safe_rows_per_number
        )
        return len(self._past.jobs)

    @property
    def _terms(self) -> Agreement:
        """What of the agreement holds for this job: what takes noise in place of being refused asks for noise here."""
        return self._steps.joint.terms if self._steps else self.agreement.terms

    @property
    def noised(self) -> tuple[Planned, ...]:
        """The analyses whose results have noise in this job."""
        return self._terms.private

    def _release(self) -> PastRelease:
        """Say what is to be remembered of this job's release."""
        return release_of(self._terms, self.job, self.manifests, self._computing.withheld)

    def evaluate(self, name: str) -> None:
        """Compute one planned analysis; its result is shared."""

        def compute() -> int:
            self._computing.evaluate(name)
            return 0

        self.steps.do(name, compute)

    def compare(self) -> int:
        """Analyses agree on the sums that they have in common, if that is agreed on; how many comparisons were made.

        Raises: IntegrityError naming two that do not.
        """
        return self.steps.do(COMPARE, self._compare)

    def _compare(self) -> int:
        agreed = self._computing.compare()
        if wrong := [str(each) for each, same in agreed.items() if not same]:
            raise IntegrityError(
                f"job {self.job.id}: {'; '.join(wrong)} do not agree: an analysis is wrong, or an owner handed in "
                "different data to the two"
            )
        return len(agreed)

    def add_noise(self) -> int:
        """Results whose plans ask for noise have it, and no node knows it; how many cells got any."""
        return self.steps.do(NOISE, self._computing.add_noise)

    def suppress(self) -> int:
        """Cells that a disclosure rule forbids are hidden, and what would restore them; how many of exact results."""
        return self.steps.do(SUPPRESS, lambda: sum(self._computing.suppress().values()))

    def audit(self, today: date) -> Ref:
        """Keep the result in the vault as a draft, and publish this node's signed evidence on it.

        What was opened is compared with what the leakage statement declares; nothing can be reviewed without this. Nor
        is there a draft if a party withdrew, or a key was revoked, while the attempt ran.
        """
        check_in_force(self.agreement.terms, self.home, today)
        if LOOK_BACK not in self.steps:
            raise RefusedError(f"job {self.job.id}: a release is held against earlier ones before there is a draft")
        terms, session = self.agreement.terms, self._live
        results = self._computing.finish()
        opened = check_openings(self.job, session.ledger, declared(terms))
        settled = settle(self._protocol, results)
        hidden, by_rule = self.hidden, self._computing.progress.by_rule
        evidence = make_evidence(
            self.job,
            self.attempt,
            self.agreement,
            measures={
                name: measure(analysis, hidden.get(name), by_rule.get(name, {}), self.rejected_by(name))
                for name, analysis in analyses(self._terms).items()
            },
            commitments=settled.commitments,
            checks={
                **{f"opened-{label.replace(' ', '-')}": count for label, count in opened.items()},
                **({"sums-compared": self.steps.given(COMPARE)} if "sums" in terms.cross_checks else {}),
                **({"rows-rehearsed": self.rehearsed.rows} if self.rehearsed else {}),
                "earlier-releases-compared": len(self._past.jobs),
                **({"corrections": sum(each.correction for each in self.manifests)} if terms.corrections else {}),
            },
            leakage=digest(self._statement),
            transcript=self.transcript,
            software=session.software,
            charge=self._charge(),
            rehearsal=self.rehearsed.digest if self.rehearsed else "",
            waiting=self._computing.progress.waiting,
        )
        settled.keep(evidence, self.home)
        note_draft(evidence.digest, self._past.jobs, self._release(), self.home.state)
        advance(self.home.state, self.job.id, Event.DRAFT)
        self._running = False
        self._clear_steps()
        sign_evidence(evidence, self.home.keys, self.home.exchange)
        session.close()
        return Ref("evidence", self.home.party, evidence.digest)

    @property
    def transcript(self) -> str:
        """What the nodes agreed on when they met, as a digest."""
        return self._live.transcript.hex()

    @property
    def hidden(self) -> Mapping[str, int]:
        """How many cells of each exact analysis were hidden."""
        return self._computing.progress.hidden

    def rejected_by(self, name: str) -> dict[str, int]:
        """Say how many inputs of one analysis were rejected, by owner."""
        return {owner: count for (owner, plan), count in self._computing.progress.rejected.items() if plan == name}

    def cost(self) -> Cost:
        """Return rounds, bytes and seconds so far at this node."""
        return self._live.meter

    def fail(self, error: Exception) -> None:
        """End the attempt: tell peers, keep whether a new attempt may follow, and log what it was.

        One that was refused before it ran, or fails when its draft is kept, leaves the job where it is.
        """
        if self._session is not None:
            self._session.__exit__(type(error), error, None)
        if self._running:
            event = Event.HALT if isinstance(error, IntegrityError) else Event.FAIL
            advance(self.home.state, self.job.id, event)
            if event is Event.HALT:
                self._clear_steps()
        code = error.exit_code if isinstance(error, CounterfoilError) else InternalError.exit_code
        self._note("attempt-failed", {"agreement": self.agreement.digest}, {"exit-code": code})

    def _clear_steps(self) -> None:
        """Let no attempt resume any more."""
        clear_steps(self.home.vault, self.job.id, [plan.name for plan in self.agreement.terms.analyses])

    def _note(self, type: str, refs: Mapping[str, str], counts: Mapping[str, int]) -> None:
        self.home.log.append(type, subject=self.job.id, refs=refs, counts={"attempt": self.attempt, **counts})

    @cached_property
    def _statement(self) -> bytes:
        """The leakage statement, as every node derives it from the agreement."""
        terms = self.agreement.terms
        return statement(terms, tuple(analyses(terms).values()), declared(terms)).encode()

    def _charge(self) -> tuple[Line, ...]:
        """Say what the job's noised results cost their recipients."""
        return lines_of(self._terms, losses(self._terms))

    @property
    def _live(self) -> Session:
        if self._session is None:
            raise RefusedError(f"job {self.job.id}: the nodes meet before they compute")
        return self._session

    @property
    def _protocol(self) -> Replicated:
        return self._live.protocol

    @property
    def steps(self) -> Steps:
        """How far this attempt is. Raises: RefusedError before the nodes have met."""
        if self._steps is None:
            raise RefusedError(f"job {self.job.id}: the nodes meet before they compute")
        return self._steps

    @property
    def _computing(self) -> JointComputation:
        return self.steps.joint
