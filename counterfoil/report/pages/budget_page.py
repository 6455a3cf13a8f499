"""Show privacy budgets over time: who may still learn how much of which dataset, and what has cost how much.

It holds charges that nodes signed, and no value of anybody's data. Knows neither keys nor where the charges come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.cumulative.budget_ledger import Balance, balances, history
from counterfoil.governance.cumulative.charge import Charge
from counterfoil.report.pages import figures
from counterfoil.report.pages.page import PAGES


class _Part(NamedTuple):
    balance: Balance
    figure: str
    words: str
    rows: list[tuple[str, str, str]]


def page(agreement: Agreement, charges: Iterable[Charge], today: date) -> str:
    """Render one HTML page that needs nothing but itself; equal ledgers give equal bytes."""
    made = list(charges)
    return PAGES.get_template("budget.html").render(
        title=agreement.title,
        agreement=f"{agreement.id}, version {agreement.version}",
        today=today,
        parts=[
            _part(balance, steps, today)
            for balance, steps in zip(balances(agreement, made, today), history(agreement, made, today), strict=True)
        ],
    )


def standing(balance: Balance) -> str:
    """Write a recipient's balance in a line."""
    alert = "; ALERT" if balance.alarming else ""
    return (
        f"{balance.recipient}, {balance.dataset}: ε = {balance.spent:.4g} of {balance.cap.epsilon:f} spent "
        f"({balance.percent} %), {balance.left:.4g} left, at δ = {balance.cap.delta:f}; {balance.cap.span}{alert}"
    )


def costs(balance: Balance) -> list[tuple[str, str, str]]:
    """List each release that counts: its day, its job, and what its analyses cost the recipient."""
    return [
        (
            each.day.isoformat(),
            each.job,
            ", ".join(
                f"{line.plan} ({line.loss})"
                for line in each.lines
                if (line.dataset, line.recipient) == (balance.dataset, balance.recipient)
            ),
        )
        for each in balance.charges
    ]


def _part(balance: Balance, steps: list[tuple[date, float]], today: date) -> _Part:
    figure = figures.steps(steps, float(balance.cap.epsilon), today)
    words = f"Steps: ε spent from day to day, {len(steps)} changes; the line is the budget. The table holds them all."
    return _Part(balance, figure, words, costs(balance))
