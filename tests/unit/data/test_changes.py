"""What changed since remembered states: never more than any sum over cells shows, and nothing where nobody knows."""

from __future__ import annotations

import time
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from counterfoil.data.changes import Asked, Changes, Rows, count_changes
from counterfoil.data.cuts import Cut

REGION = Cut("region", 0, 3)
COUNT, SUM = Asked("rows", (), (REGION,)), Asked("balance", ("balance",), (REGION,))


def rows(people: list[int] | None, region: list[int], balance: list[int], edges: tuple[int, ...] = ()) -> Rows:
    columns = {"region": np.array(region, np.int64), "balance": np.array(balance, np.int64)}
    tags = None if people is None else np.array(people, np.uint64)
    return Rows(tags, columns, len(region), {"balance": edges} if edges else {})


def only(asked: Asked, now: Rows, then: Rows) -> Changes:
    found = count_changes([asked], now, [then])[asked.name]
    return Changes(found.changed[0], found.moved[0], found.around[0], found.largest[0], found.farthest[0])


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    size = draw(st.integers(0, 8))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=size, max_size=size))

    return rows(column(0, 6), column(0, 2), column(-3, 3))


def unions() -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(range(3), size) for size in (1, 2, 3)))


def parts(of: Rows, values: NDArray[np.int64], union: tuple[int, ...]) -> dict[int, int]:
    """Test oracle: what each person contributes to the union of these cells."""
    assert of.tags is not None
    found: dict[int, int] = {}
    for tag, region, value in zip(of.tags, of.columns["region"], values, strict=True):
        if int(region) in union:
            found[int(tag)] = found.get(int(tag), 0) + int(value)
    return found


@given(tables(), tables())
def test_no_sum_over_cells_changed_less_than_what_is_counted_of_them(now: Rows, then: Rows) -> None:
    for asked in (COUNT, SUM):
        found = only(asked, now, then)
        for union in unions():
            values = [
                np.ones(each.size, np.int64) if asked is COUNT else each.columns["balance"] for each in (now, then)
            ]
            mine, theirs = parts(now, values[0], union), parts(then, values[1], union)
            by = [abs(mine.get(who, 0) - theirs.get(who, 0)) for who in mine.keys() | theirs.keys()]
            at = list(union)
            assert found.changed[at].sum() <= sum(each > 0 for each in by)
            assert found.moved[at].sum() <= sum(by)
            top = np.sort(found.largest[:, at].ravel())[::-1][:2]
            assert (top >= [*sorted(by, reverse=True), 0, 0][:2]).all()
            if asked is SUM:
                who = sorted(mine.keys() | theirs.keys())
                rows_of = [parts(each, np.ones(each.size, np.int64), union) for each in (now, then)]
                more = [rows_of[0].get(each, 0) - rows_of[1].get(each, 0) for each in who]
                for value in range(-3, 4):
                    left = [
                        abs(mine.get(each, 0) - theirs.get(each, 0) - value * rows)
                        for each, rows in zip(who, more, strict=True)
                    ]
                    assert found.changed[at].sum() <= sum(each > 0 for each in left)
                    assert found.around[at].sum() <= sum(left)


@given(tables(), tables())
def test_rows_of_nobody_change_no_more_than_their_values_show(now: Rows, then: Rows) -> None:
    """Any rows may be each other's: the least that can have changed in a union is what nobody can match."""
    now, then = (rows(None, each.columns["region"].tolist(), each.columns["balance"].tolist()) for each in (now, then))
    found = only(SUM, now, then)
    for union in unions():
        mine, theirs = (
            np.bincount(each.columns["balance"][np.isin(each.columns["region"], union)] + 3, minlength=7)
            for each in (now, then)
        )
        net = mine - theirs
        for alike in range(7):  # the value that somebody counts from
            other = np.delete(net, alike)
            assert found.changed[list(union)].sum() <= max(other[other > 0].sum(), -other[other < 0].sum())
        assert found.moved[list(union)].sum() <= abs((net * np.arange(-3, 4)).sum())


def test_persons_who_stay_in_their_cell_are_counted_where_their_part_differs() -> None:
    then = rows([1, 2, 3, 4], [0, 0, 1, 2], [10, 20, 30, 40])
    now = rows([1, 2, 3, 5], [0, 0, 1, 2], [11, 20, 25, 50])
    found = only(SUM, now, then)
    # Of the two in the last cell one went with 40 and one came with 50: from either value one is left.
    assert (found.changed.tolist(), found.moved.tolist()) == ([1, 1, 1], [1, 5, 90])
    assert found.largest.tolist() == [[1, 5, 50], [0, 0, 40]]
    assert found.around.tolist() == [1, 5, 10]
    assert found.farthest.tolist() == [[1, 5, 10], [0, 0, 0]]
    assert only(COUNT, now, then).changed.tolist() == [0, 0, 2]


def test_who_goes_from_one_cell_to_another_is_in_no_count_and_among_the_largest_of_both() -> None:
    """A sum over both cells does not show it, and a count of both cells would have said two."""
    then, now = rows([1, 2], [0, 0], [10, 20]), rows([1, 2], [1, 0], [10, 20])
    found = only(SUM, now, then)
    assert (found.changed.tolist(), found.moved.tolist()) == ([0, 0, 0], [0, 0, 0])
    assert found.largest[0].tolist() == [20, 20, 0]


def test_rows_of_one_person_are_added_up_first() -> None:
    then, now = rows([1, 1], [0, 0], [10, 20]), rows([1, 1], [0, 0], [20, 10])
    assert only(SUM, now, then).changed.tolist() == [0, 0, 0]
    assert only(COUNT, rows([1, 1, 1], [0, 0, 0], [1, 1, 1]), then).changed.tolist() == [1, 0, 0]


def test_one_who_left_a_cell_is_seen_beside_thirty_who_left_another() -> None:
    """f6: differing rows were counted in the whole table."""
    then = rows(list(range(60)), [0] * 40 + [1] * 20, [5] * 60)
    kept = [who for who in range(60) if who >= 30 and who != 45]
    now = rows(kept, [0 if who < 40 else 1 for who in kept], [5] * len(kept))
    assert only(COUNT, now, then).changed.tolist() == [30, 1, 0]


def test_a_volatile_column_changes_nothing_of_what_is_not_made_of_it() -> None:
    """weekly_difference_e2e: every balance moves, so every row differed, and one move of a customer passed."""
    then = rows(list(range(20)), [0] * 20, list(range(20)))
    now = rows(list(range(20)), [0] * 19 + [1], [each + 1 for each in range(20)])
    assert only(COUNT, now, then).changed.tolist() == [0, 0, 0]
    assert only(SUM, now, then).changed.tolist() == [19, 0, 0]


@pytest.mark.parametrize("copies", range(1, 10))
def test_alike_rows_count_once_each(copies: int) -> None:
    """sketch_duplicates: d alike rows counted d times d."""
    then, now = rows(None, [0] * 9, list(range(9))), rows(None, [0] * (9 + copies), [*range(9), *[7] * copies])
    assert only(COUNT, now, then).changed.tolist() == [copies, 0, 0]
    assert only(SUM, now, then).changed.tolist() == [0, 0, 0]  # all who came are alike: their number tells the sum
    other = rows(None, [0] * (19 + copies), [*range(9), *[7] * 10, *[6] * copies])
    assert only(SUM, other, then).changed.tolist() == [min(copies, 10), 0, 0]


S, D, X = list(range(100)), list(range(100, 140)), [500]


@pytest.mark.parametrize(
    ("a", "b", "c"),
    [(S, S + D, D + X), (S + D, S, D + X), (S, D, S + D + X)],
    ids=["an increment after the whole", "the other way round", "the whole after two parts"],
)
def test_releases_that_balance_all_but_one_between_them_are_seen(a: list[int], b: list[int], c: list[int]) -> None:
    """three_releases: no two of them differ in few, and the third less the other two is one person."""
    first, second, now = (rows(who, [0] * len(who), [1] * len(who)) for who in (a, b, c))
    pairs = [int(only(COUNT, now, each).changed[0]) for each in (first, second)]
    assert min(pairs) > 40
    found = count_changes([COUNT], now, [first, second, None])["rows"]
    assert found.changed[:, 0].tolist() == [pairs[0], 1, 0]
    assert found.largest.shape == (3, 2, 3)


def test_a_stock_is_not_balanced_by_two_of_its_states() -> None:
    """So that what changed since the last is what counts, as it is where there is only one."""
    weeks = [rows(list(range(at, at + 60)), [0] * 60, [1] * 60) for at in (0, 5, 10)]
    assert count_changes([COUNT], weeks[2], weeks[:2])["rows"].changed[:, 0].tolist() == [20, 10]


def test_what_a_state_does_not_tell_has_not_changed() -> None:
    then = Rows(np.array([1], np.uint64), {"region": np.array([0], np.int64)}, 1)
    now = rows([2], [0], [5])
    found = count_changes([COUNT, SUM], now, [then, None])
    assert found["rows"].changed[:, 0].tolist() == [2, 0]
    assert not found["balance"].changed.any()
    assert not count_changes([SUM], now, [rows(None, [0], [5])])["balance"].changed.any()


def test_without_a_state_there_is_nothing_to_count() -> None:
    found = count_changes([SUM], rows([1], [0], [5]), [])["balance"]
    assert (found.changed.shape, found.largest.shape) == ((0, 3), (0, 2, 3))


def test_an_earlier_cut_stays_until_all_parts_beside_it_have_changed() -> None:
    """two_jobs_same_rows: edges of 10,000.00 and 10,000.99 told how many are between the two."""
    new, old = (0, 100, 1000), (0, 90, 1000)
    asked = Asked("histogram", (), (Cut.at("balance", new),))
    people, balance = list(range(40)), [95] * 5 + [10] * 15 + [500] * 20
    now = rows([*people[:5], *range(105, 140)], [0] * 40, balance)
    same = only(asked, now, rows(people, [0] * 40, balance, edges=new))
    assert same.changed.tolist() == [30, 40, 0]
    other = only(asked, now, rows(people, [0] * 40, balance, edges=old))
    assert other.changed.tolist() == [0, 40, 0]
    assert other.largest[0].tolist() == [1, 1, 0]


def test_a_product_beyond_64_bits_is_counted_in_its_units() -> None:
    big = 1 << 40
    now, then = (
        Rows(np.array([1], np.uint64), {"balance": np.array([value], np.int64)}, 1) for value in (big, big - (1 << 35))
    )
    square = Asked("squares", ("balance", "balance"), (), shift=40)
    found = only(square, now, then)
    assert found.moved.tolist() == [(big * big >> 40) - ((big - (1 << 35)) ** 2 >> 40)]


@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=5, unique=True).map(sorted),
    st.lists(st.integers(0, 30), min_size=2, max_size=5, unique=True).map(sorted),
    st.booleans(),
)
def test_a_finer_cut_is_one_of_the_coarser_ones_parts(new: list[int], old: list[int], beyond: bool) -> None:
    coarse = Cut.at("balance", new, beyond=beyond)
    fine = coarse.finer(old)
    values = np.arange(-2, 34) if beyond else np.arange(new[0], new[-1] + 1)
    assert (fine.within(coarse)[fine.of(values)] == coarse.of(values)).all()
    counted = np.histogram(values, new)[0]
    assert (np.bincount(coarse.of(values), minlength=coarse.parts)[: counted.size] == counted).all()
    earlier = Cut.at("balance", old)
    inside = np.bincount(fine.of(values), minlength=fine.parts)
    assert fine.parts == inside.size and (fine is coarse or fine.parts > coarse.parts)
    for one, other in ((at, at + 1) for at in range(values.size - 1)):  # what both cut apart, the finer one does
        if earlier.of(values)[one] != earlier.of(values)[other]:
            assert fine.of(values)[one] != fine.of(values)[other]


@pytest.mark.soak
def test_a_year_of_weekly_states_of_a_large_table_is_compared_in_seconds() -> None:
    """100,000 rows, 52 states, 2 % of the persons others than a week before, and every balance moved."""
    draw, size = np.random.default_rng(3), 100_000
    who = draw.integers(0, 1 << 62, size + 2_000, dtype=np.uint64)

    def week(people: NDArray[np.uint64]) -> Rows:
        columns = {"region": draw.integers(0, 3, people.size), "balance": draw.integers(0, 10**8, people.size)}
        return Rows(people, columns, people.size)

    now, then = week(who[:size]), week(who[2_000:])
    begun = time.process_time()
    found = count_changes([COUNT, SUM, Asked("squares", ("balance", "balance"))], now, [then] * 52)
    assert time.process_time() - begun < 60
    assert found["squares"].changed.shape == (52, 1)
    assert (found["balance"].changed.sum(axis=1) > size / 4).all()
