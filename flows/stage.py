"""The decorator that makes a function a stage: a Prefect flow that ends with a reference or with a named failure."""

import functools
import inspect
from collections.abc import Callable
from typing import NamedTuple, ParamSpec

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from counterfoil.errors import CounterfoilError
from counterfoil.texts import visible
from counterfoil_prefect.flows.stages import Stage, named
from counterfoil_prefect.mpc_tasks.barrier import PublicValue, barrier, check_public, say
from counterfoil_prefect.mpc_tasks.nowhere import NOWHERE

P = ParamSpec("P")

_described: dict[str, Stage] = {}


class Answer(NamedTuple):
    """What a stage ends with, and a word for how, which people read as the state's name: `Released`, `In review`."""

    value: PublicValue
    name: str


def stage(described: Stage) -> Callable[[Callable[P, PublicValue | Answer]], Flow[P, State]]:
    """Make a flow without retries or stored result of the function, which the party's worker ends after its limit.

    Prefect's own time-out would be raised within a step, and look like the step's fault.

    It ends Completed with its reference as the state's message, or Failed with the error's class as the state's name.
    Nothing is pickled or stored: neither what it returns nor what it raises becomes a Prefect result, and where the
    server says that results go, nothing is written.
    """

    def decorate(function: Callable[P, PublicValue | Answer]) -> Flow[P, State]:
        name, taken = function.__name__, inspect.signature(function).parameters
        _described[name] = named(described, name, inspect.getdoc(function), taken)

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


def description_of(stage: Flow[..., State]) -> Stage:
    """Look up how the stage is described."""
    return _described[stage.name]
