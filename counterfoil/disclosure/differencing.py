"""Whether a release is about nearly the same rows as an earlier one: then their difference is about the few others.

Owner by owner: what a recipient knows of the other owners, its own rows perhaps, does not count as difference. Knows
sketches of sets (`data.row_sketch`), as shares, and no tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from counterfoil.data.row_sketch import KINDS, REPEATS
from counterfoil.governance.agreements.agreement import Part
from counterfoil.mpc.circuits.core.compare import is_zero, msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

MARGIN: Final = 16
"""By so much the sum of squares may pass the number of differing rows, because tags met in a bucket.

Of fewer than 64 differing rows, so many meet with a probability below 10^-6: then a small difference passes as a large
one. That all rows cancel and a small difference passes as none has, for two rows, the probability 2^-26.
"""


def too_close(p: Protocol, compared: Sequence[tuple[Mapping[Part, Arith], Mapping[Part, Arith]]], fewest: int) -> Arith:
    """Return 1 for each release that some owner's rows differ from, but by fewer than `fewest`; then a zero.

    `compared` has for each release the sketches of the rows now and then, in one key domain. Rows are held against each
    other by their keys, and as a whole. Owners without rows on one side had none.

    Shapes: sketches are (KINDS, REPEATS * BUCKETS); the result (releases + 1,).
    Cost: 28 rounds; a product, a sign and an equality for each owner and release.
    Reveals: nothing.
    Source: the second moment by signed buckets: Charikar, Chen & Farach-Colton 2002; Thorup & Zhang 2004.
    """
    last = p.constant(np.zeros(1, np.uint64))
    pairs = [(at, part) for at, (now, then) in enumerate(compared) for part in sorted({*now, *then})]
    if not pairs:
        return concat([last] * (len(compared) + 1))
    # 1 (local). In which buckets the sets differ.
    gaps = [_minus(*(each.get(part) for each in compared[at])) for at, part in pairs]
    # 2 (one round). By how many rows, as often as there are repeats.
    stacked = concat(gaps)
    size = p.dot(stacked, stacked)
    # 3 (10 rounds, then one). By some, and by few.
    few = b2a(p, msb(p, p.add_public(size, -(REPEATS * fewest + MARGIN))))
    some = p.add_public(-b2a(p, is_zero(p, size)), 1)
    close = p.multiply(few, some).reshape(len(pairs), KINDS).sum(axis=1)
    # 4 (6 rounds). At any owner.
    of = np.array([at for at, _ in pairs])
    sums = concat([*(close[np.flatnonzero(of == at)].sum().reshape(1) for at in range(len(compared))), last])
    return b2a(p, p.invert(is_zero(p, sums, (KINDS * len(pairs)).bit_length())))


def _minus(now: Arith | None, then: Arith | None) -> Arith:
    if now is None or then is None:
        (given,) = (each for each in (now, then) if each is not None)
        return given
    return now - then
