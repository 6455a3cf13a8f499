"""Sums over rows, cell by cell: what an analysis that releases them, or what follows from them, need not say itself.

It states its `terms`, what its table is cut `by`, and how results are presented. Inputs with their bounds, an owner's
sums, those of all owners, features, axes, margins, noise, rounding and cross-checks follow from these.
"""

from __future__ import annotations

import itertools
import math
import operator
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import SAFE, Analysis, Checked, Result, ResultTable, total_of
from counterfoil.analyses.groupings import Grouping
from counterfoil.analyses.units import places
from counterfoil.data.encode import LESS, columns_of, encode, exact_product, factor_of
from counterfoil.deferred import deferred
from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells, Input, Opened, Output, Told
from counterfoil.disclosure.evidence_tests import SUMS
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.noise import Moves
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.data.reading.table import Table
else:
    pd = deferred("pandas")

_HALF_BITS: Final = 31
_COUNT, _OUTSIDE = "count", "outside"


@dataclass(frozen=True, slots=True)
class Term:
    """An array of sums, one in each cell: over its rows, the product of some columns.

    Attributes:
        name: The array's name.
        factors: The columns, each of which may be the difference of two of one unit ("before - after").
        about: What is taken from each factor before they are multiplied, or nothing; as public as the plan.
    """

    name: str
    factors: tuple[str, ...]
    about: tuple[int, ...] = ()


class Summed(Analysis):
    """An analysis of the number of rows, and of sums over them, in each cell of a table, or over all rows."""

    statistics = frozenset({"counts", "sums"})
    enforces: ClassVar[frozenset[str]] = SUMS
    #: whether the sums leave as a table; else only what is concluded from them does
    tabled: ClassVar[bool] = True
    #: whether its results may have noise: its terms are then sums of single columns
    takes_noise: ClassVar[bool] = False

    @abstractmethod
    def terms(self) -> tuple[Term, ...]:
        """List the sums that each cell has, beside the number of its rows."""

    def by(self) -> tuple[Grouping, ...]:
        """List what rows are told apart by, with the parts that make the cells; nothing where all are one cell."""
        return ()

    # --- what follows, in public --------------------------------------------------------------------------------

    def inputs(self) -> tuple[Input, ...]:
        rows, shape = self.limits.rows, self.shape
        counts = Input(_COUNT, shape, 0, rows)
        sums = (self.reach(term, rows) for term in self.terms())
        listed = (Input(term.name, shape, b.low, b.high) for term, b in zip(self.terms(), sums, strict=True))
        return (counts, *listed, *([Input(_OUTSIDE, (), 0, rows)] if self._open else []))

    def outputs(self) -> tuple[Output, ...]:
        return tuple(Output(name, self.shape) for name in ("safe", _COUNT, *(term.name for term in self.terms())))

    def own_axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        if not self.tabled or self.noise is not None:
            return None
        return tuple((each.column.name, each.all_parts) for each in self.by())

    def own_features(self) -> tuple[Feature, ...]:
        if self.noise is not None:
            return ()
        by = tuple(each.column.name for each in self.by())
        return tuple(Feature(factors, by) for factors in dict.fromkeys([(), *self._made_of()]))

    def sums_in_cells(self) -> Mapping[str, tuple[str, ...]]:
        plain = [term for term in self.terms() if _plain(term) and LESS not in term.factors[0]]
        return {_COUNT: (), **{term.name: term.factors for term in plain}}

    def told(self, opened: Opened) -> Iterator[Told]:
        """Say what squares about a public number are about 0, of all rows."""
        if self.by() or self.planned.where or self.rounded or self.noise or not (self.tabled and opened["safe"].item()):
            return
        plain = {term.factors[0]: term for term in self.terms() if _plain(term)}
        for term in self.terms():
            if len(set(term.factors)) == 1 and len(set(term.about)) == 1 and (sums := plain.get(term.factors[0])):
                shift, about = self.shift(term), term.about[0]
                own, total, rows = (opened[name].item() for name in (term.name, sums.name, _COUNT))
                low = (own << shift) + 2 * about * total - about * about * rows
                yield Told(Feature(term.factors), low, low + (self.limits.owners << shift if shift else 0))

    def own_edges(self) -> Mapping[str, tuple[int, ...]]:
        return {each.column.name: each.edges for each in self.by() if each.edges}

    def counted(self) -> Mapping[str, Bound]:
        if not self.tabled:
            return {}
        rows = self.limits.total_rows
        return {_COUNT: Bound(0, rows), **{term.name: self.reach(term, rows) for term in self.terms()}}

    def moves(self) -> Mapping[str, Moves]:
        if not self.takes_noise:
            return super().moves()
        rows, size = self.limits.total_rows, math.prod(self.shape)
        if not self.by():
            # The number of rows is public, and the same for neighbours.
            ends = {term.name: self.ends(term) for term in self.terms()}
            return {
                name: Moves(high - low, (high - low) ** 2, cells=1, size=1, reach=max(abs(low), abs(high)) * rows)
                for name, (low, high) in ends.items()
            }
        found = {_COUNT: Moves(2, 2, cells=2, size=size, reach=rows)}
        for term in self.terms():
            # A row leaves one cell for another, or changes its value in the same one. The sum is of distances from the
            # middle (see `secure`), which are at most `half`.
            (low, high), middle = self.ends(term), self.middle(term)
            half = max(high - middle, middle - low)
            found[term.name] = Moves(2 * half, 4 * half * half, cells=2, size=size, reach=half * rows)
        return found

    def scale(self, array: str) -> int:
        return int(10 ** sum(self._places(each) for each in self._factors(array)))

    def base_of(self, array: str) -> int:
        """Return what the array is a multiple of, in its units; of products, as if all factors but one were largest."""
        term = next((each for each in self.terms() if each.name == array), None)
        if term is None or len(term.factors) < 2 or self.step(array) == 1:
            return super().base_of(array)
        single = [Term("", (factor,), term.about[at : at + 1]) for at, factor in enumerate(term.factors)]
        steps = [self.step(array) * int(10 ** self._places(factor)) for factor in term.factors]
        others = [math.prod(map(self._magnitude, single[:at] + single[at + 1 :])) for at in range(len(single))]
        coarsest: int = max(map(operator.mul, steps, others))
        return max(1, coarsest >> self.shift(term))

    def sums(self) -> frozenset[str]:
        if any(each.elsewhere for each in self.by()) and not self._open:
            return frozenset()
        return frozenset({"rows", *(_sum_of(term) for term in self.terms() if _plain(term))})

    # --- what follows, in the three worlds ----------------------------------------------------------------------

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        size = math.prod(self.shape)
        codes = [each.codes(encode(table, each.column.name).values) for each in self.by()]
        cell = np.zeros(table.rows, np.int64)
        if codes:
            cell = codes[0] if len(codes) == 1 else np.ravel_multi_index(codes, self.shape)
        counts = np.bincount(cell, minlength=size + 1).astype(np.int64)
        made = {_COUNT: counts[:size].reshape(self.shape)}
        for term in self.terms():
            values = self._values(table, term)
            made[term.name] = _added(values, cell, size, self.shift(term)).reshape(self.shape)
        return made | ({_OUTSIDE: counts[size]} if self._open else {})

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        made = {item.name: total_of([owner.values[item.name] for owner in owners]) for item in self.inputs()}
        count, outside = made.pop(_COUNT), made.pop(_OUTSIDE, None)
        if self.planned.privacy and self.by():
            # Noise is as wide as one row's part in a sum, which is smallest around the middle of the column's bounds.
            made = {term.name: made[term.name] - count * self.middle(term) for term in self.terms()}
        return Cells(count, made, outside=outside)

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        if not self.sums():
            return {}
        rows = cells.count.reshape(-1).sum()
        stated = {"rows": Stated(rows if cells.outside is None else rows + cells.outside)}
        for term in filter(_plain, self.terms()):
            total = cells.values[term.name].reshape(-1).sum()
            moved = self.planned.privacy and self.by()
            stated[_sum_of(term)] = Stated(total + rows * self.middle(term) if moved else total)
        return stated

    # --- for what presents --------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the table: how many parts each column that it is cut by has."""
        return tuple(len(each.labels) for each in self.by())

    def middle(self, term: Term) -> int:
        """Return the middle of the bounds of a term of one column."""
        return sum(self.ends(term)) // 2

    def shift(self, term: Term) -> int:
        """Return in units of which power of two a sum of products leaves: 1 unless it would not fit into a word.

        Each owner rounds its own sum down, once.
        """
        if len(term.factors) < 2:
            return 0
        most = self._magnitude(term) * self.limits.total_rows
        return next(shift for shift in range(128) if most + (self.limits.total_rows << shift) < SAFE << shift)

    def groups(self) -> pd.DataFrame:
        """Return a row for each cell, with what people call its parts."""
        return pd.DataFrame(
            itertools.product(*(each.labels for each in self.by())), columns=[each.column.name for each in self.by()]
        )

    def pooled(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Return all rows, with what people call the parts that they are in: for `plain`."""
        pooled = pd.concat(tables, ignore_index=True)
        for each in self.by():
            if not each.column.categories:
                cells = pooled[each.column.name]
                days = cells.to_numpy("datetime64[D]") if each.column.type == "date" else cells.to_numpy()
                labels = np.array([*each.labels, None], object)
                pooled[each.column.name] = labels[each.codes(days.astype(np.int64))]
        return pooled

    def result(
        self,
        opened: Opened,
        title: str,
        findings: Sequence[str],
        tables: Sequence[ResultTable],
        assumptions: Sequence[str] = (),
    ) -> Result:
        """Return what the recipient is told, with how many cells are hidden."""
        hidden = opened["safe"] == 0
        return Result(
            self.planned.name, self.key, self.version, title, tuple(findings), tuple(tables),
            suppressed=int(hidden.sum()), cells=int(hidden.size), assumptions=tuple(assumptions),
        )  # fmt: skip

    # --- one term -----------------------------------------------------------------------------------------------

    def _made_of(self) -> Iterator[tuple[str, ...]]:
        """List the factors of the sums that its terms are, and are made of.

        A product about public numbers is made of those of its factors, too; one with a difference of two columns tells,
        beside theirs, of each of them.
        """
        for term in self.terms():
            yield term.factors
            if term.about:
                yield from (
                    part for n in range(1, len(term.factors)) for part in itertools.combinations(term.factors, n)
                )
            split = list(itertools.product(*map(columns_of, term.factors)))
            yield from (tuple(sorted(each)) for each in split if len(split) > 1)

    def _factors(self, array: str) -> tuple[str, ...]:
        return next((term.factors for term in self.terms() if term.name == array), ())

    def _places(self, factor: str) -> int:
        return places(self.contract.column(columns_of(factor)[0]))

    def ends(self, term: Term) -> tuple[int, int]:
        """Return between what one row contributes."""
        ends = [1]
        for at, factor in enumerate(term.factors):
            low, high = self._factor_bounds(factor)
            less = term.about[at] if term.about else 0
            ends = [one * other for one in ends for other in (low - less, high - less)]
        squared = len(term.factors) == 2 and len(set(term.factors)) == 1 and len(set(term.about)) < 2
        return 0 if squared else min(ends), max(ends)

    def _magnitude(self, term: Term) -> int:
        return max(map(abs, self.ends(term)))

    def _factor_bounds(self, factor: str) -> tuple[int, int]:
        (low, high), *less = (self.bounds(self.column(name)) for name in columns_of(factor))
        return (low - less[0][1], high - less[0][0]) if less else (low, high)

    def reach(self, term: Term, rows: int) -> Bound:
        """Bound the sum over so many rows, in the units in which it leaves."""
        (low, high), shift = self.ends(term), self.shift(term)
        parts = -(-rows // self.limits.rows) if shift else 0  # each owner rounds down
        return Bound((min(low, 0) * rows >> shift) - parts, max(high, 0) * rows >> shift)

    def _values(self, table: Table, term: Term) -> NDArray[Any]:
        found = [factor_of(factor, lambda name: encode(table, name).values) for factor in term.factors]
        return exact_product([each - less for each, less in zip(found, term.about or [0] * len(found), strict=True)])

    @property
    def _open(self) -> bool:
        """Whether rows may be in no cell, and whether their number is needed."""
        return any(each.elsewhere for each in self.by()) and self.planned.privacy is None


def _plain(term: Term) -> bool:
    return len(term.factors) == 1 and not term.about


def _sum_of(term: Term) -> str:
    return f"sum of {term.factors[0]}"


def _added(values: NDArray[Any], cell: NDArray[np.int64], size: int, shift: int) -> NDArray[np.int64]:
    """Add values up cell by cell, in units of 2^shift, rounded down; sums may pass 64 bits before they are.

    Shapes: values and cell (rows,); the result (size,). What is in no cell is left out.
    """
    kept = cell < size
    if not shift:
        sums = np.zeros(size, np.int64)
        np.add.at(sums, cell[kept], values[kept].astype(np.int64))
        return sums
    halves = []
    for half in (values >> _HALF_BITS, values & ((1 << _HALF_BITS) - 1)):
        sums = np.zeros(size, np.int64)
        np.add.at(sums, cell[kept], half[kept].astype(np.int64))
        halves.append(sums.astype(object))
    return np.asarray(((halves[0] << _HALF_BITS) + halves[1]) >> shift, np.int64)
