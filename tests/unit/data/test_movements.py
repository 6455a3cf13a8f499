"""How little of what moved is left, whatever value somebody counts a sum from."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.data.movements import FEW, Moved, farthest, least, medians

CELLS = 2


@st.composite
def parts(draw: st.DrawFn) -> Moved:
    size = draw(st.integers(0, 8))

    def column(low: int, high: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array(draw(st.lists(st.integers(low, high), min_size=size, max_size=size)), np.int64)

    return Moved(column(0, CELLS - 1), column(-6, 6), column(-2, 2))


def values(moved: Moved, cells: tuple[int, ...]) -> set[Fraction]:
    """Test oracle: what a row is worth of somebody who came or went; 0 is what nobody's row may be worth, too."""
    there = np.isin(moved.cell, cells) & (moved.more != 0)
    return {Fraction(0), *map(Fraction, moved.by[there].tolist(), moved.more[there].tolist())}


def left(moved: Moved, cells: tuple[int, ...], value: Fraction) -> list[Fraction]:
    here = np.isin(moved.cell, cells)
    return [abs(by - value * more) for by, more in zip(moved.by[here].tolist(), moved.more[here].tolist(), strict=True)]


@given(parts())
def test_from_no_value_less_is_left_in_any_cells(moved: Moved) -> None:
    found_of = least(moved, CELLS)
    changed, total = found_of.changed, found_of.around
    for union in chain.from_iterable(combinations(range(CELLS), size) for size in (1, 2)):
        for value in chain.from_iterable((each, each + Fraction(1, 2)) for each in values(moved, union)):
            found = left(moved, union, value)
            assert changed[list(union)].sum() <= sum(each > 0 for each in found)
            assert total[list(union)].sum() <= sum(found)


@given(parts())
def test_each_is_as_far_from_its_cells_middle_as_is_said(moved: Moved) -> None:
    left_of = least(moved, CELLS)
    usual = np.array([2, -1])
    far = farthest(moved, left_of, usual)
    for cell in range(CELLS):
        here = moved.cell == cell
        there = here & (moved.more != 0)
        if there.sum() < FEW:
            assert far[here].tolist() == left(moved, (cell,), Fraction(int(usual[cell])))
            continue
        rows = np.repeat(moved.by[there] / moved.more[there], np.abs(moved.more[there]))
        value = Fraction(int(np.floor(np.sort(rows)[(rows.size + 1) // 2 - 1])))
        distances = left(moved, (cell,), value)
        assert all(mine >= each for mine, each in zip(far[here].tolist(), distances, strict=True))
        assert left_of.around[cell] <= sum(distances)


def test_the_median_is_the_lower_one_of_two_and_only_where_it_is_wanted() -> None:
    cell, values = np.array([1, 0, 0, 1, 0, 0]), np.array([5, 9, 1, 7, 3, 2])
    assert medians(cell, values, 3, np.array([True, True, True])).tolist() == [2, 5, 0]
    assert medians(cell, values, 3, np.array([False, True, True])).tolist() == [0, 5, 0]


@pytest.mark.parametrize(
    ("by", "more", "changed", "total"),
    [
        ([400] * 9 + [500], [1] * 10, 1, 100),
        ([400] * 9 + [-400], [1] * 9 + [-1], 0, 0),  # who went had as much as each who came
        ([1, 0, 0, 0], [1] * 4, 1, 1),
        ([1] * 3 + [0], [1] * 4, 1, 1),  # all who came but one have a flag
        ([5, -7], [0, 0], 2, 12),
        ([5, 400, 400], [0, 1, 1], 1, 5),
        ([800, 400, 1200], [2, 1, 3], 0, 0),  # every row is worth the same
    ],
)
def test_those_who_are_alike_are_not_counted(by: list[int], more: list[int], changed: int, total: int) -> None:
    found = least(Moved(np.zeros(len(by), np.int64), np.array(by, np.int64), np.array(more, np.int64)), 1)
    assert (found.changed.tolist(), found.around.tolist()) == ([changed], [total])
