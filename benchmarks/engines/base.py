"""Declare what the benchmark asks of an engine. Shares go from the dealer to the parties before any clock starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.workloads import Array, Workload


@dataclass(frozen=True)
class Program:
    """A workload written for an engine.

    `decode` turns what came out, and the number of rows, into the answer. What the workload leaves to do in clear, once
    its result is released, is done there.
    """

    run: Callable[..., Any]
    encode: Callable[..., tuple[Array, ...]] = lambda *data: data
    decode: Callable[[Array, int], Array] = lambda opened, _: opened


class Dealer(ABC):
    """The outside world: it knows the data, deals shares to the parties, and puts results together again."""

    #: how many parties compute
    parties: int
    #: what exactly runs: name, version, settings
    about: str
    programs: dict[str, Program]

    @abstractmethod
    def meeting(self, port: int) -> list[Any]:
        """Return, for each party, what it needs to find and know the others; ports from `port` on are free."""

    @abstractmethod
    def deal(self, workload: Workload, data: tuple[Array, ...]) -> list[Any]:
        """Share the data; return, for each party, what `load` takes."""

    @abstractmethod
    def reveal(self, results: list[Any]) -> Array:
        """Recombine what a run computed, from what each party's `result` gave."""


class Party(ABC):
    """One of the computing processes."""

    @abstractmethod
    def load(self, part: Any) -> None:
        """Take this party's shares and prepare whatever a first run would otherwise wait for."""

    @abstractmethod
    def run(self) -> None:
        """Compute, from shares to shares. This alone is timed."""

    @abstractmethod
    def result(self) -> Any:
        """Return this party's shares of the last run's result."""

    def rest(self) -> None:  # noqa: B027 (not every engine lets go of them)
        """Let shares and results go, while others have their turn."""

    def meter(self) -> tuple[int, int] | None:
        """Return the rounds and payload bytes sent so far, if the engine counts them."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Close the links without disturbing the others."""
