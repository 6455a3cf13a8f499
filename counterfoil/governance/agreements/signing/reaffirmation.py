"""Review dates: the days by which an agreement, its contracts and its policies are looked at anew by all its parties.

A review date is not an end. When it has passed, no job starts until every party has signed that it looked and holds to
the agreement to a later day; nothing else stops, and what was computed can still be reviewed and opened. An end is
final: only another agreement, signed by all, goes on after it. Anybody who has not reaffirmed keeps jobs from starting,
so an exchange that hides a reaffirmation can do that, too, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

from counterfoil.clock import reckoned
from counterfoil.crypto.sign import MAX_ENVELOPE_BYTES
from counterfoil.errors import (
    DocumentError,
    ExpiredError,
    NotFoundError,
    RefusedError,
    ReviewDueError,
    SignatureError,
)
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import check_named
from counterfoil.governance.papers import Paper, Statement
from counterfoil.storage.records import Records

if TYPE_CHECKING:
    from counterfoil.home import Home

WARN_DAYS: Final = 30
"""So many days before a review date people are told of it."""

MOST_DAYS: Final = 366
"""To so far ahead a party can stand by what it has looked at."""

REAFFIRMATION: Final = Paper(
    kind="reaffirmation",
    schema="reaffirmation",
    says="a party looked at an agreement anew, and reaffirms it to a later day",
    folder="reaffirmations",
    place=("agreement", "party"),
    signer="party",
    absent="{party} has not reaffirmed agreement {agreement}",
    other="{party} reaffirmed another agreement",
    at_most=MAX_ENVELOPE_BYTES,
)


@dataclass(frozen=True, slots=True)
class Reaffirmation(Statement):
    """What a party states: it has looked at the agreement with this digest, and reaffirms it until the day."""

    PAPER: ClassVar = REAFFIRMATION

    agreement: str
    party: str
    reaffirmed: datetime
    until: date


@dataclass(frozen=True, slots=True)
class ReviewDate:
    """The first review date of an agreement and all that it rests on.

    `holds` says for each party to which day its word holds: the document's own, or a later one that it has signed.
    """

    what: str
    holds: Mapping[str, date]

    @property
    def by(self) -> date:
        """The last day on which jobs start."""
        return min(self.holds.values())

    def waits_for(self, today: date) -> tuple[str, ...]:
        """List whose reaffirmation does not hold for WARN_DAYS from today."""
        return tuple(party for party, until in self.holds.items() if until <= today + timedelta(days=WARN_DAYS))

    def reminder(self, today: date) -> str:
        """Remind people of it; say nothing as long as it is further off than WARN_DAYS."""
        words = remind(self.what, self.by, today)
        return (
            f"{words}; it waits for {', '.join(self.waits_for(today))}: counterfoil agreement reaffirm" if words else ""
        )


def remind(what: str, by: date, today: date) -> str:
    """Say that a document's review date is near or past; nothing as long as it is further off than WARN_DAYS."""
    days = (by - today).days
    if days > WARN_DAYS:
        return ""
    when = "has passed" if days < 0 else "is today" if not days else f"is in {days} day{'s' * (days > 1)}"
    return f"the review date of {what}, {by}, {when}"


def review_dates(agreement: Agreement) -> dict[str, date]:
    """List by which day each document says that it is to be reviewed anew; those that say nothing are left out."""
    dated = {f"agreement {agreement.id} {agreement.version}": agreement.review_by}
    dated |= {f"contract {each.id} {each.version}": each.review_by for each in agreement.contracts.values()}
    dated |= {f"policy {each.id} {each.version}": each.review_by for each in agreement.policies}
    return {what: by for what, by in dated.items() if by}


def next_review(agreement: Agreement, records: Records, today: date) -> ReviewDate | None:
    """Return the first review date, by what the documents say and the parties have signed until today, if any.

    What a party reaffirms it reaffirms with all the documents; a job waits for the last of the parties.
    """
    dates = review_dates(agreement)
    if not dates:
        return None
    what, by = min(dates.items(), key=lambda item: item[1])
    said = {party: reaffirmed_until(agreement, party, records, today) for party in agreement.parties}
    return ReviewDate(what, {party: max(by, until or by) for party, until in said.items()})


def check_reviewed(agreement: Agreement, records: Records, today: date) -> None:
    """Refuse when no job may start today, because a review date has passed. Raises: ReviewDueError."""
    due = next_review(agreement, records, today)
    if due is not None and today > due.by:
        late = [party for party, until in due.holds.items() if until < today]
        raise ReviewDueError(
            f"agreement {agreement.id} {agreement.version}: {remind(due.what, due.by, today)}, and {', '.join(late)} "
            "did not look at it since; no job starts until each does: counterfoil agreement reaffirm"
            f"{reckoned(today)}"
        )


def reaffirm(agreement: Agreement, until: date, home: Home, now: datetime) -> None:
    """Sign and publish that this party reviewed the agreement anew and reaffirms it until this day.

    Raises: RosterError unless the agreement names the party, under these keys; ExpiredError once it has ended;
        RefusedError for a day that is past or too far ahead.
    """
    today = now.date()
    check_named(agreement, home.keys.public)
    agreement.check_current(today)
    if until > agreement.expires:
        raise ExpiredError(f"agreement {agreement.id} ends on {agreement.expires}; a review cannot carry it further")
    if not today <= until <= today + timedelta(days=MOST_DAYS):
        raise RefusedError(f"{until} is past, or more than {MOST_DAYS} days ahead; name a day by which to look again")
    Reaffirmation(agreement.digest, home.party, now, until).publish(home.keys, home.exchange)


def reaffirmed_until(agreement: Agreement, party: str, records: Records, today: date) -> date | None:
    """Return the day until which the party has reaffirmed the agreement; None if nothing valid of it is there.

    What says that it was signed after tomorrow is not valid yet: nobody has looked at anything on a day to come.
    """
    # Anybody may put something there; what the party did not sign is passed over.
    with suppress(DocumentError, NotFoundError, SignatureError):
        said = Reaffirmation.read(records, agreement.roster.party(party).keys, agreement=agreement.digest)
        if said.until > said.reaffirmed.date() + timedelta(days=MOST_DAYS):
            raise DocumentError(f"{party} reaffirmed for more than {MOST_DAYS} days")
        if said.reaffirmed.date() > today + timedelta(days=1):  # another party's clock may be ahead
            raise DocumentError(f"{party} reaffirmed on a day to come")
        return said.until
    return None
