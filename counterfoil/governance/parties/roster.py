"""The roster: who the parties are, what each may do, and which keys are theirs.

A roster is worth what it is pinned by: an agreement binds its digest, and whoever reads the agreement finds its own
signature there. It holds for a short time, so that nobody can be kept from hearing of the next version for long.
Knows no agreement and no network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import yaml

from counterfoil.address import parse_address
from counterfoil.canonical import digest, load_yaml
from counterfoil.clock import reckoned
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import DocumentError, ExpiredError, RosterError
from counterfoil.governance.documents import Path, Problems, did_you_mean, parse_day, read_document, repeated
from counterfoil.look_alikes import skeleton

Role: TypeAlias = Literal["owner", "node", "coordinator", "reviewer", "recipient", "auditor"]

MOST_DAYS: Final = 90
"""For so long a version of a roster holds, and so long a party may go on using keys that it has renewed."""

_KEY_IDS = {"sign": "sign_id", "seal": "seal_id", "tls": "tls_pin"}
_KEYS = tuple(_KEY_IDS)
_RENEWED = ("seal", "tls")


@dataclass(frozen=True, slots=True)
class Earlier:
    """Keys that a party has renewed since: agreements that list them may use them until this day."""

    keys: PublicKeys
    until: date


@dataclass(frozen=True, slots=True)
class Party:
    """One party: an organisation's member of the consortium with keys of its own."""

    id: str
    organisation: str
    jurisdiction: str
    roles: tuple[Role, ...]
    keys: PublicKeys = field(repr=False)
    address: str | None = None
    hosting: str | None = None
    earlier: tuple[Earlier, ...] = field(default=(), repr=False)
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def honours(self, keys: PublicKeys, today: date) -> bool:
        """Tell whether the keys are this party's today: its present ones, or earlier ones whose time is not over."""
        return keys == self.keys or any(keys == each.keys and today <= each.until for each in self.earlier)


@dataclass(frozen=True, slots=True)
class Roster:
    """Parties in the file's order; `digest` is SHA-256 of the file's bytes."""

    id: str
    version: int
    digest: str
    issued: date
    expires: date
    parties: tuple[Party, ...]
    source: str
    raw: bytes = field(repr=False)

    def party(self, id: str) -> Party:
        """Return the party of that id. Raises: RosterError."""
        for party in self.parties:
            if party.id == id:
                return party
        raise RosterError(f"{self.source}: no party {id!r}{did_you_mean(id, [party.id for party in self.parties])}")

    def with_role(self, role: Role) -> tuple[Party, ...]:
        """Return the parties that have the role, in order."""
        return tuple(party for party in self.parties if role in party.roles)

    @property
    def nodes(self) -> tuple[Party, ...]:
        """The computing parties, in order."""
        return self.with_role("node")

    @property
    def threshold(self) -> int:
        """How many of the parties must sign a change of the roster: more than half."""
        return len(self.parties) // 2 + 1

    def keys(self, ids: Iterable[str]) -> tuple[PublicKeys, ...]:
        """Return the keys of the parties, in the order asked for. Raises: RosterError."""
        return tuple(self.party(id).keys for id in ids)

    def check_current(self, today: date) -> None:
        """Check that the roster holds today. Raises: ExpiredError."""
        if not self.issued <= today <= self.expires:
            raise ExpiredError(
                f"{self.source}: roster {self.id} {self.version} holds from {self.issued} to {self.expires}; write and "
                f"sign its next version: counterfoil roster revise{reckoned(today)}"
            )


@lru_cache(maxsize=64)
def parse_roster(raw: bytes, source: str) -> Roster:
    """Parse the roster that the bytes write.

    Raises: RosterError with `file:line: path: rule; what to change`, one line a problem; DocumentError if not YAML.
    """
    document = read_document(raw, source, "roster", RosterError)
    problems = Problems(document, RosterError)
    value = document.value
    issued, expires = _dates(value, problems)
    keys = [_keys(item, ("parties", index), problems) for index, item in enumerate(value["parties"])]
    for index in repeated(item["id"] for item in value["parties"]):
        problems.add(("parties", index, "id"), f"the party {value['parties'][index]['id']!r} is there twice; keep one")
    _check_organisations([item["organisation"] for item in value["parties"]], problems)
    for name, key in _KEY_IDS.items():
        for index in repeated(getattr(card, key) if card else object() for card in keys):
            problems.add(("parties", index, "keys", name), "another party has this key; every party makes its own")
    for index, item in enumerate(value["parties"]):
        for name in ("address", "hosting"):
            if "node" in item["roles"] and name not in item:
                problems.add(("parties", index), f"a node needs '{name}'; add it")
            if "node" not in item["roles"] and name in item:
                problems.add(("parties", index, name), f"only nodes have '{name}'; remove it")
        if "address" in item:
            _check_address(item["address"], ("parties", index, "address"), problems)
    parties = tuple(
        Party(
            id=item["id"],
            organisation=item["organisation"],
            jurisdiction=item["jurisdiction"],
            roles=tuple(item["roles"]),
            keys=card,
            address=item.get("address"),
            hosting=item.get("hosting"),
            earlier=_earlier(item, issued, ("parties", index), problems),
            attributes=_attributes(item, ("parties", index), problems),
        )
        for index, (item, card) in enumerate(zip(value["parties"], keys, strict=True))
        if card
    )
    problems.raise_if_any()
    return Roster(value["id"], value["version"], digest(raw), issued, expires, parties, source, raw)


def _check_organisations(names: Iterable[str], problems: Problems) -> None:
    """Note each name that is not an earlier one and is taken for it. Parties of one organisation share its name."""
    seen: dict[str, str] = {}
    for index, name in enumerate(names):
        earlier = seen.setdefault(skeleton(name), name)
        if earlier != name:
            path = ("parties", index, "organisation")
            problems.add(path, f"{name!r} is taken for {earlier!r}; write the same name alike, or another one")


def fill_roster(raw: bytes, source: str, cards: Iterable[PublicKeys], today: date) -> Roster:
    """Fill the roster in with the keys of each party's card, instead of any that the file may hold, from today on.

    Raises: RosterError when a card is missing or is of nobody in the roster, and what `parse_roster` raises.
    """
    document = read_document(raw, source, "roster", RosterError)
    problems = Problems(document, RosterError)
    by_party = {card.party: card for card in cards}
    parties = []
    for index, item in enumerate(document.value["parties"]):
        card = by_party.pop(item["id"], None)
        if card is None:
            problems.add(("parties", index), f"no card of {item['id']} is given; ask for it: counterfoil party card")
        else:
            parties.append({**item, "keys": _written(card)})
    if by_party:
        problems.add(("parties",), f"cards of {', '.join(by_party)} are given, who are not in the roster")
    problems.raise_if_any()
    return parse_roster(_dump(_dated({**document.value, "parties": parties}, today)), source)


def revise_roster(
    roster: Roster,
    today: date,
    *,
    without: Collection[str] = (),
    cards: Iterable[PublicKeys] = (),
    joining: Iterable[Party] = (),
) -> Roster:
    """Write the roster's next version: without these parties, with the keys of these cards, and with those who join.

    A card with the party's own signing key renews its other keys: the ones before are honoured for MOST_DAYS more. A
    card with another signing key replaces them at once.

    Raises: RosterError when one who leaves or has a card is not in the roster, or one who joins is; and what
    `parse_roster` raises.
    """
    changed = {card.party: card for card in cards}
    for id in (*without, *changed):
        roster.party(id)
    parties = [_revised(party, changed.get(party.id), today) for party in roster.parties if party.id not in without]
    for party in joining:
        if party.id in [each.id for each in roster.parties]:
            raise RosterError(f"{roster.source}: {party.id} is in the roster; another party cannot have its id")
        parties.append(party)
    value = load_yaml(roster.raw, roster.source).value
    value |= {"version": roster.version + 1, "parties": [_entry(party, today) for party in parties]}
    return parse_roster(_dump(_dated(value, today)), roster.source)


def _revised(party: Party, card: PublicKeys | None, today: date) -> Party:
    if card is None or card == party.keys:
        return party
    if card.sign != party.keys.sign:
        return replace(party, keys=card, earlier=())
    before = Earlier(party.keys, today + timedelta(days=MOST_DAYS))
    return replace(party, keys=card, earlier=(*party.earlier, before))


def _entry(party: Party, today: date) -> dict[str, Any]:
    """Return the party as a roster writes it, with those of its earlier keys that are still honoured."""
    entry: dict[str, Any] = {
        "id": party.id,
        "organisation": party.organisation,
        "jurisdiction": party.jurisdiction,
        "roles": list(party.roles),
    }
    entry |= {name: getattr(party, name) for name in ("address", "hosting") if getattr(party, name)}
    if party.attributes:
        entry["attributes"] = {
            name: values[0] if len(values) == 1 else list(values) for name, values in party.attributes.items()
        }
    entry["keys"] = _written(party.keys)
    if honoured := [each for each in party.earlier if today <= each.until]:
        entry["earlier"] = [
            {**{name: _written(each.keys)[name] for name in _RENEWED}, "until": each.until.isoformat()}
            for each in honoured
        ]
    return entry


def _written(card: PublicKeys) -> dict[str, Any]:
    return {name: text for name, text in card.to_json().items() if name in _KEYS}


def _dated(value: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Return the roster's content, to hold from today for as long as a roster may."""
    dates = {"issued": today.isoformat(), "expires": (today + timedelta(days=MOST_DAYS)).isoformat()}
    parties = value["parties"]
    return {**{name: item for name, item in value.items() if name != "parties"}, **dates, "parties": parties}


def _dump(value: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()


def _check_address(text: str, path: Path, problems: Problems) -> None:
    """Check where the other nodes dial; where the node itself listens is in its home."""
    try:
        address = parse_address(text)
    except DocumentError as error:
        problems.add(path, str(error))
    else:
        if address.everywhere:
            problems.add(
                path,
                f"nobody dials {address.host}; write the address at which the other nodes reach it. Where it listens, "
                "its own home says: counterfoil party listen",
            )


def _dates(value: Mapping[str, Any], problems: Problems) -> tuple[date, date]:
    days = []
    for name in ("issued", "expires"):
        if name not in value:
            problems.add((), f"has no day {name!r} yet; fill it in: counterfoil roster new")
        days.append(parse_day(value[name], (name,), problems) if name in value else date.max)
    issued, expires = days
    if date.max not in days and not 0 <= (expires - issued).days <= MOST_DAYS:
        problems.add(("expires",), f"must be from 'issued' to {MOST_DAYS} days after it; write a next version in time")
    return issued, expires


def _keys(item: dict[str, Any], path: Path, problems: Problems) -> PublicKeys | None:
    if "keys" not in item:
        problems.add(path, "has no keys yet; fill them in: counterfoil roster new")
        return None
    try:
        return PublicKeys.from_json({"party": item["id"], **item["keys"]})
    except DocumentError as error:
        problems.add((*path, "keys"), f"{error}; ask {item['id']} for its card again")
        return None


def _attributes(item: Mapping[str, Any], path: Path, problems: Problems) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, given in item.get("attributes", {}).items():
        if name in ("role", *item):
            problems.add((*path, "attributes", name), f"the roster says {name!r} of a party elsewhere; remove it here")
        found[name] = (given,) if isinstance(given, str) else tuple(given)
    return found


def _earlier(item: dict[str, Any], issued: date, path: Path, problems: Problems) -> tuple[Earlier, ...]:
    found = []
    for index, each in enumerate(item.get("earlier", [])):
        at = (*path, "earlier", index)
        until = parse_day(each["until"], (*at, "until"), problems)
        if until < date.max and (until - issued).days > MOST_DAYS:
            problems.add(
                (*at, "until"), f"must be at most {MOST_DAYS} days after 'issued'; agree anew under the new keys"
            )
        try:
            card = {"party": item["id"], "sign": item["keys"]["sign"], "seal": each["seal"], "tls": each["tls"]}
            found.append(Earlier(PublicKeys.from_json(card), until))
        except DocumentError as error:
            problems.add(at, f"{error}; remove it")
    return tuple(found)
