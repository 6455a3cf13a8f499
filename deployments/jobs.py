"""How far jobs are, by what a Prefect server knows of their runs: who is waited for since when, and what failed.

Of what the server says nothing is believed here; it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterExpectedStartTime
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from counterfoil import clock
from counterfoil.texts import line
from counterfoil_prefect.flows.stages import STAGES

MOST: Final = 200
"""So many of the latest runs are looked through."""
SILENT: Final = timedelta(seconds=50)
"""A worker says every 15 s that it is there; three times missed, it is off. As the coordinator reckons."""

_JOB = ("collaborate", "review")
"""The stages at the coordinator that order the others; a job is where its latest one is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as its tags describe it."""

    run: FlowRun
    stage: str
    party: str
    agreement: str
    period: str
    attempt: str

    @property
    def state(self) -> State:
        """Its state; one that the server does not know yet is pending."""
        return self.run.state or State(type=StateType.PENDING)

    @property
    def since(self) -> str:
        """Since when it is in that state."""
        return f"{self.state.timestamp:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def over(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state.is_final()


@dataclass(frozen=True, slots=True)
class Job:
    """One period of an agreement: its runs, the latest first."""

    agreement: str
    period: str
    runs: Sequence[Seen]

    @property
    def head(self) -> Seen | None:
        """The coordinator's latest run."""
        return next((each for each in self.runs if each.stage in _JOB), None)

    @property
    def moves(self) -> bool:
        """Whether something is to happen without a person: neither over nor in review."""
        head = self.head
        return head is not None and not head.over and not head.state.is_paused()

    @property
    def latest(self) -> list[Seen]:
        """The latest run of each stage at each party, of those that others ordered."""
        found: dict[tuple[str, str], Seen] = {}
        for each in self.runs:
            if each.stage not in _JOB:
                found.setdefault((each.stage, each.party), each)
        return list(found.values())


def latest_runs(client: SyncPrefectClient, most: int = MOST) -> list[FlowRun]:
    """List the latest runs that are due, without those of coming weeks, which the server makes ahead."""
    due = FlowRunFilterExpectedStartTime.model_validate({"before_": clock.now() + timedelta(minutes=1)})
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(expected_start_time=due), sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=most
    )


def seen(run: FlowRun) -> Seen:
    """Read a run's tags."""
    said = dict(tag.split(":", 1) for tag in run.tags if ":" in tag)
    return Seen(run, *(said.get(name, "") for name in ("stage", "party", "agreement", "period", "attempt")))


def jobs(runs: Iterable[Seen]) -> list[Job]:
    """Put the runs of each agreement's period together, the latest job first."""
    found: dict[tuple[str, str], list[Seen]] = {}
    for each in runs:
        if each.agreement and each.period:
            found.setdefault((each.agreement, each.period), []).append(each)
    return [Job(agreement, period, runs) for (agreement, period), runs in found.items()]


def named_by(text: str | None, runs: Iterable[Seen]) -> tuple[list[Job], list[Seen]]:
    """Choose what the words name: jobs, by agreement and period; and runs of no job, like one that just begins.

    Without words that is everything.
    """
    every = list(runs)
    wanted = set(text.split()) if text is not None else set()
    alone = [each for each in every if not (each.agreement and each.period)]
    if text is None:
        return jobs(every), alone
    begun = [each for each in alone if each.stage == _JOB[0] and wanted <= {each.agreement}]
    return [job for job in jobs(every) if wanted <= {job.agreement, job.period}], begun


def told(job: Job, off: dict[str, str]) -> Iterator[str]:
    """Describe a job: where it is, whom it waits for since when, what failed, and what to do.

    Args:
        job: The job.
        off: Since when the workers are off that are, by party.
    """
    head = job.head
    yield f"{job.agreement} {job.period}: {_where(job, head)}"
    if head is None or head.state.is_completed():
        return
    failed = [each for each in job.latest if each.over and not each.state.is_completed() and _is_newest(each, job)]
    for each in failed if head.over or head.state.is_running() else ():
        yield f"  {each.stage} failed at {each.party}: {each.state.name}: {line(each.state.message or '')}"
        if remedy := _remedy(each):
            yield f"    {remedy}"
    if head.over:
        if not failed:
            yield f"  {head.stage}: {head.state.name}: {line(head.state.message or '')}"
        yield f"  then order it again: counterfoil run {job.agreement} --period {job.period}"
        return
    if head.state.is_paused():
        yield f"  waits for reviewers since {head.since}: counterfoil review list {job.agreement}"
        return
    for each in job.latest:
        if not each.over:
            asleep = f"; its worker is off since {off[each.party]}" if each.party in off else ""
            yield f"  waits for {each.party}: {each.stage} is {_doing(each.state)} since {each.since}{asleep}"
    for party, since in off.items():
        yield f"  the worker of {party} is off since {since}; start it there: counterfoil worker"


def _is_newest(each: Seen, job: Job) -> bool:
    """Tell whether nothing of the same stage was ordered in a later attempt."""
    return not any(
        other.stage == each.stage and other.attempt > each.attempt for other in job.latest if other is not each
    )


def _where(job: Job, head: Seen | None) -> str:
    if head is None:
        return "ordered by hand, stage by stage"
    state = head.state
    if state.is_paused():
        return "in review"
    if state.is_completed():
        if head.stage == "review":
            return f"released, {head.since}"
        return f"{(state.name or 'done').lower()}, {head.since}"
    if state.is_final():
        return f"failed at {head.stage}, {head.since}"
    order = [name for name in STAGES if any(each.stage == name for each in job.latest)]
    stage = order[-1] if order else head.stage
    parties = [each for each in job.latest if each.stage == stage]
    done = sum(each.state.is_completed() for each in parties)
    return f"{stage}, done at {done} of {len(parties)}" if parties else f"{stage} is {_doing(state)} since {head.since}"


def _doing(state: State) -> str:
    return "under way" if state.is_running() else "ordered, not begun" if not state.is_final() else "over"


def _remedy(each: Seen) -> str:
    ends = STAGES[each.stage].ends if each.stage in STAGES else {}
    name = each.state.name or ""
    if name in ends:
        return ends[name]
    if name == "NotStarted":
        return f"start its worker: counterfoil worker, at {each.party}"
    if name.endswith("Error"):
        return f"mend that at {each.party}"
    return ""


def workers_off(client: SyncPrefectClient, parties: Iterable[str]) -> dict[str, str]:
    """Tell since when the workers are off that are, by party; a pool that nobody made has none."""
    found = {}
    for party in dict.fromkeys(parties):
        last = heartbeat(client, party)
        if last is None:
            found[party] = "ever"
        elif clock.now() - last > SILENT:
            found[party] = f"{last:%Y-%m-%d %H:%M:%S} UTC"
    return {party: since.replace("ever", "it was deployed") for party, since in found.items()}


def heartbeat(client: SyncPrefectClient, party: str) -> datetime | None:
    """Tell when the party's worker last said that it is there; None where it never did, or has no pool.

    Raises: as Prefect's client, when the server is away.
    """
    try:
        workers = client.read_workers_for_work_pool(party)
    except ObjectNotFound:
        return None
    return max((each.last_heartbeat_time for each in workers if each.last_heartbeat_time), default=None)
