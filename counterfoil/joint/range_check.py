"""An owner may ignore its contract, so the nodes check on shares that what it handed in is in range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from counterfoil.analyses.base import Checked
from counterfoil.disclosure.declaration import Input
from counterfoil.mpc.circuits.core.compare import is_zero
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.range_check import in_range
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat


@dataclass(frozen=True, slots=True)
class Handed:
    """What one owner handed in for one analysis, and the public ranges it must keep.

    Shapes: `values` as `Input.shape_for(rows)` says; the inputs are per row either all or none.
    """

    inputs: tuple[Input, ...]
    values: Mapping[str, Arith]
    rows: int

    @property
    def units(self) -> int:
        """How many things are accepted or rejected on their own: rows, or the contribution as a whole."""
        return self.rows if self.inputs[0].per_row else 1


def check_ranges(p: Protocol, handed: Sequence[Handed]) -> tuple[list[Checked], Arith]:
    """Keep what is in range; make zeros of a row (or contribution) with anything out of range.

    All owners and analyses go through one pass, so the number of rounds does not grow with them.

    Shapes: one `Checked` for each `handed`; the second result is (len(handed),): how many units were rejected.
    Cost: `in_range` and a product an element; an equality test and a conversion a unit.
    Reveals: nothing; the caller may open the numbers of rejected units if the agreement says so.
    Source: PROTOCOLS 3.5.
    """
    x = concat([item.values[i.name].reshape(-1) for item in handed for i in item.inputs])
    widths = [[int(np.prod(i.shape, dtype=int)) for i in item.inputs] for item in handed]
    sizes = [item.units * width for item, row in zip(handed, widths, strict=True) for width in row]
    bounds = [(i.low, i.high) for item in handed for i in item.inputs]
    low, high = (np.repeat(np.array(side, np.int64), sizes) for side in zip(*bounds, strict=True))
    whole = [item.units * sum(row) for item, row in zip(handed, widths, strict=True)]

    inside = _split(in_range(p, x, low, high), whole)
    misses = []
    for item, row, hits in zip(handed, widths, inside, strict=True):
        misses.append(p.add_public(-_by_unit(hits, item.units, row), sum(row)))
    valid = _split(b2a(p, is_zero(p, concat(misses))), [item.units for item in handed])

    spread = concat([_spread(flag, row) for flag, row in zip(valid, widths, strict=True)])
    kept = iter(_split(p.multiply(spread, x), sizes))
    checked = []
    for item, flag in zip(handed, valid, strict=True):
        values = {i.name: next(kept).reshape(*i.shape_for(item.rows)) for i in item.inputs}
        checked.append(Checked(values, flag if item.inputs[0].per_row else flag.reshape()))
    return checked, concat([p.add_public(-flag.sum().reshape(1), flag.size) for flag in valid])


def _by_unit(hits: Arith, units: int, widths: Sequence[int]) -> Arith:
    """Count the hits of each unit; inputs follow one another, each with all units. Shapes: the result (units,)."""
    if units == 1:
        return hits.sum().reshape(1)
    inputs = _split(hits, [units * width for width in widths])
    return concat([each.reshape(units, width) for each, width in zip(inputs, widths, strict=True)], axis=1).sum(axis=1)


def _spread(flag: Arith, widths: Sequence[int]) -> Arith:
    """Repeat each unit's flag for all that is in it, in the order of `_by_unit`."""
    if flag.size == 1:
        return flag.broadcast_to((sum(widths),))
    return concat([flag.reshape(-1, 1).broadcast_to((flag.size, width)).reshape(-1) for width in widths])


def _split(x: Arith, sizes: Sequence[int]) -> list[Arith]:
    ends = np.cumsum(sizes)
    return [x[end - size : end] for end, size in zip(ends, sizes, strict=True)]
