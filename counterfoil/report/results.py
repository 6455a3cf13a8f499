"""Results as an analyst works with them: a DataFrame for each analysis, with how exact it is and what is hidden."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.errors import DocumentError
from counterfoil.governance.contracts.forms.display import read_display
from counterfoil.governance.documents import did_you_mean
from counterfoil.report.pages.displayed import displayed
from counterfoil.report.pages.notebook import fragment
from counterfoil.report.render import REHEARSAL


@dataclass(frozen=True, repr=False)
class Results(Mapping[str, pd.DataFrame]):
    """Results by the names of their analyses: the first table of each, as a DataFrame; a hidden number is NA.

    What every measured column is, its unit and how exact it is, is in `measures`, and in `frame.attrs["columns"]`.
    `displayed` has the same by the headings and in the units that people are shown in reports.

    Attributes:
        title: The agreement's title.
        period: Which period the results are of.
        results: The same as the analyses gave them, with findings and assumptions.
        about: What they are of, in sentences.
        rehearsed: Whether they are no release.
    """

    title: str
    period: str
    results: Mapping[str, Result]
    about: tuple[str, ...] = ()
    rehearsed: bool = False

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables(name)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def tables(self, name: str) -> tuple[pd.DataFrame, ...]:
        """Return all tables of an analysis. Raises: KeyError."""
        return tuple(_framed(each) for each in self._result(name).tables)

    def displayed(self, name: str) -> tuple[pd.DataFrame, ...]:
        """Return all tables of an analysis as reports show them: with headings, and in the units for people.

        Raises: KeyError.
        """
        return tuple(_framed(displayed(each)) for each in self._result(name).tables)

    def measures(self, name: str) -> pd.DataFrame:
        """Return the unit, the label and the bound or 95 % interval of each measured column. Raises: KeyError."""
        rows = [
            {"table": table.title, "column": column, **_facts(each)}
            for table in self._result(name).tables
            for column, each in table.measures.items()
        ]
        return pd.DataFrame(rows).astype({"interval": float}).set_index(["table", "column"])

    def findings(self, name: str) -> tuple[str, ...]:
        """Return what the results say in plain words. Raises: KeyError."""
        return self._result(name).findings

    @property
    def hidden(self) -> pd.DataFrame:
        """How many cells each analysis has, and how many of them are hidden."""
        rows = {name: {"cells": each.cells, "hidden": each.suppressed} for name, each in self.results.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["cells", "hidden"]).rename_axis("analysis")

    def _result(self, name: str) -> Result:
        if name not in self.results:
            raise KeyError(f"no analysis {name!r}{did_you_mean(name, self.results)}; there are {', '.join(self)}")
        return self.results[name]

    def __repr__(self) -> str:
        listed = "".join(f"\n  {name}: {result.title}" for name, result in self.results.items())
        return f"<{'rehearsal, not released' if self.rehearsed else 'results'}: {self.title}, {self.period}>{listed}"

    def _repr_html_(self) -> str:
        return fragment(f"{self.title}, {self.period}", self.about, self.results.values(), rehearsal=self.rehearsed)


def numbers(results: Any) -> list[Any]:
    """Take from the results of a report's JSON what the numbers are. Raises: DocumentError."""
    try:
        return [(each["name"], [table["rows"] for table in each["tables"]]) for each in results]
    except (KeyError, TypeError):
        raise DocumentError("a report's JSON without its results; make the report anew") from None


def read_rehearsal(value: Mapping[str, Any], source: str) -> Results:
    """Read the JSON of a rehearsal. Raises: DocumentError."""
    try:
        if value["format"] != REHEARSAL:
            raise DocumentError(f"{source}: not a rehearsal of this version; rehearse anew: counterfoil rehearse")
        results = {each["name"]: _result(each) for each in value["results"]}
        return Results(value["title"], value["period"], results, tuple(value["rehearsal"]), rehearsed=True)
    except (KeyError, TypeError, ValueError):
        raise DocumentError(f"{source}: damaged; rehearse anew: counterfoil rehearse") from None


def _result(value: Mapping[str, Any]) -> Result:
    facts: dict[str, Any] = {
        name: value[name] for name in ("name", "analysis", "version", "title", "suppressed", "cells")
    }
    texts = {name: tuple(value[name]) for name in ("findings", "assumptions")}
    return Result(**{**facts, **texts, "tables": tuple(map(_table, value["tables"]))})


def _table(value: Mapping[str, Any]) -> ResultTable:
    names = [column["name"] for column in value["columns"]]
    measures = {column["name"]: _measure(column) for column in value["columns"] if column["role"] == "measure"}
    frame = pd.DataFrame(value["rows"], columns=names, dtype=object)
    headings = {column["name"]: column["heading"] for column in value["columns"] if "heading" in column}
    typed = frame.assign(**{name: _numbers(frame[name]) for name in measures})
    return ResultTable(value["title"], typed, measures, headings=headings)


def _measure(column: Mapping[str, Any]) -> Measure:
    display = read_display(column["display"]) if "display" in column else None
    if column["label"] != "noised":
        bound = math.nan if column["bound"] is None else column["bound"]
        return Measure(column["unit"], bound, display=display)
    interval = math.nan if column["interval"] is None else column["interval"]
    return Measure(column["unit"], interval=interval, display=display)


def _numbers(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Give the column a type of numbers, where it has any; a decimal that no float is written as stays text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int}:
        return cells.astype("Int64")
    return cells.astype(float) if kinds <= {int, float} else cells


def _framed(table: ResultTable) -> pd.DataFrame:
    frame = table.frame.copy()
    frame.attrs = {"title": table.title, "columns": {name: _facts(each) for name, each in table.measures.items()}}
    return frame


def _facts(measure: Measure) -> dict[str, Any]:
    return {"unit": measure.unit, "label": measure.label, "bound": measure.bound, "interval": measure.interval}
