"""A Prefect worker that runs only the flows that its party installed, whatever the server asks for.

From the server it takes a flow's name, a run's id and its parameters, and hands them to the spawner, whose gate decides.
It imports little, because Prefect loads this module in every command.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from typing import Any
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Failed
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from flows import spawner

LOOK_EVERY_S = 3.0
GRACE_S = 3.0


class NoConfiguration(BaseJobConfiguration):
    """What the server may configure about a run: nothing."""

    @classmethod
    async def resolve_for_flow_run(cls, flow_run: FlowRun, *, client: PrefectClient, **_: Any) -> "NoConfiguration":
        return cls()


class Result(BaseWorkerResult):
    """How a run's process ended."""


class Spawned:
    """The worker's end of a spawner: orders go out, and each run hears what became of it."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._news: dict[str, asyncio.Queue[dict[str, Any]]] = {}

    @classmethod
    def launch(cls) -> "Spawned":
        """A spawner in a fresh process of its own."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            subprocess.Popen([sys.executable, "-m", "flows.party", str(theirs.fileno())], pass_fds=[theirs.fileno()])
        return cls(ours)

    async def listen(self) -> None:
        """Passes news on until the spawner ends, which is an error."""
        loop = asyncio.get_running_loop()
        while message := await loop.sock_recv(self._channel, spawner.MESSAGE_BYTES):
            news = json.loads(message)
            self._news[news["run"]].put_nowait(news)
        raise RuntimeError("the spawner ended")

    async def order(self, flow: str, run: str, parameters: dict[str, Any]) -> asyncio.Queue[dict[str, Any]]:
        """Asks for a run; news of it come by the queue: refused, or its process and then its exit."""
        queue = self._news[run] = asyncio.Queue()
        message = {"flow": flow, "run": run, "parameters": parameters}
        if len(json.dumps(message)) < spawner.MESSAGE_BYTES:
            await self._tell(message)
        else:
            queue.put_nowait({"refused": "the parameters are longer than any reference"})
        return queue

    async def stop(self, run: str, news: asyncio.Queue[dict[str, Any]]) -> None:
        """Ends the run's processes, if need be by force; returns when they are gone."""
        await self._tell({"stop": run, "with": "SIGTERM"})
        try:
            await asyncio.wait_for(news.get(), GRACE_S)
        except TimeoutError:
            await self._tell({"stop": run, "with": "SIGKILL"})
            await news.get()

    def close(self) -> None:
        """Ends the spawner and all that it runs."""
        self._channel.close()

    async def _tell(self, message: dict[str, Any]) -> None:
        await asyncio.get_running_loop().sock_sendall(self._channel, json.dumps(message).encode())


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
        self._spawner = Spawned(self._channel) if self._channel else Spawned.launch()
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
            if time.monotonic() > deadline:
                end = Failed(name="TimedOut", message=f"stopped after {limit_s:.0f} s")
            elif await self._is_cancelled(run):
                end = Cancelled(message="stopped by the worker")
            else:
                continue
            await self._spawner.stop(str(run), news)
            await self._end(run, end)
            return 0

    async def _is_cancelled(self, run: UUID) -> bool:
        try:
            state = (await self.client.read_flow_run(run)).state
        except httpx.HTTPError:
            return False
        return state is not None and (state.is_cancelling() or state.is_cancelled())

    async def _end(self, run: UUID, state: State) -> None:
        await self.client.set_flow_run_state(run, state, force=True)
