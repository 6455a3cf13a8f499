"""Jobs: named by what they compute on, so that nobody can choose or reuse a name, and led through fixed stages.

A job's id follows from the agreement, the period and the submissions. Each node keeps the job's stage itself and
refuses an event that does not follow. Knows no share and no flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from counterfoil.audit import event as audit
from counterfoil.canonical import Json, digest, jcs
from counterfoil.errors import IntegrityError, LimitError, NotFoundError, RefusedError, ReplayError
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.storage.state import State

MAX_ATTEMPTS: Final = 4
_FINAL: Final = range(IntegrityError.exit_code, IntegrityError.exit_code + 10)
"""Exit codes of what no retry may hide."""

_SPACE: Final = "job-stage"
_ITERATIONS: Final = "iterations"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of an agreement: `submissions` maps each part (`owner/contract`) to the digest of its manifest."""

    agreement: str
    period: str
    submissions: Mapping[str, str]

    @property
    def id(self) -> str:
        """32 hex digits that nobody can choose."""
        value: Mapping[str, Json] = {
            "format": "counterfoil/job/1",
            "agreement": self.agreement,
            "period": self.period,
            "submissions": self.submissions,
        }
        return digest(jcs(value))[:32]


def plan_job(agreement: SignedAgreement, period: str, manifests: Iterable[Manifest], today: date) -> Job:
    """Plan the job on these submissions: one for each part, all of this agreement and period.

    Raises: RefusedError, ReplayError when a part is there twice.
    """
    terms = agreement.terms
    terms.schedule.check_period(period, terms.starts, today)
    submissions: dict[str, str] = {}
    for manifest in manifests:
        if manifest.agreement != agreement.digest or manifest.period != period:
            raise RefusedError(
                f"submission {manifest.submission} of {manifest.owner} is for another job, of {manifest.period}; "
                f"{manifest.owner} must submit again for {period}"
            )
        part = str(manifest.part)
        if part in submissions:
            raise ReplayError(f"{part} is twice in the job; take one of its submissions")
        submissions[part] = manifest.digest
    asked = [str(part) for part in terms.parts]
    if absent := [part for part in asked if part not in submissions]:
        raise RefusedError(f"the job lacks the submission of {', '.join(absent)}")
    if more := sorted(set(submissions) - set(asked)):
        raise RefusedError(f"agreement {terms.id} asks for no submission of {', '.join(more)}")
    return Job(agreement.digest, period, submissions)


class Stage(StrEnum):
    """How far a job is at this party."""

    READY = "ready"
    RUNNING = "running"
    DRAFTED = "drafted"
    APPROVED = "approved"
    REJECTED = "rejected"
    RELEASED = "released"
    HALTED = "halted"
    ERASED = "erased"


class Event(StrEnum):
    """What may happen to a job."""

    START = "start"
    FAIL = "fail"
    HALT = "halt"
    DRAFT = "draft"
    APPROVE = "approve"
    REJECT = "reject"
    RELEASE = "release"
    ERASE = "erase"


NEXT: Final[Mapping[tuple[Stage, Event], Stage]] = {
    (Stage.READY, Event.START): Stage.RUNNING,
    (Stage.RUNNING, Event.START): Stage.RUNNING,  # the last attempt died without a word
    (Stage.DRAFTED, Event.START): Stage.RUNNING,  # some node died before it signed the draft
    (Stage.RUNNING, Event.FAIL): Stage.READY,
    (Stage.RUNNING, Event.HALT): Stage.HALTED,
    (Stage.RUNNING, Event.DRAFT): Stage.DRAFTED,
    (Stage.DRAFTED, Event.APPROVE): Stage.APPROVED,
    (Stage.DRAFTED, Event.REJECT): Stage.REJECTED,
    (Stage.APPROVED, Event.RELEASE): Stage.RELEASED,
    **{(stage, Event.ERASE): Stage.ERASED for stage in Stage if stage is not Stage.RUNNING},
}
"""Every pair that is not here is refused."""


def stage_of(state: State, job: str) -> Stage:
    """Return the job's stage at this party; a job not seen before is ready."""
    return _stage(_kept(state, job))


def _stage(kept: bytes | None) -> Stage:
    return Stage(kept.decode()) if kept else Stage.READY


def _kept(state: State, job: str) -> bytes | None:
    try:
        return state.get(_SPACE, job)
    except NotFoundError:
        return None


def advance(state: State, job: str, event: Event) -> Stage:
    """Advance the job's stage by the event, durably, and return it.

    Raises: RefusedError when the event does not follow on the job's stage.
    """
    while True:
        kept = _kept(state, job)
        stage = _stage(kept)
        following = NEXT.get((stage, event))
        if following is None:
            raise RefusedError(f"job {job} is {stage}: {event} does not follow")
        if state.replace(_SPACE, job, kept, following.encode()):
            return following  # or else another process advanced it meanwhile, and the event follows on that or does not


def count_iteration(agreement: SignedAgreement, period: str, state: State) -> None:
    """Count one more computation for the period here, durably. Raises: LimitError when there were enough."""
    terms = agreement.terms
    if not state.count(_ITERATIONS, f"{agreement.digest}/{period}", terms.iterations):
        raise LimitError(
            f"agreement {terms.id} allows {terms.iterations} computations for {period}, and so many there were; allow "
            "more under 'limits'"
        )


def start_attempt(state: State, job: str, attempt: int) -> None:
    """Make this attempt the job's only one alive, here and after any restart.

    Raises: RefusedError when the job is past running or was tried too often; ReplayError unless the attempt is new.
    """
    if attempt > MAX_ATTEMPTS:
        raise RefusedError(f"job {job} was tried {MAX_ATTEMPTS} times; a person must look at why it fails")
    state.next_attempt(job, attempt)
    advance(state, job, Event.START)


def relearn(events: Iterable[audit.Event], state: State) -> None:
    """Remember what this party's own log says of attempts: their numbers, and which jobs an integrity check halted."""
    for event in events:
        job, attempt = event.subject, event.counts.get("attempt")
        if job is None or attempt is None:
            continue
        with suppress(ReplayError):  # what is remembered is as new
            state.next_attempt(job, attempt)
        if event.type == "attempt-failed" and event.counts.get("exit-code") in _FINAL:
            state.put(_SPACE, job, Stage.HALTED.encode())
