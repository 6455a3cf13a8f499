"""What a flow run's own process holds between its steps: a table, an attempt. Prefect sees only references to it.

A reference's digest here is random: it names the thing and says nothing about it, not even to somebody who can guess
its content. Nothing survives the process.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from counterfoil.canonical import Ref
from counterfoil.errors import NotFoundError
from counterfoil.home import Home
from counterfoil_prefect.mpc_tasks.barrier import say

if TYPE_CHECKING:
    from counterfoil.roles.node.attempt import Computation

T = TypeVar("T")

_held: dict[Ref, object] = {}


@cache
def home() -> Home:
    """Open the home of the party that this process works for."""
    return Home.open()


def hold(kind: str, thing: object) -> Ref:
    """Hold the thing under a fresh reference, by which this process finds it again."""
    reference = Ref(kind, home().party, secrets.token_hex(32))
    _held[reference] = thing
    return reference


def held(reference: Ref, kind: type[T]) -> T:
    """Find what this process holds under the reference. Raises: NotFoundError."""
    thing = _held.get(reference)
    if not isinstance(thing, kind):
        raise NotFoundError(f"no {kind.__name__} is held here under {reference}; steps of one flow run share a process")
    return thing


def drop(reference: Ref) -> None:
    """Hold it no more."""
    _held.pop(reference, None)


def note_step(computation: Computation, step: str, type: str, counts: Mapping[str, int], **refs: str) -> None:
    """Log that the step is done, and by which attempt if it was an earlier one, which the run's page says, too."""
    done_by = computation.steps.attempt_of(step)
    taken_up = {} if done_by == computation.attempt else {"computed-by-attempt": done_by}
    home().log.append(type, subject=computation.job.id, refs=refs, counts={**counts, **taken_up})
    if taken_up:
        say(f"computed by attempt {done_by}, and taken up from what all nodes kept of it")


@contextmanager
def attempt_of(reference: Ref) -> Iterator[Computation]:
    """Give one step the attempt. An error ends it as a whole: peers are told, and what it held is gone."""
    from counterfoil.roles.node.attempt import Computation  # noqa: PLC0415 (other parties lack what it needs)

    computation = held(reference, Computation)
    try:
        yield computation
    except Exception as error:
        drop(reference)
        computation.fail(error)
        raise
