"""Conclude a linear regression from exact moments: coefficients, standard errors and R², in public steps.

What is released is a whole number of steps: what a coefficient or an error is, is known to nobody, nor how large. So
all of it is put together from normal forms and secret powers of two, and cut to its step at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.truncate import multiply_pr
from counterfoil.mpc.circuits.numeric.divide import inverse_root_of_normal
from counterfoil.mpc.circuits.numeric.fixed import FRAC, Fixed, Number, Rough, settle
from counterfoil.mpc.circuits.numeric.inverse import INVERSE_FRAC
from counterfoil.mpc.circuits.numeric.least_squares import least_squares
from counterfoil.mpc.circuits.numeric.normalise import normalise
from counterfoil.mpc.circuits.numeric.scale import SCALED_FRAC, scale_of, scaled
from counterfoil.mpc.circuits.numeric.wide import DIGIT_BITS, Wide, carried, product, products, word
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

COUNT_BITS: Final = 30
"""There are fewer than 2^COUNT_BITS rows."""

LARGEST_STEPS: Final = 1 << 40
"""No number is released that is more steps than this, and none where a mean is 2^16 deviations away or more."""

EXPLAINED_STEPS: Final = 1000
"""R² is released to so many-ths."""

_WIDTH = 61  # of what is brought to its normal form
_LOW = -5  # digits below this are not made of numbers on their way
_GUARD = 3  # digits of roots of powers of two below the point
_RATIO_FRAC = 28  # of the variance of an intercept, over that of the residuals
_SPARE = 1 << 16  # by so much of 2^-60 what is left can be below nothing
_FINE_BITS = 44  # of the public factor of each step
_HALF_FRAC = 10  # of steps before they are rounded
_TOP_BITS = 20  # of steps, and of 2^24 times a mean over its deviation, that do not matter for how large they are
_FULL_BITS = 36  # where less than 2^-36 of the response is left for each degree of freedom, it is determined


@dataclass(frozen=True, slots=True)
class Moments:
    """Exact moments of columns, the response last: how many rows, their sums, and sums of their products.

    Columns are less their public `middles`; where the line is to go through the origin, these are all 0.

    Shapes: `count` (1,); `sums` w + 1 numbers; `crossed` (w + 1)·(w + 2) / 2, in the order of np.tril_indices(w + 1).
    """

    count: Fixed
    sums: Wide
    crossed: Wide
    middles: Sequence[int]


@dataclass(frozen=True, slots=True)
class Regression:
    """Coefficients with standard errors, each the nearest whole number of its own steps, the intercept last; R².

    `residual` is the standard error of what the columns leave of the response, in the steps of the intercept, and
    `varies` 1 where a column, or the response, varies.

    Each number is within one step, and a five-hundredth of its standard error, of the exact one, wherever all tests are
    not negative: `solved` where the columns are neither constant nor determined by one another; `left` where they do
    not determine the response; `sized` where each number has its place.

    Shapes: `estimate`, `error` and `varies` (w + 1,); `residual` (1,); `explained` (1,), in EXPLAINED_STEPS; each test
        (t,).
    """

    estimate: Fixed
    error: Fixed
    residual: Fixed
    explained: Fixed
    varies: Arith
    solved: Arith
    left: Arith
    sized: Arith


def regress(p: Protocol, moments: Moments, steps: Sequence[Fraction], *, intercept: bool = True) -> Regression:
    """Regress the last column on the others, and on a constant unless there is to be no intercept.

    `steps` are the public steps of each slope and of the intercept, in units of the response for one of the column.
    Without an intercept that of the result is 0 and its error means nothing, R² is of squares from 0, and a column
    varies where it is not 0 everywhere.

    Shapes: steps (w + 1,).
    Cost: for ten columns of 20 bits 247 / 260 rounds; 398,080 / 768,432 B in all.
    Reveals: nothing.
    Raises: RangeError if something could wrap, or a line through the origin is asked of columns less their middles.
    Source: the normal equations; our own.
    """
    if not intercept and any(moments.middles):
        raise RangeError("regress: a line through the origin takes columns as they are, less nothing")
    every = len(moments.middles)
    width = every - 1
    (i, j), last = np.tril_indices(every), np.full(every, width)
    # 1 (one round, then two). n times the products of deviations, n·sum(xy) - sum(x)·sum(y), exactly; of all squares
    #    where the line goes through the origin, without a round.
    apart, total = _around_means(p, moments) if intercept else (moments.crossed, moments.sums.times([0] * every))
    apart, total = carried(p, apart, total)
    # 2. Their scales, and the fit in these.
    scale = scale_of(p, apart[np.flatnonzero(i == j)])
    lower = scaled(p, apart, scale, i, j)
    place = np.zeros((every, every), int)
    place[i, j] = place[j, i] = np.arange(i.size)
    fit = least_squares(p, Rough(lower.value[place], SCALED_FRAC, lower.bound))
    # 3. Sums in the same scales; what the slopes leave of that of the response; 1 + t'·X·t.
    shrink = scale.shrink.moved(-scale.most // DIGIT_BITS)
    (far,) = carried(p, product(p, total, shrink, _LOW))
    slope, inner = carried(
        p,
        Wide.of(fit.slope.value * (1 << 12), fit.slope.bound.times(1 << 12)).moved(-2),
        Wide.of(fit.inverse.value.value.reshape(-1), fit.inverse.value.bound),
    )
    rows = np.arange(width)
    taken, turned = products(
        p, [(slope, far[rows]), (inner.times([16] * inner.size).moved(-2), far[np.tile(rows, width)])], _LOW
    )
    rest, turned = carried(p, far[[width]] - taken.grouped(width), turned.grouped(width))
    (square,) = carried(p, product(p, turned, far[rows], _LOW).grouped(width))
    ratio = word(p, square, _RATIO_FRAC, Bound(0, 1 << (_WIDTH - 1)))
    # 4. Normal forms, and 1 / sqrt of each.
    one = moments.count
    free = Fixed(p.add_public(one.value, -(every if intercept else width)), 0, Bound(0, one.bound.high))
    spread = Rough(lower.value[place[width, width]].reshape(1), SCALED_FRAC, lower.bound)
    remains = Rough(p.add_public(fit.left.value, _SPARE), SCALED_FRAC, fit.left.bound)
    errors = Rough(fit.inverse.value.value[rows, rows], INVERSE_FRAC, fit.inverse.value.bound)
    far_off = Rough(p.add_public(ratio.value, 1 << _RATIO_FRAC), _RATIO_FRAC, ratio.bound)
    rows_of, free_of, spread_of, remains_of, errors_of = _forms(
        p, [[one], [free], [spread], [remains], [errors, far_off]]
    )
    # 5 (two or three rounds, three times). Roots of what errors are made of; 1 / n, and what remains of the spread.
    roots, squares = _cut(multiply_pr(
        p,
        concat([remains_of.c, errors_of.c, rows_of.inverse_root, spread_of.inverse_root]),
        concat([remains_of.inverse_root, errors_of.inverse_root, rows_of.inverse_root, spread_of.inverse_root]),
        FRAC,
    ), every + 1)  # fmt: skip
    left_out, own = _cut(roots, 1)
    made = multiply_pr(
        p,
        concat([left_out, remains_of.c, own[width:]]),
        concat([free_of.inverse_root, squares[1:], squares[:1]]),
        FRAC,
    )
    by_free, share, constant_error = made[:1], made[1:2], made[2:]
    unit = Wide.of(p.constant(np.ones(1, np.int64)), Bound(1, 1))
    by_rows, power = rows_of.inverse_root, rows_of.power(-1)
    if not intercept:
        by_rows, power = p.constant(np.full(1, 1 << FRAC)), unit
    among = concat([own[:width], constant_error, by_rows])
    deviations = multiply_pr(p, among, by_free.broadcast_to((every + 1,)), FRAC)
    # 6 (one round, then two; three times). Times powers of two, to the units of the contract.
    parts = carried(p, _word(deviations), _word(squares[:1]), _word(share))
    deviation, whole, unexplained = parts
    down = shrink[rows]
    scales, slopes, by_row, both, ends = carried(p, *products(p, [
        (errors_of.power(1).beside(power), down.beside(rows_of.power(-2)).beside(unit)),
        (slope, down),
        (whole, rows_of.power(-2)),
        (remains_of.power(1), free_of.power(-1)),
        (remains_of.power(2), spread_of.power(-2)),
    ], _LOW))  # fmt: skip
    grow = scale.grow[[width]]
    scaled_errors, constant, response, lost = carried(p, *products(p, [
        (deviation, scales), (rest, by_row), (both, grow), (unexplained, ends)
    ], _LOW))  # fmt: skip
    error, estimate = carried(p, *products(p, [
        (scaled_errors, response[[0] * (every + 1)]), (slopes.beside(constant), grow[last * 0])
    ], _LOW))  # fmt: skip
    # 7 (two rounds, then two, twice; then 10). In steps, and with R²; that none has more of them than it may.
    numbers = estimate.beside(error).beside(unit - lost)
    released, sizes = _in_steps(p, numbers, [*steps, *steps, steps[-1], Fraction(1, EXPLAINED_STEPS)], far[rows])
    return Regression(
        Fixed(released[:every], 0, Bound.symmetric(LARGEST_STEPS)),
        Fixed(released[every : 2 * every], 0, Bound.symmetric(LARGEST_STEPS)),
        Fixed(released[2 * every : -1], 0, Bound.symmetric(LARGEST_STEPS)),
        Fixed(released[-1:], 0, Bound(-1, EXPLAINED_STEPS + 1)),
        scale.real,
        fit.inverse.tests,
        p.linear([(1, fit.left.value), (-(1 << (SCALED_FRAC - _FULL_BITS)), free.value)]),
        concat([p.add_public(sizes, 1 << _TOP_BITS), p.add_public(-sizes, 1 << _TOP_BITS)]),
    )


def _around_means(p: Protocol, moments: Moments) -> tuple[Wide, Wide]:
    """Return n times the products of deviations from the means, and the sums of the columns as they are."""
    every = len(moments.middles)
    i, j = np.tril_indices(every)
    n = Wide.of(moments.count.value, moments.count.bound)
    times, less = products(p, [(n[np.zeros(i.size, int)], moments.crossed), (moments.sums[i], moments.sums[j])])
    return times - less, moments.sums + n[np.zeros(every, int)].times(moments.middles)


def _in_steps(p: Protocol, x: Wide, steps: Sequence[Fraction], far: Wide) -> tuple[Arith, Arith]:
    """Round each number to the nearest of its own steps, and say how large these numbers and means are."""
    shift = max(0, *(_FINE_BITS - _power_of(step) for step in steps[:-1])) // DIGIT_BITS + 1
    by = [round(Fraction(1 << (DIGIT_BITS * shift)) / step) for step in steps]
    (numbers,) = carried(p, x.times(by).moved(-shift))
    most = Bound.symmetric(LARGEST_STEPS << _HALF_FRAC)
    fine = word(p, numbers, _HALF_FRAC, most)
    sizes = word(p, numbers.beside(far.moved(1)), -_TOP_BITS, Bound(0, 0)).value
    half = p.add_public(fine.value, 1 << (_HALF_FRAC - 1))
    return settle(p, Rough(half, _HALF_FRAC, most), 0).value, sizes


@dataclass(frozen=True, slots=True)
class _Form:
    """Normal forms of some numbers, x = c · 2^(i + 1 - frac), and 1 / sqrt(c).

    Shapes: `c` and `inverse_root` (n,); `place` (_WIDTH, n); `fracs` n.
    """

    c: Arith
    inverse_root: Arith
    place: Arith
    fracs: tuple[int, ...]

    def power(self, halves: int) -> Wide:
        """Return 2^((i + 1 - frac) · halves / 2) of each. Local."""
        weights = [
            [math.isqrt(1 << max(0, 2 * DIGIT_BITS * _GUARD + halves * (_WIDTH - row - frac))) for frac in self.fracs]
            for row in range(_WIDTH)
        ]
        count = -(-max(each.bit_length() for row in weights for each in row) // DIGIT_BITS)
        digits, bounds = [], []
        for at in range(count):
            own = np.array([[(each >> (DIGIT_BITS * at)) % (1 << DIGIT_BITS) for each in row] for row in weights])
            digits.append((self.place * own).sum(axis=0).reshape(1, -1))
            bounds.append(Bound(0, int(own.max())))
        return Wide(concat(digits), tuple(bounds), -_GUARD)


def _forms(p: Protocol, parts: Sequence[Sequence[Number]]) -> list[_Form]:
    """Bring all numbers to their normal forms at once."""
    every = concat([number.value for part in parts for number in part])
    normal = normalise(p, every, _WIDTH)
    roots = inverse_root_of_normal(p, normal.c)
    found, start = [], 0
    for part in parts:
        fracs = tuple(number.frac for number in part for _ in range(number.value.size))
        own = slice(start, start + len(fracs))
        found.append(_Form(normal.c[own], roots[own], normal.place[:, own], fracs))
        start += len(fracs)
    return found


def _word(x: Arith) -> Wide:
    """Take numbers below 4 over 2^FRAC for wide ones."""
    up = -FRAC % DIGIT_BITS
    return Wide.of(x * (1 << up), Bound(0, 1 << (FRAC + 2 + up))).moved(-(FRAC + up) // DIGIT_BITS)


def _cut(x: Arith, size: int) -> tuple[Arith, Arith]:
    return x[:size], x[size:]


def _power_of(step: Fraction) -> int:
    """Return the power of two below 1 / step."""
    return math.floor(math.log2(float(1 / step)))
