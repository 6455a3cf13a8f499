"""Write a result table as text cells, as JSON and as CSV. A hidden cell has no number in any of them.

Knows that an empty cell means `hidden` where the result suppressed something, and `not defined` elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from counterfoil.deferred import deferred
from counterfoil.report import wording

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.analyses.base import Measure, Result, ResultTable
else:
    pd = deferred("pandas")

HIDDEN, NOT_DEFINED = "hidden", "not defined"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table for people; `label` is empty for the columns that say which cell it is."""

    name: str
    unit: str
    label: str

    @property
    def kind(self) -> str:
        """`exact`, `bounded` or `noised`, without how much."""
        return self.label.partition(",")[0]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as text; `kind` is index, value or missing."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A table whose every cell is text."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def common(self) -> str:
        """The label that all measured columns share, else ""."""
        labels = {column.label for column in self.columns if column.label}
        return labels.pop() if len(labels) == 1 else ""

    @property
    def single(self) -> bool:
        """Whether it is one row of measured numbers, which reads better large than in a grid."""
        return len(self.rows) == 1 and all(column.label for column in self.columns)


def missing_text(result: Result) -> str:
    """Return what an empty cell of this result means."""
    return HIDDEN if result.suppressed else NOT_DEFINED


def label(measure: Measure) -> str:
    """Write `exact`, `bounded` with the bound, or `noised` with the interval, unless these differ from row to row."""
    if measure.interval is not None:
        return (
            "noised" if math.isnan(measure.interval) else f"noised, 95 % within {wording.error_bound(measure.interval)}"
        )
    if measure.bound == 0 or math.isnan(measure.bound):
        return measure.label
    return f"{measure.label}, {wording.error_bound(measure.bound)}"


def shown(table: ResultTable, missing: str) -> Shown:
    """Lay out the table as people read it."""
    columns, texts = [], []
    for name in table.frame.columns:
        measure = table.measures.get(str(name))
        columns.append(Column(str(name), measure.unit if measure else "", label(measure) if measure else ""))
        texts.append(column_texts(table, name))
    kinds = ["value" if column.label else "index" for column in columns]
    rows = tuple(
        tuple(Cell(text or missing, kind if text else "missing") for text, kind in zip(row, kinds, strict=True))
        for row in zip(*texts, strict=True)
    )
    return Shown(table.title, tuple(columns), rows)


def column_texts(table: ResultTable, name: Hashable) -> list[str]:
    """Write the column's cells as people read them, "" where a number is missing."""
    measure, values = table.measures.get(str(name)), [_plain(value) for value in table.frame[name]]
    if measure is None:
        return ["" if value is None else str(value) for value in values]
    decimals = wording.decimals_for((value for value in values if value is not None), measure.bound)
    exact = measure.bound == 0 and measure.interval is None
    return ["" if value is None else wording.number(value, decimals, tiny=exact) for value in values]


def as_json(table: ResultTable, missing: str) -> dict[str, Any]:
    """Write the table for machines: full precision; null is a missing number, and `missing` says why."""
    columns: list[dict[str, Any]] = []
    for name in map(str, table.frame.columns):
        measure = table.measures.get(name)
        facts = _facts(measure) if measure else {}
        called = {"heading": table.headings[name]} if name in table.headings else {}
        columns.append({"name": name, "role": "measure" if measure else "index", **called, **facts})
    cells = ([_in_json(_plain(value)) for value in table.frame[name]] for name in table.frame.columns)
    return {
        "title": table.title,
        "columns": columns,
        "missing": missing,
        "rows": [list(row) for row in zip(*cells, strict=True)],
    }


def _in_json(value: Any) -> Any:
    """Write a decimal as a number while that says it exactly, else as text."""
    if not isinstance(value, Decimal):
        return value
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


def _facts(measure: Measure) -> dict[str, Any]:
    shown = measure.display
    display = {"display": {"unit": shown.unit, "divideBy": shown.divisor}} if shown else {}
    if measure.interval is None:
        bound = None if math.isnan(measure.bound) else measure.bound
        return {"unit": measure.unit, "label": measure.label, "bound": bound, **display}
    interval = None if math.isnan(measure.interval) else measure.interval
    return {"unit": measure.unit, "label": measure.label, "interval": interval, "confidence": 0.95, **display}


@dataclass(frozen=True, slots=True)
class Flat:
    """A tidy table: plain columns in full precision, and of each measured one its unit and how exact it is.

    A column that has a bound or an interval is followed by a column with it.
    """

    frame: pd.DataFrame
    facts: Mapping[str, Mapping[str, Any]]


def flat(table: ResultTable) -> Flat:
    """Flatten the table for spreadsheets and statistical tools.

    Text that a spreadsheet would run as a formula is quoted.
    """
    columns: dict[str, Any] = {}
    facts: dict[str, Mapping[str, Any]] = {}
    for name in table.frame.columns:
        heading, values, measure = _inert(str(name)), table.frame[name], table.measures.get(str(name))
        columns[heading] = values if measure else [_inert(str(value)) for value in values]
        if measure is None:
            continue
        said = {"title": table.headings.get(str(name)), **_facts(measure)}
        facts[heading] = {key: value for key, value in said.items() if value is not None and key != "display"}
        if measure.bound and not math.isnan(measure.bound):
            columns[f"{heading} bound"] = measure.bound
        if measure.interval is not None and not math.isnan(measure.interval):
            columns[f"{heading} within 95 %"] = measure.interval
    return Flat(pd.DataFrame(columns, index=table.frame.index), facts)


def as_csv(flat: Flat, missing: str) -> str:
    """Write the tidy table as CSV; `missing` marks a number that is not there."""
    return flat.frame.to_csv(index=False, na_rep=missing, lineterminator="\n")


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _plain(value: Any) -> Any:
    """Convert a numpy or pandas scalar to Python's own, a missing one to None."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
