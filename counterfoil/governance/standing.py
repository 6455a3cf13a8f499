"""Whether an agreement stands for a party: all signed it, it is in force, nobody withdrew, no key in it was revoked,
and its recipients are still who it means."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time

from counterfoil.canonical import Ref
from counterfoil.clock import beside
from counterfoil.errors import ExpiredError, StoreError
from counterfoil.governance.agreement import Agreement
from counterfoil.governance.audience import check_entitled
from counterfoil.governance.signing import SignedAgreement, load_agreement
from counterfoil.governance.succession import check_keys, latest
from counterfoil.governance.withdrawal import check_not_withdrawn
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
    check_keys(agreement, home, today)
    check_entitled(agreement, latest(agreement.roster, home))
