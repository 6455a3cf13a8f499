"""Scale secret integers into [1/2, 1), where series and Newton steps converge (PROTOCOLS 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterfoil.errors import RangeError
from counterfoil.mpc.circuits.core.adder import prefix_levels
from counterfoil.mpc.circuits.core.compare import a2b
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.preconditions import check_columns, check_width
from counterfoil.mpc.circuits.core.truncate import multiply_pr
from counterfoil.mpc.circuits.numeric.fixed import FRAC, Number
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, Bits, stack_bits

#: x · factor must stay below 2^62
MAX_WIDTH = 61


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal form x = c · 2^(i + 1), where i is the place of x's leading one.

    `c` is in [1/2, 1] with FRAC fractional bits, and 1/2 where x = 0; `place` is (width, n), of which row j is 1 where
    i = width - 1 - j; `factor` is 2^(width - 1 - i), and 0 where x = 0; `real` is 1 where x > 0, else 0.
    """

    c: Arith
    place: Arith
    factor: Arith
    real: Arith


def width_of(what: str, x: Number) -> int:
    """Return the `width` that `normalise` takes for this number.

    Raises: RangeError unless it is in [0, 2^MAX_WIDTH).
    """
    if x.bound.low < 0:
        raise RangeError(f"{what} may not be negative, and this one is from {x.bound.low} on")
    if x.frac < 0 or x.bound.high >> MAX_WIDTH:
        raise RangeError(
            f"{what} is below 2^{MAX_WIDTH}, and this one up to {x.bound.high}; rescale it to fewer places"
        )
    return max(1, x.bound.high.bit_length())


def normalise(p: Protocol, x: Arith, width: int) -> Normal:
    """Normalise integers 0 <= x < 2^width.

    Shapes: x (n,).
    Cost: for width 32: 16 / 17 rounds; 1142 / 1764 B.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 10; Catrina & Saxena (FC 2010).
    """
    check_columns("normalise", [x])
    check_width("normalise", width, MAX_WIDTH)
    # 1 (2 + log2 width rounds). Bits from the top down, inverted.
    clear = p.invert(a2b(p, x, width)[::-1])
    # 2 (log2 width rounds). Is everything clear down to here? The leading one is where that ends.
    none = prefix_and(p, clear)
    leading = stack_bits([p.invert(none[:1]), none[:-1] ^ none[1:]])
    # 3 (two rounds). Its place as a number, and the factor that moves it to the top.
    place = b2a(p, leading)
    factor = (place * (U64(1) << np.arange(width, dtype=U64))[:, np.newaxis]).sum(axis=0)
    real = place.sum(axis=0)
    # 4 (one round; two, in rep4 three, if there are bits to drop). c = x · factor / 2^width.
    drop = width - FRAC
    c = multiply_pr(p, x, factor, drop) if drop > 0 else p.multiply(x, factor) * (1 << -drop)
    return Normal(c + p.add_public(-real, 1) * (1 << (FRAC - 1)), place, factor, real)


def prefix_and(p: Protocol, z: Bits) -> Bits:
    """Compute in row i the AND of rows 0..i.

    Shapes: z and the result (w, n).
    Cost: ceil(log2 w) rounds; about w/2 bits are multiplied in each.
    Reveals: nothing.
    Source: Sklansky 1960.
    """
    for upper, source in prefix_levels(z.shape[0]):
        # One round: the upper half of each block takes in the last row of the lower half.
        z = z.put(upper, p.and_bits(z[upper], z[source]))
    return z
