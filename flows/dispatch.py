"""How the coordinator has a stage run at other parties: their own deployments, side by side, and a reference from each.

What comes back is a state's name and message, which the party wrote; a party that lies here harms nobody but itself.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.states import Cancelling

from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError
from mpc_tasks.show import table

POLL_S = 0.5
GRACE_S = 10.0
MAX_S = 4 * 3600.0


class StageError(CounterfoilError):
    """A stage failed at some parties; `failures` maps each to the name of the state that it ended in."""

    exit_code = 66

    def __init__(self, stage: str, states: Mapping[str, State[Any]]) -> None:
        self.failures = {party: state.name or "Unknown" for party, state in states.items()}
        told = "; ".join(f"{party}: {state.name}: {state.message or ''}" for party, state in states.items())
        super().__init__(f"{stage} failed at {told}")


def on_each(stage: str, parties: Sequence[str], **parameters: Any) -> dict[str, Ref]:
    """The stage is done at every party; the reference that each ended with.

    Once it failed at one, the others have a short while to end by themselves.

    Raises: StageError, DocumentError.
    """
    runs = {party: start(stage, party, **parameters) for party in parties}
    deadline = time.monotonic() + MAX_S
    cancelled = False
    with get_client(sync_client=True) as client:
        while True:
            states = _states(client, runs)
            waiting = [party for party, state in states.items() if not state.is_final()]
            if not waiting:
                break
            if any(state.is_final() and not state.is_completed() for state in states.values()):
                deadline = min(deadline, time.monotonic() + GRACE_S)
            if time.monotonic() > deadline and not cancelled:
                cancelled = True
                for party in waiting:
                    client.set_flow_run_state(runs[party], Cancelling(), force=True)
            time.sleep(POLL_S)
    failed = {party: state for party, state in states.items() if not state.is_completed()}
    if failed:
        raise StageError(stage, failed)
    ends = [{"party": party, "state": state.name or "", "said": state.message or ""} for party, state in states.items()]
    table(f"stage-{stage}", ends, f"{stage}: what each party ended with")
    return {party: Ref.parse(state.message or "") for party, state in states.items()}


def start(stage: str, party: str, *, once: str | None = None, **parameters: Any) -> UUID:
    """The stage will run at the party; the id of its run. The same `once` never starts it twice."""
    run = cast(
        FlowRun,
        run_deployment(
            f"{stage}/{party}",
            parameters={name: _plain(value) for name, value in parameters.items()},
            flow_run_name=f"{stage} at {party}",
            timeout=0,
            idempotency_key=once,
            as_subflow=once is None,
        ),
    )
    return run.id


def _states(client: SyncPrefectClient, runs: Mapping[str, UUID]) -> dict[str, State[Any]]:
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(runs.values()))))
    states = {run.id: run.state for run in found if run.state is not None}
    return {party: states[run] for party, run in runs.items()}


def _plain(value: Any) -> Any:
    return (
        [str(item) for item in value] if isinstance(value, tuple) else str(value) if isinstance(value, Ref) else value
    )
