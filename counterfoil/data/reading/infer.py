"""Infer which of the contract's types the columns of an unknown file could have, in the confined reader alone.

A type is kept only while every cell fits it. What fits several is the narrowest: whole numbers, numbers, days, truth
values, text. So is a way of writing numbers or days; one that leaves a cell two meanings is not taken. Knows no
contract.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final

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
from counterfoil.data.reading.foreign.recode import guess_encoding
from counterfoil.data.reading.foreign.spelling import respelt
from counterfoil.data.reading.sources import Limits, column_names, is_stored, is_workbook, open_table
from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.governance.contracts.forms.days import ISO, KNOWN
from counterfoil.governance.contracts.forms.written import Written

MOST_PLACES = 9  # of a number in a contract
STAND_INS = ["."]  # what SAS and Stata write for a number that is missing
NOT_A_NUMBER = ["NaN"]  # what a column of floats has in its place
MARKS: Final = (
    Written(),
    Written(decimal_mark=","),
    Written(decimal_mark=",", thousands_mark="."),
    Written(decimal_mark=",", thousands_mark=" "),
    Written(thousands_mark=","),
    Written(thousands_mark="'"),
)
"""The ways of writing numbers that are tried on an unknown file, the plain one first."""

_ANY: Final = Written(encoding="utf-16")  # whatever text it is
_TIMES: Final = ("date", "timestamp:0", "timestamp:3", "timestamp:6")
_ROUND = f"round them to {MOST_PLACES} decimal places or fewer, as decimal128 or float64"


@dataclass(slots=True)
class _Guess:
    """The types that a column may still have, the narrowest first, by the ways in which cells may be written."""

    stored: bool
    stand_ins: list[str] = field(default_factory=list)
    numbers: dict[Written, list[str]] = field(default_factory=dict)
    days: dict[str, list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=lambda: [*_TIMES, "boolean", "string"])

    def __post_init__(self) -> None:
        whole = ["integer", *(f"number:{n + 1}" for n in range(MOST_PLACES))]
        self.numbers = {way: list(whole) for way in (MARKS[:1] if self.stored else MARKS)}
        self.days = {} if self.stored else {form: list(_TIMES) for form in KNOWN if form != ISO}

    def look(self, values: Any) -> None:
        """Keep the types that a batch of cells allows. Whatever fits one number fits the wider ones."""
        whole, stand_ins = values, NOT_A_NUMBER if self.stored else STAND_INS
        values = without(values, stand_ins)
        if values.null_count > whole.null_count:
            self.stand_ins = stand_ins
        for way, kinds in self.numbers.items():
            while kinds and not self._fits(kinds[0], values, way):
                del kinds[0]
        for form, kinds in self.days.items():
            way = Written(date_format=form)
            self.days[form] = [kind for kind in kinds if self._fits(kind, values, way)]
        self.others = [kind for kind in self.others if self._fits(kind, whole if kind == "string" else values)]

    def kind(self, marks: Written, form: str) -> str:
        """Return the narrowest type in files that are written so; "" where there is none."""
        days = self.days.get(form, []) if self.others[:1] in ([], ["string"]) else []
        return next(iter(self.numbers.get(marks, []) + days + self.others), "")

    def forms(self) -> list[str]:
        """Return the forms of days that it may have, if it can be nothing but text otherwise."""
        if any(self.numbers.values()) or self.others[:1] != ["string"]:
            return []
        return [form for form, kinds in self.days.items() if kinds]

    def _fits(self, kind: str, values: Any, way: Written = MARKS[0]) -> bool:
        if self.stored and not stored_as(kind, values.type):
            return False
        _, good = stored_to(kind, values) if self.stored else text_to(kind, respelt(kind, "", values, way))
        return bool(pc.all(pc.or_(good, pc.is_null(values)), min_count=0).as_py())


def infer(source: BinaryIO, limits: Limits) -> dict[str, Any]:
    """Infer the kind of every column, the cells that count as empty, its name in the file, and how that is written.

    Kinds are written as the reader writes them, by the name that a contract gives the column.

    Raises: UnreadableError, also for a column that stores none of the contract's types.
    """
    text = not is_stored(source, _ANY)
    written = Written(encoding=guess_encoding(source) if text and not is_workbook(source) else "")
    names = column_names(source, written, limits)
    batches = open_table(source, dict.fromkeys(names), written, limits, Misfits(None, ""))
    guesses = {name: _Guess(not text) for name in names}
    types: dict[str, Any] = {}
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        limits.check(rows)
        for name, guess in guesses.items():
            values = batch.column(name)
            types[name] = values.type
            values = values if text else as_bytes(values)
            if pa.types.is_binary(values.type) and (text or stored_as("string", batch.column(name).type)):
                misfits = Misfits(name, "")
                values = utf8(values, misfits, 1)
                if misfits.count:
                    raise UnreadableError(NOT_UTF8, "type", name)
            guess.look(values)
    marks, form = _marks(guesses.values()), _form(guesses.values())
    kinds = {name: guess.kind(marks, form) for name, guess in guesses.items()}
    if wrong := [name for name, kind in kinds.items() if not kind]:
        raise UnreadableError.of([(_unfit(types[name]), "type", name) for name in wrong])
    empty = {name: guess.stand_ins for name, guess in guesses.items() if guess.stand_ins and kinds[name] != "string"}
    found = replace(marks, encoding=written.encoding, date_format=form)
    return {"kinds": kinds, "empty": empty, "names": names, "written": found.json()}


def _marks(guesses: Collection[_Guess]) -> Written:
    """Return the marks by which most columns are numbers; the plain ones where others have two meanings."""
    count = {way: sum(bool(guess.numbers.get(way)) for guess in guesses) for way in MARKS}
    best = [way for way in MARKS if count[way] == max(count.values())]
    told = {way.decimal_mark for way in best}
    return best[0] if best[0] == MARKS[0] or len(told) == 1 else MARKS[0]


def _form(guesses: Iterable[_Guess]) -> str:
    """Return the form of days of all columns that have days and not by ISO 8601; "" where it has two meanings."""
    forms = [set(found) for guess in guesses if (found := guess.forms())]
    common = [form for form in KNOWN if forms and all(form in each for each in forms)]
    orders = {"".join(dict.fromkeys(re.findall("[yMd]", form))) for form in common}
    return common[0] if len(orders) == 1 else ""


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
