"""Agreements: which analyses the parties run together, on which columns, and who sees the results.

An `Agreement` is read from its files and consistent with its contracts, policies and roster. It binds nobody until
everybody it names has signed its statement (see `signing`). Knows no analysis: whether columns and parameters suit one
is the analysis's own check.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

from counterfoil.canonical import Json, Ref, digest, jcs
from counterfoil.clock import reckoned
from counterfoil.errors import AgreementError, ExpiredError, RefusedError
from counterfoil.governance.audience import Audience, by_name, read_audiences
from counterfoil.governance.consistency import (
    check_budgets,
    check_contracts,
    check_instead,
    check_jurisdictions,
    check_limits,
    check_parties,
    check_plans,
    check_recipients,
)
from counterfoil.governance.contract import Contract
from counterfoil.governance.document import Problems, did_you_mean, parse_day, read_document
from counterfoil.governance.policy import Policy, Rules, strictest
from counterfoil.governance.privacy import Budget, Cap, Privacy, budget_for, read_budgets, read_privacy
from counterfoil.governance.roster import Roster
from counterfoil.governance.schedule import Schedule, read_schedule
from counterfoil.governance.suites import Suite

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
    refused for differing too little from an earlier release.
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
    suite: Suite
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
        """Who has a table under the contract, in the agreement's order."""
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
        """How many rows a cell of a result stands on, at least."""
        return self.rules.safe_threshold

    @property
    def private(self) -> tuple[Planned, ...]:
        """The analyses whose results are noised."""
        return tuple(plan for plan in self.analyses if plan.privacy)

    @property
    def charged(self) -> tuple[Planned, ...]:
        """The analyses that draw on budgets: those whose results are noised, and those that take noise instead."""
        return tuple(plan for plan in self.analyses if plan.privacy or plan.instead)

    def noised_instead(self, contracts: Collection[str]) -> Agreement:
        """What holds for a job whose rows under these contracts differ too little from those of an earlier release.

        The same agreement, by its digest, in which their exact analyses ask for the noise that they take instead.
        """
        return replace(
            self,
            analyses=tuple(
                replace(plan, privacy=plan.instead) if plan.contract in contracts and not plan.privacy else plan
                for plan in self.analyses
            ),
        )

    def caps(self, contract: str, recipient: str) -> tuple[Cap, ...]:
        """All that limit what the recipient learns under the contract: its own, whatever the agreement, and ours."""
        ours, own = budget_for(self.budgets, contract, recipient), self.contracts[contract].privacy_cap
        return (*((ours.cap,) if ours else ()), *((own,) if own else ()))

    def planned(self, name: str) -> Planned:
        """The planned analysis of that name. Raises: AgreementError."""
        for plan in self.analyses:
            if plan.name == name:
                return plan
        names = [plan.name for plan in self.analyses]
        raise AgreementError(f"{self.source}: no analysis {name!r} is planned{did_you_mean(name, names)}")

    def plans_for(self, recipient: str) -> tuple[Planned, ...]:
        """The analyses whose results the recipient gets."""
        return tuple(plan for plan in self.analyses if recipient in plan.recipients)

    def check_node(self, party: str) -> None:
        """Raises: RefusedError unless the party computes under this agreement."""
        if party not in self.nodes:
            raise RefusedError(f"{party} is not a node in agreement {self.id}; its nodes are {', '.join(self.nodes)}")

    def check_current(self, today: date) -> None:
        """Raises: ExpiredError unless the agreement and every contract hold today. The roster's next version may do."""
        # What the agreement rests on comes first: it never outlives its contracts, so its own end would hide theirs.
        for contract in self.contracts.values():
            contract.check_current(today)
        if not self.starts <= today <= self.expires:
            raise ExpiredError(
                f"{self.source}: agreement {self.id} holds from {self.starts} to {self.expires}; agree on a new version"
                f"{reckoned(today)}"
            )


def named_files(raw: bytes, source: str) -> tuple[Mapping[str, str], Sequence[str]]:
    """The files that the agreement's bytes ask for: its contracts by their names, and its policies.

    Raises: AgreementError, DocumentError.
    """
    value = read_document(raw, source, "agreement", AgreementError).value
    return value["contracts"], value["policies"]


def parse_agreement(
    raw: bytes, source: str, contracts: Mapping[str, Contract], policies: Sequence[Policy], roster: Roster
) -> Agreement:
    """The agreement that the bytes write, resting on these contracts (by the agreement's names), policies and roster.

    Raises: AgreementError with `file:line: path: rule; what to change`, one line a problem; DocumentError if not YAML.
    """
    document = read_document(raw, source, "agreement", AgreementError)
    problems = Problems(document, AgreementError)
    audiences = read_audiences(document.value, roster, problems)
    value = by_name(document.value, audiences)
    if set(value["contracts"]) != set(contracts) or len(value["policies"]) != len(policies):
        raise AgreementError(f"{source}: the files given are not those that the agreement names")
    if value["roster"] != roster.id:
        problems.add(("roster",), f"names the roster {value['roster']!r}, given is {roster.id!r}")
    starts, expires = (parse_day(value[name], (name,), problems) for name in ("starts", "expires"))
    if starts > expires:
        problems.add(("expires",), "lies before 'starts'")
    review_by = parse_day(value["reviewBy"], ("reviewBy",), problems) if "reviewBy" in value else None
    if review_by and not starts <= review_by <= expires:
        problems.add(("reviewBy",), "lies between 'starts' and 'expires'; after that there is nothing to review")
    schedule = read_schedule(value["schedule"], problems)
    noises = {
        (index, key): read_privacy(item.get(key), ("analyses", index, key), problems)
        for index, item in enumerate(value["analyses"])
        for key in ("privacy", "noiseInstead")
    }
    budgets = read_budgets(value.get("budget", ()))
    check_parties(value, roster, problems)
    check_contracts(value, contracts, expires, problems)
    check_limits(value, contracts, problems)
    check_jurisdictions(value, contracts, roster, problems)
    check_plans(value, contracts, problems)
    check_instead(value, policies, problems)
    check_budgets(value, budgets, noises, contracts, problems)
    check_recipients(value, problems)
    repeats = _repeats(value, problems)
    problems.raise_if_any()
    return Agreement(
        id=value["id"],
        version=value["version"],
        title=value["title"],
        purpose=value["purpose"],
        suite=value["suite"],
        roster=roster,
        contracts=dict(contracts),
        policies=tuple(policies),
        holdings={owner: tuple(contracts) for owner, contracts in value["owners"].items()},
        nodes=tuple(value["nodes"]),
        coordinator=value["coordinator"],
        recipients=tuple(value["recipients"]),
        audiences=audiences,
        proposer=value["review"]["proposer"],
        reviewers=tuple(value["review"]["reviewers"]),
        quorum=value["review"]["quorum"],
        checkers=tuple(value["review"].get("checkers", [])),
        cross_checks=tuple(value["review"].get("crossChecks", [])),
        repeats=repeats,
        analyses=tuple(
            _planned(item, noises[index, "privacy"], noises[index, "noiseInstead"], contracts)
            for index, item in enumerate(value["analyses"])
        ),
        budgets=budgets,
        starts=starts,
        expires=expires,
        review_by=review_by,
        schedule=schedule,
        admitted={name: tuple(each) for name, each in value.get("limits", {}).get("columns", {}).items()},
        iterations=value.get("limits", {}).get("iterations", ITERATIONS),
        corrections=value.get("corrections") == "until-computed",
        share_retention_days=value["retention"]["shares"],
        release_retention_days=value["retention"]["releases"],
        delivery=dict(value.get("delivery", {})),
        licence=value.get("licence", ""),
        source=source,
        raw=raw,
    )


def _repeats(value: Mapping[str, Any], problems: Problems) -> Repeats | None:
    """What the agreement repeats, if anything."""
    given = value.get("repeats")
    if given is None:
        return None
    if REPEATED in value["review"].get("crossChecks", []):
        problems.add(("review", "crossChecks"), f"{REPEATED!r} stands in an agreement that repeats another; remove it")
    return Repeats(Ref.parse(given["agreement"]), tuple(given["nodes"]))


def _planned(
    item: Mapping[str, Any], privacy: Privacy | None, instead: Privacy | None, contracts: Mapping[str, Contract]
) -> Planned:
    params: Mapping[str, Any] = item.get("parameters", {})
    plan: Mapping[str, Json] = {
        "format": "counterfoil/plan/1",
        "name": item["name"],
        "analysis": item["analysis"],
        "version": item["version"],
        "contract": contracts[item["contract"]].digest,
        "columns": item["columns"],
        "parameters": params,
        "recipients": item["recipients"],
        **({"privacy": privacy.json()} if privacy else {}),
        **({"noiseInstead": instead.json()} if instead else {}),
    }
    return Planned(
        name=item["name"],
        analysis=item["analysis"],
        version=item["version"],
        purpose=item["purpose"],
        contract=item["contract"],
        columns=tuple(item["columns"]),
        params={name: tuple(given) if isinstance(given, list) else given for name, given in params.items()},
        recipients=tuple(item["recipients"]),
        plan_digest=digest(jcs(plan)),
        privacy=privacy,
        instead=instead,
    )
