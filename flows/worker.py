"""A Prefect worker that runs only the flows that its party installed, whatever the server asks for.

From the server it takes a flow's name, a run's id and its parameters, and hands them to the spawner, whose gate
decides. It imports little, because Prefect loads this module in every command.
"""

import asyncio
import socket
import time
from typing import Any, Self
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Failed
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from flows.spawned import Spawned

LOOK_EVERY_S = 3.0


class NoConfiguration(BaseJobConfiguration):
    """What the server may configure about a run: nothing."""

    @classmethod
    async def resolve_for_flow_run(cls, *_: Any, **__: Any) -> Self:
        return cls()


class Result(BaseWorkerResult):
    """How a run's process ended."""


class CounterfoilWorker(BaseWorker[NoConfiguration, BaseVariables, Result]):
    """Runs the party's own flows, each in a process of its own, and ends them on cancellation and time-out."""

    type = "counterfoil"
    job_configuration = NoConfiguration
    _description = "Runs locally installed, allow-listed flows; takes references, ids and numbers from the server."
    _display_name = "Counterfoil"

    def __init__(self, *args: Any, channel: socket.socket | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._channel = channel

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        # Prefect wants a job configuration that is not empty; this one says nothing.
        return {"job_configuration": {"env": {}}, "variables": {"type": "object", "properties": {}}}

    async def start(self, *args: Any, **kwargs: Any) -> None:
        self._spawner = Spawned(self._channel) if self._channel else Spawned.launch("flows.party")
        try:
            async with asyncio.TaskGroup() as group:
                listener = group.create_task(self._spawner.listen())
                await super().start(*args, **kwargs)
                listener.cancel()
        finally:
            self._spawner.close()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: NoConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> Result:
        run = str(flow_run.id)
        name = (await self.client.read_flow(flow_run.flow_id)).name
        news = await self._spawner.order(name, run, flow_run.parameters)
        started = await news.get()
        if task_status is not None:
            task_status.started(started.get("pid", "refused"))
        if "refused" in started:
            await self._end(flow_run.id, Failed(name="Refused", message=started["refused"]))
            return Result(identifier="refused", status_code=0)
        ended = await self._watch(flow_run.id, news, started["limit_s"])
        return Result(identifier=str(started["pid"]), status_code=ended)

    async def _watch(self, run: UUID, news: asyncio.Queue[dict[str, Any]], limit_s: float) -> int:
        """The exit code of a run that ended by itself; 0 of one that was stopped here, whose state is then set."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                return int((await asyncio.wait_for(news.get(), LOOK_EVERY_S))["exit"])
            except TimeoutError:
                pass
            end: State[Any]
            if time.monotonic() > deadline:
                end = Failed(name="TimedOut", message=f"stopped after {limit_s:.0f} s")
            elif await self._is_cancelled(run):
                end = Cancelled(message="stopped by the worker")
            else:
                continue
            await self._spawner.stop(news)
            await self._end(run, end)
            return 0

    async def _is_cancelled(self, run: UUID) -> bool:
        try:
            state = (await self.client.read_flow_run(run)).state
        except httpx.HTTPError:
            return False
        return state is not None and (state.is_cancelling() or state.is_cancelled())

    async def _end(self, run: UUID, state: State[Any]) -> None:
        await self.client.set_flow_run_state(run, state, force=True)
