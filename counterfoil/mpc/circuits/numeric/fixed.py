"""Compute on shared fixed-point numbers with their public bounds (PROTOCOLS 7.1 and 10).

A number is an integer over 2^frac. Its bound travels with it, so a program whose values could wrap is refused before it
sends anything. What a numeric kernel makes with `trunc_pr` is `Rough`: opened or compared, it would say something about
digits below its resolution. `settle` drops some digits of it exactly and so makes a `Fixed`; only that may leave a
computation. Within a kernel's error of a multiple of the last digit, a settled number may be one unit less or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.preconditions import check_same_shape
from counterfoil.mpc.circuits.core.truncate import trunc_exact, trunc_pr
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith

#: fractional bits inside kernels: products of two numbers below 2 stay below 2^62
FRAC: Final = 30
ONE: Final = 1 << FRAC


@dataclass(frozen=True, slots=True)
class Number:
    """A number, value / 2^frac, where the integer `value` is within `bound`."""

    value: Arith
    frac: int
    bound: Bound


class Fixed(Number):
    """A number that is exact, or settled: it may be opened, compared, or get noise."""

    __slots__ = ()


class Rough(Number):
    """A number with the coin of a probabilistic truncation: for further arithmetic alone, or for `settle`."""

    __slots__ = ()


def add(x: Number, y: Number) -> Number:
    """Add x + y. Local. Raises: ShapeError; RangeError if they differ in fractional bits, or the sum could wrap."""
    check_same_shape("add", x.value, y.value)
    if x.frac != y.frac:
        raise RangeError(f"numbers of {x.frac} and {y.frac} fractional bits do not add; rescale one")
    return _kind(x, y)(x.value + y.value, x.frac, x.bound + y.bound)


def negate(x: Number) -> Number:
    """Negate x. Local."""
    return type(x)(-x.value, x.frac, -x.bound)


def product(p: Protocol, x: Number, y: Number) -> Number:
    """Multiply x · y with the fractional bits of both, not truncated: that is left to `rescale` or `settle`.

    Shapes: x, y and the result agree.
    Cost: 1 round; 24 / 48 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError if it could wrap.
    """
    check_same_shape("product", x.value, y.value)
    bound = x.bound * y.bound
    return _kind(x, y)(p.multiply(x.value, y.value), x.frac + y.frac, bound)


def rescale(p: Protocol, x: Number, frac: int) -> Number:
    """Rescale x to so many fractional bits; the result is within 2^-frac of it if there were more.

    Shapes: x and the result agree.
    Cost: local if there are fewer now, else as `trunc_pr`.
    Reveals: nothing.
    Raises: ShapeError; RangeError if it could wrap.
    """
    if frac >= x.frac:
        return type(x)(x.value * (1 << (frac - x.frac)), frac, x.bound.times(1 << (frac - x.frac)))
    drop = x.frac - frac
    return Rough(trunc_pr(p, x.value, drop), frac, x.bound.shifted_down(drop))


def settle(p: Protocol, x: Number, frac: int) -> Fixed:
    """Round down to floor(x · 2^frac) / 2^frac, exactly, which may be opened.

    Shapes: x and the result agree.
    Cost: as `trunc_exact`.
    Reveals: nothing.
    Raises: ShapeError; RangeError if there are no bits to drop.
    """
    drop = x.frac - frac
    if drop < 1:
        raise RangeError(f"a number of {x.frac} fractional bits cannot be settled to {frac}; ask for fewer")
    return Fixed(trunc_exact(p, x.value, drop), frac, Bound(x.bound.low >> drop, x.bound.high >> drop))


def _kind(x: Number, y: Number) -> type[Number]:
    return Fixed if isinstance(x, Fixed) and isinstance(y, Fixed) else Rough
