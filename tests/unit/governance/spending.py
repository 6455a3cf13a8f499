"""Banks under a noised agreement, and jobs that spend its budgets."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

from counterfoil.governance.cumulative import budget_ledger
from counterfoil.governance.cumulative.accounting import Loss
from counterfoil.governance.cumulative.charge import Line, lines_of
from tests.lib.private import make_private
from tests.unit.conftest import CONTRACTS, TODAY, Consortium, make_consortium

NODES = ("node-0", "node-1", "node-2")
EVIDENCE = "e" * 64


def found_private(folder: Path) -> Consortium:
    """The banks under their noised agreement, which nobody has run yet."""
    shutil.copytree(CONTRACTS, folder / "contracts")
    make_private(folder / "contracts")
    return make_consortium(folder / "homes", folder / "contracts")


def losses(banks: Consortium) -> dict[str, Loss]:
    privacies = {plan.name: plan.privacy for plan in banks.agreement.private if plan.privacy}
    return {name: Loss(each.pure, each.rho, Decimal("1E-15")) for name, each in privacies.items()}


def lines(banks: Consortium) -> tuple[Line, ...]:
    """What one job costs: twice ε = 0.5, and a Gaussian (1, 1e-7), for each of two recipients."""
    return lines_of(banks.agreement, losses(banks))


def job(number: int) -> str:
    return f"{number:032x}"


def charge(banks: Consortium, node: str, number: int, today: date = TODAY) -> None:
    budget_ledger.charge(banks.agreement, job(number), EVIDENCE, lines(banks), banks.homes[node], today)


def charge_all(banks: Consortium, number: int, today: date = TODAY) -> None:
    for node in NODES:
        charge(banks, node, number, today)
