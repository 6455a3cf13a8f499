"""Count, sum, mean, variance and standard deviation of columns, over all rows or in groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.distributions import t_quantile
from counterfoil.analyses.grouped import BANDS, BY, Grouped
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.summed import Term
from counterfoil.analyses.sums.spread import Spread, column_of, exact_variance, moments, spreads
from counterfoil.analyses.units import estimate, own_array
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.governance.contracts.column import Column

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")


class Summary(Grouped):
    """Number of rows, and sum, mean, variance and standard deviation of each of `values`, by group where `by` says so.

    Variances are those of a sample, over n - 1. Sums are exact, unless rounding is asked for; squares are summed about
    the middle of a column's bounds, and what their rounding leaves open is said. A group is hidden of all columns.

    A sum with a sum of squares gives two rows away where a group has no more, and a flag's squares say what its sum
    says: both are judged as sums, squares about a group's mean, too, by their persons and their largest parts.
    """

    key = "summary"
    version = 1
    title = "Summary"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "the number of rows in each group",
        "sum": "the sum, and so the mean, of each column in each group",
        "squares": "the sum of squares, and so the variance, of each column in each group",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "values": parameters.columns("the columns to summarise", parameters.NUMBERS, ["balance", "income"]),
        "by": BY,
        "bands": BANDS,
    }

    @property
    def learned(self) -> Mapping[str, str]:
        where = " in each group" if self.by() else ""
        found = {"count": f"the number of rows{where}"}
        for at, column in enumerate(self._columns):
            found[f"sum-{at}"] = f"the sum, and so the mean, of {column.name}{where}"
            found[f"squares-{at}"] = f"the sum of squares, and so the variance, of {column.name}{where}"
        return found

    def terms(self) -> tuple[Term, ...]:
        return tuple(t for at, column in enumerate(self._columns) for t in moments(self, column.name, f"-{at}"))

    def present(self, opened: Opened) -> Result:
        names = [column.name for column in self._columns]
        found = [spreads(self, opened, name, f"-{at}") for at, name in enumerate(names)]
        tables = [self._table(opened, at, spread) for at, spread in enumerate(found)]
        findings = [
            words for column, own in zip(self._columns, found, strict=True) for words in _said(column, own, self)
        ]
        empty = (opened["safe"] == 1) & (opened["count"] < 2)
        assumptions = [f"{int(empty.sum())} groups have no two rows, so they have no variance."] if empty.any() else []
        title = f"Summary of {', '.join(names)}" + (f" by {' and '.join(self.group_names)}" if self.by() else "")
        return self.result(opened, title, findings or ["Too few rows."], tables, assumptions)

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        pooled, names, column = self.pooled(tables), self.group_names, self._columns[0]
        one = self.scale("sum-0")
        grouped = pooled.assign(all=0).groupby(names or ["all"], observed=True)[column.name]
        own = grouped.agg(rows="count", sum="sum", mean="mean", variance=exact_variance).reset_index()
        own["sum"] = own_array(column, own["sum"].to_numpy(), np.zeros(len(own), np.bool_))
        own["mean"], own["variance"] = own["mean"] / one, own["variance"] / one**2
        own["standard deviation"] = np.sqrt(own["variance"])
        own = own[[*names, "rows", "sum", "mean", "standard deviation", "variance"]]
        return self.groups().merge(own, on=names, how="left").fillna({"rows": 0}) if names else own

    def _table(self, opened: Opened, at: int, found: list[Spread | None]) -> ResultTable:
        column, frame, hidden = self._columns[at], self.groups(), opened["safe"].ravel() == 0
        frame["rows"] = pd.array(np.where(hidden, 0, opened["count"].ravel()), "Int64")
        frame.loc[hidden, "rows"] = pd.NA
        frame["sum"] = own_array(column, opened[f"sum-{at}"].ravel(), hidden)
        measures = {"rows": self.measure("count"), "sum": self.measure(f"sum-{at}", column.unit, column.display)}
        squared = f"{column.unit}²" if column.unit else ""
        for name, of, measure in (
            ("mean", "mean", Measure(column.unit, display=column.display)),
            ("standard deviation", "deviation", Measure(column.unit, display=column.display)),
            ("variance", "variance", Measure(squared)),
        ):
            frame[name], off = column_of(found, of)
            measures[name] = replace(measure, bound=off)
        by = f" by {' and '.join(self.group_names)}" if self.by() else ""
        return ResultTable(f"{column.name}{by}", frame, measures)

    @property
    def _columns(self) -> list[Column]:
        given = self.planned.params.get("values", ())
        return [self.column(name, "integer", "number") for name in (given if isinstance(given, list | tuple) else ())]


def _said(column: Column, found: list[Spread | None], analysis: Summary) -> Iterator[str]:
    """Say what is known of a column: its mean with the interval of 95 %, or between which groups that is."""
    shown = [(at, each) for at, each in enumerate(found) if each is not None]
    if not shown:
        return
    least, most = min(shown, key=lambda each: each[1].mean.value), max(shown, key=lambda each: each[1].mean.value)
    if least is most:
        own = shown[0][1]
        half = t_quantile(0.95, own.rows - 1) * own.deviation.value / own.rows**0.5 + own.mean.off
        yield (
            f"{column.name} has a mean of {estimate(column, own.mean.value)} (95 % ± {estimate(column, half, 2)}) and "
            f"a standard deviation of {estimate(column, own.deviation.value)}, over {own.rows:,} rows."
        )
    elif least[1].mean.value + least[1].mean.off < most[1].mean.value - most[1].mean.off:
        labels = [", ".join(map(str, row)) for row in analysis.groups().itertuples(index=False)]
        yield (
            f"The mean of {column.name} is from {estimate(column, least[1].mean.value)} in {labels[least[0]]} to "
            f"{estimate(column, most[1].mean.value)} in {labels[most[0]]}, of the {len(shown)} groups shown."
        )
    for at, own in shown:
        if own.deviation.value <= own.deviation.off:
            name = ", ".join(map(str, analysis.groups().iloc[at])) if analysis.by() else "all rows"
            still = f"{column.name} does not vary in {name}."
            blurred = (
                f"How {column.name} varies in {name} cannot be told: by less than bounds and rounding let be seen."
            )
            yield blurred if own.deviation.off else still
