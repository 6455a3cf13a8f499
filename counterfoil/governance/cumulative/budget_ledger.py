"""The ledger of privacy budgets: what each recipient may have learned of each dataset by noised results.

Every node makes each charge itself, durably, and publishes it under its signature. What any node of an agreement has
signed counts for all of them and is kept by all of them, so a node that was set back learns what it forgot, or the
nodes find that they differ and stop. Nothing is ever taken back. Knows no result, no noise.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from counterfoil.canonical import Ref, digest, jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import BudgetError, DocumentError, NotFoundError, SignatureError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.cumulative.accounting import spent
from counterfoil.governance.cumulative.charge import CHARGE, CHARGES, Charge, Line, read_charge
from counterfoil.governance.policies.privacy import Budget, Cap
from counterfoil.home import Home
from counterfoil.storage.records import Name
from counterfoil.storage.state import State

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

NOTHING_PRIVATE: Final = "none"
_NO_EVIDENCE: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Balance:
    """What one recipient has spent of one cap: `spent` of cap.epsilon, at cap.delta, by these charges."""

    contract: str
    dataset: str
    recipient: str
    cap: Cap
    alert: int
    spent: float
    charges: tuple[Charge, ...]

    @property
    def left(self) -> float:
        return max(0.0, float(self.cap.epsilon) - self.spent)

    @property
    def percent(self) -> int:
        """How much is spent, rounded down."""
        return int(100 * self.spent / float(self.cap.epsilon))

    @property
    def alarming(self) -> bool:
        return self.spent * 100 >= self.alert * float(self.cap.epsilon)


def ledger(state: State) -> list[Charge]:
    """Return every charge that this node knows, by whichever node it was made."""
    return [each.charge for each in _known(state.items(CHARGES))]


def published(exchange: Exchange, nodes: Iterable[PublicKeys]) -> list[Charge]:
    """List the charges that these nodes signed; what else is there is left out."""
    return [each.charge for each in _published(exchange, nodes)]


def learn(agreement: Agreement, home: Home) -> None:
    """Learn every charge that a node of the agreement published, and publish those that the exchange lacks.

    Knowing of a charge is not making it: whether the job may be charged, the node decides for itself.
    Nothing if nothing can be noised. Raises: StoreError.
    """
    if not agreement.charged:
        return
    known = home.state.items(CHARGES)
    for found in _published(home.exchange, [agreement.roster.party(node).keys for node in agreement.nodes], known):
        home.state.put(CHARGES, found.key, found.pack())
        refs = {"charge": str(Ref(CHARGE.kind, found.charge.node, found.charge.cost))}
        home.log.append("budget-learned", subject=found.charge.job, refs=refs)
    present = {name[1:] for name in home.exchange.list(CHARGE.name())}
    for each in _known(known):
        if each.name[1:] not in present:
            each.publish(home.exchange)


def standing_digest(agreement: Agreement, state: State) -> str:
    """Digest what all nodes must say alike before they compute: the charges on every dataset that may be noised."""
    datasets = {agreement.contracts[plan.contract].id for plan in agreement.charged}
    if not datasets:
        return NOTHING_PRIVATE
    costs = {charge.cost for charge in ledger(state) if any(line.dataset in datasets for line in charge.lines)}
    return digest(jcs(sorted(costs)))


def check(agreement: Agreement, job: str, lines: tuple[Line, ...], home: Home, today: date) -> None:
    """Check that the job's noised results fit into every budget, or that this node charged them before.

    Raises: BudgetError, which names the recipient, the dataset and the cap.
    """
    asked = Charge(job, agreement.digest, _NO_EVIDENCE, home.party, today, lines)
    _check(agreement, asked, ledger(home.state), today)


def charge(agreement: Agreement, job: str, evidence: str, lines: tuple[Line, ...], home: Home, today: date) -> None:
    """Charge the job, once and for good: durable here, signed in the exchange, and an entry of the log.

    Nothing if nothing is noised. Raises: BudgetError; StoreError.
    """
    if not lines:
        return
    learn(agreement, home)
    asked = Charge(job, agreement.digest, evidence, home.party, today, lines)
    ours = _Signed(asked, CHARGE.sign(asked.pack(), home.keys))

    def fits(before: Mapping[str, bytes]) -> None:
        _check(agreement, asked, [each.charge for each in _known(before)], today)

    if home.state.put_new(CHARGES, ours.key, ours.pack(), fits):
        refs = {"charge": asked.cost, "evidence": evidence, "agreement": agreement.digest}
        home.log.append("budget-charged", subject=job, refs=refs)
        for balance in balances(agreement, ledger(home.state), today):
            if balance.alarming:
                home.log.append(
                    "budget-alert",
                    subject=balance.recipient,
                    refs={"agreement": agreement.digest, "charge": asked.cost},
                    counts={"percent": balance.percent, "alert": balance.alert},
                )
    _Signed.unpack(home.state.get(CHARGES, ours.key)).publish(home.exchange)


def balances(agreement: Agreement, charges: Iterable[Charge], today: date) -> list[Balance]:
    """Say what each recipient of noised results has spent of each cap on it, by these charges, a job's counted once."""
    latest: dict[str, Charge] = {}
    for each in sorted(charges, key=lambda each: each.day):
        latest[each.cost] = each
    return [
        _balance(agreement, budget, cap, latest.values(), today)
        for budget in agreement.budgets
        for cap in agreement.caps(budget.contract, budget.recipient)
    ]


def history(agreement: Agreement, charges: Iterable[Charge], today: date) -> list[list[tuple[date, float]]]:
    """Follow, for each of `balances` in their order, what was spent, from every day on which that changed."""
    made = list(charges)
    days = {each.day for each in made if each.day <= today}
    for budget in agreement.budgets:
        for cap in agreement.caps(budget.contract, budget.recipient):
            days |= {each.day + timedelta(days=cap.days) for each in made} if cap.days else set()
    found: list[list[tuple[date, float]]] = [[] for _ in balances(agreement, (), today)]
    for day in sorted(day for day in days if day <= today):
        for steps, balance in zip(found, balances(agreement, (c for c in made if c.day <= day), day), strict=True):
            if not steps or steps[-1][1] != balance.spent:
                steps.append((day, balance.spent))
    return found


def _check(agreement: Agreement, asked: Charge, before: list[Charge], today: date) -> None:
    ours = [each.cost for each in before if (each.node, each.job) == (asked.node, asked.job)]
    if ours == [asked.cost]:
        return
    if ours:
        raise BudgetError(f"job {asked.job} was charged otherwise before; its plans and its charge do not fit together")
    for balance in balances(agreement, [*before, asked], today):
        asking = any((line.dataset, line.recipient) == (balance.dataset, balance.recipient) for line in asked.lines)
        if asking and balance.spent > float(balance.cap.epsilon):
            remedy = "wait until earlier charges count no more, or agree" if balance.cap.days else "agree"
            raise BudgetError(
                f"{balance.recipient} may learn of {balance.dataset} in all {balance.cap}; with job {asked.job} it "
                f"would be ε = {balance.spent:.4g}; {remedy} on a new budget"
            )


def _balance(agreement: Agreement, budget: Budget, cap: Cap, charges: Iterable[Charge], today: date) -> Balance:
    dataset = agreement.contracts[budget.contract].id
    since = today - timedelta(days=cap.days) if cap.days else date.min
    counted, losses = [], []
    for each in charges:
        own = [line.loss for line in each.lines if (line.dataset, line.recipient) == (dataset, budget.recipient)]
        if own and each.day > since:
            counted.append(each)
            losses += own
    return Balance(
        budget.contract, dataset, budget.recipient, cap, budget.alert, spent(losses, cap),
        tuple(sorted(counted, key=lambda each: (each.day, each.job))),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Signed:
    """A charge, and the envelope in which its node signed it."""

    charge: Charge
    envelope: bytes

    @property
    def key(self) -> str:
        return _key(self.charge.node, self.charge.job)

    @property
    def name(self) -> Name:
        return CHARGE.name(self.charge.node, self.charge.job)

    def publish(self, exchange: Exchange) -> None:
        exchange.put_named(self.name, self.envelope, replace=True)

    def pack(self) -> bytes:
        return jcs({"charge": self.charge.pack().decode(), "envelope": self.envelope.decode()})

    @classmethod
    def unpack(cls, raw: bytes) -> _Signed:
        value = json.loads(raw)
        return cls(Charge.unpack(value["charge"].encode()), value["envelope"].encode())

    @classmethod
    def read(cls, exchange: Exchange, node: PublicKeys, job: str) -> _Signed:
        """Read a node's charge. Raises: NotFoundError, SignatureError, DocumentError."""
        return cls(*read_charge(exchange, node, job))


def _known(facts: Mapping[str, bytes]) -> list[_Signed]:
    return [_Signed.unpack(raw) for raw in facts.values()]


def _published(exchange: Exchange, nodes: Iterable[PublicKeys], known: Container[str] = ()) -> Iterator[_Signed]:
    """Say what these nodes signed and is not known yet."""
    for node in nodes:
        for name in exchange.list(CHARGE.name(node.party)):
            if len(name) == 3 and _key(node.party, name[2]) not in known:
                with suppress(NotFoundError, SignatureError, DocumentError):
                    yield _Signed.read(exchange, node, name[2])


def _key(node: str, job: str) -> str:
    return f"{node}/{job}"
