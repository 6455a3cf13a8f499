"""Agreements: which analyses the parties run together, on which columns, and who sees the results.

An `Agreement` is read from its files and consistent with its contracts, policies and roster. It binds nobody until
everybody it names has signed its statement (see `signing`). Knows no analysis: whether columns and parameters suit one
is the analysis's own check.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

from counterfoil.canonical import Json, Ref, digest, jcs
from counterfoil.clock import reckoned
from counterfoil.errors import AgreementError, ExpiredError, RefusedError
from counterfoil.governance.agreements.audience import Audience
from counterfoil.governance.agreements.schedule import Schedule
from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.documents import did_you_mean
from counterfoil.governance.parties.roster import Roster
from counterfoil.governance.policies.policy import Policy, strictest
from counterfoil.governance.policies.privacy import Budget, Cap, Privacy, budget_for
from counterfoil.governance.policies.rules import Rules

ITERATIONS = 12
"""How many times the nodes may compute for one period, unless the agreement says."""


REPEATED = "repeated"
"""The cross-check by a second computation, under another agreement."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """The agreement that another one repeats, and the nodes that hold shares of the same tables under it."""

    agreement: Ref
    nodes: tuple[str, ...]


class Part(NamedTuple):
    """What one owner hands in under one contract; every job takes one submission of each."""

    owner: str
    contract: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.contract}"


@dataclass(frozen=True, slots=True)
class Planned:
    """One analysis as agreed; `plan_digest` names exactly this, with the contract's bytes.

    Its results are exact unless `privacy` asks for noise. `instead` is the noise that they take where they would be
    refused for differing too little from an earlier release. Exact ones are due once in `interval` days, or always.
    They are about the rows that satisfy all of `where`.
    """

    name: str
    analysis: str
    version: int
    purpose: str
    contract: str
    columns: tuple[str, ...]
    params: Mapping[str, Any]
    recipients: tuple[str, ...]
    plan_digest: str
    privacy: Privacy | None = None
    instead: Privacy | None = None
    interval: int | None = None
    where: tuple[Condition, ...] = ()

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that it takes: those that it is of, and those that tell which rows it is about."""
        return tuple(dict.fromkeys((*self.columns, *(each.column for each in self.where))))


@dataclass(frozen=True)
class Agreement:
    """A consistent agreement. `digest` is SHA-256 of its statement and binds every file it rests on.

    `holdings` says under which contracts each owner has a table; `admitted` to which columns of a contract analyses are
    limited, if they are. `corrections` says whether an owner may replace what it handed in for a period, until the
    nodes begin to compute. `recipients` are parties, also where the agreement's text names them by attributes
    (`audiences`).
    """

    id: str
    version: str
    title: str
    purpose: str
    suite: str
    roster: Roster
    contracts: Mapping[str, Contract]
    policies: tuple[Policy, ...]
    holdings: Mapping[str, tuple[str, ...]]
    nodes: tuple[str, ...]
    coordinator: str
    recipients: tuple[str, ...]
    audiences: tuple[Audience, ...]
    proposer: str
    reviewers: tuple[str, ...]
    quorum: int
    checkers: tuple[str, ...]
    cross_checks: tuple[str, ...]
    repeats: Repeats | None
    analyses: tuple[Planned, ...]
    budgets: tuple[Budget, ...]
    starts: date
    expires: date
    review_by: date | None
    schedule: Schedule
    admitted: Mapping[str, tuple[str, ...]]
    iterations: int
    corrections: bool
    share_retention_days: int
    release_retention_days: int
    delivery: Mapping[str, str]
    licence: str
    software: tuple[str, ...]
    source: str
    raw: bytes = field(repr=False)

    @cached_property
    def statement(self) -> bytes:
        """What the parties sign: the digests of the raw bytes of the agreement and of every file it rests on."""
        value: Mapping[str, Json] = {
            "format": "counterfoil/agreement/1",
            "id": self.id,
            "version": self.version,
            "agreement": digest(self.raw),
            "roster": self.roster.digest,
            "contracts": {name: contract.digest for name, contract in self.contracts.items()},
            "policies": [policy.digest for policy in self.policies],
        }
        return jcs(value)

    @cached_property
    def digest(self) -> str:
        """The agreement's name in everything that refers to it."""
        return digest(self.statement)

    @property
    def owners(self) -> tuple[str, ...]:
        """Who hands something in, in the agreement's order."""
        return tuple(self.holdings)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything that a job needs of its owners."""
        return tuple(Part(owner, contract) for owner, contracts in self.holdings.items() for contract in contracts)

    def owners_under(self, contract: str) -> tuple[str, ...]:
        """List who has a table under the contract, in the agreement's order."""
        return tuple(owner for owner, contracts in self.holdings.items() if contract in contracts)

    @property
    def parties(self) -> tuple[str, ...]:
        """Everybody the agreement names, once, sorted: whose signatures it takes."""
        return tuple(sorted({*self.owners, *self.nodes, self.coordinator, *self.recipients, *self.reviewers}))

    @property
    def links(self) -> bool:
        """Whether any contract has keys under pseudonyms, so that the owners need a common key."""
        return any(column.pseudonym for contract in self.contracts.values() for column in contract.columns)

    @cached_property
    def rules(self) -> Rules:
        """The disclosure rules: rule by rule the strictest of all policies and contracts."""
        return strictest(self.policies, (contract.minimum_count for contract in self.contracts.values()))

    @property
    def min_count(self) -> int:
        """How many rows a cell of a result rests on, at least."""
        return self.rules.safe_threshold

    @property
    def private(self) -> tuple[Planned, ...]:
        """The analyses whose results are noised."""
        return tuple(plan for plan in self.analyses if plan.privacy)

    @property
    def charged(self) -> tuple[Planned, ...]:
        """The analyses that draw on budgets: those whose results are noised, and those that take noise instead."""
        return tuple(plan for plan in self.analyses if plan.privacy or plan.instead)

    def noised_instead(self, plans: Collection[str]) -> Agreement:
        """Return the agreement as it holds for a job in which these exact analyses take noise, where they may.

        The same agreement, by its digest, in which they ask for the noise that they take instead.
        """
        return replace(
            self,
            analyses=tuple(
                replace(plan, privacy=plan.instead) if plan.name in plans and not plan.privacy else plan
                for plan in self.analyses
            ),
        )

    @property
    def all_noised_instead(self) -> Agreement:
        """The agreement as it holds where all takes noise that may."""
        return self.noised_instead([plan.name for plan in self.analyses if plan.instead])

    def is_due(self, plan: Planned, period: str) -> bool:
        """Tell whether exact results of the analysis may leave for the period; where noised, they may for each."""
        if plan.privacy or plan.interval is None:
            return True
        return self.schedule.begins(period, plan.interval, self.starts)

    def caps(self, contract: str, recipient: str) -> tuple[Cap, ...]:
        """List all limits on what the recipient learns under the contract: the contract's own, and ours."""
        ours, own = budget_for(self.budgets, contract, recipient), self.contracts[contract].privacy_cap
        return (*((ours.cap,) if ours else ()), *((own,) if own else ()))

    def planned(self, name: str) -> Planned:
        """Return the planned analysis of that name. Raises: AgreementError."""
        for plan in self.analyses:
            if plan.name == name:
                return plan
        names = [plan.name for plan in self.analyses]
        raise AgreementError(f"{self.source}: no analysis {name!r} is planned{did_you_mean(name, names)}")

    def plans_for(self, recipient: str) -> tuple[Planned, ...]:
        """Return the analyses whose results the recipient gets."""
        return tuple(plan for plan in self.analyses if recipient in plan.recipients)

    def check_node(self, party: str) -> None:
        """Check that the party computes under this agreement. Raises: RefusedError."""
        if party not in self.nodes:
            raise RefusedError(f"{party} is not a node in agreement {self.id}; its nodes are {', '.join(self.nodes)}")

    def check_not_over(self, today: date) -> None:
        """Check that neither the agreement nor a contract has ended; it may begin later. Raises: ExpiredError."""
        for contract in self.contracts.values():
            contract.check_current(today)
        if today > self.expires:
            raise ExpiredError(
                f"{self.source}: agreement {self.id} ended on {self.expires}; write a later day{reckoned(today)}"
            )

    def check_current(self, today: date) -> None:
        """Check that the agreement and every contract hold today. The roster's next version may do.

        Raises: ExpiredError.
        """
        # What the agreement rests on comes first: it never outlives its contracts, so its own end would hide theirs.
        for contract in self.contracts.values():
            contract.check_current(today)
        if not self.starts <= today <= self.expires:
            raise ExpiredError(
                f"{self.source}: agreement {self.id} holds from {self.starts} to {self.expires}; agree on a new version"
                f"{reckoned(today)}"
            )
