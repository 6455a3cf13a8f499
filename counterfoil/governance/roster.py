"""The roster: who the parties are, what each may do, and which keys are theirs.

A roster is worth what it is pinned by: an agreement binds its digest, and whoever reads the agreement finds its own
signature there. Knows no agreement and no network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypeAlias

import yaml

from counterfoil.canonical import digest, load_yaml
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import DocumentError, ExpiredError, RosterError
from counterfoil.governance.document import Path, Problems, did_you_mean, parse_day, read_document, repeated

Role: TypeAlias = Literal["owner", "node", "coordinator", "reviewer", "recipient", "auditor"]

_KEYS = ("sign", "seal", "tls")


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


@dataclass(frozen=True, slots=True)
class Roster:
    """Parties in the file's order; `digest` is SHA-256 of the file's bytes."""

    id: str
    version: int
    digest: str
    expires: date
    parties: tuple[Party, ...]
    source: str
    raw: bytes = field(repr=False)

    def party(self, id: str) -> Party:
        """The party of that id. Raises: RosterError."""
        for party in self.parties:
            if party.id == id:
                return party
        raise RosterError(f"{self.source}: no party {id!r}{did_you_mean(id, [party.id for party in self.parties])}")

    def with_role(self, role: Role) -> tuple[Party, ...]:
        """The parties that have the role, in order."""
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
        """The keys of the parties, in the order asked for. Raises: RosterError."""
        return tuple(self.party(id).keys for id in ids)

    def check_current(self, today: date) -> None:
        """Raises: ExpiredError when the roster's last day is over."""
        if today > self.expires:
            raise ExpiredError(f"{self.source}: roster {self.id} {self.version} ended on {self.expires}; renew it")


def parse_roster(raw: bytes, source: str) -> Roster:
    """The roster that the bytes write.

    Raises: RosterError with `file:line: path: rule; what to change`, one line a problem; DocumentError if not YAML.
    """
    document = read_document(raw, source, "roster", RosterError)
    problems = Problems(document, RosterError)
    value = document.value
    expires = parse_day(value["expires"], ("expires",), problems)
    keys = [_keys(item, ("parties", index), problems) for index, item in enumerate(value["parties"])]
    for index in repeated(item["id"] for item in value["parties"]):
        problems.add(("parties", index, "id"), f"the party {value['parties'][index]['id']!r} stands twice; keep one")
    for name in _KEYS:
        for index in repeated(getattr(card, name) if card else object() for card in keys):
            problems.add(("parties", index, "keys", name), "another party has this key; every party makes its own")
    for index, item in enumerate(value["parties"]):
        for name in ("address", "hosting"):
            if "node" in item["roles"] and name not in item:
                problems.add(("parties", index), f"a node needs '{name}'; add it")
            if "node" not in item["roles"] and name in item:
                problems.add(("parties", index, name), f"only nodes have '{name}'; remove it")
        if not 0 < int(item.get("address", ":1").rsplit(":", 1)[1]) < 65536:
            problems.add(("parties", index, "address"), "a port lies from 1 to 65535")
    problems.raise_if_any()
    parties = tuple(
        Party(
            id=item["id"],
            organisation=item["organisation"],
            jurisdiction=item["jurisdiction"],
            roles=tuple(item["roles"]),
            keys=card,
            address=item.get("address"),
            hosting=item.get("hosting"),
        )
        for item, card in zip(value["parties"], keys, strict=True)
        if card
    )
    return Roster(value["id"], value["version"], digest(raw), expires, parties, source, raw)


def fill_roster(raw: bytes, source: str, cards: Iterable[PublicKeys]) -> Roster:
    """The roster in which every party has the keys of its card, instead of any that the file may hold.

    Raises: RosterError when a card is missing or is of nobody in the roster, and what `parse_roster` raises.
    """
    document = read_document(raw, source, "roster", RosterError)
    problems = Problems(document, RosterError)
    by_party = {card.party: card.to_json() for card in cards}
    parties = []
    for index, item in enumerate(document.value["parties"]):
        if item["id"] not in by_party:
            problems.add(("parties", index), f"no card of {item['id']} is given; ask for it: counterfoil party card")
        card = by_party.pop(item["id"], {})
        parties.append({**item, "keys": {name: card.get(name, "") for name in _KEYS}})
    if by_party:
        problems.add(("parties",), f"cards of {', '.join(by_party)} are given, who are not in the roster")
    problems.raise_if_any()
    return parse_roster(_dump({**document.value, "parties": parties}), source)


def revise_roster(roster: Roster, without: Collection[str], cards: Iterable[PublicKeys]) -> Roster:
    """The roster's next version, without these parties, and with the keys of these cards for those whom they are of.

    Raises: RosterError when one of them is not in the roster, and what `parse_roster` raises.
    """
    changed = {card.party: card.to_json() for card in cards}
    for id in (*without, *changed):
        roster.party(id)
    value = load_yaml(roster.raw, roster.source).value
    value["version"] += 1
    value["parties"] = [
        {**item, "keys": {name: changed.get(item["id"], item["keys"])[name] for name in _KEYS}}
        for item in value["parties"]
        if item["id"] not in without
    ]
    return parse_roster(_dump(value), roster.source)


def _dump(value: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()


def _keys(item: dict[str, Any], path: Path, problems: Problems) -> PublicKeys | None:
    if "keys" not in item:
        problems.add(path, "has no keys yet; fill them in: counterfoil agreement roster")
        return None
    try:
        return PublicKeys.from_json({"party": item["id"], **item["keys"]})
    except DocumentError as error:
        problems.add((*path, "keys"), f"{error}; ask {item['id']} for its card again")
        return None
