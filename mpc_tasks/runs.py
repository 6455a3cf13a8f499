"""The runs of a job, as Prefect's server tells of them, and what they are called there.

Of what it says nothing is believed but since when runs wait; that may order a period too many, which owners and nodes
check.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.types import DateTime
from prefect.utilities.urls import url_for

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.texts import Markdown, escape
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.server import patient

_STAGES: Final = ("contribute", "analyse")
_SAID: Final = ("agreement", "period", "stage", "party", "attempt")
_MOST: Final = 200
"""So many of the latest runs are looked through."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run by its name, with the page that it has on the server, if the server has pages."""

    name: str
    page: str | None

    @property
    def link(self) -> Markdown:
        """Its name, as a link if it has a page. The page's address is ours, made of the run's id."""
        return Markdown(f"[{escape(self.name)}]({self.page})") if self.page else escape(self.name)


@patient
def runs_of(references: Iterable[str]) -> list[Run]:
    """Find the runs that ended with one of these, in the order of their names, after those that had started them."""
    wanted = set(references)
    with get_client(sync_client=True) as client:
        latest = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(_STAGES))),
            sort=FlowRunSort.START_TIME_DESC,
            limit=_MOST,
        )
        found = [run for run in latest if run.state is not None and run.state.message in wanted]
        parents = {parent.id: parent for run in found for parent in _parent(client, run)}
    every = (*parents.values(), *sorted(found, key=lambda run: run.name))
    return [Run(run.name, url_for("flow-run", obj_id=run.id)) for run in every]


def _parent(client: SyncPrefectClient, run: FlowRun) -> list[FlowRun]:
    if run.parent_task_run_id is None:
        return []
    task = client.read_task_run(run.parent_task_run_id)
    return [] if task.flow_run_id is None else [client.read_flow_run(task.flow_run_id)]


@dataclass(frozen=True, slots=True)
class About:
    """What a run is about: its name and tags on the server say so, and an operator finds it by them.

    One about everything that its party has, like `retire`, is about no agreement.
    """

    agreement: str | None = None
    period: str | None = None

    def title(self, attempt: int | None = None) -> str:
        """Say the same without stage and party: `exposure 2026-w48, attempt 2`."""
        words = " ".join(filter(None, (self.agreement, self.period)))
        return words + (f", attempt {attempt}" if attempt else "")

    def name(self, stage: str, party: str, attempt: int | None = None) -> str:
        """Name a run like `analyse exposure 2026-w48 at node-1, attempt 2`."""
        return " ".join(filter(None, (stage, self.title(), "at", party))) + (f", attempt {attempt}" if attempt else "")

    def tags(self, stage: str, party: str, attempt: int | None = None) -> list[str]:
        """List the same as tags like `party:node-1`."""
        said = zip(_SAID, (self.agreement, self.period, stage, party, attempt), strict=True)
        return [f"{what}:{value}" for what, value in said if value]


@patient
def call_run(about: About) -> None:
    """Name this process's run by its stage and party, since nobody may have known enough to name it when it began."""
    context = FlowRunContext.get()
    if context is not None and context.flow is not None and context.flow_run is not None:
        stage, party = context.flow.name, home().party
        with suppress(httpx.HTTPError), get_client(sync_client=True) as client:  # it runs without a name as well
            others = [tag for tag in context.flow_run.tags if tag.split(":", 1)[0] not in _SAID]
            tags = [*others, *about.tags(stage, party)]
            client.update_flow_run(context.flow_run.id, name=about.name(stage, party), tags=tags)


def scheduled_at() -> datetime:
    """Tell for when this process's run was scheduled, however late it came; now, outside of a run."""
    when = flow_run.get_scheduled_start_time()
    return datetime.fromtimestamp(when.timestamp(), UTC) if when else clock.now()


@patient
def earliest_wish(agreement: Ref) -> datetime | None:
    """Tell for when the first run was scheduled of those that are to order this agreement's periods and go on."""
    open_ = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["collaborate"])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=open_)),
                expected_start_time=FlowRunFilterExpectedStartTime(before_=DateTime.now("UTC")),
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=_MOST,
        )
    times = [run.expected_start_time for run in found if _wishes(run.parameters, agreement)]
    return min((datetime.fromtimestamp(time.timestamp(), UTC) for time in times if time), default=None)


@patient
def forget_quiet_runs(name: str) -> None:
    """Delete the earlier runs of this process's flow that ended in the state of that name."""
    flow_name = flow_run.get_flow_name()
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name] if flow_name else [])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(any_=[StateType.COMPLETED]), name=FlowRunFilterStateName(any_=[name])
                )
            ),
            limit=_MOST,
        )
        for run in found:
            with suppress(ObjectNotFound, httpx.HTTPError):  # another run was faster; or the next one does it
                client.delete_flow_run(run.id)


def _wishes(parameters: dict[str, Any], agreement: Ref) -> bool:
    return parameters.get("agreement") == str(agreement) and parameters.get("period") is None
