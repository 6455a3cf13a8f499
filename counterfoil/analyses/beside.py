"""Check what may not leave beside other exact results of the same rows, or more than once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

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
    for name, each in exact.items():
        if not each.once:
            continue
        if (each.planned.interval or 0) < term.days:
            raise PlanError(
                f"{name}: {each.key} is about single owners, so it leaves once; write 'interval: {term.days}', the "
                "days of the agreement's term, or more, or let it take noise by 'privacy'"
            )
        columns = {factor for feature in each.own_features() for factor in feature.factors}
        for other, beside in exact.items():
            shared = columns & {factor for feature in beside.own_features() for factor in feature.factors}
            if other != name and beside.planned.contract == each.planned.contract and shared:
                raise PlanError(
                    f"{name}: beside {other}, which rests on sums of {min(shared)}, too, it would narrow down what "
                    "single owners have; drop one of the two, or let one take noise"
                )
