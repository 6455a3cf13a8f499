"""Propagate public bounds of secret values through a program before it sends anything (PROTOCOLS 7.1).

A bound comes from a contract or is what a circuit states of its result. It is plain integer arithmetic: it knows no
shares, and a plan whose values could wrap around the ring is refused by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.errors import RangeError

#: no |value| may reach 2^SAFE_BITS: then every difference of two has a sign, and truncations are right
SAFE_BITS: Final = 62


@dataclass(frozen=True, slots=True)
class Bound:
    """An interval, low <= value <= high for every element, in which the value is safe to compute with.

    Raises: RangeError, at construction, if a value could reach 2^62 or the bounds are the wrong way round.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise RangeError(f"no value is from {self.low} to {self.high}; exchange the bounds")
        if max(-self.low, self.high) >= 1 << SAFE_BITS:
            raise RangeError(
                f"a value from {self.low} to {self.high} could pass 2^{SAFE_BITS}; "
                "declare narrower bounds, a coarser resolution or fewer rows"
            )

    @classmethod
    def symmetric(cls, magnitude: int) -> Bound:
        """Bound |value| by the magnitude."""
        return cls(-magnitude, magnitude)

    def __add__(self, other: Bound) -> Bound:
        return Bound(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Bound) -> Bound:
        return Bound(self.low - other.high, self.high - other.low)

    def __neg__(self) -> Bound:
        return Bound(-self.high, -self.low)

    def __mul__(self, other: Bound) -> Bound:
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Bound(min(corners), max(corners))

    def times(self, factor: int) -> Bound:
        """Bound the value times a public integer."""
        return self * Bound(factor, factor)

    def summed(self, count: int) -> Bound:
        """Bound the sum of `count` such values."""
        return self.times(count)

    def shifted_down(self, frac: int) -> Bound:
        """Bound the floor of value / 2^frac, or one more."""
        return Bound(self.low >> frac, (self.high >> frac) + 1)

    def joined(self, other: Bound) -> Bound:
        """Bound a value that is within one of the two."""
        return Bound(min(self.low, other.low), max(self.high, other.high))

    @property
    def magnitude(self) -> int:
        """The largest |value|."""
        return max(-self.low, self.high)

    @property
    def width(self) -> int:
        """The bits of the value in two's complement: the `width` that comparisons take."""
        return max(self.high.bit_length(), (-self.low - 1).bit_length() if self.low < 0 else 0) + 1
