"""Correlation of numeric columns, from sums that each owner makes or from row-level shares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from math import isqrt
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis, Checked, Input, Measure, Result, ResultTable, total_of
from counterfoil.analyses.resolution import CLEAR, FLOAT, around, findings, size, smallest_spread
from counterfoil.analyses.sums.moments import Moments, sums_told
from counterfoil.analyses.units import places
from counterfoil.data.encode import WIDEST, encode_scaled
from counterfoil.deferred import deferred
from counterfoil.disclosure import cell_tests
from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells, Limits, Opened, Output, Told
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.noise import CONFIDENCE, Moves, PlanNoise
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.truncate import trunc_exact
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.data.reading.table import Table
else:
    pd = deferred("pandas")

LIMB_BITS: Final = 15
"""Products of rows are made of two limbs of so many bits, so that sums of them fit into a word."""

FINE_BITS: Final = 2 * LIMB_BITS
"""Binary places of z, and of all its moments."""

_ONE: Final = 1 << FINE_BITS
_ROOM_BITS: Final = 61

_FIGURES: Final = 5
"""A correlation rests on so many noised moments: two sums, two sums of squares, one of products."""


class Correlation(Analysis):
    """Pearson correlation of every pair of the planned columns.

    Each column is centred and scaled by its contract bounds to z in [-1, 1], which leaves correlations as they are, and
    rounded to FINE_BITS. With `rows: local` every owner hands in its count, sums and sums of products; with `rows:
    shared` it hands in z itself as high·2^-15 + low·2^-30, and the products are one matrix product on shares. Both
    release the same moments, made of whole numbers alone. With noise it is in the moments, and the rest follows.
    """

    key = "correlation"
    version = 1
    title = "Correlation"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "the number of rows",
        "sum": "the mean of each column",
        "cross": "the covariance of each pair of columns",
    }
    params = frozenset({"rows"})
    statistics = frozenset({"correlations"})
    enforces = frozenset({"safe_dof_threshold", "safe_owners", "safe_other_rows", "check_missing_values"})

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        for column in self._columns:
            low, high = self.bounds(column)
            if not 0 < high - low <= WIDEST or abs(low) + abs(high) > WIDEST:
                raise RangeError(
                    f"{planned.name}: {column.name!r} cannot be scaled from {column.minimum} to {column.maximum}; give "
                    f"it bounds in {contract.id} that are apart, and whose sizes add up to 2^52 of its last decimal "
                    "place at most"
                )
        if limits.total_rows >= 1 << (_ROOM_BITS - FINE_BITS):
            raise RangeError(f"{planned.name}: {limits.total_rows} rows are too many")

    def inputs(self) -> tuple[Input, ...]:
        width, limb, reach = len(self._columns), 1 << LIMB_BITS, self.limits.rows * _ONE
        if self._shared:
            return (
                Input("high", (width,), -limb, limb, LIMB_BITS, per_row=True),
                Input("low", (width,), 0, limb - 1, FINE_BITS, per_row=True),
            )
        return (
            Input("count", (), 0, self.limits.rows),
            Input("sum", (width,), -reach, reach, FINE_BITS),
            Input("cross", (len(self._pairs[0]),), -reach, reach, FINE_BITS),
        )

    def outputs(self) -> tuple[Output, ...]:
        return (
            Output("safe", ()),
            Output("count", ()),
            Output("sum", (len(self._columns),), FINE_BITS),
            Output("cross", (len(self._pairs[0]),), FINE_BITS),
        )

    def untold(self) -> tuple[str, ...]:
        """Say below which spread of its values a column has no correlation that can be told."""
        if self.noise:
            return ()
        rows = self.limits.owners * self.contract.fewest_rows
        each = ", ".join(
            f"{column.name} {size(1.01 * smallest_spread(_ONE, self._parts, rows) * self._half(column))}"
            for column in self._columns
        )
        return (
            f"correlations are told of columns whose standard deviation is at least so much, over {rows:,} rows, and "
            f"for less with more of them: {each}; that follows from their bounds in the contract",
        )

    def axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        return () if self.noise is None else None

    def features(self) -> tuple[Feature, ...]:
        if self.noise is not None:
            return ()
        names = [column.name for column in self._columns]
        products = (Feature((names[i], names[j])) for i, j in zip(*self._pairs, strict=True))
        return (Feature(), *(Feature((name,)) for name in names), *products)

    def told(self, opened: Opened) -> Iterator[Told]:
        """Give the sums, scaled and rounded: each owner's by its own unit, each row's to FINE_BITS."""
        count, off = int(opened["count"].item()), 2 * self.limits.owners + 1
        columns = {column.name: self.bounds(column) for column in self._columns}
        sums, products = (opened[name] / _ONE for name in ("sum", "cross"))
        return sums_told(
            columns, count, sums, dict(zip(zip(*self._pairs, strict=True), products, strict=True)), (count + off) / _ONE
        )

    def moves(self) -> Mapping[str, Moves]:
        """Return how far one row moves sums: by 2, and the sum of a column's squares by 1, in units of z.

        How far all products z_i·z_j of two columns move together is convex in each z_i, so it is largest between rows
        of ends: signs that differ in d of w columns flip d·(w - d) products, w² / 4 at most. Each sum is rounded down
        in two parts, which moves it by one unit of 2^-30 more at most. The number of rows is public.
        """
        width, size, rows = len(self._columns), len(self._pairs[0]), self.limits.total_rows
        flips = width * width // 4
        l1, squares = 2 * flips + width, 4 * flips + width
        return {
            "sum": Moves(2 * width * _ONE, 4 * width * _ONE**2, cells=width, size=width, reach=rows * _ONE),
            "cross": Moves(
                l1 * _ONE + size,
                squares * _ONE**2 + 2 * _ONE * (isqrt(squares * size) + 1) + size,
                cells=size,
                size=size,
                reach=rows * _ONE + 2 * self.limits.owners,
            ),
        }

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        fine = np.column_stack([encode_scaled(table, column.name, FINE_BITS).values for column in self._columns])
        high, low = fine >> LIMB_BITS, fine & ((1 << LIMB_BITS) - 1)
        if self._shared:
            return {"high": high, "low": low}
        mixed = high.T @ low
        middle, last = (mixed + mixed.T) >> LIMB_BITS, (low.T @ low) >> FINE_BITS
        return {
            "count": np.array(len(fine), np.int64),
            "sum": fine.sum(axis=0),
            "cross": (high.T @ high + middle + last)[self._pairs],
        }

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        if not self._shared:
            total, cross = (total_of([o.values[name] for o in owners]) for name in ("sum", "cross"))
            return self._cells(p, [o.values["count"] for o in owners], total, cross)
        width, (i, j) = len(self._columns), self._pairs
        limbs: Arith = concat([concat([o.values["high"], o.values["low"]], axis=1) for o in owners])
        sums, products = limbs.sum(axis=0), p.matmul(limbs.T, limbs)
        # In units of 2^-30, 2^-45 and 2^-60; what is finer than 2^-30 is cut off.
        high, mixed, low = products[:width, :width], products[:width, width:], products[width:, width:]
        middle, last = trunc_exact(p, (mixed + mixed.T)[i, j], LIMB_BITS), trunc_exact(p, low[i, j], FINE_BITS)
        total = sums[:width] * (1 << LIMB_BITS) + sums[width:]
        return self._cells(p, [owner.valid.sum() for owner in owners], total, high[i, j] + middle + last)

    def sums(self) -> frozenset[str]:
        names = [column.name for column in self._columns]
        pairs = [(names[i], names[j]) for i in range(len(names)) for j in range(i + 1)]
        return frozenset({"rows", *(f"scaled sum of {name}" for name in names), *(_product(*pair) for pair in pairs)})

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        names, slack = [column.name for column in self._columns], self._off
        total, cross = cells.values["sum"], cells.values["cross"]
        return {
            "rows": Stated(cells.count),
            **{f"scaled sum of {name}": Stated(total[at], FINE_BITS, slack) for at, name in enumerate(names)},
            **{
                _product(names[i], names[j]): Stated(cross[at], FINE_BITS, slack)
                for at, (i, j) in enumerate(zip(*self._pairs, strict=True))
            },
        }

    @property
    def _parts(self) -> int:
        """Into how many parts sums of products are made and cut off: on shares once, or by every owner."""
        return 1 if self._shared else self.limits.owners

    @property
    def _off(self) -> int:
        """By how many units of 2^-30 a sum or a product can be off, whatever the rows.

        Each z is off by half a unit and 2^-22, so each product by little more than one, and two numbers of each part
        are cut off.
        """
        rows = self.limits.total_rows
        return rows + (rows >> 20) + 1 + 2 * self._parts

    def present(self, opened: Opened) -> Result:
        names = [column.name for column in self._columns]
        safe, count = bool(opened["safe"].item()), int(opened["count"].item())
        moments = Moments.of(opened["sum"] / _ONE, self._square(opened["cross"] / _ONE), count) if safe else None
        if self.noise:
            return self._present_noised(self.noise, names, moments, count)
        frame, bound, flat = self._frame(names), 0.0, np.zeros(len(names), dtype=bool)
        if moments:
            # A covariance is off by at most `slack`; of a column that varies by little more, nothing can be told.
            spread, slack = moments.spread, self._slack(moments.spread, count)
            flat = spread**2 <= CLEAR * np.diag(slack)
            with np.errstate(divide="ignore", invalid="ignore"):
                correlation = moments.covariance / np.outer(spread, spread)
                relative = np.diag(slack) / spread**2 / 2
                bounds = slack / np.outer(spread, spread) + np.abs(correlation) * np.add.outer(relative, relative)
            correlation[flat, :] = correlation[:, flat] = np.nan
            frame.loc[:, names] = np.where(np.eye(len(names), dtype=bool) & ~flat, 1.0, correlation)
            bound = float(np.nanmax(np.where(np.isnan(correlation), np.nan, bounds), initial=0.0))
        title = "Correlation of " + ", ".join(names)
        return Result(
            self.planned.name, self.key, self.version, title,
            findings(frame, names, count, safe, around(frame[names].to_numpy(float), bound)),
            (ResultTable(title, frame, {name: Measure(bound=bound) for name in names}, chart="heatmap"),),
            suppressed=int(not safe), cells=1,
            assumptions=tuple(self._not_told(self._columns[i], count) for i in np.flatnonzero(flat)),
        )  # fmt: skip

    def _present_noised(self, noise: PlanNoise, names: list[str], moments: Moments | None, count: int) -> Result:
        """Correlate the noised moments, and say for each pair where the exact correlation is with CONFIDENCE.

        Each of a pair's five moments is within its half-width but for a fifth of what may fail, so all of them are at
        once often enough. The ends are the smallest and the largest quotient that moments within theirs allow.
        """
        frame, i, j = self._frame(names), *np.tril_indices(len(names), -1)
        pairs = pd.DataFrame({"one": np.array(names)[j], "other": np.array(names)[i]})
        pairs[["from", "to", "correlation"]] = np.nan
        lost, ends = np.zeros(len(names), dtype=bool), around(frame[names].to_numpy(float), 0.0)
        if moments:
            each = 1 - (1 - CONFIDENCE) / _FIGURES
            # Each z is off by little more than half a unit, so a product by little more than one; parts are cut off.
            off = (1.0, 2.0 + 2 * self._parts / count)
            half = [
                (noise.half_width(array, each) / count + rounded) / _ONE
                for array, rounded in zip(("sum", "cross"), off, strict=True)
            ]
            low, high, lost = moments.between(*half)
            ends = (low, high)
            with np.errstate(divide="ignore", invalid="ignore"):
                correlation = np.clip(moments.covariance / np.outer(moments.spread, moments.spread), low, high)
            correlation[lost, :] = correlation[:, lost] = np.nan
            frame.loc[:, names] = np.where(np.eye(len(names), dtype=bool) & ~lost, 1.0, correlation)
            for name, matrix in (("from", low), ("to", high), ("correlation", correlation)):
                pairs[name] = np.where(lost[i] | lost[j], np.nan, matrix[i, j])
        title, varies = "Correlation of " + ", ".join(names), Measure(interval=math.nan)
        return Result(
            self.planned.name, self.key, self.version, title,
            findings(frame, names, count, moments is not None, ends),
            (
                ResultTable(title, frame, dict.fromkeys(names, varies), chart="heatmap"),
                ResultTable("Each pair, 95 % of the time", pairs, dict.fromkeys(("from", "to", "correlation"), varies)),
            ),
            suppressed=int(moments is None), cells=1,
            assumptions=tuple(
                f"{names[at]} varies too little for so much noise, so its correlations cannot be told."
                for at in np.flatnonzero(lost)
            ),
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names = [column.name for column in self._columns]
        frame = pd.concat(tables)[names].astype(float).corr().reset_index(drop=True)
        frame.insert(0, "column", names)
        return frame

    def _cells(self, p: Protocol, counts: Sequence[Arith], total: Arith, cross: Arith) -> Cells:
        """Test all moments together, on all owners' rows; a line through all columns leaves count - width free."""
        wanted, count = self.rules, total_of(counts)
        tests = dict(cell_tests.owners_test(p, wanted, counts))
        if wanted.safe_dof_threshold:
            free = p.add_public(count, -(wanted.safe_dof_threshold + len(self._columns)))
            tests["safe_dof_threshold"] = free.reshape(1)
        return Cells(count, {"sum": total, "cross": cross}, tests)

    def _slack(self, spread: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """Bound how far each covariance of z can be off: by rounding before sharing, cutting off and floating point.

        Each z is off by at most u, so by Cauchy-Schwarz a covariance is by u·(s_i + s_j) + u², and two numbers of each
        part of each sum of products are cut off.
        """
        u = 0.5 / _ONE
        return u * np.add.outer(spread, spread) + u**2 + 2 * self._parts / (_ONE * count) + FLOAT

    def _square(self, cross: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the whole matrix of what is released once for each pair."""
        (i, j), width = self._pairs, len(self._columns)
        whole = np.empty((width, width))
        whole[i, j] = whole[j, i] = cross
        return whole

    @staticmethod
    def _frame(names: list[str]) -> pd.DataFrame:
        frame = pd.DataFrame(np.full((len(names), len(names)), np.nan), columns=names)
        frame.insert(0, "column", names)
        return frame

    def _not_told(self, column: Column, count: int) -> str:
        """Say that a column varies too little for its bounds, and what would help."""
        smallest = smallest_spread(_ONE, self._parts, count)
        below, unit = 1.01 * smallest * self._half(column), 10.0 ** -places(column)
        if below < unit * math.sqrt(count - 1) / count:  # what one row that differs by one unit would make of it
            return f"{column.name} is the same in all rows, so it has no correlation."
        return (
            f"{column.name} varies too little for its bounds, {column.minimum} to {column.maximum}: its standard "
            f"deviation is below {size(below)}, so that its correlations cannot be told. They could be with bounds "
            f"that are at most {size(1 / smallest)} times the standard deviation apart, if it varies at all."
        )

    def _half(self, column: Column) -> float:
        """Return half the width of the column's bounds, in its own unit: what z = 1 is away from the middle."""
        low, high = self.bounds(column)
        return (high - low) / 2 / float(10 ** places(column))

    @property
    def _shared(self) -> bool:
        rows = self.planned.params.get("rows", "local")
        if rows not in ("local", "shared"):
            raise PlanError(f"{self.planned.name}: `rows` is local or shared")
        return bool(rows == "shared")

    @property
    def _columns(self) -> list[Column]:
        columns = [self.column(name, "integer", "number") for name in self.planned.columns]
        if len(columns) < 2:
            raise PlanError(f"{self.planned.name}: list at least two numeric columns")
        return columns

    @property
    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Every pair of columns once, each with itself, too."""
        i, j = np.tril_indices(len(self._columns))
        return i, j


def _product(one: str, other: str) -> str:
    """Name a sum of products, whichever of the two comes first."""
    first, second = sorted((one, other))
    return f"scaled product of {first} and {second}"
