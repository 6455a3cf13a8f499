"""Which of the contract's types the columns of an unknown file could have. Runs in the confined reader alone.

A type is kept only while every cell fits it. What fits several is the narrowest: whole numbers, numbers, days, truth
values, text. Knows no contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow.compute as pc

from counterfoil.data.cells import Misfits, stored_as, stored_to, text_to, utf8
from counterfoil.data.sources import Limits, UnreadableError, column_names, is_stored, open_table

MOST_PLACES = 9  # of a number in a contract


@dataclass(slots=True)
class _Guess:
    """What a column may still be, the narrowest first."""

    numbers: list[str] = field(default_factory=lambda: ["integer", *(f"number:{n + 1}" for n in range(MOST_PLACES))])
    others: list[str] = field(default_factory=lambda: ["date", "boolean", "string"])

    def look(self, values: Any, stored: bool) -> None:
        """Keeps what a batch of cells allows. Whatever fits one number fits the wider ones."""
        while self.numbers and not _fits(self.numbers[0], values, stored):
            del self.numbers[0]
        self.others = [kind for kind in self.others if _fits(kind, values, stored)]


def infer(source: BinaryIO, limits: Limits) -> dict[str, str]:
    """The kind of every column of the file, as the reader writes kinds.

    Raises: UnreadableError, also for a column that stores none of the contract's types.
    """
    stored, names = is_stored(source), column_names(source, limits)
    batches = open_table(source, dict.fromkeys(names), limits, Misfits(None, ""))
    guesses = {name: _Guess() for name in names}
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        limits.check(rows)
        for name, guess in guesses.items():
            values = batch.column(name)
            guess.look(values if stored else utf8(values, Misfits(name, ""), 1), stored)
    kinds = {name: next(iter(guess.numbers + guess.others), "") for name, guess in guesses.items()}
    for name, kind in kinds.items():
        if not kind:
            raise UnreadableError(
                "the file stores neither numbers, days, truth values nor text; export it so", "type", name
            )
    return kinds


def _fits(kind: str, values: Any, stored: bool) -> bool:
    if stored and not stored_as(kind, values.type):
        return False
    _, good = (stored_to if stored else text_to)(kind, values)
    return bool(pc.all(pc.or_(good, pc.is_null(values)), min_count=0).as_py())
