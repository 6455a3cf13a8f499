"""The runs of a job, as Prefect's server tells of them, for links on a page. Nothing is decided by what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.utilities.urls import url_for

from counterfoil.texts import Markdown, escape

_STAGES: Final = ("contribute", "analyse")
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


def runs_of(references: Iterable[str]) -> list[Run]:
    """The runs that ended with one of these, in the order of their names; before them those that had started them."""
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
