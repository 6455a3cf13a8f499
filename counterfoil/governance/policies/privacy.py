"""Differential privacy as it is agreed: the noise of an analysis, the budget of a recipient, and whom both protect.

Knows what people write, and what it says in plain words. How noise is made is `disclosure.noise`, what a ledger of
releases adds up to is `accounting`, who has spent what is `budget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any, Literal, TypeAlias

from counterfoil.canonical import Json
from counterfoil.governance.documents import Path, Problems, did_you_mean

Mechanism: TypeAlias = Literal["laplace", "gaussian"]

ALERT_PERCENT = 80
"""How much of a budget may be spent before an alert, where the agreement says nothing."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """The noise of one analysis: a reader of its result learns at most `epsilon` of one person, but for `delta`.

    `delta` is 0 for Laplace noise.
    """

    mechanism: Mechanism
    epsilon: Decimal
    delta: Decimal = Decimal(0)

    @property
    def pure(self) -> Decimal:
        """What the plan costs, if it is epsilon-DP without a delta; else 0."""
        return self.epsilon if self.mechanism == "laplace" else Decimal(0)

    @property
    def rho(self) -> Decimal:
        """What a Gaussian plan costs: the largest rho, in 12 digits, such that rho-zCDP is (epsilon, delta)-DP; else 0.

        epsilon = rho + 2·sqrt(rho·ln(1/delta)). Source: Bun, Steinke (TCC 2016), proposition 1.3. Not the tightest
        conversion, but one without floating point; what it gives away is won back where losses are added up.
        """
        if self.mechanism == "laplace":
            return Decimal(0)
        with localcontext(prec=60):
            log = -self.delta.ln()
            rho = ((log + self.epsilon).sqrt() - log.sqrt()) ** 2
        with localcontext(prec=12, rounding=ROUND_FLOOR):
            return +rho

    def json(self) -> dict[str, Json]:
        """State it as plans bind it."""
        return {"mechanism": self.mechanism, "epsilon": str(self.epsilon), "delta": str(self.delta)}

    def __str__(self) -> str:
        delta = f", δ = {self.delta:f}" if self.delta else ""
        return f"{self.mechanism.capitalize()} noise, ε = {self.epsilon:f}{delta}"


@dataclass(frozen=True, slots=True)
class Cap:
    """What all noised results of one dataset may tell one recipient together, over any `days`, or else for good."""

    epsilon: Decimal
    delta: Decimal
    days: int | None = None

    @property
    def span(self) -> str:
        return f"over any {self.days} days" if self.days else "for good"

    def __str__(self) -> str:
        return f"ε = {self.epsilon:f}, δ = {self.delta:f}, {self.span}"


@dataclass(frozen=True, slots=True)
class Budget:
    """The cap on what one recipient learns under one of the agreement's contracts; `alert` is a percentage of it."""

    contract: str
    recipient: str
    cap: Cap
    alert: int = ALERT_PERCENT


@dataclass(frozen=True, slots=True)
class Person:
    """Whom noise protects: everybody with up to `most` rows in one table, told apart by `columns`.

    Owners enforce `most`. That the same person is in the tables of `owners` owners at most is assumed, and said; None
    assumes nothing.
    """

    columns: tuple[str, ...]
    most: int
    owners: int | None = None

    def rows(self, owners: int) -> int:
        """Return how many rows of all tables are one person's, where so many owners have tables."""
        return self.most * (owners if self.owners is None else min(self.owners, owners))

    def protects(self, owners: int) -> str:
        """Return whom noise protects where so many owners have tables, and what is assumed for it."""
        assumed = "" if self.owners is None else f", assumed to be in the tables of at most {self.owners} owners"
        return f"one person with up to {self.rows(owners)} rows in all{assumed}"


ONE_ROW = "one row"
"""Whom noise protects where the contract says nothing of persons."""


def read_privacy(value: Mapping[str, Any] | None, path: Path, problems: Problems) -> Privacy | None:
    """Read what an analysis says under `privacy`; what is wrong with it is added to the problems."""
    if value is None:
        return None
    mechanism: Mechanism = value["mechanism"]
    if mechanism == "laplace" and "delta" in value:
        problems.add((*path, "delta"), "Laplace noise has no delta; remove it, or use the mechanism gaussian")
    if mechanism == "gaussian" and "delta" not in value:
        problems.add(path, "Gaussian noise needs a delta, like 0.000001; add it, or use the mechanism laplace")
    return Privacy(mechanism, exact(value["epsilon"]), exact(value.get("delta", 0)))


def read_budgets(value: Sequence[Mapping[str, Any]]) -> tuple[Budget, ...]:
    """Read the lines under `budget`."""
    return tuple(
        Budget(item["contract"], item["recipient"], read_cap(item), item.get("alert", ALERT_PERCENT)) for item in value
    )


def read_cap(value: Mapping[str, Any]) -> Cap:
    """Read the cap that a budget line, or a contract's `privacyBudget`, states."""
    return Cap(exact(value["epsilon"]), exact(value["delta"]), value.get("days"))


def read_person(value: Mapping[str, Any], required: Mapping[str, bool], path: Path, problems: Problems) -> Person:
    """Read a contract's `rowsPerPerson`; `required` says of each column whether it is never empty."""
    for index, name in enumerate(value["columns"]):
        if name not in required:
            problems.add((*path, "columns", index), f"no column {name!r}{did_you_mean(name, required)}")
        elif not required[name]:
            problems.add((*path, "columns", index), f"{name} tells persons apart, so it is never empty; require it")
    return Person(tuple(value["columns"]), value["most"], value.get("owners"))


def exact(number: float | int) -> Decimal:
    """Return the number as it was written, not its nearest binary fraction."""
    return Decimal(str(number))


def budget_for(budgets: Iterable[Budget], contract: str, recipient: str) -> Budget | None:
    """Return the agreement's budget for a recipient under a contract."""
    return next((each for each in budgets if (each.contract, each.recipient) == (contract, recipient)), None)
