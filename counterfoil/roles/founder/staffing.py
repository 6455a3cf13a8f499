"""Who does what in a consortium of few organisations, how many people that takes, and why.

The rules are those that agreements are checked by: nodes are of different organisations, and nobody approves what they
proposed or helped to make. Knows no file and no key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import RosterError
from counterfoil.governance.documents import did_you_mean, repeated
from counterfoil.governance.parties.roster import Roster
from counterfoil.mpc.suites.registry import SUITES

PEOPLE: Final = 2
"""So many people an organisation is taken to have for this, unless told."""

REVIEW: Final = "-review"
"""What the party of an organisation's reviewer is called after its own."""

_DOES: Final[Mapping[str, str]] = {
    "owner": "hands in its table",
    "node": "runs a node",
    "coordinator": "coordinates",
    "recipient": "opens results",
    "reviewer": "approves results",
}


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation that takes part: what it is called, where it is, how many people it has for this, what it has."""

    id: str
    name: str
    jurisdiction: str
    people: int = PEOPLE
    has_table: bool = False


@dataclass(frozen=True, slots=True)
class Seat:
    """One party: an organisation's person or machine with keys of its own, and the roles that it has."""

    party: str
    organisation: Organisation
    roles: tuple[str, ...]

    @property
    def does(self) -> str:
        """What the party does, in words."""
        words = [_DOES[role] for role in self.roles]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


@dataclass(frozen=True, slots=True)
class Staffing:
    """All parties, in the order of their organisations, and how many reviewers must agree."""

    seats: tuple[Seat, ...]
    proposer: str
    quorum: int

    def with_role(self, role: str) -> tuple[str, ...]:
        """List the parties that have the role."""
        return tuple(seat.party for seat in self.seats if role in seat.roles)

    def told(self) -> Iterator[str]:
        """Say who does what, how many people that takes, and why it is so many."""
        organisations = {seat.organisation.id for seat in self.seats}
        yield f"{len(organisations)} organisations, {len(self.seats)} people at least, each with keys of their own:"
        for seat in self.seats:
            yield f"  {seat.party} ({seat.organisation.name}) {seat.does}"
        yield (
            f"why: two nodes together see everything, so the {len(self.with_role('node'))} nodes are of different "
            f"organisations; {self.proposer} proposes what is computed, so nobody of its organisation approves "
            "results; who runs a node or coordinates approves none either, so a reviewer is a person of their own"
        )


def staff_from(roster: Roster, owners: Collection[str], *, suite: str, proposer: str = "", quorum: int = 2) -> Staffing:
    """Give the roles of a further agreement to the parties of a roster, as it says what each may do.

    Raises: RosterError for an owner whom it does not have as one, or where too few are left for a role.
    """
    held = {party.id: party.roles for party in roster.parties}
    for owner in owners:
        if "owner" not in held.get(owner, ()):
            having = [party.id for party in roster.with_role("owner")]
            raise RosterError(f"--table {owner}: no owner in {roster.source}{did_you_mean(owner, having)}")
    nodes = [party.id for party in roster.nodes][: SUITES[suite].nodes]
    coordinators = [party.id for party in roster.with_role("coordinator")]
    seats = []
    for party in roster.parties:
        roles = [
            role
            for role in party.roles
            if not (role == "owner" and party.id not in owners)
            and not (role == "node" and party.id not in nodes)
            and not (role == "coordinator" and party.id != coordinators[0])
            and role in _DOES
        ]
        if roles:
            organisation = Organisation(party.organisation, party.organisation, party.jurisdiction)
            seats.append(Seat(party.id, organisation, tuple(roles)))
    found = Staffing(tuple(seats), proposer or next(iter(coordinators), ""), quorum)
    for role, wanted in (("node", SUITES[suite].nodes), ("coordinator", 1), ("recipient", 1), ("reviewer", quorum)):
        if len(found.with_role(role)) < wanted:
            raise RosterError(
                f"{roster.source}: {len(found.with_role(role))} of the {wanted} parties that it takes have the role "
                f"{role}; admit another: counterfoil party invite, roster revise"
            )
    return found


def staff(
    organisations: Sequence[Organisation],
    *,
    suite: str = "rep3",
    proposer: str = "",
    recipients: Sequence[str] = (),
    quorum: int = 2,
    fewest_owners: int = 1,
) -> Staffing:
    """Give every role to somebody who may have it.

    Organisations without a table come first as nodes: they learn nothing by it that they could set beside rows of
    their own.

    Args:
        organisations: Who takes part.
        suite: It says how many nodes there are.
        proposer: Whose analyses these are, and who coordinates; the first organisation with a table, unless told.
        recipients: Organisations that open results; all that have a table, unless told.
        quorum: How many reviewers must approve a result.
        fewest_owners: How many organisations must have rows in a number that is released.

    Raises: RosterError, a line for each role that nobody is there for, with what would mend it.
    """
    known = [each.id for each in organisations]
    if twice := repeated(known):
        raise RosterError(f"the organisation {known[twice[0]]!r} is there twice; give each an id of its own")
    for id in filter(None, (proposer, *recipients)):
        if id not in known:
            raise RosterError(
                f"no organisation is called {id!r}{did_you_mean(id, known)}; there are {', '.join(known)}"
            )
    owners = [each.id for each in organisations if each.has_table]
    proposer = proposer or next(iter(owners or known), "")
    recipients = recipients or owners
    nodes = [each.id for each in sorted(organisations, key=lambda each: each.has_table)][: SUITES[suite].nodes]
    seats = []
    for each in organisations:
        has = {
            "owner": each.has_table,
            "node": each.id in nodes,
            "coordinator": each.id == proposer,
            "recipient": each.id in recipients,
        }
        if roles := tuple(role for role, holds in has.items() if holds):
            seats.append(Seat(each.id, each, roles))
        if each.id != proposer and each.people > bool(roles):
            seats.append(Seat(f"{each.id}{REVIEW}", each, ("reviewer",)))
    found = Staffing(tuple(seats), proposer, quorum)
    problems = tuple(_lacking(found, organisations, suite, len(owners), fewest_owners))
    if problems:
        raise RosterError("\n".join(problems))
    return found


def _lacking(
    found: Staffing, organisations: Sequence[Organisation], suite: str, owners: int, fewest_owners: int
) -> Iterator[str]:
    wanted, there = SUITES[suite].nodes, len(found.with_role("node"))
    if there < wanted:
        yield (
            f"{len(organisations)} organisations cannot run the {wanted} nodes of {suite}: two nodes together see "
            f"everything, so each is of another organisation; find {wanted - there} more, which need no table: a "
            "university's computing centre, a statistics institute, a data trust"
        )
    if owners < fewest_owners:
        yield (
            f"{owners} organisations with a table are too few: by the policy, no number leaves in which fewer than "
            f"{fewest_owners} have rows, since each could take its own away and see another's; find "
            f"{fewest_owners - owners} more with a table, or name another --policy"
        )
    reviewers = found.with_role("reviewer")
    if len(reviewers) < found.quorum:
        alone = [each.id for each in organisations if each.id != found.proposer and each.people < PEOPLE]
        remedy = f"have another person at {' or '.join(alone)} (--people {alone[0]}=2)" if alone else "find another"
        yield (
            f"{len(reviewers)} people are left to review, and {found.quorum} must approve: nobody of {found.proposer}, "
            f"which proposes, and nobody who runs a node or coordinates; {remedy}, or ask for fewer: --quorum 1"
        )
