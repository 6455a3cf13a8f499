"""Correlation of numeric columns, from sums that each owner makes or from row-level shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from counterfoil.analyses import rules
from counterfoil.analyses.base import (
    Analysis,
    Cells,
    Checked,
    Input,
    Measure,
    Opened,
    Output,
    Result,
    ResultTable,
    total_of,
)
from counterfoil.analyses.crosscheck import Stated
from counterfoil.data.encode import encode, encode_scaled
from counterfoil.data.table import Table
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.contract import Column
from counterfoil.mpc.circuits.truncate import trunc_exact
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.shares import Arith, concat

LIMB_BITS = 15
"""Rows are shared in two limbs of so many bits, so that sums of their products fit into a word."""

FINE_BITS = 2 * LIMB_BITS
_ROOM_BITS = 61


class Correlation(Analysis):
    """Pearson correlation of every pair of the planned columns.

    Each column is centred and scaled by its contract bounds to z in [-1, 1], which leaves correlations as they are.
    With `rows: local` every owner hands in its count, sums and cross products; with `rows: shared` it hands in z itself
    as high·2^-15 + low·2^-30, and the cross products are one matrix product on shares. Both release the same moments.
    """

    key = "correlation"
    version = 1
    title = "Correlation"
    reveals = ("the number of rows", "the mean of each column", "the covariance of each pair of columns")
    params = frozenset({"rows"})
    statistics = frozenset({"correlations"})
    enforces = frozenset({"safe_dof_threshold", "safe_owners", "check_missing_values"})

    def inputs(self) -> tuple[Input, ...]:
        width, limb, bits = len(self._columns), 1 << LIMB_BITS, self._frac_bits
        if self._shared:
            return (
                Input("high", (width,), -limb, limb, LIMB_BITS, per_row=True),
                Input("low", (width,), 0, limb - 1, FINE_BITS, per_row=True),
            )
        reach = self.limits.rows << bits
        return (
            Input("count", (), 0, self.limits.rows),
            Input("sum", (width,), -reach, reach, bits),
            Input("cross", (width, width), -reach, reach, bits),
        )

    def outputs(self) -> tuple[Output, ...]:
        width, bits = len(self._columns), self._frac_bits
        return (
            Output("safe", ()),
            Output("count", ()),
            Output("sum", (width,), FINE_BITS if self._shared else bits),
            Output("cross", (width, width), bits),
        )

    def axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        return ()

    def summed(self) -> tuple[str, ...]:
        return tuple(column.name for column in self._columns)

    def numbers(self) -> int:
        width = len(self._columns)
        return 1 + width + width * (width + 1) // 2

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        if self._shared:
            fine = np.column_stack([encode_scaled(table, column.name, FINE_BITS).values for column in self._columns])
            return {"high": fine >> LIMB_BITS, "low": fine & ((1 << LIMB_BITS) - 1)}
        z, one = self._scaled(table), float(1 << self._frac_bits)
        return {
            "count": np.array(len(z), np.int64),
            "sum": np.rint(z.sum(axis=0) * one).astype(np.int64),
            "cross": np.rint((z.T @ z) * one).astype(np.int64),
        }

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        if not self._shared:
            total, cross = (total_of([o.values[name] for o in owners]) for name in ("sum", "cross"))
            return self._cells(p, [o.values["count"] for o in owners], total, cross)
        width, bits = len(self._columns), self._frac_bits
        limbs: Arith = concat([concat([o.values["high"], o.values["low"]], axis=1) for o in owners])
        sums, products = limbs.sum(axis=0), p.matmul(limbs.T, limbs)
        # In units of 2^-30, 2^-45 and 2^-60; what is finer than 2^-bits is cut off.
        high, mixed, low = products[:width, :width], products[:width, width:], products[width:, width:]
        middle = trunc_exact(p, mixed + mixed.T, FINE_BITS + LIMB_BITS - bits)
        total = sums[:width] * (1 << LIMB_BITS) + sums[width:]
        cross = high * (1 << (bits - FINE_BITS)) + middle + trunc_exact(p, low, 2 * FINE_BITS - bits)
        return self._cells(p, [owner.valid.sum() for owner in owners], total, cross)

    def sums(self) -> frozenset[str]:
        names = [column.name for column in self._columns]
        pairs = [(names[i], names[j]) for i in range(len(names)) for j in range(i + 1)]
        return frozenset({"rows", *(f"scaled sum of {name}" for name in names), *(_product(*pair) for pair in pairs)})

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        names, bits, slack = [column.name for column in self._columns], self._frac_bits, self._off
        fine = FINE_BITS if self._shared else bits
        total, cross = cells.values["sum"], cells.values["cross"]
        stated = {"rows": Stated(cells.count)}
        for i, one in enumerate(names):
            stated[f"scaled sum of {one}"] = Stated(total[i], fine, slack >> (bits - fine))
            for j in range(i + 1):
                stated[_product(one, names[j])] = Stated(cross[i, j], bits, slack)
        return stated

    @property
    def _off(self) -> int:
        """By how many units of 2^-bits a sum or a product can be off, whatever the rows.

        Rows: each z by half a unit of 2^-30, so each product by one, and two parts are cut off. Sums: each owner's is
        rounded, after floating point was off by n²·2^-53 at most in adding n numbers up to 1.
        """
        bits = self._frac_bits
        if self._shared:
            return (self.limits.total_rows << (bits - FINE_BITS)) + 2
        return self.limits.owners * (1 + (self.limits.rows**2 << bits >> 53)) + 1

    def present(self, opened: Opened) -> Result:
        names = [column.name for column in self._columns]
        safe, count = bool(opened["safe"].item()), int(opened["count"].item())
        frame = pd.DataFrame(np.full((len(names), len(names)), np.nan), columns=names)
        bound, flat = 0.0, np.zeros(len(names), dtype=bool)
        if safe:
            scale = {output.name: 2.0**-output.frac_bits for output in self.outputs()}
            mean = opened["sum"] * scale["sum"] / count
            covariance = opened["cross"] * scale["cross"] / count - np.outer(mean, mean)
            spread = np.sqrt(np.clip(np.diag(covariance), 0.0, None))
            # A covariance is off by at most `slack`; a column that hardly varies has no correlation.
            slack = self._slack(spread, count)
            flat = spread**2 <= 100 * np.diag(slack)
            with np.errstate(divide="ignore", invalid="ignore"):
                correlation = covariance / np.outer(spread, spread)
                relative = np.diag(slack) / spread**2 / 2
                bounds = slack / np.outer(spread, spread) + np.abs(correlation) * np.add.outer(relative, relative)
            correlation[flat, :] = correlation[:, flat] = np.nan
            frame.loc[:, :] = np.where(np.eye(len(names), dtype=bool) & ~flat, 1.0, correlation)
            bound = float(np.nanmax(np.where(np.isnan(correlation), np.nan, bounds), initial=0.0))
        frame.insert(0, "column", names)
        title = "Correlation of " + ", ".join(names)
        return Result(
            self.planned.name, self.key, self.version, title, self._findings(frame, names, count, safe),
            (ResultTable(title, frame, {name: Measure(bound=bound) for name in names}, chart="heatmap"),),
            suppressed=int(not safe), cells=1,
            assumptions=tuple(f"{names[i]} hardly varies, so it has no correlation." for i in np.flatnonzero(flat)),
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        names = [column.name for column in self._columns]
        frame = pd.concat(tables)[names].astype(float).corr().reset_index(drop=True)
        frame.insert(0, "column", names)
        return frame

    def _cells(self, p: Protocol, counts: Sequence[Arith], total: Arith, cross: Arith) -> Cells:
        """All moments stand on the rows of all owners; a line through all columns leaves count - width of them free."""
        wanted, count = self.rules, total_of(counts)
        tests = dict(rules.owners_test(p, wanted, counts))
        if wanted.safe_dof_threshold:
            free = p.add_public(count, -(wanted.safe_dof_threshold + len(self._columns)))
            tests["safe_dof_threshold"] = free.reshape(1)
        return Cells(count, {"sum": total, "cross": cross}, tests)

    def _slack(self, spread: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """How far each covariance of z can be off, by rounding before sharing, by cutting off and by floating point.

        Rows: each z is off by at most u, so by Cauchy-Schwarz a covariance is by u·(s_i + s_j) + u², and two parts of
        each cross product are cut off. Sums: each is off by half a unit for every owner, and enters the covariance at
        most three times, |mean| being at most 1.
        """
        unit = 1 / (1 << self._frac_bits)
        if self._shared:
            u = 0.5 / (1 << FINE_BITS)
            return u * np.add.outer(spread, spread) + u**2 + 2 * unit / count + 1e-14
        return np.full((spread.size, spread.size), 1.5 * unit * self.limits.owners / count + 1e-14)

    @staticmethod
    def _findings(frame: pd.DataFrame, names: list[str], count: int, safe: bool) -> tuple[str, ...]:
        if not safe:
            return ("Too few rows.",)
        values = frame[names].to_numpy(float)
        pairs = [(abs(values[i, j]), i, j) for i in range(len(names)) for j in range(i) if not np.isnan(values[i, j])]
        if not pairs:
            return (f"No two columns vary together over {count:,} rows.",)
        _, i, j = max(pairs)
        return (f"{names[j]} and {names[i]} are the most closely related: {values[i, j]:+.3f} over {count:,} rows.",)

    def _scaled(self, table: Table) -> NDArray[np.float64]:
        """z of every row and column; the encodings are exact below 2^53, so only the division rounds."""
        columns = []
        for column in self._columns:
            low, high = self.bounds(column)
            columns.append((2 * encode(table, column.name).values - (low + high)) / (high - low))
        return np.column_stack(columns)

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
    def _frac_bits(self) -> int:
        """Binary places of cross products: as fine as sums over all rows leave room for, and at most 40."""
        bits = min(_ROOM_BITS - self.limits.total_rows.bit_length(), 40)
        if bits < FINE_BITS:
            raise RangeError(f"{self.planned.name}: {self.limits.total_rows} rows are too many")
        return bits


def _product(one: str, other: str) -> str:
    """The name of a sum of products, whichever of the two comes first."""
    first, second = sorted((one, other))
    return f"scaled product of {first} and {second}"
