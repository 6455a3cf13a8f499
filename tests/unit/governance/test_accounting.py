"""What losses cost together: what one costs says, never below the tightest known, never above the sum."""

from __future__ import annotations

import math
from decimal import Decimal

from counterfoil.governance.cumulative.accounting import Loss, spent
from counterfoil.governance.policies.privacy import Cap

CAP = Cap(Decimal(3), Decimal("0.000001"))

HALF, NONE = Decimal("0.5"), Decimal(0)


def test_one_release_costs_what_it_says() -> None:
    assert spent([], CAP) == 0
    assert spent([Loss(HALF, NONE, Decimal("1E-17"))], CAP) == 0.5
    # rho-zCDP was chosen by a closed form for (1, 1e-6); the library knows a little better.
    rho = Decimal("0.0174672")
    assert 0.8 < spent([Loss(NONE, rho, Decimal("1E-17"))], CAP) < 1


def test_few_losses_cost_their_sum_and_many_cost_less() -> None:
    loss = Loss(HALF, NONE, Decimal("1E-17"))
    assert [spent([loss] * n, CAP) for n in (2, 4, 6)] == [1.0, 2.0, 3.0]
    small = Loss(Decimal("0.01"), NONE, Decimal("1E-17"))
    assert spent([small] * 2000, CAP) < 3 < 20
    assert all(spent([small] * n, CAP) <= spent([small] * (n + 1), CAP) for n in (1, 10, 100, 999))


def test_adding_up_is_never_below_the_tightest_known() -> None:
    """Privacy loss distributions are numerically exact for the worst mechanism of each epsilon."""
    from dp_accounting import NeighboringRelation, RandomizedResponseDpEvent
    from dp_accounting.pld import PLDAccountant

    for epsilon, count in ((0.5, 1), (0.5, 5), (0.1, 40), (0.02, 500)):
        tight = PLDAccountant(NeighboringRelation.REPLACE_ONE)
        tight.compose(RandomizedResponseDpEvent(2 / (1 + math.exp(epsilon)), 2), count)
        ours = spent([Loss(Decimal(str(epsilon)), NONE, NONE)] * count, CAP)
        assert tight.get_epsilon(1e-6) - 1e-3 <= ours <= epsilon * count + 1e-12


def test_mixed_losses_cost_at_most_their_sum() -> None:
    rho = Decimal("0.0174672")
    pure, gauss = [Loss(HALF, NONE, NONE)] * 2, [Loss(NONE, rho, NONE)] * 3
    both = spent(pure + gauss, CAP)
    assert max(spent(pure, CAP), spent(gauss, CAP)) < both <= spent(pure, CAP) + spent(gauss, CAP)


def test_noise_that_is_too_far_from_its_law_spends_everything() -> None:
    assert spent([Loss(HALF, NONE, Decimal("1E-6"))], CAP) == math.inf
