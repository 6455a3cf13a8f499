"""Divide secret whole numbers exactly by a public one, and round them to its multiples.

Division by multiplication with a reciprocal is exact as long as the product fits into the ring, so longer numbers take
long division: a digit of the quotient at a time, from the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.truncate import trunc_exact
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

DIGIT_BITS: Final = 30
"""Numbers of so many bits are divided at once: times a reciprocal of 31 bits they stay below 2^62."""

LARGEST_DIVISOR: Final = 1 << 20


def floor_divide(p: Protocol, x: Arith, divisor: int, bound: Bound) -> Arith:
    """Divide: floor(x / divisor), for every x within its bound.

    Shapes: x and the result agree.
    Cost: that of `trunc_exact`, at most 152.4 / 256.75 B; twice over for each digit more: one at 30 bits at most.
    Reveals: nothing.
    Raises: ShapeError; RangeError unless 1 <= divisor <= 2^20, or if the bound is wider than 2^62.
    Source: Granlund & Montgomery (PLDI 1994), theorem 4.2: x·m / 2^k, m = ceil(2^k / d), k = 30 + ceil(log2 d), is
        right for x < 2^30; the digits are our own.
    """
    # 1 (local). x is at least 0 when a multiple of the divisor is taken away.
    lowest, most = check_divisible(bound, divisor)
    rest = p.add_public(x, -lowest * divisor)
    scale = DIGIT_BITS + (divisor - 1).bit_length()
    reciprocal = -(-(1 << scale) // divisor)
    digits: list[tuple[int, Arith]] = []
    while True:
        # 2 (10 rounds, or none). The digit's part of x: what is below it changes no floor.
        shift = max(0, most.bit_length() - DIGIT_BITS)
        top = trunc_exact(p, rest, shift) if shift else rest
        # 3 (10 rounds). Its quotient, and what is left of x: less than divisor · 2^shift.
        digit = trunc_exact(p, top * reciprocal, scale)
        digits.append((1 << shift, digit))
        if not shift:
            return p.linear(digits, lowest)
        rest = rest - digit * (divisor << shift)
        most = (divisor << shift) - 1


def check_divisible(bound: Bound, divisor: int) -> tuple[int, int]:
    """Return the lowest quotient, and how far a number in the bound can be above that many times the divisor.

    Raises: RangeError as `floor_divide`; a plan asks this before anything is computed.
    """
    if not 1 <= divisor <= LARGEST_DIVISOR:
        raise RangeError(f"a divisor is from 1 to {LARGEST_DIVISOR}, and this one is {divisor}")
    lowest = bound.low // divisor
    return lowest, Bound(0, bound.high - lowest * divisor).high


def round_to(p: Protocol, x: Arith, base: int, bound: Bound) -> Arith:
    """Round to the nearest multiple of `base`, up where two are as near; the result is within base // 2 of x.

    Shapes: x and the result agree.
    Cost: that of `floor_divide`.
    Reveals: nothing.
    Raises: ShapeError; RangeError as `check_roundable`.
    """
    (rounded,) = round_each(p, [x], base, [bound])
    return rounded


def round_each(p: Protocol, arrays: Sequence[Arith], base: int, bounds: Sequence[Bound]) -> list[Arith]:
    """Round arrays with bounds of their own in one pass: what can be rounded alone can be with others.

    Shapes: an array and its result agree.
    Cost: that of `floor_divide` of all elements, at the width of the array whose bounds are furthest apart.
    Reveals: nothing.
    Raises: ShapeError; RangeError as `check_roundable`.
    """
    # 1 (local). Each array is at least 0 when a multiple of the base is taken away; half a base makes the floor the
    #    nearest one.
    rooms = [check_roundable(bound, base) for bound in bounds]
    raised = [
        p.add_public(array, base // 2 - lowest * base).reshape(-1)
        for array, (lowest, _) in zip(arrays, rooms, strict=True)
    ]
    # 2. The quotients of all, and back.
    quotients = floor_divide(p, concat(raised), base, Bound(0, max(most for _, most in rooms)))
    found, start = [], 0
    for array, (lowest, _) in zip(arrays, rooms, strict=True):
        own = quotients[start : start + array.size].reshape(*array.shape)
        found.append(p.add_public(own * base, lowest * base))
        start += array.size
    return found


def check_roundable(bound: Bound, base: int) -> tuple[int, int]:
    """Check what is rounded, as `check_divisible` does.

    Raises: RangeError unless 1 <= base <= 2^20, or if the bounds are 2^62 - base or more apart, or near 2^62; a plan
        asks this before anything is computed.
    """
    half = base // 2
    return check_divisible(Bound(bound.low + half, bound.high + half), base)


def rounded_from(base: int) -> Bound:
    """Bound the number that was rounded minus what it was rounded to."""
    return Bound(-(base // 2), base - 1 - base // 2)
