"""Audiences: recipients that an agreement names by their attributes in the roster, instead of one by one.

Who that is follows from the roster, which every party's signature under the agreement binds by its digest, and which a
majority of its parties signed. So nodes seal to exactly the parties that all have read and signed for: a later version
of the roster adds nobody to a running agreement, because that would let a majority widen a release behind the others'
backs; a new agreement does, and it takes all signatures. It can only take away: once a party has an attribute no
longer, nothing more is released under the agreement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.governance.documents import Problems, did_you_mean
from counterfoil.governance.parties.roster import Party, Roster

Attributes = Mapping[str, tuple[str, ...]]

OWN: Final = ("role", "organisation", "jurisdiction")
"""Attributes that every party of a roster has."""


@dataclass(frozen=True, slots=True)
class Audience:
    """The recipients of a roster that have all of these attributes, each with one of these values.

    `members` are who that is, in the roster's order; `plans` the analyses that name the audience.
    """

    name: str
    attributes: Attributes
    members: tuple[str, ...]
    plans: tuple[str, ...]

    def __str__(self) -> str:
        return " and ".join(f"{name} {' or '.join(values)}" for name, values in self.attributes.items())


def matches(party: Party, attributes: Attributes) -> bool:
    """Tell whether the party is a recipient and has every attribute, with one of its values."""
    has = {
        **party.attributes,
        "role": party.roles,
        "organisation": (party.organisation,),
        "jurisdiction": (party.jurisdiction,),
    }
    return "recipient" in party.roles and all(
        not set(values).isdisjoint(has.get(name, ())) for name, values in attributes.items()
    )


def read_audiences(value: Mapping[str, Any], roster: Roster, problems: Problems) -> tuple[Audience, ...]:
    """Read the agreement's audiences, each with its members in the roster; problems are noted."""
    known = {*OWN, *(name for party in roster.parties for name in party.attributes)}
    found = []
    for name, given in value.get("audiences", {}).items():
        attributes = {key: (each,) if isinstance(each, str) else tuple(each) for key, each in given.items()}
        members = tuple(party.id for party in roster.parties if matches(party, attributes))
        plans = tuple(item["name"] for item in value["analyses"] if name in item["recipients"])
        if name in [party.id for party in roster.parties]:
            problems.add(("audiences", name), "a party of the roster has this name; give it another one")
        for key in attributes:
            if key not in known:
                hint = did_you_mean(key, known)
                problems.add(("audiences", name, key), f"no party of roster {roster.id} has an attribute {key!r}{hint}")
        if known.issuperset(attributes) and not members:
            problems.add(("audiences", name), f"no recipient of roster {roster.id} has these attributes; change one")
        if not plans or name not in value["recipients"]:
            problems.add(("audiences", name), "name it among 'recipients', there and in an analysis; or remove it")
        found.append(Audience(name, attributes, members, plans))
    return tuple(found)


def by_name(value: Mapping[str, Any], audiences: Iterable[Audience]) -> dict[str, Any]:
    """Name in the agreement's content the members of audiences as recipients, each party once."""
    members = {audience.name: audience.members for audience in audiences}

    def named(recipients: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(id for each in recipients for id in members.get(each, (each,))))

    found = {
        **value,
        "recipients": named(value["recipients"]),
        "analyses": [{**item, "recipients": named(item["recipients"])} for item in value["analyses"]],
    }
    if "budget" in value:
        found["budget"] = [
            {**line, "recipient": id}
            for line in value["budget"]
            for id in members.get(line["recipient"], (line["recipient"],))
        ]
    return found
