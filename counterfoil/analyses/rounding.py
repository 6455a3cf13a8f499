"""Counts and sums that leave as multiples of the policy's rounding base, so that no exact one is opened.

Rounding follows the hiding of cells, which goes by exact counts: what is published then says less than what the cells
were protected against, so no hidden one becomes easier to restore.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING

from counterfoil.mpc.circuits.bound import Bound
from counterfoil.mpc.circuits.rounding import round_to
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.shares import Arith, concat

if TYPE_CHECKING:
    from counterfoil.analyses.base import Analysis


def rounded(
    p: Protocol, analyses: Mapping[str, Analysis], hidden: Mapping[str, Mapping[str, Arith]]
) -> dict[str, dict[str, Arith]]:
    """The same results, with the counts and sums in them rounded if the policy says so. A hidden cell stays 0.

    Shapes: as given.
    Cost: none without a base; else that of `round_to` for all numbers at once, as wide as the widest of them.
    Reveals: nothing.
    """
    made = {name: dict(arrays) for name, arrays in hidden.items()}
    places = [(name, array, bound) for name in made for array, bound in analyses[name].rounded.items()]
    if not places:
        return made
    (base,) = {analyses[name].base for name, _, _ in places}
    widest = reduce(Bound.joined, (bound for _, _, bound in places), Bound(0, 0))
    found = round_to(p, concat([made[name][array].reshape(-1) for name, array, _ in places]), base, widest)
    start = 0
    for name, array, _ in places:
        exact = made[name][array]
        made[name][array] = found[start : start + exact.size].reshape(*exact.shape)
        start += exact.size
    return made
