"""Exact moments of the columns of a model: what an owner adds up of its own rows, and all owners' together on shares.

Sums of products of whole numbers are handed in as digits of the circuits that conclude from them, so that nothing is
rounded, whatever the bounds and the number of rows. Knows columns as whole numbers between public bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Checked, total_of
from counterfoil.disclosure.declaration import Input
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.numeric.wide import DIGIT_BITS, Wide
from counterfoil.mpc.ring.shares import Arith, concat

BLOCK: Final = 1 << 16
"""So many rows are added up at a time, in floats that hold every sum of their products exactly."""

_LIMB_BITS: Final = 18
_LOW: Final = (1 << DIGIT_BITS) - 1


@dataclass(frozen=True)
class ExactMoments:
    """What is handed in of columns between these bounds: their sums, and sums of the products of each two.

    Each column is less its public middle, or as it is where there is to be no intercept.
    """

    bounds: tuple[tuple[int, int], ...]
    rows: int
    centred: bool

    @cached_property
    def middles(self) -> tuple[int, ...]:
        """What each column is less."""
        return tuple((low + high) // 2 if self.centred else 0 for low, high in self.bounds)

    @property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Every pair of columns once, each with itself, too."""
        return np.tril_indices(len(self.bounds))

    def inputs(self) -> tuple[Input, ...]:
        """List, of sums and of sums of products, the lower digits and the highest one."""
        found = []
        for name, reach in (("sum", self._reach), ("cross", self._crossed)):
            digits, high = self._digits(reach)
            if digits > 1:
                found.append(Input(f"{name}-low", (digits - 1, len(reach)), 0, _LOW))
            found.append(Input(f"{name}-high", (len(reach),), -high, high))
        return tuple(found)

    def made(self, blocks: Iterable[Sequence[NDArray[Any]]]) -> dict[str, NDArray[np.int64]]:
        """Add up an owner's rows, of which each block has BLOCK at most: the columns, whole numbers in their bounds."""
        every = len(self.bounds)
        limbs = [max(1, -(-(reach.bit_length() + 1) // _LIMB_BITS)) for reach in self._far]
        sums, squares = np.zeros(sum(limbs), object), np.zeros((sum(limbs), sum(limbs)), object)
        for columns in blocks:
            parts = np.array(
                [
                    part
                    for column, middle, count in zip(columns, self.middles, limbs, strict=True)
                    for part in _parts(column - middle, count)
                ]
            )
            sums += parts.sum(axis=1).astype(np.int64)
            squares += (parts @ parts.T).astype(np.int64)
        of = np.repeat(np.arange(every), limbs)
        weights = np.array([1 << (_LIMB_BITS * at) for count in limbs for at in range(count)], object)
        total, crossed = np.zeros(every, object), np.zeros((every, every), object)
        np.add.at(total, of, sums * weights)
        np.add.at(crossed, np.ix_(of, of), squares * np.outer(weights, weights))
        made: dict[str, NDArray[np.int64]] = {}
        for name, numbers, reach in (("sum", total, self._reach), ("cross", crossed[self.pairs], self._crossed)):
            digits, _ = self._digits(reach)
            shares = [numbers >> (DIGIT_BITS * at) for at in range(digits)]
            lower = [each & _LOW for each in shares[:-1]]
            if lower:
                made[f"{name}-low"] = np.array(lower, np.int64)
            made[f"{name}-high"] = shares[-1].astype(np.int64)
        return made

    def added(self, owners: Sequence[Checked]) -> Mapping[str, Arith]:
        """Add up what all owners handed in, digit by digit: (digits, n) each. Local."""
        made = {}
        for name in ("sum", "cross"):
            own = {part: [o.values[f"{name}-{part}"] for o in owners] for part in ("low", "high")
                   if f"{name}-{part}" in owners[0].values}  # fmt: skip
            high = total_of(own["high"])
            rows = [high.reshape(1, high.size)]
            made[name] = concat([total_of(own["low"]), *rows]) if "low" in own else rows[0]
        return made

    def wide(self, name: str, digits: Arith, owners: int) -> Wide:
        """Take the digits of that many owners for the numbers that they are."""
        count, high = self._digits(self._reach if name == "sum" else self._crossed)
        lower = (Bound(0, _LOW * owners),) * (count - 1)
        return Wide(digits, (*lower, Bound.symmetric(high * owners)))

    def fits(self, column: int) -> bool:
        """Tell whether the sum of a column, over all owners, fits a word."""
        return self.rows * max(map(abs, self.bounds[column])) < 1 << 50

    def word(self, column: int, digits: Arith, count: Arith) -> Arith:
        """Return the sum of a column as it is, which must fit a word. Local."""
        sums = [digits[at, column] * (1 << (DIGIT_BITS * at)) for at in range(len(digits))]
        return total_of(sums) + count * self.middles[column]

    @cached_property
    def _far(self) -> list[int]:
        """How far each column is from its middle at most."""
        pairs = zip(self.bounds, self.middles, strict=True)
        return [max(high - middle, middle - low) for (low, high), middle in pairs]

    @property
    def _reach(self) -> list[int]:
        return [self.rows * far for far in self._far]

    @property
    def _crossed(self) -> list[int]:
        i, j = self.pairs
        return [self.rows * self._far[a] * self._far[b] for a, b in zip(i.tolist(), j.tolist(), strict=True)]

    @staticmethod
    def _digits(reach: Sequence[int]) -> tuple[int, int]:
        """Return how many digits the largest of these numbers has, and how large the highest of them is at most."""
        most = max(reach)
        count = max(1, -(-most.bit_length() // DIGIT_BITS))
        return count, (most >> (DIGIT_BITS * (count - 1))) + 1


def _parts(column: NDArray[Any], count: int) -> list[NDArray[np.float64]]:
    """Cut whole numbers into so many limbs, the last one with their sign."""
    lower = [(column >> (_LIMB_BITS * at)) & ((1 << _LIMB_BITS) - 1) for at in range(count - 1)]
    return [each.astype(np.float64) for each in (*lower, column >> (_LIMB_BITS * (count - 1)))]
