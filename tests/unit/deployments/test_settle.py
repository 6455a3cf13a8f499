"""How a worker ends a run whose process is gone, beside what Prefect's worker submits at that time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Failed, Pending

from counterfoil_prefect.flows import worker as module
from counterfoil_prefect.flows.worker import CounterfoilWorker

REFUSED = Failed(name="Refused", message="nothing of that")


class Server:
    """Stands in for Prefect's client: one run, which is pending until its state is set."""

    def __init__(self) -> None:
        self.state: State[Any] = Pending()

    async def read_flow_run(self, _run: UUID) -> Any:
        return SimpleNamespace(state=self.state)

    async def set_flow_run_state(self, _run: UUID, state: State[Any]) -> None:
        self.state = state


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> CounterfoilWorker:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.1)
    made = CounterfoilWorker("bank-a", name="bank-a")
    made._client = Server()
    return made


async def settle_while_submitting(worker: CounterfoilWorker, run: UUID, processes: int) -> str:
    """Have a process end before Prefect's worker is through with submitting; other processes run then."""
    worker._submitting_flow_run_ids.add(run)
    settling = asyncio.create_task(worker._settle(run, REFUSED))
    await asyncio.sleep(0.1)
    assert not settling.done()
    worker._mine[run] += processes
    worker._submitting_flow_run_ids.remove(run)
    await asyncio.wait_for(settling, 10)
    state = (await worker._client.read_flow_run(run)).state
    return str(state.name)


def test_a_run_that_ends_while_it_is_submitted_is_ended(worker: CounterfoilWorker) -> None:
    assert asyncio.run(settle_while_submitting(worker, uuid4(), 0)) == "Refused"


def test_a_run_that_was_submitted_again_is_left_to_its_new_process(worker: CounterfoilWorker) -> None:
    assert asyncio.run(settle_while_submitting(worker, uuid4(), 1)) == "Pending"
