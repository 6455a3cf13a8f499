"""Which of the contract's types the columns of an unknown file could have. Runs in the confined reader alone.

A type is kept only while every cell fits it. What fits several is the narrowest: whole numbers, numbers, days, truth
values, text. Knows no contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.data.cells import NOT_UTF8, Misfits, as_bytes, stored_as, stored_to, text_to, utf8, without
from counterfoil.data.sources import Limits, column_names, is_stored, open_table
from counterfoil.data.unreadable import UnreadableError

MOST_PLACES = 9  # of a number in a contract
STAND_INS = ["."]  # what SAS and Stata write for a number that is missing


@dataclass(slots=True)
class _Guess:
    """What a column may still be, the narrowest first."""

    stand_in: bool = False
    numbers: list[str] = field(default_factory=lambda: ["integer", *(f"number:{n + 1}" for n in range(MOST_PLACES))])
    others: list[str] = field(
        default_factory=lambda: ["date", *(f"timestamp:{places}" for places in (0, 3, 6)), "boolean", "string"]
    )

    def look(self, values: Any, stored: bool) -> None:
        """Keeps what a batch of cells allows. Whatever fits one number fits the wider ones."""
        whole = values
        if not stored:
            values = without(values, STAND_INS)
            self.stand_in |= values.null_count > whole.null_count
        while self.numbers and not _fits(self.numbers[0], values, stored):
            del self.numbers[0]
        self.others = [kind for kind in self.others if _fits(kind, whole if kind == "string" else values, stored)]


def infer(source: BinaryIO, limits: Limits) -> dict[str, dict[str, Any]]:
    """The kind of every column of the file, as the reader writes kinds, the cells that count as empty, and its name
    in the file, by the name that a contract gives it.

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
            values = as_bytes(values) if stored else values
            if pa.types.is_binary(values.type) and (not stored or stored_as("string", batch.column(name).type)):
                misfits = Misfits(name, "")
                values = utf8(values, misfits, 1)
                if misfits.count:
                    raise UnreadableError(NOT_UTF8, "type", name)
            guess.look(values, stored)
    kinds = {name: next(iter(guess.numbers + guess.others), "") for name, guess in guesses.items()}
    if wrong := [name for name, kind in kinds.items() if not kind]:
        problem = "the file stores neither numbers, days, times, truth values nor UTF-8 text; export it so"
        raise UnreadableError.of([(problem, "type", name) for name in wrong])
    empty = {name: STAND_INS for name, guess in guesses.items() if guess.stand_in and kinds[name] != "string"}
    return {"kinds": kinds, "empty": empty, "names": names}


def _fits(kind: str, values: Any, stored: bool) -> bool:
    if stored and not stored_as(kind, values.type):
        return False
    _, good = (stored_to if stored else text_to)(kind, values)
    return bool(pc.all(pc.or_(good, pc.is_null(values)), min_count=0).as_py())
