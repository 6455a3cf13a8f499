"""Infer which of the contract's types the columns of an unknown file could have, in the confined reader alone.

A type is kept only while every cell fits it. What fits several is the narrowest: whole numbers, numbers, days, truth
values, text. Knows no contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.data.reading.cells import (
    DIGITS,
    NOT_UTF8,
    Misfits,
    as_bytes,
    stored_as,
    stored_to,
    text_to,
    utf8,
    without,
)
from counterfoil.data.reading.sources import Limits, column_names, is_stored, open_table
from counterfoil.data.reading.unreadable import UnreadableError

MOST_PLACES = 9  # of a number in a contract
STAND_INS = ["."]  # what SAS and Stata write for a number that is missing
NOT_A_NUMBER = ["NaN"]  # what a column of floats has in its place
_ROUND = f"round them to {MOST_PLACES} decimal places or fewer, as decimal128 or float64"


@dataclass(slots=True)
class _Guess:
    """The types that a column may still have, the narrowest first."""

    stand_ins: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=lambda: ["integer", *(f"number:{n + 1}" for n in range(MOST_PLACES))])
    others: list[str] = field(
        default_factory=lambda: ["date", *(f"timestamp:{places}" for places in (0, 3, 6)), "boolean", "string"]
    )

    def look(self, values: Any, stored: bool) -> None:
        """Keep the types that a batch of cells allows. Whatever fits one number fits the wider ones."""
        whole, stand_ins = values, NOT_A_NUMBER if stored else STAND_INS
        values = without(values, stand_ins)
        if values.null_count > whole.null_count:
            self.stand_ins = stand_ins
        while self.numbers and not _fits(self.numbers[0], values, stored):
            del self.numbers[0]
        self.others = [kind for kind in self.others if _fits(kind, whole if kind == "string" else values, stored)]


def infer(source: BinaryIO, limits: Limits) -> dict[str, dict[str, Any]]:
    """Infer the kind of every column, the cells that count as empty, and its name in the file.

    Kinds are written as the reader writes them, by the name that a contract gives the column.

    Raises: UnreadableError, also for a column that stores none of the contract's types.
    """
    stored, names = is_stored(source), column_names(source, limits)
    batches = open_table(source, dict.fromkeys(names), limits, Misfits(None, ""))
    guesses = {name: _Guess() for name in names}
    types: dict[str, Any] = {}
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        limits.check(rows)
        for name, guess in guesses.items():
            values = batch.column(name)
            types[name] = values.type
            values = as_bytes(values) if stored else values
            if pa.types.is_binary(values.type) and (not stored or stored_as("string", batch.column(name).type)):
                misfits = Misfits(name, "")
                values = utf8(values, misfits, 1)
                if misfits.count:
                    raise UnreadableError(NOT_UTF8, "type", name)
            guess.look(values, stored)
    kinds = {name: next(iter(guess.numbers + guess.others), "") for name, guess in guesses.items()}
    if wrong := [name for name, kind in kinds.items() if not kind]:
        raise UnreadableError.of([(_unfit(types[name]), "type", name) for name in wrong])
    empty = {name: guess.stand_ins for name, guess in guesses.items() if guess.stand_ins and kinds[name] != "string"}
    return {"kinds": kinds, "empty": empty, "names": names}


def _unfit(stored: Any) -> str:
    """Explain why no type of a contract holds all cells of this stored type, and what to store instead."""
    is_ = pa.types
    if is_.is_dictionary(stored):
        stored = stored.value_type
    if is_.is_integer(stored):
        return f"it has whole numbers of more than {DIGITS} digits; store them as string if they name something"
    if is_.is_floating(stored):
        return (
            f"it has infinite numbers, some with more decimal places than {MOST_PLACES}, or so large that a float does "
            f"not hold them exactly; write null where a value is missing, store what names something as string, and "
            f"otherwise {_ROUND}"
        )
    if is_.is_decimal(stored):
        return f"it has numbers of more than {DIGITS} digits with their decimal places; {_ROUND}"
    if is_.is_timestamp(stored):
        return "it has times finer than microseconds, or outside of the years 1 to 9999; round them, or write null"
    return (
        f"the file stores neither numbers, days, times, truth values nor UTF-8 text, but {str(stored)[:40]}; store one "
        "of these, or leave the column out"
    )


def _fits(kind: str, values: Any, stored: bool) -> bool:
    if stored and not stored_as(kind, values.type):
        return False
    _, good = (stored_to if stored else text_to)(kind, values)
    return bool(pc.all(pc.or_(good, pc.is_null(values)), min_count=0).as_py())
