"""Load an agreement: the one way to a `SignedAgreement`, for what it is needed for.

| check | RUN | REVIEW | OPEN | AUDIT |
|---|---|---|---|---|
| this party signed the statement, before anything is parsed | yes | yes | yes | |
| the agreement names this party, its roster this party's key | yes | yes | yes | |
| the agreement and its roster are in force today | yes | yes | | |
| every party that it names signed it | yes | yes | yes | yes |
| what it repeats, if anything, is there and the same | yes | yes | yes | yes |
| no party withdrew, as this party ever saw | yes | | | |
| the latest roster honours every key that it was signed with, and is in force | yes | | | |
| each member of an audience has its attributes still | yes | | | |

A step acts by RUN. A reader of drafts and budgets needs REVIEW; what it signs is checked as for RUN then. What was
released may be opened, and taken back, after the agreement has ended: OPEN. An outsider has no home and audits what
all have signed; whether the keys are the parties' own is for it to say. A proposal that need not be signed yet is
read by `fetch_agreement`, which gives no `SignedAgreement`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import Final, Literal, overload

from counterfoil.canonical import Ref
from counterfoil.clock import beside, reckoned
from counterfoil.errors import ExpiredError, NotEntitledError, RevokedError, StoreError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.audience import matches
from counterfoil.governance.agreements.signing.signed import (
    SignedAgreement,
    check_named,
    check_signed,
    fetch_agreement,
    verify_signatures,
)
from counterfoil.governance.agreements.signing.withdrawal import check_not_withdrawn
from counterfoil.governance.parties.roster import Roster
from counterfoil.governance.parties.succession import latest
from counterfoil.home import Home
from counterfoil.storage.records import Records


class Purpose(Enum):
    """What an agreement is loaded for."""

    RUN = "run"
    REVIEW = "review"
    OPEN = "open"
    AUDIT = "audit"


RUN: Final = Purpose.RUN
REVIEW: Final = Purpose.REVIEW
OPEN: Final = Purpose.OPEN
AUDIT: Final = Purpose.AUDIT


@overload
def load(at: Home, ref: Ref, *, for_: Literal[Purpose.RUN, Purpose.REVIEW], today: date) -> SignedAgreement: ...
@overload
def load(at: Home, ref: Ref, *, for_: Literal[Purpose.OPEN]) -> SignedAgreement: ...
@overload
def load(at: Records, ref: Ref, *, for_: Literal[Purpose.AUDIT]) -> SignedAgreement: ...
def load(at: Home | Records, ref: Ref, *, for_: Purpose, today: date | None = None) -> SignedAgreement:
    """Load the agreement as the party of this home, or as an outsider from records, with the checks of the purpose.

    Raises: SignatureError, RosterError; ExpiredError; WithdrawnError; RevokedError; NotEntitledError; NotFoundError,
        TamperedError, DocumentError and its kin.
    """
    if isinstance(at, Records):
        if for_ is not AUDIT:
            raise TypeError(f"an agreement is loaded from records for an audit, not to {for_.value}")
        return verify_signatures(fetch_agreement(at, ref), ref, at)
    if for_ is AUDIT or (today is None) is not (for_ is OPEN):
        raise TypeError(f"an agreement is not loaded so, to {for_.value}")
    check_signed(at.exchange, ref, at.keys.public)  # nothing is parsed that this party did not sign
    agreement = fetch_agreement(at.exchange, ref)
    check_named(agreement, at.keys.public)
    if today is None:
        return verify_signatures(agreement, ref, at.exchange)
    try:
        agreement.check_current(today)
        found = verify_signatures(agreement, ref, at.exchange)
        if for_ is RUN:
            check_in_force(agreement, at, today)
    except ExpiredError as error:
        raise ExpiredError(f"{error}{_beside_store(at, today)}") from None
    return found


def _beside_store(home: Home, today: date) -> str:
    """Hold this clock against the exchange's: say if something there was written after today, by its own clock."""
    with suppress(StoreError):
        newest = home.exchange.newest()
        if newest and newest.date() > today:
            return beside("what was last written in the exchange", newest, datetime.combine(today, time(), UTC))
    return ""


def check_in_force(agreement: Agreement, home: Home, today: date) -> None:
    """Check that nobody left a signed agreement since, by what this party sees in the exchange or ever saw there.

    Raises: WithdrawnError; RevokedError; ExpiredError when the latest roster is past its days; NotEntitledError when a
        recipient has no longer the attributes that it was named by.
    """
    check_not_withdrawn(agreement, home)
    _check_keys(agreement, home, today)
    _check_entitled(agreement, latest(agreement.roster, home))


def _check_keys(agreement: Agreement, home: Home, today: date) -> None:
    """Check that the latest roster honours every key that the agreement was signed with, and is not past its days.

    Raises: RevokedError; ExpiredError.
    """
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
    """Check that each member of an audience has its attributes in the latest roster, too. Raises: NotEntitledError."""
    present = {party.id: party for party in latest.parties}
    for audience in agreement.audiences:
        for id in audience.members:
            if id not in present or not matches(present[id], audience.attributes):
                raise NotEntitledError(
                    f"agreement {agreement.id} {agreement.version}: in roster {latest.id} {latest.version} {id} is no "
                    f"recipient with {audience} any more, so not one of {audience.name}; agree on a new version"
                )
