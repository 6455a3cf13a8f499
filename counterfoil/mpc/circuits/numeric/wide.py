"""Compute with whole numbers longer than a word, exactly: moments of a million rows of 30 bits do not fit one.

A number is a sum of signed digits times powers of 2^DIGIT_BITS, with a public bound of each digit. Digits are not
unique, so that nothing has to ripple: a carry takes its part from every digit at once, and however it rounds, what is
taken from one digit is what the next one gets. Products stay below 2^62 as long as digits are carried in between.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np

from counterfoil.errors import RangeError, ShapeError
from counterfoil.mpc.circuits.core.bound import SAFE_BITS, Bound
from counterfoil.mpc.circuits.core.truncate import trunc_exact, trunc_pr
from counterfoil.mpc.circuits.numeric.fixed import Fixed, Rough
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

DIGIT_BITS: Final = 24
"""Products of two carried digits are of 48 bits, and many of them add up in a word."""

_BASE: Final = 1 << DIGIT_BITS
_SHORT: Final = 1 << 32  # digits below this are short enough for products


@dataclass(frozen=True, slots=True)
class Wide:
    """The number sum of digits[k] · 2^(DIGIT_BITS · (k + lowest)), where digit k is within bounds[k].

    Shapes: digits (k, n).
    """

    digits: Arith
    bounds: tuple[Bound, ...]
    lowest: int = 0

    def __post_init__(self) -> None:
        if len(self.digits.shape) != 2 or len(self.bounds) != len(self.digits):
            raise ShapeError("a wide number has digits (k, n), and a bound for each of the k")

    @classmethod
    def of(cls, x: Arith, bound: Bound) -> Wide:
        """Take a word for a number of one digit, which products ask to be carried first. Shapes: x (n,)."""
        return cls(x.reshape(1, x.size), (bound,))

    @property
    def size(self) -> int:
        """How many numbers these are."""
        return self.digits.shape[1]

    @property
    def highest(self) -> int:
        """The power of the digit that would come next."""
        return self.lowest + len(self.bounds)

    def __getitem__(self, index: object) -> Wide:
        """Take some of the numbers."""
        return Wide(self.digits[(slice(None), index)], self.bounds, self.lowest)

    def __add__(self, other: Wide) -> Wide:
        low, high = min(self.lowest, other.lowest), max(self.highest, other.highest)
        one, two = self._from(low, high), other._from(low, high)
        return Wide(
            one.digits + two.digits, tuple(a + b for a, b in zip(one.bounds, two.bounds, strict=True)), low
        )  # fmt: skip

    def __neg__(self) -> Wide:
        return Wide(-self.digits, tuple(-bound for bound in self.bounds), self.lowest)

    def __sub__(self, other: Wide) -> Wide:
        return self + -other

    def times(self, factors: Sequence[int]) -> Wide:
        """Multiply each number by a public one, of any size. Shapes: factors (n,). Local."""
        parts = []
        for at in range(max(1, -(-max(abs(each).bit_length() for each in factors) // DIGIT_BITS))):
            own = [(abs(each) >> (DIGIT_BITS * at)) % _BASE * (-1 if each < 0 else 1) for each in factors]
            reach = Bound(min(0, *own), max(0, *own))
            bounds = tuple(bound * reach for bound in self.bounds)
            parts.append(Wide(self.digits * np.array(own, np.int64), bounds, self.lowest + at))
        return reduce(operator.add, parts)

    def grouped(self, count: int) -> Wide:
        """Add up every `count` numbers that follow one another. Local."""
        digits = self.digits.reshape(len(self.bounds), self.size // count, count).sum(axis=2)
        return Wide(digits, tuple(bound.summed(count) for bound in self.bounds), self.lowest)

    def beside(self, other: Wide) -> Wide:
        """Take the numbers of both, one after the other. Local."""
        low, high = min(self.lowest, other.lowest), max(self.highest, other.highest)
        one, two = self._from(low, high), other._from(low, high)
        bounds = tuple(a.joined(b) for a, b in zip(one.bounds, two.bounds, strict=True))
        return Wide(concat([one.digits, two.digits], axis=1), bounds, low)

    def moved(self, digits: int) -> Wide:
        """Multiply by 2^(DIGIT_BITS · digits)."""
        return Wide(self.digits, self.bounds, self.lowest + digits)

    def kept(self, lowest: int, highest: int) -> Wide:
        """Drop digits below and above; who calls it knows that those below do not matter and those above cancel out."""
        low, high = max(lowest, self.lowest) - self.lowest, min(highest, self.highest) - self.lowest
        return Wide(self.digits[low:high], self.bounds[low:high], self.lowest + low)

    def _from(self, low: int, high: int) -> Wide:
        """Add digits of zero at both ends."""
        below, above = self.lowest - low, high - self.highest
        if not below and not above:
            return self
        empty = self.digits[:1] * 0
        nothing = (Bound(0, 0),)
        return Wide(
            concat([*([empty] * below), self.digits, *([empty] * above)]),
            nothing * below + self.bounds + nothing * above,
            low,
        )


def product(p: Protocol, x: Wide, y: Wide, lowest: int | None = None) -> Wide:
    """Multiply x · y, elementwise.

    Shapes, Cost, Reveals, Raises, Source: as `products`.
    """
    return products(p, [(x, y)], lowest)[0]


def products(p: Protocol, pairs: Sequence[tuple[Wide, Wide]], lowest: int | None = None) -> list[Wide]:
    """Multiply the two of every pair, elementwise, without the digits below `lowest`, in one message.

    Shapes: the two of a pair agree.
    Cost: 1 round; 24 / 48 B for each product of two digits.
    Reveals: nothing.
    Raises: ShapeError; RangeError if a digit of the result could wrap.
    Source: schoolbook multiplication; the digits are carried by `carried`.
    """
    plans = []
    for x, y in pairs:
        if x.size != y.size:
            raise ShapeError("products: the two of a pair are as many numbers")
        base = x.lowest + y.lowest
        least = base if lowest is None else max(lowest, base)
        places = [
            (i, j) for i in range(len(x.bounds)) for j in range(len(y.bounds)) if i + j + base >= least
        ]  # fmt: skip
        plans.append((x, y, base, least, places))
    # 1 (one round). Every digit of one with every digit of the other.
    left, right = (
        concat([number.digits[[place[at] for place in places]].reshape(-1) for number, places in parts])
        for at, parts in enumerate(
            ([(x, places) for x, _, _, _, places in plans], [(y, places) for _, y, _, _, places in plans])
        )
    )
    every, start, found = p.multiply(left, right), 0, []
    # 2 (local). Those of one power are added up.
    for x, y, base, least, places in plans:
        made = every[start : start + len(places) * x.size].reshape(len(places), x.size)
        start += len(places) * x.size
        powers = np.array([i + j + base - least for i, j in places])
        digits, bounds = [], []
        for power in range(int(powers.max()) + 1):
            digits.append(made[np.flatnonzero(powers == power)].sum(axis=0).reshape(1, x.size))
            bound = Bound(0, 0)
            for i, j in (place for place, own in zip(places, powers, strict=True) if own == power):
                bound += x.bounds[i] * y.bounds[j]
            bounds.append(bound)
        found.append(Wide(concat(digits), tuple(bounds), least))
    return found


def carried(p: Protocol, *numbers: Wide) -> list[Wide]:
    """Carry what is above DIGIT_BITS of each digit to the next one. The numbers stay the same, exactly.

    Cost: 2 rounds, and 20 / 40 B a digit; once more where a digit is so long that the next one would not be short.
    Reveals: nothing.
    Raises: ShapeError.
    Source: our own. A carry may be one more than the floor, as `trunc_pr` says; then its digit is negative.
    """
    found = list(numbers)
    while any(bound.magnitude >= 2 * _BASE for each in found for bound in each.bounds):
        found = _carried(p, found)
        if all(bound.magnitude < _SHORT for each in found for bound in each.bounds):
            break
    return found


def _carried(p: Protocol, numbers: Sequence[Wide]) -> list[Wide]:
    plans = [(each, [bound.magnitude >= 2 * _BASE for bound in each.bounds]) for each in numbers]
    long = [each.digits[np.flatnonzero(wanted)].reshape(-1) for each, wanted in plans if any(wanted)]
    # 1 (two rounds). The upper part of each long digit.
    over, start, found = trunc_pr(p, concat(long), DIGIT_BITS), 0, []
    for each, wanted in plans:
        above: dict[int, Arith] = {}
        for at in np.flatnonzero(wanted).tolist():
            above[at] = over[start : start + each.size].reshape(1, each.size)
            start += each.size
        # 2 (local). Taken from there, given to the next.
        digits, bounds = [], []
        for at in range(len(each.bounds) + bool(wanted[-1])):
            last = at == len(each.bounds)
            digit, bound = (each.digits[:1] * 0, Bound(0, 0)) if last else (each.digits[at : at + 1], each.bounds[at])
            if at in above:
                digit, bound = digit - above[at] * _BASE, Bound(-_BASE, _BASE - 1)
            if at - 1 in above:
                digit, bound = digit + above[at - 1], bound + each.bounds[at - 1].shifted_down(DIGIT_BITS)
            digits.append(digit)
            bounds.append(bound)
        found.append(Wide(concat(digits), tuple(bounds), each.lowest))
    return found


def word(p: Protocol, x: Wide, frac: int, bound: Bound) -> Rough:
    """Take x · 2^frac in one word, where the caller promises that it is within `bound`; off by less than 3.

    Shapes: the result (n,).
    Cost: local where no digit is below the last place, else 2 rounds, and 20 / 40 B.
    Reveals: nothing.
    Raises: RangeError if the digits below the last place are not carried.
    Source: digits above the word cancel out mod 2^64, since the whole is within its bound.
    """
    terms: list[Arith] = []
    lower: list[tuple[int, Arith]] = []
    for at, digit in enumerate(x.bounds):
        shift = DIGIT_BITS * (at + x.lowest) + frac
        own = x.digits[at]
        if 0 <= shift < 64:
            terms.append(own * (1 << shift))
        elif -2 * DIGIT_BITS < shift < 0:
            if digit.magnitude >> (SAFE_BITS - DIGIT_BITS):
                raise RangeError("word: carry the digits before they are cut off")
            lower.append((shift, own))
    if lower:
        # The digit at the last place with the one below it, cut off together.
        least = min(shift for shift, _ in lower)
        terms.append(trunc_pr(p, p.linear([(1 << (shift - least), own) for shift, own in lower]), -least))
    if not terms:
        raise RangeError("word: none of the digits is in the word")
    return Rough(p.linear([(1, term) for term in terms]), frac, bound)


def words(p: Protocol, x: Wide) -> list[Fixed]:
    """Write x >= 0 in words of two digits each, lowest first, each in [0, 2^(2·DIGIT_BITS)): the one way to write it.

    Shapes: each result (n,).
    Cost: 10 rounds a word but for the last.
    Reveals: nothing.
    Raises: RangeError if a word could wrap.
    Source: our own.
    """
    bits, found = 2 * DIGIT_BITS, []
    carry: Arith | None = None
    over = Bound(0, 0)
    for at in range(0, len(x.bounds), 2):
        pair = x.digits[at : at + 2]
        bound = x.bounds[at] + over
        value = pair[0] if carry is None else pair[0] + carry
        if len(pair) == 2:
            value, bound = value + pair[1] * _BASE, bound + x.bounds[at + 1].times(_BASE)
        if at + 2 < len(x.bounds):
            carry = trunc_exact(p, value, bits)
            over = Bound(bound.low >> bits, bound.high >> bits)
            value, bound = value - carry * (1 << bits), Bound(0, (1 << bits) - 1)
        found.append(Fixed(value, 0, Bound(0, bound.high)))
    return found
