"""The catalogue: which owner has which data, as signed entries that show a schema and how many rows there are, roughly.

An entry is made from a contract and one number, so no cell of a table can be in it. It is in the exchange, or in any
folder, which is trusted for nothing: readers check each entry against the roster, remember the latest that they have
seen of each owner and contract, and refuse by name what is forged, past its day, or older than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from counterfoil.canonical import Json, jcs, load_yaml
from counterfoil.clock import reckoned
from counterfoil.crypto.sign import MAX_ENVELOPE_BYTES
from counterfoil.errors import (
    CounterfoilError,
    DocumentError,
    ExpiredError,
    NotFoundError,
    RefusedError,
    ReplayError,
    RosterError,
    SignatureError,
    StoreError,
    TamperedError,
    WithdrawnError,
)
from counterfoil.governance.catalogue.row_count_bands import Band, band
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.documents import did_you_mean, read_day, write_time
from counterfoil.governance.papers import Paper, Statement
from counterfoil.governance.parties.roster import Party, Roster
from counterfoil.storage.records import Records

if TYPE_CHECKING:
    from counterfoil.home import Home
    from counterfoil.storage.exchange import Exchange
    from counterfoil.storage.state import State

MOST_DAYS: Final = 366
"""For so long an entry is valid at most."""

ENTRY: Final = Paper(
    kind="catalogue",
    schema="catalogue",
    title="entry",
    says="an owner offers, or no longer offers, a table under a contract: schema and rough size",
    folder="catalogue",
    place=("party", "contract"),
    signer="party",
    absent="{party} has no entry for {contract}",
    other="the entry of {party} for {contract} is another one's, put in its place",
    at_most=MAX_ENVELOPE_BYTES,
)
_UNBELIEVABLE: Final = (
    SignatureError, DocumentError, ReplayError, TamperedError, ExpiredError, NotFoundError, StoreError,
)  # fmt: skip
"""Why one entry is not to be believed, though others may be."""

_OWN: Final = "catalogue-own"
_SEEN: Final = "catalogue-seen"


@dataclass(frozen=True, slots=True)
class Entry(Statement):
    """What an owner says that it has, verified. Of one owner and contract the entry with the highest serial counts."""

    PAPER: ClassVar = ENTRY

    party: str
    serial: int
    until: date
    document: Mapping[str, Any]

    @property
    def contract(self) -> str:
        """The contract's id."""
        return str(self.document["contract"]["id"])

    @property
    def rows(self) -> Band:
        """How many rows there were, roughly, on the day that it names."""
        return Band(**self.document["rows"])

    @property
    def columns(self) -> Sequence[Mapping[str, Any]]:
        """The schema: names, types, roles, descriptions, and bounds where the contract states them."""
        found: Sequence[Mapping[str, Any]] = self.document["columns"]
        return found

    @property
    def withdrawn(self) -> bool:
        """Whether its owner says that it offers nothing under the contract any more."""
        return bool(self.document["withdrawn"])

    def pack(self) -> bytes:
        """Return the bytes that the owner signs: the document."""
        return jcs(self.document)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Read the entry from its document. Raises: DocumentError."""
        document = {"format": f"counterfoil/{ENTRY.schema}/1", **value}
        return {
            "party": value["party"],
            "serial": value["serial"],
            "until": read_day(value["until"]),
            "document": document,
        }


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that is not to be believed, or not any more, and why."""

    party: str
    contract: str
    error: CounterfoilError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for. All that is given must hold; what is said of a column, of one and the same."""

    words: tuple[str, ...] = ()
    column: str = ""
    role: str = ""
    type: str = ""
    analysis: str = ""

    def columns(self, entry: Entry) -> list[str] | None:
        """Return the names of the entry's columns that fit, none if only the entry itself does; None if it does not."""
        if self.analysis and self.analysis not in entry.document["analyses"]:
            return None
        if not (self.column or self.role or self.type) and self._says(_texts(entry.document)):
            return [column["name"] for column in entry.columns if self.words and self._says(_texts(column))]
        fitting = [column["name"] for column in entry.columns if self._fits(column)]
        return fitting or None

    def _fits(self, column: Mapping[str, Any]) -> bool:
        named = self.column.casefold()
        return (
            (not named or named in (column["name"], column.get("businessName", "").casefold()))
            and self.role in ("", column["role"])
            and self.type in ("", column["type"])
            and self._says(_texts(column))
        )

    def _says(self, text: str) -> bool:
        return all(word.casefold() in text for word in self.words)


def offer(contract: Contract, rows: int, until: date, home: Home, to: Exchange, now: datetime) -> Entry:
    """Sign and publish this owner's entry for its table under the contract, instead of any earlier one.

    Raises: ExpiredError; RefusedError for a contract that is not active, too few rows, or a day too far ahead.
    """
    today = now.date()
    contract.check_current(today)
    if contract.status != "active":
        raise RefusedError(f"{contract.source}: contract {contract.id} is {contract.status}; offer what is active")
    if not today <= until <= min(contract.expires, today + timedelta(days=MOST_DAYS)):
        raise RefusedError(f"{until} is past, after the contract's end, or more than {MOST_DAYS} days ahead")
    found = band(rows, contract.id, contract.minimum_count, home.membership_key)
    content: dict[str, Json] = {
        "contract": {"id": contract.id, "version": contract.version, "sha256": contract.digest},
        "title": _line(contract.name),
        "purpose": _line(contract.purpose),
        "lawfulBasis": contract.lawful_basis,
        "analyses": list(contract.allowed_analyses),
        "minimumCount": contract.minimum_count,
        "columns": [_shown(column) for column in contract.columns],
        "rows": {"at_least": found.at_least, "below": found.below},
        "asOf": today.isoformat(),
        "refreshed": _refreshed(contract),
    }
    return _publish(contract.id, content, until, home, to, now)


def withdraw_offer(contract: str, home: Home, to: Exchange, now: datetime) -> Entry:
    """Sign and publish that this owner offers nothing under the contract any more, instead of its entry.

    Raises: NotFoundError when it has offered nothing under that id.
    """
    if contract not in home.state.keys(_OWN):
        known = home.state.keys(_OWN)
        raise NotFoundError(f"{home.party} offers nothing under {contract!r}{did_you_mean(contract, known)}")
    return _publish(contract, None, now.date() + timedelta(days=MOST_DAYS), home, to, now)


def read_entry(records: Records, owner: Party, contract: str, today: date, state: State | None) -> Entry:
    """Read what the owner offers under the contract; remember it in the state, if any, and refuse older ones then.

    Raises: NotFoundError; SignatureError; DocumentError; ReplayError for one older than what was seen before;
        TamperedError for another of the same number; ExpiredError; WithdrawnError; RosterError for who is no owner.
    """
    if "owner" not in owner.roles:
        raise RosterError(f"in the roster {owner.id} is {', '.join(owner.roles)}, not owner; it has nothing to offer")
    what = f"the entry of {owner.id} for {contract}"
    entry = Entry.read(records, owner.keys, contract=contract)
    if state is not None:
        _remember(what, f"{owner.id}/{contract}", entry.serial, entry.digest, state)
    if entry.withdrawn:
        raise WithdrawnError(f"{owner.id} does not offer {contract} any more")
    if today > entry.until:
        raise ExpiredError(f"{what} stood until {entry.until}; ask {owner.id} to offer it again{reckoned(today)}")
    return entry


def entries(records: Records, roster: Roster, today: date, state: State | None) -> Iterator[Entry | Refused]:
    """Yield what the roster's owners offer, and what is there in their names that is refused, each by name.

    Also what was seen before and is not there any more, though its owner did not withdraw it.
    """
    names = {(name[1], name[2]) for name in records.list(ENTRY.name()) if len(name) == 3}
    seen = {tuple(key.split("/")) for key in state.keys(_SEEN)} if state else set()
    owners = {owner.id: owner for owner in roster.with_role("owner")}
    for party, contract in sorted(names | seen):
        if party not in owners:
            continue  # a stranger to this roster may be an owner in another one
        try:
            yield read_entry(records, owners[party], contract, today, state)
        except WithdrawnError:
            continue
        except _UNBELIEVABLE as error:
            yield Refused(party, contract, error)


def _publish(
    contract: str, content: Mapping[str, Json] | None, until: date, home: Home, to: Exchange, now: datetime
) -> Entry:
    document: dict[str, Any] = {
        "format": "counterfoil/catalogue/1",
        "party": home.party,
        "serial": _next_serial(contract, home, to),
        "offered": write_time(now),
        "until": until.isoformat(),
        "withdrawn": content is None,
        **(content if content is not None else {"contract": {"id": contract}}),
    }
    entry = Entry(home.party, document["serial"], until, document)
    entry.publish(home.keys, to)
    return entry


def _next_serial(contract: str, home: Home, to: Exchange) -> int:
    """Count durably before anything is signed, so that no two entries of this owner have one number.

    Also count on from what is published, for an owner that has lost its state.
    """
    while True:
        try:
            before: bytes | None = home.state.get(_OWN, contract)
        except NotFoundError:
            before = None
        serial = max(int(before or b"0"), _there(contract, home, to)) + 1
        if home.state.replace(_OWN, contract, before, str(serial).encode()):
            return serial


def _there(contract: str, home: Home, to: Exchange) -> int:
    """Return the number of this owner's entry there, 0 if there is none."""
    with suppress(NotFoundError, SignatureError, DocumentError):
        envelope = ENTRY.fetch(to, party=home.party, contract=contract)
        return Entry.verified(envelope, home.keys.public).serial
    return 0


def _remember(what: str, key: str, serial: int, fixed: str, state: State) -> None:
    """Remember the entry as the latest that was seen. Raises: ReplayError, TamperedError."""
    mark = f"{serial} {fixed}".encode()
    while True:
        try:
            before = state.get(_SEEN, key)
        except NotFoundError:
            before = b""
        seen, _, known = before.decode().partition(" ")
        if before and serial < int(seen):
            raise ReplayError(
                f"{what} is its number {serial}; number {seen} was here before, and an older one is refused"
            )
        if before and serial == int(seen) and known != fixed:
            raise TamperedError(f"{what}: two different ones have the number {serial}; ask its owner")
        if before == mark or state.replace(_SEEN, key, before or None, mark):
            return


def _shown(column: Column) -> dict[str, Json]:
    """Return a column as the catalogue shows it: no categories, and no bounds that the contract does not state."""
    stated = {"minimum": column.minimum, "maximum": column.maximum, "unit": column.unit or None}
    return {
        "name": column.name,
        "type": column.type,
        "role": column.role,
        "description": _line(column.description),
        "leaves": "nothing" if column.role == "identifier" else "as a pseudonym" if column.pseudonym else "in shares",
        **({"businessName": _line(column.business_name)} if column.business_name else {}),
        **{name: str(value) for name, value in stated.items() if value is not None},
    }


def _refreshed(contract: Contract) -> str:
    """Return how often there is a new table, as the contract's service levels say; "" if they do not."""
    for stated in load_yaml(contract.raw, contract.source).value.get("slaProperties", []):
        if stated["property"] == "frequency":
            return _line(f"{stated['value']} {stated.get('unit', '')}")
    return ""


def _line(text: str) -> str:
    """Return the text on one line, as an entry holds it."""
    return " ".join(text.split())


def _texts(value: Any) -> str:
    """Return all texts in the value, to look for words in."""
    if isinstance(value, Mapping):
        return " ".join(map(_texts, value.values()))
    if isinstance(value, list):
        return " ".join(map(_texts, value))
    return value.casefold() if isinstance(value, str) else ""
