"""Which flows a party runs, and how one is run: the table is here, in code that the party installed.

The server's entry points, commands, environments, job variables and pull steps are never read.
"""

import secrets
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import prefect.utilities.visualization  # noqa: F401 (a run's first task imports it; better once, before the fork)
from prefect import Flow
from prefect.events.worker import EventsWorker
from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.flow_engine import load_flow_run, run_flow
from prefect.logging.handlers import APILogWorker
from prefect.settings import temporary_settings

from counterfoil.errors import RefusedError
from counterfoil.terminal import say
from counterfoil_prefect.flows.parameters import parse
from counterfoil_prefect.flows.spawner import Admitted
from counterfoil_prefect.flows.stage import description_of
from counterfoil_prefect.mpc_tasks.barrier import keep
from counterfoil_prefect.mpc_tasks.server import PATIENT, patiently


class Gate:
    """Lets through requests for the given flows whose parameters are references, ids and small numbers."""

    def __init__(self, flows: Iterable[Flow[..., Any]], on_refusal: Callable[[str], None]) -> None:
        self._flows = {flow.name: flow for flow in flows}
        self._on_refusal = on_refusal

    def __call__(self, run: str, name: str, parameters: Mapping[str, Any]) -> Admitted:
        """Admit the flow, ready to run. Raises: RefusedError, after `on_refusal` was called with the run's id."""
        try:
            flow = self._flows.get(name)
            if flow is None:
                raise RefusedError(f"this party runs {', '.join(sorted(self._flows))}, and nothing else")
            arguments = parse(flow.fn, parameters)
        except RefusedError:
            self._on_refusal(run)
            raise
        return Admitted(partial(_run, flow, arguments, UUID(run)), description_of(flow).limit_s)


def _run(flow: Flow[..., Any], arguments: dict[str, Any], run_id: UUID) -> None:
    """Run the flow; exit with 1 if the server could not be told how it ended, which the worker then does."""
    try:
        with temporary_settings(PATIENT):
            flow_run = patiently(partial(load_flow_run, run_id))
            flow_run.parameters = arguments
            # With a deployment, Prefect would watch over a web socket for a suspension from outside, which no stage
            # takes: a second of each run.
            flow_run.deployment_id = None
            # As a state, because a result might be one that the server names: a pickle, wherever it says.
            run_flow(flow, flow_run=flow_run, parameters=arguments, return_type="state")
    except (Abort, Pause):  # the server wants no more of this run now
        pass
    except TerminationSignal:
        raise
    except BaseException as error:
        number = secrets.token_hex(4)
        where = keep(number, traceback.format_exc())
        say(f"run {run_id} of {flow.name}: {type(error).__name__}, number {number}; {where} says more", aside=True)
        sys.exit(1)
    finally:
        with suppress(Exception):
            EventsWorker.drain_all()
            APILogWorker.drain_all()
