"""Check what may not leave beside other exact results of the same rows, or more than once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import timedelta
from itertools import pairwise

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.flags import check_flags, check_told_apart
from counterfoil.errors import PlanError


def check_beside(analyses: Mapping[str, Analysis], term: timedelta) -> None:
    """Check the exact analyses of an agreement of this term by what each says of the others.

    Raises: PlanError.
    """
    check_flags(analyses)
    check_told_apart(analyses)
    exact = {name: each for name, each in analyses.items() if each.noise is None}
    _check_cuts(exact)
    for name, each in exact.items():
        if each.once and (each.planned.interval or 0) < term.days:
            raise PlanError(
                f"{name}: what changes in {each.key} from one release to the next is judged by nobody, so it leaves "
                f"once; write 'interval: {term.days}', the days of the agreement's term, or more, or let it take noise "
                "by 'privacy' if it can"
            )
        for other, beside in exact.items():
            shared = set(each.alone) & _rests_on(beside)
            if other != name and beside.planned.contract == each.planned.contract and shared:
                raise PlanError(
                    f"{name}: {other} rests on {min(shared)}, too, and narrows down what {each.key} leaves open of it; "
                    "drop one of the two, or let one take noise"
                )


def _check_cuts(exact: Mapping[str, Analysis]) -> None:
    """Check that no two numbers that one sum is compared with are near one another: the sum may be between the two.

    Raises: PlanError.
    """
    cuts: dict[Hashable, list[tuple[int, str]]] = {}
    for name, each in exact.items():
        if each.compared is not None:
            of = each.planned.contract, each.planned.where, tuple(each.own_features())
            cuts.setdefault(of, []).append((each.compared, name))
    for found in cuts.values():
        for (low, one), (high, other) in pairwise(sorted(found)):
            apart, percent = high - low, exact[other].rules.safe_interval
            if 100 * apart < percent * max(abs(low), abs(high)):
                raise PlanError(
                    f"{one} and {other} compare one sum with numbers that are less than {percent} % apart, so that it "
                    "would be known as closely as that; leave one of the two out, move it away, or let one take noise "
                    "by 'privacy'"
                )


def _rests_on(analysis: Analysis) -> set[str]:
    """Name the columns that it sums, or tells rows apart by."""
    return {name for each in analysis.features() for name in (*each.by, *each.columns)}
