"""The banks' agreement with noise: which analyses take it, and the budgets that they draw on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lib.agreements import AGREEMENT_FILE

BUDGET = """budget:
  - {contract: loans, recipient: regulator, epsilon: 3, delta: 0.000001}
  - {contract: loans, recipient: bank-a, epsilon: 3, delta: 0.000001, days: 90, alert: 50}

analyses:
"""
LAPLACE, GAUSSIAN = "{mechanism: laplace, epsilon: 0.5}", "{mechanism: gaussian, epsilon: 1, delta: 0.0000001}"
NOISED = {
    "total-exposure": LAPLACE,
    "balance-by-region-and-product": GAUSSIAN,
    "balance-histogram": LAPLACE,
}


def private(text: str, noised: Mapping[str, str] = NOISED, budget: str = BUDGET) -> str:
    """The agreement's text, with these clauses under `privacy` of these analyses."""
    head, *plans = text.replace("analyses:\n", budget).split("\n  - name: ")
    for index, plan in enumerate(plans):
        if clause := noised.get(plan.split("\n", 1)[0]):
            plans[index] = plan.replace("    recipients:", f"    privacy: {clause}\n    recipients:")
    return "\n  - name: ".join([head, *plans])


def make_private(contracts: Path, noised: Mapping[str, str] = NOISED, budget: str = BUDGET) -> None:
    """The banks' agreement in the folder asks for noise."""
    file = contracts / AGREEMENT_FILE
    file.write_text(private(file.read_text(), noised, budget))


def without(text: str, *names: str) -> str:
    """The agreement's text without these analyses."""
    head, *plans = text.split("\n  - name: ")
    return "\n  - name: ".join([head, *(plan for plan in plans if plan.split("\n", 1)[0] not in names)])


def only(text: str, names: Sequence[str]) -> str:
    """The agreement's text with these analyses alone."""
    named = [plan.split("\n", 1)[0] for plan in text.split("\n  - name: ")[1:]]
    return without(text, *(name for name in named if name not in names))
