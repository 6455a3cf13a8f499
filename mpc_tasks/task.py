"""The decorator that makes a function a step of a joint analysis, run and shown by Prefect.

Knows Prefect's tasks and the barrier; nothing of what a step does.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError
from counterfoil_prefect.mpc_tasks.barrier import barrier, check_public
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.nowhere import NOWHERE

P = ParamSpec("P")
R = TypeVar("R")


def mpc_task(name: str, version: int, *, of: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a Prefect task without cache, retries or stored result, through which only public values pass.

    One that fails leaves an entry in the party's own log: which step, the error's class, and what it was asked for.

    `of` names the parameter that says what the step works on, for the run's name: `evaluate mean-by-group v2`.
    A version is fixed by its test vectors: when the step's behaviour changes, so does its version.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            asked = signature.bind(*args, **kwargs).arguments
            try:
                with barrier():
                    for parameter, value in asked.items():
                        check_public(value, f"{parameter!r} of {name}")
                    result = function(*args, **kwargs)
                    check_public(result, f"the result of {name}")
                    return result
            except CounterfoilError as error:
                with suppress(CounterfoilError), barrier():  # a log that cannot be written does not hide the reason
                    _note_failure(name, error, asked)
                raise

        made = task(
            name=name,
            version=str(version),
            task_run_name=f"{name} {{{of}}} v{version}" if of else f"{name} v{version}",
            cache_policy=NO_CACHE,
            retries=0,
            persist_result=False,
            result_serializer="json",
            log_prints=False,
        )(guarded)
        made.result_storage = NOWHERE
        return made

    return decorate


def _note_failure(step: str, error: CounterfoilError, asked: Mapping[str, object]) -> None:
    """Log an entry like `receive-failed`, about `replay-error`, with every reference that the step was given."""
    refs = {}
    for parameter, value in asked.items():
        if isinstance(value, Ref):
            refs[parameter] = str(value)
        elif isinstance(value, tuple):
            refs |= {f"{parameter}-{index}": str(item) for index, item in enumerate(value) if isinstance(item, Ref)}
    home().log.append(
        f"{step.replace('_', '-')}-failed",
        subject=re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower(),
        refs=refs,
        counts={"exit-code": error.exit_code},
    )
