"""What noised results add up to: the privacy that all releases to one recipient have cost together.

The only module that imports dp-accounting, and only when there is something to add up (it takes a second). Knows
losses, and nothing of who caused them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from counterfoil.governance.policies.privacy import Cap


@dataclass(frozen=True, slots=True)
class Loss:
    """What one release costs: it is `epsilon`-DP, or `rho`-zCDP (the other one is 0).

    Its noise is within `distance`, in total variation, of the noise of which that is true.
    """

    epsilon: Decimal
    rho: Decimal
    distance: Decimal

    def __str__(self) -> str:
        return f"ρ = {self.rho:.6g}" if self.rho else f"ε = {self.epsilon:f}"


def spent(losses: Sequence[Loss], cap: Cap) -> float:
    """Add up the epsilon that all the losses cost together, at the cap's delta; infinite where that cannot be kept.

    The smaller of two bounds: the sum, with that of all Gaussian losses as one; and all of them as Rényi-DP.

    Cost: a second once, to import dp-accounting, if there are two losses or any is Gaussian; then milliseconds.
    """
    if not losses:
        return 0.0
    # Whoever is told sampled noise instead of ideal noise: (1 + e^epsilon) times the distance more, in delta.
    distance = sum((Fraction(loss.distance) for loss in losses), Fraction(0))
    delta = float(cap.delta) - float(distance) * (1 + math.exp(float(cap.epsilon)))
    if delta <= 0:
        return math.inf
    pure = sum((loss.epsilon for loss in losses), Decimal(0))
    gaussian = [loss for loss in losses if loss.rho]
    if len(losses) == 1 and not gaussian:
        return float(pure)
    return min(float(pure) + (_renyi(gaussian, delta) if gaussian else 0.0), _renyi(losses, delta))


def _renyi(losses: Sequence[Loss], delta: float) -> float:
    from dp_accounting import NeighboringRelation, RandomizedResponseDpEvent, ZCDpEvent  # noqa: PLC0415
    from dp_accounting.rdp import RdpAccountant  # noqa: PLC0415

    accountant = RdpAccountant(neighboring_relation=NeighboringRelation.REPLACE_ONE)
    for (epsilon, rho), count in Counter((loss.epsilon, loss.rho) for loss in losses).items():
        if rho:
            accountant.compose(ZCDpEvent(float(rho)), count)
        else:
            # Of all that is epsilon-DP, randomised response says most: it answers falsely with 1 / (1 + e^epsilon).
            accountant.compose(RandomizedResponseDpEvent(2 / (1 + math.exp(float(epsilon))), 2), count)
    return float(accountant.get_epsilon(delta))
