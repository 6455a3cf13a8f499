"""Whether the means of two groups differ (Welch), or two columns of the same rows do (paired)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.distributions import p_text, t_quantile, t_two_sided
from counterfoil.analyses.grouped import GROUPS, Grouped
from counterfoil.analyses.groupings import Grouping
from counterfoil.analyses.parameters import NAME, Parameter
from counterfoil.analyses.summed import Term
from counterfoil.analyses.sums.spread import Estimate, Spread, column_of, moments, spread_of, spreads
from counterfoil.analyses.units import estimate
from counterfoil.data.encode import LESS
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.disclosure.evidence_tests import EXACT_SUMS
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.column import Column

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

_COMPARED: Final = "compared"


@dataclass(frozen=True, slots=True)
class Tested:
    """A difference, its standard error, and its degrees of freedom, each as near as variances are known."""

    difference: float
    error: Estimate
    dof: Estimate

    @property
    def t(self) -> float:
        return self.difference / self.error.value

    @classmethod
    def paired(cls, own: Spread) -> Tested | None:
        """Test the mean of differences against 0; None where none of them differs from another."""
        return cls._of(own.mean.value, [own])

    @classmethod
    def welch(cls, one: Spread, other: Spread) -> Tested | None:
        """Test two means against one another, whatever their variances; None where nothing varies."""
        return cls._of(one.mean.value - other.mean.value, [one, other])

    @classmethod
    def _of(cls, difference: float, groups: Sequence[Spread]) -> Tested | None:
        parts = [(each.variance.scaled(each.rows), each.rows - 1) for each in groups]
        square = Estimate(sum(part.value for part, _ in parts), sum(part.off for part, _ in parts))
        if square.value <= square.off:
            return None
        dof, low, high = (
            (square.value + sign * square.off) ** 2
            / max(sum(max(part.value - sign * part.off, 0.0) ** 2 / free for part, free in parts), 1e-300)
            for sign in (0, -1, 1)
        )
        ends = max(low, min(free for _, free in parts)), min(high, sum(free for _, free in parts))
        return cls(
            difference, square.root(), Estimate(dof, max(dof - ends[0], ends[1] - dof, 0.0) if square.off else 0.0)
        )


class TTest(Grouped):
    """Student's t-test of means: of the two groups of `by` (Welch), or of `value` less `minus` in the same rows.

    The recipient works out t, its degrees of freedom, p and the interval of 95 % from counts, sums and squares,
    which leave. A policy that rounds is refused.

    Number, mean and spread of a group of two give both rows away, so a group is judged by count, sum and squares. Where
    two columns are compared, each of them, their products and their difference are judged as if they left.
    """

    key = "t_test"
    version = 1
    title = "t-test"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "the number of rows in each group, or of all",
        "sum": "the sum, and so the mean, of the column, or of the difference of two, in each group",
        "squares": "the sum of squares, and so the variance, of the same",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "value": parameters.column("the column whose means are compared", parameters.NUMBERS, "balance"),
        "by": Parameter(
            "the column whose two groups are compared; give this or `minus`", NAME, GROUPS, required=False,
            example="default_flag",
        ),
        "minus": Parameter(
            "the column of the same unit that is compared with `value` in the same rows", NAME, parameters.NUMBERS,
            required=False,
        ),
    }  # fmt: skip
    enforces = EXACT_SUMS

    def terms(self) -> tuple[Term, ...]:
        return moments(self, self._factor)

    def by(self) -> tuple[Grouping, ...]:
        by, minus = (self.planned.params.get(name) for name in ("by", "minus"))
        if (by is None) == (minus is None):
            raise PlanError(f"{self.planned.name}: give one of `by`, for two groups, and `minus`, for pairs in a row")
        if by is None:
            return ()
        found = self.grouping(by)
        if len(found.parts) != 2:
            raise PlanError(
                f"{self.planned.name}: {found.column.name!r} has {len(found.parts)} groups, and two are compared; take "
                "a column of two"
            )
        return (found,)

    def present(self, opened: Opened) -> Result:
        found = spreads(self, opened, self._factor)
        labels = [str(each) for each in self.by()[0].labels] if self.by() else [f"{self._factor}"]
        groups = pd.DataFrame({self.by()[0].column.name if self.by() else "difference": labels})
        groups["rows"] = pd.array([None if each is None else each.rows for each in found], "Int64")
        measures = {"rows": self.measure("count")}
        for name, of in (("mean", "mean"), ("standard deviation", "deviation")):
            groups[name], off = column_of(found, of)
            measures[name] = replace(self._own, bound=off)
        lacking = [label for label, each in zip(labels, found, strict=True) if each is None]
        shown = [each for each in found if each is not None]
        tested = None if lacking else Tested.welch(*shown) if self.by() else Tested.paired(*shown)
        compared = " and ".join(labels)
        if lacking:
            has = "has" if len(lacking) == 1 else "have"
            words = f"No test: {' and '.join(lacking)} cannot be shown, or {has} fewer than two rows."
        elif tested is None:
            words = f"No test: nothing varies in {compared}, or by less than can be told."
        else:
            words = self._finding(tested, labels)
        title = f"{self._value.name} of {compared}" if self.by() else f"{self._factor}"
        kind = (
            "Welch's test: variances of the two groups may differ; rows are independent of one another."
            if self.by()
            else "Paired test: the differences of different rows are independent of one another."
        )
        many = "With few rows in a group, it holds where numbers are near to normally distributed."
        return self.result(
            opened, f"t-test: {title}", [words],
            [self._table(tested), ResultTable(f"Groups of {title}", groups, measures)], [kind, many],
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        pooled = self.pooled(tables)
        minus = self.planned.params.get("minus")
        value = pooled[self._value.name] - (pooled[minus] if minus else 0)
        parts = [value]
        if self.by():
            parts = [value[pooled[self.by()[0].column.name] == label] for label in self.by()[0].labels]
        found = [spread_of(part, self.scale("sum")) for part in parts]
        whole = [each for each in found if each is not None]
        tested = None if len(whole) < len(found) else Tested.welch(*whole) if self.by() else Tested.paired(*whole)
        return self._table(tested).frame

    def _table(self, tested: Tested | None) -> ResultTable:
        if tested is None:
            names = ("difference", "standard error", "from", "to", "t", "degrees of freedom", "p")
            frame = pd.DataFrame({_COMPARED: [self._pair], **{name: [np.nan] for name in names}})
            return ResultTable("Test", frame, {name: Measure() for name in names})
        error, dof, t = tested.error, tested.dof, tested.t
        half = t_quantile(0.95, dof.value) * error.value
        # The least error and the most degrees of freedom make t the largest, and p the smallest.
        farthest, nearest = (tested.difference / (error.value + sign * error.off) for sign in (-1, 1))
        free = [max(dof.value + sign * dof.off, 1e-9) for sign in (1, -1)]
        p, *ends = (t_two_sided(*each) for each in ((t, dof.value), (farthest, free[0]), (nearest, free[1])))
        widest = t_quantile(0.95, free[1]) * (error.value + error.off) - half
        rows = {
            "difference": (tested.difference, self._own, 0.0),
            "standard error": (error.value, self._own, error.off),
            "from": (tested.difference - half, self._own, 2 * widest if error.off else 0.0),
            "to": (tested.difference + half, self._own, 2 * widest if error.off else 0.0),
            "t": (t, Measure(), abs(farthest - t) if error.off else 0.0),
            "degrees of freedom": (dof.value, Measure(), dof.off),
            "p": (p, Measure(), max(abs(p - end) for end in ends) if error.off else 0.0),
        }
        frame = pd.DataFrame({_COMPARED: [self._pair], **{name: [value] for name, (value, _, _) in rows.items()}})
        measures = {name: replace(measure, bound=bound) for name, (_, measure, bound) in rows.items()}
        return ResultTable("Test", frame, measures)

    def _finding(self, tested: Tested, labels: Sequence[str]) -> str:
        p = t_two_sided(tested.t, tested.dof.value)
        half = t_quantile(0.95, tested.dof.value) * tested.error.value
        size, value = abs(tested.difference), self._value
        one, other = value.name, str(self.planned.params.get("minus"))
        way, back = ("more", "less") if tested.difference > 0 else ("less", "more")
        by, ends = estimate(value, size), [estimate(value, abs(size - half)), estimate(value, size + half)]
        between = f"from {ends[0]} {back} to {ends[1]} {way}" if half > size else f"{ends[0]} to {ends[1]}"
        what = (
            f"The mean of {one} is {by} {way} in {labels[0]} than in {labels[1]}"
            if self.by()
            else f"{one} is {by} {way} than {other} in the same rows, on average"
        )
        told = "" if p < 0.05 else " A difference of this size may well be chance."
        test = f"t = {tested.t:,.2f}, {tested.dof.value:,.1f} degrees of freedom, {p_text(p)}"
        return f"{what} (95 % {between}; {test}).{told}"

    @property
    def _factor(self) -> str:
        if (minus := self.planned.params.get("minus")) is None:
            return self._value.name
        other = self.column(minus, "integer", "number")
        if (other.unit, other.type, other.resolution) != (self._value.unit, self._value.type, self._value.resolution):
            raise PlanError(
                f"{self.planned.name}: {self._value.name!r} and {other.name!r} differ in unit, type or decimal places; "
                "only columns that agree in these have a difference"
            )
        if other.name == self._value.name:
            raise PlanError(f"{self.planned.name}: {other.name!r} less itself is nothing; name another column")
        return f"{self._value.name}{LESS}{other.name}"

    @property
    def _pair(self) -> str:
        return LESS.join(self.by()[0].labels) if self.by() else self._factor

    @property
    def _own(self) -> Measure:
        return Measure(self._value.unit, display=self._value.display)

    @property
    def _value(self) -> Column:
        return self.column(self.planned.params.get("value"), "integer", "number")
