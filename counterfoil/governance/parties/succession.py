"""Succession: the next version of a roster, which counts once enough parties of both versions have signed it.

A successor takes keys away; it never puts other keys into an agreement, because what all have signed a majority must
not change. An agreement runs on while the latest roster honours every key it was signed with: keys that their party
renewed for a while, keys that were revoked not for a moment. A new one is agreed under the new roster; nobody else
needs new keys.

What a party has seen it remembers, so that nobody can show it an older roster later, or another one of the same name;
and the latest must not be past its days, so that nobody can keep the next one from it for long. After The Update
Framework's root role: versions count up by one, and each is signed by a threshold of the one before and of itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Final

from counterfoil.canonical import digest, jcs
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import DocumentError, NotFoundError, RosterError, SignatureError
from counterfoil.governance.papers import Paper
from counterfoil.governance.parties.roster import Party, Roster, parse_roster
from counterfoil.home import Home
from counterfoil.storage.records import Name

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

SUCCESSION: Final = Paper(
    kind="succession",
    says="a party agrees that one roster follows another; its key names it, not its id",
    folder="rosters",
    place=("roster", "successor", "key"),
    absent="not signed under {key}",
)
_FILE: Final = "roster"
_SUCCESSOR: Final = "roster-successor"
_LATEST: Final = "roster-latest"


def sign_successor(old: Roster, new: Roster, keys: PrivateKeys, exchange: Exchange) -> None:
    """Publish the new roster, and sign that it follows the old one.

    Raises: RosterError unless the new one is the old one's next version, and either lists this signing key;
        NotFoundError if the new one lists others of its keys that are not here.
    """
    if (new.id, new.version) != (old.id, old.version + 1):
        raise RosterError(f"{new.source}: is {new.id} {new.version}; the next version is {old.id} {old.version + 1}")
    listed = [party for roster in (old, new) for party in roster.parties if party.id == keys.party]
    if keys.public.sign not in [party.keys.sign for party in listed]:
        raise RosterError(f"neither version of roster {old.id} lists the signing key of {keys.party}")
    if keys.party in [party.id for party in new.parties] and new.party(keys.party).keys.sign == keys.public.sign:
        keys.matching(new.party(keys.party).keys)
    folder = _folder(old, new.digest)
    exchange.put_named((*folder, _FILE), new.raw, replace=True)
    SUCCESSION.publish(
        _statement(old, new), keys, exchange, roster=old.digest, successor=new.digest, key=keys.public.sign_id
    )


def missing(old: Roster, new: Roster, exchange: Exchange) -> tuple[int, int]:
    """Count how many more signatures the successor needs: of parties of the old version, and of the new one."""
    of_old, of_new = (_signatures(old, new, roster.parties, exchange) for roster in (old, new))
    return max(0, old.threshold - of_old), max(0, new.threshold - of_new)


def latest(roster: Roster, home: Home) -> Roster:
    """Return the last version of the roster that this party has ever seen with enough signatures.

    Raises: RosterError when there are two successors of one version, which no honest majority signs.
    """
    while (following := _successor(roster, home)) is not None:
        roster = following
    return roster


def follow(roster: Roster, home: Home, today: date) -> None:
    """Go by this roster from now on: it is the latest of its name that this party knows.

    Of a name that it never saw, it takes the first roster that it is shown: compare the fingerprints.

    Raises: RosterError when it knows a later version, or another roster of this name; ExpiredError.
    """
    known = last_known(roster.id, home)
    last = latest(known or roster, home)
    if last.digest != roster.digest:
        raise RosterError(
            f"{roster.source}: is not version {last.version} of roster {last.id}, the latest that {home.party} knows; "
            "take that one, or have this one signed as its next version: counterfoil roster sign"
        )
    roster.check_current(today)
    home.state.put(_LATEST, roster.id, roster.raw)


def unused_keys(home: Home, today: date) -> list[PrivateKeys]:
    """Return the earlier generations of this party's keys that no roster it goes by honours any more."""
    rosters = known_rosters(home)
    own = [party for roster in rosters for party in roster.parties if party.id == home.party]
    return [
        keys for keys in home.keys.all()[:-1] if own and not any(party.honours(keys.public, today) for party in own)
    ]


def last_known(id: str, home: Home) -> Roster | None:
    """Return the latest roster of this name that this party has gone by, if there is any."""
    try:
        return latest(parse_roster(home.state.get(_LATEST, id), f"roster {id}"), home)
    except NotFoundError:
        return None


def known_rosters(home: Home) -> list[Roster]:
    """Return the latest version of every roster that this party has gone by."""
    return [roster for id in home.state.keys(_LATEST) if (roster := last_known(id, home))]


def _successor(roster: Roster, home: Home) -> Roster | None:
    with suppress(NotFoundError):
        return parse_roster(home.state.get(_SUCCESSOR, roster.digest), _source(roster))
    found = {}
    for name in home.exchange.list(SUCCESSION.name(roster.digest)):
        if len(name) == 4 and name[3] == _FILE:
            # Anybody may put something there; what too few have signed is passed over.
            with suppress(DocumentError, NotFoundError, SignatureError):
                found[name[2]] = _read(roster, name, home.exchange)
    if len(found) > 1:
        raise RosterError(f"{_source(roster)}: two successors of version {roster.version} are signed; ask the parties")
    for new in found.values():
        home.state.put(_SUCCESSOR, roster.digest, new.raw)
        return new
    return None


def _read(old: Roster, name: Name, exchange: Exchange) -> Roster:
    raw = exchange.get_named(name)
    if digest(raw) != name[2]:
        raise SignatureError(f"{_source(old)}: the file is not the one that was signed")
    new = parse_roster(raw, _source(old))
    if (new.id, new.version) != (old.id, old.version + 1) or any(missing(old, new, exchange)):
        raise SignatureError(f"{_source(old)}: not signed by enough parties of both versions")
    return new


def _signatures(old: Roster, new: Roster, parties: Iterable[Party], exchange: Exchange) -> int:
    count = 0
    for party in parties:
        with suppress(NotFoundError, SignatureError):
            envelope = SUCCESSION.fetch(exchange, roster=old.digest, successor=new.digest, key=party.keys.sign_id)
            count += SUCCESSION.verify(envelope, party.keys) == _statement(old, new)
    return count


def _statement(old: Roster, new: Roster) -> bytes:
    return jcs(
        {
            "format": "counterfoil/succession/1",
            "roster": old.id,
            "version": new.version,
            "follows": old.digest,
            "successor": new.digest,
        }
    )


def _folder(old: Roster, new: str) -> Name:
    return SUCCESSION.name(old.digest, new)


def _source(old: Roster) -> str:
    return f"successor of roster {old.id} {old.version}"
