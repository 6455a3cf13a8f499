"""An audit of privacy parameters over time: what noise has cost from release to release, and how long budgets last.

It reads charges that nodes signed and the agreement that is in force. Knows no result, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.cumulative.accounting import Loss, spent
from counterfoil.governance.cumulative.budget_ledger import Balance, balances
from counterfoil.governance.cumulative.charge import Charge, lines_of

_MOST_JOBS: Final = 100
_FEW_JOBS: Final = 3
_NOTHING: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the audit found; `look` where a person should know of it."""

    look: bool
    about: str
    words: str


def drift(agreement: Agreement, losses: Mapping[str, Loss], charges: Iterable[Charge], today: date) -> list[Finding]:
    """List every change of what noised results cost, the latest last, then how many more jobs fit into each budget.

    `losses` are those of the agreement's noised plans by name; `charges` those that its nodes know.
    """
    made = sorted({each.cost: each for each in charges}.values(), key=lambda each: (each.day, each.job))
    now = Charge("0" * 32, agreement.digest, _NOTHING, agreement.nodes[0], today, lines_of(agreement, losses))
    return [*_changes(agreement, [*made, now]), *_room(agreement, made, now, today)]


def _changes(agreement: Agreement, charges: list[Charge]) -> Iterator[Finding]:
    datasets = {contract.id for contract in agreement.contracts.values()}
    known: dict[tuple[str, str, str], Loss] = {}
    for charge in charges:
        when = f"job {charge.job} of {charge.day}" if charge.evidence != _NOTHING else f"agreement {agreement.version}"
        for line in charge.lines:
            key = (line.dataset, line.recipient, line.plan)
            before = known.get(key)
            known[key] = line.loss
            if before and (before.epsilon, before.rho) != (line.loss.epsilon, line.loss.rho):
                more = (line.loss.epsilon, line.loss.rho) > (before.epsilon, before.rho)
                words = (
                    f"{when} costs {line.recipient} {line.loss}, before {before}: {'less' if more else 'more'} noise"
                )
                yield Finding(True, line.plan, words)
    noised = {(agreement.contracts[plan.contract].id, plan.name) for plan in agreement.private}
    exact = {plan.name for plan in agreement.analyses if not plan.privacy and not plan.instead}
    for dataset, plan in sorted({(dataset, plan) for dataset, _, plan in known} - noised):
        if dataset in datasets and plan in exact:
            yield Finding(True, plan, f"was noised, and is exact in agreement {agreement.version}")


def _room(agreement: Agreement, made: list[Charge], now: Charge, today: date) -> Iterator[Finding]:
    for balance in balances(agreement, made, today):
        fits = _fits(balance, _own(balance, [now]))
        room = f"room for {fits} more jobs" if fits < _MOST_JOBS else f"room for {_MOST_JOBS} more jobs at least"
        words = f"{balance.percent} % of {balance.cap} is spent; {room}"
        yield Finding(balance.alarming or fits < _FEW_JOBS, f"{balance.recipient}, {balance.dataset}", words)


def _fits(balance: Balance, asked: list[Loss]) -> int:
    """Say how many more jobs of this cost the cap lets pass, if all were today."""
    losses = _own(balance, balance.charges)
    low, high = 0, _MOST_JOBS
    while low < high:
        jobs = (low + high + 1) // 2
        if spent([*losses, *asked * jobs], balance.cap) <= float(balance.cap.epsilon):
            low = jobs
        else:
            high = jobs - 1
    return low


def _own(balance: Balance, charges: Iterable[Charge]) -> list[Loss]:
    """Say what of the charges counts here."""
    whose = (balance.dataset, balance.recipient)
    return [line.loss for charge in charges for line in charge.lines if (line.dataset, line.recipient) == whose]
