"""Whether an agreement stands for a party: all signed it, it is in force, nobody withdrew, no key in it was revoked,
and its recipients are still who it means."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time

from counterfoil.canonical import Ref
from counterfoil.clock import beside, reckoned
from counterfoil.errors import ExpiredError, NotEntitledError, RevokedError, StoreError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.audience import matches
from counterfoil.governance.agreements.signing.signed import SignedAgreement, load_agreement
from counterfoil.governance.agreements.signing.withdrawal import check_not_withdrawn
from counterfoil.governance.parties.roster import Roster
from counterfoil.governance.parties.succession import latest
from counterfoil.home import Home


def load_standing(home: Home, ref: Ref, today: date) -> SignedAgreement:
    """The agreement as this party may act under it today.

    Raises: what `load_agreement` and `check_standing` raise.
    """
    try:
        found = load_agreement(home.exchange, ref, home.keys.public, today)
        check_standing(found.terms, home, today)
    except ExpiredError as error:
        raise ExpiredError(f"{error}{_beside_store(home, today)}") from None
    return found


def _beside_store(home: Home, today: date) -> str:
    """What the exchange's clock shows of this one: something there that was written after today, by its own clock."""
    with suppress(StoreError):
        newest = home.exchange.newest()
        if newest and newest.date() > today:
            return beside("what was last written in the exchange", newest, datetime.combine(today, time(), UTC))
    return ""


def check_standing(agreement: Agreement, home: Home, today: date) -> None:
    """By what this party sees in the exchange or has ever seen there.

    Raises: WithdrawnError; RevokedError; ExpiredError when the latest roster is past its days; NotEntitledError when a
        recipient has no longer the attributes that it was named by.
    """
    check_not_withdrawn(agreement, home)
    _check_keys(agreement, home, today)
    _check_entitled(agreement, latest(agreement.roster, home))


def _check_keys(agreement: Agreement, home: Home, today: date) -> None:
    """Raises: RevokedError unless the latest roster honours every key that the agreement was signed with; ExpiredError
    when that roster is past its days."""
    last = latest(agreement.roster, home)
    present = {party.id: party for party in last.parties}
    for id in agreement.parties:
        keys = agreement.roster.party(id).keys
        if id not in present or not present[id].honours(keys, today):
            until = [each.until for each in present[id].earlier if each.keys == keys] if id in present else []
            raise RevokedError(
                f"the keys of {id} in agreement {agreement.id} {agreement.version} are not in roster {last.id} "
                f"{last.version}; agree on a new version under that roster"
                + "".join(f"; they were honoured until {day}{reckoned(today)}" for day in until)
            )
    last.check_current(today)


def _check_entitled(agreement: Agreement, latest: Roster) -> None:
    """Raises: NotEntitledError unless each member of an audience has its attributes in the latest roster, too."""
    present = {party.id: party for party in latest.parties}
    for audience in agreement.audiences:
        for id in audience.members:
            if id not in present or not matches(present[id], audience.attributes):
                raise NotEntitledError(
                    f"agreement {agreement.id} {agreement.version}: in roster {latest.id} {latest.version} {id} is no "
                    f"recipient with {audience} any more, so not one of {audience.name}; agree on a new version"
                )
