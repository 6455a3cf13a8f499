"""Counts and sums that leave as multiples of the policy's rounding base, so that no exact one is opened.

Rounding follows the hiding of cells, which goes by exact counts: what is published then says less than what the cells
were protected against, so no hidden one becomes easier to restore.
"""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.disclosure.declaration import Declaration
from counterfoil.mpc.circuits.core.rounding import round_each
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith


def rounded(
    p: Protocol, analyses: Mapping[str, Declaration], hidden: Mapping[str, Mapping[str, Arith]]
) -> dict[str, dict[str, Arith]]:
    """Round the counts and sums in the results if the policy says so. A hidden cell stays 0.

    Shapes: as given.
    Cost: none without a base; else that of `round_each` for all numbers of as many decimal places at once.
    Reveals: nothing.
    """
    made = {name: dict(arrays) for name, arrays in hidden.items()}
    places = [(name, array, bound) for name in made for array, bound in analyses[name].rounded.items()]
    if not places:
        return made
    for base in sorted({analyses[name].base_of(array) for name, array, _ in places}):
        alike = [each for each in places if analyses[each[0]].base_of(each[1]) == base]
        exact = [made[name][array] for name, array, _ in alike]
        found = round_each(p, exact, base, [bound for _, _, bound in alike])
        for (name, array, _), each in zip(alike, found, strict=True):
            made[name][array] = each
    return made
