"""What analyses of a job do by themselves: what each may open, and those of one kind concluded side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager

from counterfoil.analyses.base import Analysis
from counterfoil.disclosure.declaration import Cells
from counterfoil.mpc.protocol import Protocol


def opening_their_own(p: Protocol, own: Collection[Analysis]) -> AbstractContextManager[None]:
    """Let nothing be opened but what these analyses declare, and in no other's name."""
    return p.limited_to({line.label for analysis in own for line in analysis.openings()})


def concluded(p: Protocol, plans: Mapping[str, Analysis], noised: Mapping[str, Cells]) -> dict[str, Cells]:
    """Conclude results that have their noise, by the names of their plans; those of one kind take the rounds of one."""
    found: dict[str, Cells] = {}
    for kind in dict.fromkeys(type(plans[name]) for name in noised):
        names = [name for name in noised if type(plans[name]) is kind]
        asked = [(plans[name], noised[name]) for name in names]
        with opening_their_own(p, [analysis for analysis, _ in asked]):
            found |= zip(names, kind.conclude_together(p, asked), strict=True)
    return found
