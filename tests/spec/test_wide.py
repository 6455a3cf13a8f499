"""Numbers longer than a word, and their scales, against Python's own whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from counterfoil.errors import RangeError, ShapeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.numeric.scale import SCALED_FRAC, scale_of, scaled
from counterfoil.mpc.circuits.numeric.wide import DIGIT_BITS, Wide, carried, product, products, word, words
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.suites.plain import Cost, Plain
from tests.spec.circuit_spec import SUITES, run

BASE = 1 << DIGIT_BITS

#: rounds and bytes of the moments of five columns, scaled
COSTS = {"rep3": Cost(57, 75_112), "rep4": Cost(57, 140_128)}


def digits_of(numbers: list[int], count: int) -> NDArray[np.int64]:
    """The digits of each, lowest first; all but the highest are from 0 to BASE - 1."""
    rows = []
    for number in numbers:
        own = [number >> (DIGIT_BITS * at) for at in range(count)]
        rows.append([*(each % BASE for each in own[:-1]), own[-1]])
    return np.array(rows, np.int64).T


def bounds_of(count: int, highest: int = 1 << 20) -> tuple[Bound, ...]:
    return (Bound(0, BASE - 1),) * (count - 1) + (Bound.symmetric(highest),)


def value_of(digits: NDArray[np.uint64], lowest: int = 0) -> list[int]:
    assert lowest >= 0
    rows = as_signed(digits)
    return [sum(int(each) << (DIGIT_BITS * (at + lowest)) for at, each in enumerate(column)) for column in rows.T]


def within(x: Wide, digits: NDArray[np.uint64]) -> bool:
    return all(
        bound.low <= row.min() and row.max() <= bound.high
        for row, bound in zip(as_signed(digits), x.bounds, strict=True)
    )


@pytest.mark.parametrize("suite", SUITES)
def test_products_and_carries_are_exact_and_within_their_bounds(suite: str) -> None:
    rng = np.random.default_rng(7)
    ends = [0, 1, -1, (1 << 91) - 1, 1 - (1 << 91), 1 << 48, -(1 << 48)]
    a = [*ends, *(int(each) << 30 for each in rng.integers(-(2**61), 2**61, 40))]
    b = [*ends[::-1], *(int(each) << 7 for each in rng.integers(-(2**61), 2**61, 40))]
    made: list[Wide] = []

    def program(p: Protocol, x: Arith, y: Arith) -> list[Arith]:
        one, two = Wide(x, bounds_of(4)), Wide(y, bounds_of(4))
        times, square = products(p, [(one, two), (one, one)])
        apart = times - square
        less, more = carried(p, apart, two)
        (once,) = carried(p, less)
        found = [times, apart, less, more, once]
        made[:] = found
        return [each.digits for each in found]

    ran = run(suite, program, [digits_of(a, 4), digits_of(b, 4)])
    apart = [x * y - x * x for x, y in zip(a, b, strict=True)]
    for x, got, exact in zip(
        made, ran.values, ([x * y for x, y in zip(a, b, strict=True)], apart, apart, b, apart), strict=True
    ):
        assert value_of(got) == exact and within(x, got)
    assert all(bound.magnitude < 4 * BASE for bound in made[2].bounds[:-1]), "carried digits are short"


def test_what_does_not_fit_is_refused() -> None:
    p = Plain()
    long = Wide(p.constant(np.ones((2, 3), np.int64)), (Bound(0, 1 << 40), Bound(0, 1 << 40)))
    with pytest.raises(RangeError, match="2\\^62"):
        product(p, long, long)
    with pytest.raises(ShapeError, match="as many"):
        product(p, long, long[[0, 1]])
    with pytest.raises(ShapeError, match="digits"):
        Wide(p.constant(np.ones(3, np.int64)), (Bound(0, 1),))
    with pytest.raises(RangeError, match="carry"):
        word(p, long, -4, Bound(0, 1))
    with pytest.raises(RangeError, match="in the word"):
        word(p, long.moved(9), 0, Bound(0, 1))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("size", [1, 63, 64, 65])
def test_a_scale_is_the_least_power_of_four_above(suite: str, size: int) -> None:
    rng = np.random.default_rng(size)
    edges = [0, 1, 2, 3, 4, 15, 16, (1 << 100) - 1, 1 << 100, (1 << 48) - 1, 1 << 48, 1 << 47]
    numbers = edges + [int(rng.integers(0, 2**30)) << int(rng.integers(0, 80)) for _ in range(60)]
    numbers = numbers[-size:] if size == 1 else numbers[:size]
    most = []

    def program(p: Protocol, x: Arith) -> list[Arith]:
        scale = scale_of(p, Wide(x, bounds_of(5)))
        most.append(scale.most)
        return [scale.place, scale.real, scale.grow.digits, scale.shrink.digits]

    place, real, grow, shrink = run(suite, program, [digits_of(numbers, 5)]).values
    for at, number in enumerate(numbers):
        e = next(e for e in range(200) if number < 4**e)
        assert place[:, at].sum() == real[at] == (number > 0)
        assert value_of(grow[:, [at]]) == [2**e if number else 0]
        assert value_of(shrink[:, [at]]) == [2 ** (most[0] - e) if number else 0]
        assert not number or place[e - 1, at] == 1


@pytest.mark.parametrize("suite", SUITES)
def test_scaled_moments_are_off_by_little_whatever_their_size(suite: str) -> None:
    """A tiny spread far from the middle, a flag of two rows, a constant, and a column of 30 bits."""
    rng = np.random.default_rng(11)
    count = 20_000
    columns = [
        rng.integers(-(2**30), 2**30, count), 2**30 - rng.integers(0, 3, count),
        np.arange(count) < 2, np.full(count, -5), np.arange(count) - 7,
    ]  # fmt: skip
    rows = np.column_stack(columns).astype(object)
    sums, moments = rows.sum(axis=0), rows.T.dot(rows)
    i, j = np.tril_indices(len(columns))
    exact = [count * int(moments[a, b]) - int(sums[a]) * int(sums[b]) for a, b in zip(i, j, strict=True)]

    def program(p: Protocol, n: Arith, linear: Arith, squares: Arith) -> list[Arith]:
        one, two = Wide(linear, bounds_of(3)), Wide(squares, bounds_of(4))
        times, less = products(p, [(Wide.of(n, Bound(0, 1 << 23)), two), (one[i], one[j])])
        (apart,) = carried(p, times - less)
        scale = scale_of(p, apart[i == j])
        return [scaled(p, apart, scale, i, j).value, scale.place]

    given = [
        np.full(i.size, count),
        digits_of([int(x) for x in sums], 3),
        digits_of([int(moments[a, b]) for a, b in zip(i, j, strict=True)], 4),
    ]
    ran = run(suite, program, given)
    value, place = ran.values
    e = np.where(place.any(axis=0), place.argmax(axis=0) + 1, 0).tolist()
    for at, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
        assert abs((int(as_signed(value)[at]) << (e[a] + e[b])) - (exact[at] << SCALED_FRAC)) <= (
            8 << (e[a] + e[b])
        )  # fmt: skip
    if (kind := suite.partition("-")[0]) in COSTS:
        assert ran.costs[kind] == COSTS[kind]


def test_words_are_written_in_one_way() -> None:
    p = Plain(seed=bytes(32))
    numbers = [0, 1, (1 << 96) - 1, 1 << 48, (1 << 95) + 3]
    x = Wide(p.constant(digits_of(numbers, 5)), bounds_of(5))
    y = Wide(p.constant(digits_of([number + (7 << 48) for number in numbers], 5)), bounds_of(5))
    seven = Wide(p.constant(np.full((1, 5), 7)), (Bound(7, 7),), 2)
    for each in (x, y - seven):
        found = words(p, each)
        assert all((as_signed(word.value.parts[0]) >= 0).all() for word in found)
        joined = [sum(int(word.value.parts[0][at]) << (48 * k) for k, word in enumerate(found)) for at in range(5)]
        assert joined == numbers
