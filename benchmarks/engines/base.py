"""What the benchmark asks of an engine. Shares travel from the dealer to the parties before any clock starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from benchmarks.workloads import Array, Workload


class Dealer(ABC):
    """The outside world: it knows the data, deals shares to the parties, and puts results together again."""

    #: how many parties compute
    parties: int
    #: what exactly runs: name, version, settings
    about: str

    @abstractmethod
    def workloads(self) -> dict[str, tuple[str, ...]]:
        """The workloads that this engine can run, and for each the ways of writing it, the usual one first."""

    @abstractmethod
    def meeting(self, port: int) -> list[Any]:
        """For each party, what it needs to find and know the others; ports from `port` on are free."""

    @abstractmethod
    def deal(self, workload: Workload, way: str, data: tuple[Array, ...]) -> list[Any]:
        """For each party, what `load` takes."""

    @abstractmethod
    def reveal(self, workload: Workload, way: str, results: list[Any], size: int) -> Array:
        """The answer, from what each party's `result` gave. What the workload leaves to do in clear is done here."""


class Party(ABC):
    """One of the computing processes."""

    @abstractmethod
    def load(self, part: Any) -> None:
        """Takes this party's shares and makes ready whatever a first run would otherwise wait for."""

    @abstractmethod
    def run(self) -> None:
        """The computation, from shares to shares. This alone is timed."""

    @abstractmethod
    def result(self) -> Any:
        """This party's shares of the last run's result."""

    def meter(self) -> tuple[int, int] | None:
        """Rounds and payload bytes sent so far, if the engine counts them."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Leaves the others in peace."""
