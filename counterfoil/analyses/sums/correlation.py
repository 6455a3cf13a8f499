"""Correlation of numeric columns, from sums that each owner makes or from row-level shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses import flags
from counterfoil.analyses.base import Analysis, Checked, Measure, Result, ResultTable, total_of
from counterfoil.analyses.parameters import NUMBERS, ROWS, Parameter
from counterfoil.analyses.resolution import around, findings, size, smallest_spread, variance_tests
from counterfoil.analyses.sums import noised_moments, stated
from counterfoil.analyses.sums.coefficients import STEPS, coefficients, of_pairs
from counterfoil.analyses.units import places
from counterfoil.data.encode import WIDEST, encode_scaled
from counterfoil.data.row_tags import persons_of
from counterfoil.deferred import deferred
from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells, Input, Limits, Opened, Output, Told
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.noise import Moves
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.truncate import trunc_exact
from counterfoil.mpc.circuits.numeric.correlate import Correlated, Moments
from counterfoil.mpc.circuits.numeric.fixed import Fixed
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

VARIES: Final = "varies_too_little"
"""What is counted, beside the rules, where a pair is hidden because a correlation of it would not be right."""

TABLE: Final = "table_of_flags"
"""What is counted where a pair is hidden because too few rows have, or have not, some of the flags."""

_ONE: Final = 1 << FINE_BITS
_ROOM_BITS: Final = 61

_NOISED: Final[Mapping[str, str]] = {
    "count": "the number of rows",
    "sum": "the mean of each column, with noise",
    "cross": "the covariance of each pair of columns, with noise",
}


class Correlation(Analysis):
    """Pearson correlation of every pair of the planned columns, to the nearest 0.001.

    Each column is centred and scaled by its contract bounds to z in [-1, 1], which leaves correlations as they are, and
    rounded to FINE_BITS. With `rows: local` every owner hands in its count, sums and sums of products; with `rows:
    shared` it hands in z itself as high·2^-15 + low·2^-30, and the products are one matrix product on shares. The nodes
    conclude the coefficients while all of it is shared, so that no mean and no variance leaves; what they are concluded
    from is judged as if it left, pair by pair. With noise it is in the moments, which leave, and the rest follows.
    """

    key = "correlation"
    version = 2
    retired: ClassVar[Mapping[int, str]] = {1: "released sums of products, which give single rows away"}
    title = "Correlation"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "the number of rows",
        "correlation": "the correlation of each pair of columns, to the nearest 0.001",
    }
    params: ClassVar[Mapping[str, Parameter]] = {"rows": ROWS}
    takes = NUMBERS
    example = ("balance", "income", "age")
    statistics = frozenset({"correlations"})
    enforces = frozenset(
        {"safe_dof_threshold", "safe_owners", "safe_other_rows", "check_missing_values", "safe_round_counts"}
    )

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

    # --- public, from the plan ----------------------------------------------------------------------------------

    def inputs(self) -> tuple[Input, ...]:
        width, limb, reach = len(self._columns), 1 << LIMB_BITS, self.limits.rows * _ONE
        cells, most = (
            ((1 << len(self._flags)) - (not flags.by_person(self.contract)),),
            1 if self._shared else self.limits.rows,
        )
        flagged = (Input("flags", cells, 0, most, per_row=self._shared),) if self._counted_flags else ()
        if self._shared:
            return (
                *flagged,
                Input("high", (width,), -limb, limb, LIMB_BITS, per_row=True),
                Input("low", (width,), 0, limb - 1, FINE_BITS, per_row=True),
            )
        return (
            *flagged,
            Input("count", (), 0, self.limits.rows),
            Input("sum", (width,), -reach, reach, FINE_BITS),
            Input("cross", (len(self._products[0]),), -reach, reach, FINE_BITS),
        )

    def outputs(self) -> tuple[Output, ...]:
        if self.planned.privacy is not None:
            lengths = {"sum": len(self._columns), "cross": len(self._products[0])}
            moments = (Output(name, (length,), FINE_BITS) for name, length in lengths.items())
            return (Output("safe", ()), Output("count", ()), *moments)
        pairs = (len(self._pairs[0]),)
        return (Output("safe", pairs), Output("count", pairs), Output("correlation", pairs))

    @property
    def learned(self) -> Mapping[str, str]:
        return _NOISED if self.planned.privacy is not None else self.learns

    def numbers(self) -> int:
        return 0 if self.planned.privacy is not None else 1 + len(self._pairs[0])

    def counted(self) -> Mapping[str, Bound]:
        return {"count": Bound(0, self.limits.total_rows)}

    def untold(self) -> tuple[str, ...]:
        """Say below which spread of its values a column has no correlation that can be told."""
        if self.planned.privacy is not None:
            return ()
        rows = self.limits.owners * self.contract.fewest_rows
        each = ", ".join(f"{column.name} {self._least(column, rows)}" for column in self._columns)
        return (
            f"correlations are told of columns whose standard deviation is at least so much, over {rows:,} rows, and "
            f"for less with more of them: {each}; that follows from their bounds in the contract",
        )

    def own_features(self) -> tuple[Feature, ...]:
        if self.planned.privacy is not None:
            return ()
        names = [column.name for column in self._columns]
        products = (Feature((names[i], names[j])) for i, j in zip(*self._products, strict=True))
        return (Feature(), *(Feature((name,)) for name in names), *products)

    def made_of(self) -> Sequence[Sequence[Feature]]:
        names = [column.name for column in self._columns]
        pairs = [{names[i], names[j]} for i, j in zip(*self._pairs, strict=True)]
        return [tuple(each for each in self.features() if pair >= each.columns) for pair in pairs]

    def told(self, opened: Opened) -> Iterator[Told]:
        names, shown = [column.name for column in self._columns], self._shown(opened)
        if shown.any() and not self.rounded:
            count = float(opened["count"].max())
            yield Told(Feature(), count, count)
        for i, j, r in zip(*(each[shown] for each in (*self._pairs, opened["correlation"] / STEPS)), strict=True):
            yield Told(Feature((names[i], names[j])), r - 1 / STEPS, r + 1 / STEPS, coefficient=True)

    def moves(self) -> Mapping[str, Moves]:
        return noised_moments.moves(len(self._columns), self.limits.total_rows, self.limits.owners, _ONE)

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        fine = np.column_stack([encode_scaled(table, column.name, FINE_BITS).values for column in self._columns])
        high, low = fine >> LIMB_BITS, fine & ((1 << LIMB_BITS) - 1)
        has = [(fine[:, at] > 0).astype(np.int64) for at, column in enumerate(self._columns) if column in self._flags]
        persons = persons_of(table) if flags.by_person(self.contract) else None
        cells = {"flags": flags.cells_of(has, persons)} if self._counted_flags else {}
        if self._shared:
            return {**cells, "high": high, "low": low}
        mixed = high.T @ low
        middle, last = (mixed + mixed.T) >> LIMB_BITS, (low.T @ low) >> FINE_BITS
        return {
            **{name: each.sum(axis=0) for name, each in cells.items()},
            "count": np.array(len(fine), np.int64),
            "sum": fine.sum(axis=0),
            "cross": (high.T @ high + middle + last)[self._products],
        }

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        if not self._shared:
            total, cross = (total_of([o.values[name] for o in owners]) for name in ("sum", "cross"))
            return self._cells(p, owners, [o.values["count"] for o in owners], total, cross)
        width, (i, j) = len(self._columns), self._products
        limbs: Arith = concat([concat([o.values["high"], o.values["low"]], axis=1) for o in owners])
        sums, products = limbs.sum(axis=0), p.matmul(limbs.T, limbs)
        # In units of 2^-30, 2^-45 and 2^-60; what is finer than 2^-30 is cut off.
        high, mixed, low = products[:width, :width], products[:width, width:], products[width:, width:]
        middle, last = trunc_exact(p, (mixed + mixed.T)[i, j], LIMB_BITS), trunc_exact(p, low[i, j], FINE_BITS)
        total = sums[:width] * (1 << LIMB_BITS) + sums[width:]
        rows = [owner.valid.sum() for owner in owners]
        return self._cells(p, owners, rows, total, high[i, j] + middle + last)

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        (found,) = self.conclude_together(p, [(self, cells)])
        return found

    @classmethod
    def conclude_together(cls, p: Protocol, asked: Sequence[tuple[Self, Cells]]) -> list[Cells]:
        """Conclude the coefficients on shares: a cell a pair, with the tests of all rows and of both its columns.

        Of a column that varies too little for its bounds no correlation would be right; shares are tested for it, too.
        """
        exact = [each for each in asked if each[0].planned.privacy is None]
        found = iter(coefficients(p, [own._moments(cells) for own, cells in exact]))
        return [own._by_pair(p, cells, *next(found)) if own.planned.privacy is None else cells for own, cells in asked]

    def present(self, opened: Opened) -> Result:
        names = [column.name for column in self._columns]
        if self.noise is not None:
            return noised_moments.present(self.planned, self.version, self.noise, names, opened, self._parts, _ONE)
        told = self._shown(opened)
        count = int(opened["count"].max(initial=0, where=told))
        values = np.full((len(names), len(names)), np.nan)
        values[self._pairs] = np.where(told, opened["correlation"] / STEPS, np.nan)
        values = np.where(np.isnan(values), values.T, values)
        lost = np.isnan(values).all(axis=0)
        np.fill_diagonal(values, np.where(lost, np.nan, 1.0))
        frame, bound = pd.DataFrame({"column": names} | dict(zip(names, values.T, strict=True))), 1 / STEPS
        rows = f"{'about ' if self.rounded else ''}{count:,} rows"
        title = "Correlation of " + ", ".join(names)
        return Result(
            self.planned.name, self.key, self.version, title,
            findings(frame, names, rows, around(values, bound)) if told.any() else ("No correlation can be shown.",),
            (ResultTable(title, frame, {name: Measure(bound=bound) for name in names}, chart="heatmap"),),
            suppressed=int(told.size - told.sum()), cells=told.size,
            assumptions=(
                *(self._not_told(self._columns[at], count) for at in np.flatnonzero(lost)),
                *(
                    f"The correlation of {names[j]} and {names[i]} is hidden: a disclosure rule forbids it."
                    for i, j, shown in zip(*self._pairs, told, strict=True)
                    if not (shown or lost[i] or lost[j])
                ),
            ),
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names = [column.name for column in self._columns]
        frame = pd.concat(tables)[names].astype(float).corr().reset_index(drop=True)
        frame.insert(0, "column", names)
        return frame

    def sums(self) -> frozenset[str]:
        return stated.named([column.name for column in self._columns])

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        return stated.stated([column.name for column in self._columns], cells, FINE_BITS, self._off)

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
        return self.limits.total_rows + (self.limits.total_rows >> 20) + 1 + 2 * self._parts

    def _cells(
        self, p: Protocol, owners: Sequence[Checked], rows: Sequence[Arith], total: Arith, cross: Arith
    ) -> Cells:
        """Test all moments together, on all owners' rows; a line through all columns leaves count - width free."""
        wanted, count, tests = self.rules, total_of(rows), {}
        if least := wanted.safe_dof_threshold:
            tests["safe_dof_threshold"] = p.add_public(count, -(least + len(self._columns))).reshape(1)
        if self._flags:
            verdict = flags.judged(p, wanted, self._cells_of_flags(p, owners, rows), rows)
            tests[TABLE] = flags.column_tests(p, verdict, self._columns)
        return Cells(count, {"sum": total, "cross": cross}, tests)

    def _moments(self, cells: Cells) -> Moments:
        count = Fixed(cells.count.reshape(1), 0, Bound(0, self.limits.total_rows))
        return Moments(count, cells.values["sum"], cells.values["cross"])

    def _by_pair(self, p: Protocol, cells: Cells, found: Correlated, steps: Arith) -> Cells:
        """Give each pair its coefficient, in STEPS, and the tests that it goes by. Local."""
        tests = {VARIES: variance_tests(p, found, self._parts), **cells.tests}
        of_columns: dict[str, Arith] = {rule: tests.pop(rule) for rule in (VARIES, TABLE) if rule in tests}
        count = cells.count.reshape(1).broadcast_to(steps.shape)
        return Cells(count, {"correlation": steps}, of_pairs(self._pairs, tests, of_columns))

    def _cells_of_flags(self, p: Protocol, owners: Sequence[Checked], counts: Sequence[Arith]) -> list[Arith]:
        """Return by owner how many have which flags; a single one's rows follow from its sum."""
        if self._counted_flags:
            return [o.values["flags"].sum(axis=0) if self._shared else o.values["flags"] for o in owners]
        at = self._columns.index(self._flags[0])
        sums = [o.values["high"][:, at].sum() * (1 << LIMB_BITS) + o.values["low"][:, at].sum() for o in owners]
        return flags.from_sums(p, counts, sums, FINE_BITS)

    def _not_told(self, column: Column, count: int) -> str:
        """Say of a column without correlations why that can be, from what was released alone."""
        rows = count or self.limits.owners * self.contract.fewest_rows
        return (
            f"{column.name} has no correlation that can be shown: a disclosure rule forbids it, or it varies too "
            f"little for its bounds, {column.minimum} to {column.maximum}. A standard deviation of "
            f"{self._least(column, rows)} would do over {rows:,} rows."
        )

    def _least(self, column: Column, rows: int) -> str:
        """Write the standard deviation, in the column's own unit, from which on its correlations are told."""
        low, high = self.bounds(column)
        return size(1.01 * smallest_spread(self._parts, rows) * (high - low) / 2 / float(10 ** places(column)))

    @staticmethod
    def _shown(opened: Opened) -> NDArray[np.bool_]:
        """Return which pairs are; none over no rows, which rules may let leave."""
        return opened["safe"].astype(bool) & (opened["count"] > 0)

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
    def _flags(self) -> tuple[Column, ...]:
        """The columns of two values, where the result is exact."""
        return () if self.planned.privacy is not None else flags.flags_of(self._columns)

    @property
    def _counted_flags(self) -> bool:
        """Whether owners hand in which flags rows have: not of one alone among rows on shares."""
        return len(self._flags) > (1 if self._shared and not flags.by_person(self.contract) else 0)

    @property
    def _products(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Every pair of columns once, each with itself, too."""
        return np.tril_indices(len(self._columns))

    @property
    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Every pair of columns once."""
        return np.tril_indices(len(self._columns), -1)
