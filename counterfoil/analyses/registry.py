"""The analyses that an agreement can name, each with the versions that still run."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.decided.leave_one_out import LeaveOneOut
from counterfoil.analyses.decided.threshold import Threshold
from counterfoil.analyses.sums.correlation import Correlation
from counterfoil.analyses.sums.histogram import Histogram
from counterfoil.analyses.sums.mean_by_group import MeanByGroup
from counterfoil.analyses.sums.total import Total
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import Contract

REGISTRY: Mapping[tuple[str, int], type[Analysis]] = {
    (analysis.key, analysis.version): analysis
    for analysis in (Total, MeanByGroup, Correlation, Histogram, Threshold, LeaveOneOut)
}


def build(planned: Planned, contract: Contract, limits: Limits) -> Analysis:
    """The planned analysis, bound to its contract. Raises: PlanError, RangeError."""
    analysis = REGISTRY.get((planned.analysis, planned.version))
    if analysis is None:
        known = ", ".join(f"{key} v{version}" for key, version in sorted(REGISTRY))
        raise PlanError(f"{planned.name}: no analysis {planned.analysis} v{planned.version} here; there are {known}")
    return analysis(planned, contract, limits)
