"""The decorator that makes a function a step of a joint analysis, run and shown by Prefect.

Knows Prefect's tasks and the barrier; nothing of what a step does.
"""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from mpc_tasks.barrier import barrier, check_public

P = ParamSpec("P")
R = TypeVar("R")


def mpc_task(name: str, version: int, *, of: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task without cache, retries or stored result, through which only public values pass.

    `of` names the parameter that says what the step works on, for the run's name: `evaluate mean-by-group v2`.
    A version is fixed by its test vectors: when the step's behaviour changes, so does its version.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            with barrier():
                for parameter, value in signature.bind(*args, **kwargs).arguments.items():
                    check_public(value, f"{parameter!r} of {name}")
                result = function(*args, **kwargs)
                check_public(result, f"the result of {name}")
                return result

        return task(
            name=name,
            version=str(version),
            task_run_name=f"{name} {{{of}}} v{version}" if of else f"{name} v{version}",
            cache_policy=NO_CACHE,
            retries=0,
            persist_result=False,
            result_serializer="json",
            log_prints=False,
        )(guarded)

    return decorate
