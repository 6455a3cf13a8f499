"""What a worker finds on the server that an earlier worker of its party left behind, and ends; and its pool's queues.

A worker is the only one of its party (see `party`), so a run of its pool that it does not know, and that is under way
by what the server says, is nobody's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import AwaitingRetry, Cancelled, Crashed

from counterfoil_prefect.flows.stages import ALONE, STAGES

_EVERY_S: Final = 30.0
_UNDER_WAY: Final = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_MOST: Final = 200


class Housekeeping:
    """Of the work pool with this name, whose party does some stages `alone`: one job at a time."""

    def __init__(self, pool: str, alone: bool) -> None:
        self._pool = pool
        self._alone = alone
        self._suspected: set[UUID] | None = None
        self._next = 0.0

    async def keep(self, client: PrefectClient, is_known: Callable[[UUID], bool]) -> None:
        """End what nobody runs: at once when this worker has started, and later what was nobody's for a while.

        Raises: what the client raises when the server is away.
        """
        if time.monotonic() < self._next:
            return
        if self._suspected is None and self._alone:
            await self._limit_queue(client)
        found = await client.read_flow_runs(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNDER_WAY))),
            limit=_MOST,
        )
        orphans = [run for run in found if not is_known(run.id)]
        for run in orphans:
            if (self._suspected is None or run.id in self._suspected) and not is_known(run.id):
                with suppress(ObjectNotFound):
                    await client.set_flow_run_state(run.id, await _end_of(run, client))
        self._suspected = {run.id for run in orphans}
        self._next = time.monotonic() + _EVERY_S

    async def _limit_queue(self, client: PrefectClient) -> None:
        with suppress(ObjectAlreadyExists):
            await client.create_work_queue(name=ALONE, concurrency_limit=1, work_pool_name=self._pool)
            return
        queue = await client.read_work_queue_by_name(ALONE, work_pool_name=self._pool)
        if queue.concurrency_limit != 1:
            await client.update_work_queue(queue.id, concurrency_limit=1)


async def _end_of(run: FlowRun, client: PrefectClient) -> State[Any]:
    """Choose the state of a run without a process: one that had not begun, or resumes, is given out again."""
    if run.state is not None and run.state.is_cancelling():
        return Cancelled(message="it had no process any more when its party's worker started again")
    stage = STAGES.get((await client.read_flow(run.flow_id)).name)
    if (run.state is not None and run.state.is_pending()) or (stage is not None and stage.resumes):
        return AwaitingRetry(message="its party's worker was started again, and takes it up")
    return Crashed(message="its party's worker was started again, and no process of it is left")
