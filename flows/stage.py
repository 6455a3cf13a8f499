"""The decorator that makes a function a stage: a Prefect flow that ends with a reference or with a named failure."""

import functools
from collections.abc import Callable
from typing import NamedTuple, ParamSpec

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from counterfoil.errors import CounterfoilError
from counterfoil.texts import visible
from flows.stages import STAGES
from mpc_tasks.barrier import PublicValue, barrier, check_public, say
from mpc_tasks.nowhere import NOWHERE

P = ParamSpec("P")

_limits: dict[str, float] = {}


class Answer(NamedTuple):
    """What a stage ends with, and a word for how, which people read as the state's name: `Released`, `In review`."""

    value: PublicValue
    name: str


def stage(*, timeout_s: float | None = None) -> Callable[[Callable[P, PublicValue | Answer]], Flow[P, State]]:
    """A flow without retries or stored result, which the party's worker ends after the time-out.

    The time-out is that of the function's name in `flows.stages`; a flow that is not listed there gives its own.
    Prefect's own time-out would be raised within a step, and look like the step's fault.

    It ends Completed with its reference as the state's message, or Failed with the error's class as the state's name.
    Nothing is pickled or stored: neither what it returns nor what it raises becomes a Prefect result, and where the
    server says that results go, nothing is written.
    """

    def decorate(function: Callable[P, PublicValue | Answer]) -> Flow[P, State]:
        _limits[function.__name__] = STAGES[function.__name__].limit_s if timeout_s is None else timeout_s

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> State:
            try:
                with barrier():
                    say(f"{function.__name__} begins")
                    given = function(*args, **kwargs)
                    result, name = given if isinstance(given, Answer) else (given, "Completed")
                    check_public(result, f"the result of {function.__name__}")
                    say(f"{function.__name__} ends: {name}, {result}")
                    return Completed(name=name, message=str(result))
            except CounterfoilError as error:
                say(f"{function.__name__} failed: {type(error).__name__}: {error}", failed=True)
                return Failed(name=type(error).__name__, message=visible(str(error)))

        made = flow(
            name=function.__name__,
            retries=0,
            persist_result=False,
            result_serializer="json",
            log_prints=False,
        )(guarded)
        made.result_storage = NOWHERE
        return made

    return decorate


def limit_s(stage: Flow[..., State]) -> float:
    """How long a run of the stage may take."""
    return _limits[stage.name]
