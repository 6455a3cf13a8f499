"""Mark the cells that have enough rows, by numbers that their values are multiplied by before release (PROTOCOLS 9)."""

from __future__ import annotations

from counterfoil.mpc.circuits.core.compare import msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith


def at_least(p: Protocol, count: Arith, threshold: int, width: int = 64) -> Arith:
    """Test count >= threshold, as 1 or 0; valid if |count - threshold| < 2^(width-1).

    Shapes: count and the result agree.
    Cost: 10 rounds; 108.25 / 184.5 B (width 64).
    Reveals: nothing.
    Raises: ShapeError.
    """
    small = msb(p, p.add_public(count, -threshold), width)
    return b2a(p, p.invert(small)).reshape(*count.shape)
