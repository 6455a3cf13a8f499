"""Charges: what the noised results of one job cost each of their recipients, as nodes compute, sign and keep it.

A job is charged once, however often it is tried or released: its noise is the same each time, so nobody learns more.
Knows documents; who has spent how much is `budget`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final

from counterfoil.canonical import Json, digest, jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import BudgetError, DocumentError, NotFoundError, RefusedError, SignatureError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.cumulative.accounting import Loss
from counterfoil.governance.documents import read_day
from counterfoil.governance.papers import Paper, Readable, Statement

CHARGE: Final = Paper(
    kind="charge",
    schema="charge",
    says="a node counted what noised results cost against their recipients' budgets",
    folder="charges",
    place=("node", "job"),
    signer="node",
    absent="{node} has not charged job {job}",
    other="the charge of {node} is for another job than {job}",
    bundled="job",
)
CHARGES: Final = CHARGE.folder
"""The space of a node's state in which it keeps its ledger."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """What one plan costs one recipient of one dataset, which is named by its contract's id."""

    dataset: str
    recipient: str
    plan: str
    loss: Loss

    def json(self) -> dict[str, Json]:
        """State it as evidence and charges do: numbers as text, to the last digit."""
        loss = self.loss
        return {
            "dataset": self.dataset,
            "recipient": self.recipient,
            "plan": self.plan,
            "epsilon": str(loss.epsilon),
            "rho": str(loss.rho),
            "distance": str(loss.distance),
        }

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Line:
        """Return the line that `json` wrote."""
        loss = Loss(*(Decimal(value[name]) for name in ("epsilon", "rho", "distance")))
        return cls(value["dataset"], value["recipient"], value["plan"], loss)


def lines_of(agreement: Agreement, losses: Mapping[str, Loss]) -> tuple[Line, ...]:
    """Say what a job of the agreement costs, by the losses of its noised plans."""
    lines = (
        Line(agreement.contracts[plan.contract].id, recipient, plan.name, losses[plan.name])
        for plan in agreement.private
        for recipient in plan.recipients
    )
    return tuple(sorted(lines, key=lambda line: (line.dataset, line.recipient, line.plan)))


def as_charged(agreement: Agreement, lines: Sequence[Line]) -> Agreement:
    """Return the agreement as it held for a job charged these lines: exact analyses among them took noise instead."""
    names = {line.plan for line in lines}
    exact = {plan.name for plan in agreement.analyses if plan.name in names and plan.instead and not plan.privacy}
    return agreement.noised_instead(exact) if exact else agreement


def check_lines(lines: Sequence[Line], agreement: Agreement) -> None:
    """Check that the lines charge every recipient for every noised plan what that plan says, and nothing else.

    Raises: RefusedError.
    """
    agreement = as_charged(agreement, lines)
    losses = {line.plan: line.loss for line in lines}
    told = {plan.name: plan.privacy for plan in agreement.private if plan.privacy}
    for plan, privacy in told.items():
        loss = losses.get(plan)
        if loss is None or (loss.epsilon, loss.rho) != (privacy.pure, privacy.rho):
            raise RefusedError(f"{plan} is not charged what agreement {agreement.id} says: {privacy}")
    if losses.keys() != told.keys() or tuple(lines) != lines_of(agreement, losses):
        raise RefusedError(f"the charge is not that of the noised plans and recipients of agreement {agreement.id}")


@dataclass(frozen=True, slots=True)
class Charge(Statement):
    """What a node states: it counts these lines against their recipients' budgets, for good, since that day."""

    PAPER: ClassVar = CHARGE

    job: str
    agreement: str
    evidence: str
    node: str
    day: date
    lines: tuple[Line, ...]

    def to_json(self) -> Mapping[str, Json]:
        """State the fields as JSON."""
        return {**Statement.to_json(self), "lines": [line.json() for line in self.lines]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Read the fields from JSON of the schema's shape. Raises: DocumentError."""
        return {**value, "day": read_day(value["day"]), "lines": tuple(map(Line.read, value["lines"]))}

    @property
    def cost(self) -> str:
        """A digest of what is charged for, whoever states it and since when."""
        return digest(jcs({"job": self.job, "lines": [line.json() for line in self.lines]}))


def read_charge(exchange: Readable, node: PublicKeys, job: str) -> tuple[Charge, bytes]:
    """Return the node's charge of the job, and the envelope in which it signed it.

    Raises: NotFoundError, SignatureError, DocumentError.
    """
    envelope = CHARGE.fetch(exchange, node=node.party, job=job)
    found = Charge.verified(envelope, node)
    found.check_is(node=node.party, job=job)
    return found, envelope


def check_charged(agreement: Agreement, job: str, lines: tuple[Line, ...], exchange: Readable) -> None:
    """Check that every node of the agreement signed that it charged the job these lines.

    Raises: BudgetError, which names the node.
    """
    for node in agreement.nodes if lines else ():
        found: tuple[Line, ...] = ()
        with suppress(NotFoundError, SignatureError, DocumentError):
            found = read_charge(exchange, agreement.roster.party(node).keys, job)[0].lines
        if found != lines:
            raise BudgetError(
                f"{node} has not charged job {job} to its recipients' privacy budgets; let it charge first"
            )
