"""A Prefect worker that runs only the flows that its party installed, whatever the server asks for.

From the server it takes a flow's name, a run's id and its parameters, and hands them to the spawner, whose gate
decides. It imports little, because Prefect loads this module in every command. A server that goes away costs a line.
"""

import asyncio
import signal
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Crashed, Failed
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from counterfoil.errors import CounterfoilError
from counterfoil.proxies import spare_loopback
from counterfoil.terminal import complain
from counterfoil_prefect.flows.housekeeping import Housekeeping
from counterfoil_prefect.flows.spawned import Spawned
from counterfoil_prefect.flows.stages import STAGES
from counterfoil_prefect.mpc_tasks.server import Contact, address, is_away, reach

T = TypeVar("T")

LOOK_EVERY_S = 3.0
SILENT_S = 15.0
"""After so long without an answer a worker says so; a busy server takes a few seconds now and then."""
WAIT_S = 120.0
"""For how long a worker that starts waits for a server that never answered."""
_TRIES = 20


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

    def __init__(
        self,
        *args: Any,
        channel: socket.socket | None = None,
        wait_s: float = WAIT_S,
        alone: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._channel = channel
        self._wait_s = wait_s
        self._contact = Contact()
        self._mine: Counter[UUID] = Counter()
        self._left: list[UUID] = []
        self._housekeeping = Housekeeping(self._work_pool_name, alone)

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        # Prefect wants a job configuration that is not empty; this one says nothing.
        return {"job_configuration": {"env": {}}, "variables": {"type": "object", "properties": {}}}

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Work until cancelled. Raises: UnreachableError, InternalError; started by Prefect's command, SystemExit."""
        spare_loopback()
        try:
            await self._start(*args, **kwargs)
        except CounterfoilError as error:
            if self._channel is not None:
                raise
            complain(error)
            raise SystemExit(error.exit_code) from None

    async def _start(self, *args: Any, **kwargs: Any) -> None:
        address()  # without one Prefect would start a server of its own
        self._spawner = Spawned(self._channel) if self._channel else Spawned.launch("counterfoil_prefect.flows.party")
        try:
            async with asyncio.TaskGroup() as group:
                listener = group.create_task(self._spawner.listen())
                await super().start(*args, **kwargs)
                listener.cancel()
        except BaseExceptionGroup as group:
            ours, _ = group.split(CounterfoilError)
            if ours is None:
                raise
            raise _first(ours) from None
        finally:
            self._spawner.close()
            self._leave()

    async def setup(self) -> None:
        await reach(self._wait_s)
        await super().setup()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """End what an earlier worker left behind, then do as Prefect's; a server that is away costs a line."""
        # Prefect's client asks again by itself for a minute, and says nothing meanwhile.
        silence = asyncio.get_running_loop().call_later(SILENT_S, self._contact.lost, TimeoutError(), SILENT_S)
        try:
            if self._has_successfully_synced:
                await self._housekeeping.keep(self.client, self._is_known)
            found = await super().get_and_submit_flow_runs()
        except Exception as error:  # whatever a server answers, this party goes on
            self._contact.lost(error)
            return []
        finally:
            silence.cancel()
        self._contact.found()
        return found

    async def _sync_and_initialize(self) -> None:
        try:
            await super()._sync_and_initialize()
        except Exception as error:
            self._contact.lost(error)

    async def _submit_run(self, flow_run: FlowRun) -> None:
        try:
            await super()._submit_run(flow_run)
        except Exception as error:
            self._contact.lost(error)
            self._submitting_flow_run_ids.discard(flow_run.id)

    async def _cancel_run(self, flow_run_id: UUID) -> None:
        with suppress(httpx.HTTPError, PrefectHTTPStatusError):  # who asked for it asks again
            await super()._cancel_run(flow_run_id)

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        with suppress(httpx.HTTPError, PrefectHTTPStatusError):
            await super()._give_worker_labels_to_flow_run(flow_run_id)

    def _is_known(self, run: UUID) -> bool:
        return run in self._submitting_flow_run_ids or self._mine[run] > 0

    async def run(
        self,
        flow_run: FlowRun,
        configuration: NoConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> Result:
        self._mine[flow_run.id] += 1
        try:
            flow = await self._patiently(lambda: self.client.read_flow(flow_run.flow_id))
            news = await self._spawner.order(flow.name, str(flow_run.id), flow_run.parameters)
            started = await news.get()
            if task_status is not None:
                task_status.started(started.get("pid", "refused"))
            if "refused" in started:
                end: State[Any] = Failed(name="Refused", message=started["refused"])
            else:
                end = await self._watch(flow_run.id, news, started["limit_s"])
        except asyncio.CancelledError:
            self._left.append(flow_run.id)
            raise
        finally:
            self._mine[flow_run.id] -= 1
        await self._settle(flow_run.id, end)
        return Result(identifier=str(started.get("pid", "refused")), status_code=0)

    async def _watch(self, run: UUID, news: asyncio.Queue[dict[str, Any]], limit_s: float) -> State[Any]:
        """Watch the run's process until it ends or is stopped; return the run's state if it reported none itself."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                code = int((await asyncio.wait_for(news.get(), LOOK_EVERY_S))["exit"])
            except TimeoutError:
                pass
            else:
                return Crashed(message=lost(code))
            end: State[Any]
            if time.monotonic() > deadline:
                end = Failed(name="TimedOut", message=f"stopped after {limit_s:.0f} s")
            elif await self._is_cancelled(run):
                end = Cancelled(message="stopped by the worker")
            else:
                continue
            await self._spawner.stop(news)
            return end

    def _leave(self) -> None:
        """Tell the server, if it answers at once, that what ran when this worker was stopped is over.

        A stage that starts from the top is left to the next worker, which takes it up.
        """
        with (
            suppress(httpx.HTTPError, RuntimeError, ObjectNotFound),
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: LOOK_EVERY_S}),
            get_client(sync_client=True) as client,
        ):
            for id in self._left:
                run = client.read_flow_run(id)
                stage = STAGES.get(client.read_flow(run.flow_id).name)
                if run.state is not None and run.state.is_cancelling():
                    client.set_flow_run_state(id, Cancelled(message="stopped with its worker"))
                elif not (stage and stage.resumes):  # of a run that is over, the server takes nothing
                    client.set_flow_run_state(id, Crashed(message="its party's worker was stopped"))

    async def _is_cancelled(self, run: UUID) -> bool:
        try:
            state = (await self.client.read_flow_run(run)).state
        except (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound):
            return False
        return state is not None and (state.is_cancelling() or state.is_cancelled())

    async def _settle(self, run: UUID, end: State[Any]) -> None:
        """Have the server end the run, whose process is gone: as it reported, or as it was seen to end.

        Nothing is forced. Of a run that is asked to stop, the server takes nothing but that it was. A run that was
        resumed before its earlier process had ended has another's state: known again, or about to be.
        """
        while run in self._submitting_flow_run_ids:  # its process may end before its own submission does
            await asyncio.sleep(LOOK_EVERY_S / 10)
        for _ in range(_TRIES):
            try:
                state = await self._patiently(lambda: self._state(run))
                if self._is_known(run) or state is None:  # in this order: what is pending was known before
                    return
                if not (state.is_running() or state.is_pending() or state.is_cancelling()):
                    return
                fitting = Cancelled(message="stopped by the worker") if state.is_cancelling() else end
                await self._patiently(partial(self.client.set_flow_run_state, run, fitting))
            except (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound):
                return  # it is not there any more, or the server wants no state of it
            await asyncio.sleep(LOOK_EVERY_S / 10)

    async def _state(self, run: UUID) -> State[Any] | None:
        return (await self.client.read_flow_run(run)).state

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Call `ask`, again for as long as the server is away; return what it returns."""
        while True:
            try:
                answer = await ask()
            except (httpx.HTTPError, PrefectHTTPStatusError) as error:
                if not is_away(error):
                    raise
                self._contact.lost(error)
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                self._contact.found()
                return answer


def lost(code: int) -> str:
    """Say how a run's process ended that said nothing itself, and where to look."""
    if code >= 0:
        return f"its process ended without a word, with exit code {code}; the output of its party's worker says more"
    killed_by = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    if -code == signal.SIGKILL:
        return "its process was killed by SIGKILL, by the system's kernel if memory was short: see that machine's log"
    return f"its process was ended by {killed_by}; the output of its party's worker says more"


def _first(errors: BaseExceptionGroup[CounterfoilError]) -> CounterfoilError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
