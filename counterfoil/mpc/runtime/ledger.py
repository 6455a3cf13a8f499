"""Limit what a job may open, and record what it opened: an undeclared value is refused before a byte is sent.

The running digest of everything opened is the transcript that parties compare at barriers. Values themselves are never
kept. Knows nothing of how a value is opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from counterfoil.canonical import Json, bind
from counterfoil.errors import LedgerError
from counterfoil.mpc.ring.shares import Words


@dataclass(frozen=True, slots=True)
class Declared:
    """One line of the leakage statement: what may be opened, how often at most, and why that is harmless.

    What `varies` may be opened less often, as chance has it.
    """

    label: str
    maximum: int
    purpose: str
    varies: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """One opening, as it happened."""

    label: str
    op: int
    shape: tuple[int, ...]


class Ledger:
    """Openings of one attempt, charged before and recorded after."""

    def __init__(self, declared: Iterable[Declared]) -> None:
        self.declared = {line.label: line for line in declared}
        self.opened: list[Opened] = []
        self.transcript = bytes(32)
        self._charged: Counter[str] = Counter()
        self._limit: frozenset[str] | None = None

    def charge(self, label: str) -> None:
        """Charge one opening under this label; call before anything is sent.

        Raises: LedgerError if the label is not declared, was opened as often as it may be, or is another's.
        """
        if self._limit is not None and label not in self._limit:
            raise LedgerError(
                f"opening {label!r} is not the analysis's own; declare it in `openings` or do not open it"
            )
        line = self.declared.get(label)
        if line is None:
            raise LedgerError(f"opening {label!r} is not in the leakage statement; declare it or do not open it")
        if self._charged[label] >= line.maximum:
            raise LedgerError(f"opening {label!r} was declared {line.maximum} times and is asked for once more")
        self._charged[label] += 1

    @contextmanager
    def limited_to(self, labels: Collection[str]) -> Iterator[None]:
        """Refuse all openings under other labels than these, declared or not, until the block ends."""
        before, self._limit = self._limit, frozenset(labels)
        try:
            yield
        finally:
            self._limit = before

    def kept(self) -> dict[str, Json]:
        """Describe the openings so far for a checkpoint: all of it is public among the parties."""
        opened: list[Json] = [[line.label, line.op, list(line.shape)] for line in self.opened]
        return {"opened": opened, "transcript": self.transcript.hex()}

    def take_up(self, kept: Mapping[str, Any]) -> None:
        """Charge the openings of an earlier attempt, before the checkpoint that this one resumes from, to this one.

        Raises: LedgerError as `charge`.
        """
        for label, op, shape in kept["opened"]:
            self.charge(label)
            self.opened.append(Opened(label, op, tuple(shape)))
        self.transcript = bind("mpc/resumed/1", self.transcript, bytes.fromhex(kept["transcript"]))

    def note(self, label: str, op: int, value: Words) -> None:
        """Record an opening, and bind its value into the transcript."""
        self.opened.append(Opened(label, op, value.shape))
        shape = ",".join(map(str, value.shape)).encode()
        self.transcript = bind(
            "mpc/opened/1", self.transcript, label.encode(), op.to_bytes(8, "little"), shape, value.tobytes()
        )
