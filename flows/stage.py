"""The decorator that makes a function a stage: a Prefect flow that ends with a reference or with a named failure."""

import functools
from collections.abc import Callable
from typing import ParamSpec

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from counterfoil.errors import CounterfoilError
from counterfoil.texts import visible
from mpc_tasks.barrier import PublicValue, barrier, check_public

P = ParamSpec("P")

_limits: dict[str, float] = {}


def stage(*, timeout_s: int) -> Callable[[Callable[P, PublicValue]], Flow[P, State]]:
    """A flow without retries or stored result, which the party's worker ends after the time-out.

    Prefect's own time-out would be raised within a step, and look like the step's fault.

    It ends Completed with its reference as the state's message, or Failed with the error's class as the state's name.
    Nothing is pickled: neither what it returns nor what it raises becomes a Prefect result.
    """

    def decorate(function: Callable[P, PublicValue]) -> Flow[P, State]:
        _limits[function.__name__] = timeout_s

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> State:
            try:
                with barrier():
                    result = function(*args, **kwargs)
                    check_public(result, f"the result of {function.__name__}")
                    return Completed(message=str(result))
            except CounterfoilError as error:
                return Failed(name=type(error).__name__, message=visible(str(error)))

        return flow(
            name=function.__name__,
            retries=0,
            persist_result=False,
            result_serializer="json",
            log_prints=False,
        )(guarded)

    return decorate


def limit_s(stage: Flow[..., State]) -> float:
    """How long a run of the stage may take."""
    return _limits[stage.name]
