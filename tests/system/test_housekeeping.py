"""What a worker makes of runs that nobody runs: ended, given out again, or begun from the top; all else goes on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Cancelling, Pending, Running

from counterfoil_prefect.flows.housekeeping import Housekeeping
from counterfoil_prefect.flows.stages import ALONE


class Server:
    """As much of a client as a worker needs to keep its pool in order."""

    def __init__(self, *runs: tuple[str, State[Any]]) -> None:
        self.runs = [SimpleNamespace(id=uuid4(), flow_id=flow, state=state) for flow, state in runs]
        self.set: list[tuple[UUID, State[Any]]] = []
        self.queue: SimpleNamespace | None = None

    async def read_flow_runs(self, **_: Any) -> list[SimpleNamespace]:
        return self.runs

    async def read_flow(self, flow: str) -> SimpleNamespace:
        return SimpleNamespace(name=flow)

    async def set_flow_run_state(self, run: UUID, state: State[Any], force: bool = False) -> None:
        assert not force
        self.set.append((run, state))

    async def create_work_queue(self, **wish: Any) -> None:
        if self.queue is not None:
            raise ObjectAlreadyExists(cast(Any, None))
        self.queue = SimpleNamespace(id=uuid4(), **wish)

    async def read_work_queue_by_name(self, *_: Any, **__: Any) -> SimpleNamespace:
        assert self.queue is not None
        return self.queue

    async def update_work_queue(self, _: UUID, *, concurrency_limit: int) -> None:
        assert self.queue is not None
        self.queue.concurrency_limit = concurrency_limit

    def keep(self, housekeeping: Housekeeping, *known: UUID) -> None:
        asyncio.run(housekeeping.keep(cast(PrefectClient, self), lambda run: run in known))


@pytest.mark.parametrize(
    ("flow", "state", "end", "name"),
    [
        ("agree", Running(), StateType.CRASHED, "Crashed"),
        ("analyse", Running(), StateType.CRASHED, "Crashed"),
        ("analyse", Pending(), StateType.SCHEDULED, "AwaitingRetry"),
        ("analyse", Cancelling(), StateType.CANCELLED, "Cancelled"),
        ("review", Running(), StateType.SCHEDULED, "AwaitingRetry"),
        ("review", Cancelling(), StateType.CANCELLED, "Cancelled"),
        ("unheard-of", Running(), StateType.CRASHED, "Crashed"),
    ],
)
def test_at_its_start_a_worker_ends_what_nobody_runs(flow: str, state: State[Any], end: StateType, name: str) -> None:
    server = Server((flow, state))
    server.keep(Housekeeping("node-0", alone=False))
    assert [(run, set_.type, set_.name) for run, set_ in server.set] == [(server.runs[0].id, end, name)]


def test_what_it_runs_itself_goes_on() -> None:
    server = Server(("agree", Running()), ("agree", Running()))
    server.keep(Housekeeping("node-0", alone=False), server.runs[0].id)
    assert [run for run, _ in server.set] == [server.runs[1].id]


def test_later_it_ends_only_what_was_nobodys_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that begins is not known for a moment."""
    monkeypatch.setattr("counterfoil_prefect.flows.housekeeping._EVERY_S", 0.0)
    server, housekeeping = Server(), Housekeeping("node-0", alone=False)
    server.keep(housekeeping)
    server.runs = Server(("agree", Running())).runs
    server.keep(housekeeping)
    assert server.set == []
    server.keep(housekeeping)
    assert [run for run, _ in server.set] == [server.runs[0].id]


def test_a_node_has_a_queue_that_gives_out_one_run() -> None:
    server = Server()
    server.keep(Housekeeping("node-0", alone=True))
    assert server.queue is not None and (server.queue.name, server.queue.concurrency_limit) == (ALONE, 1)
    server.queue.concurrency_limit = 7
    server.keep(Housekeeping("node-0", alone=True))
    assert server.queue.concurrency_limit == 1
    other = Server()
    other.keep(Housekeeping("bank-a", alone=False))
    assert other.queue is None
