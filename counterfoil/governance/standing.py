"""Whether an agreement stands for a party: all signed it, it is in force, nobody withdrew, no key in it was revoked,
and its recipients are still who it means."""

from __future__ import annotations

from datetime import date

from counterfoil.canonical import Ref
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
    found = load_agreement(home.exchange, ref, home.keys.public, today)
    check_standing(found.terms, home, today)
    return found


def check_standing(agreement: Agreement, home: Home, today: date) -> None:
    """By what this party sees in the exchange or has ever seen there.

    Raises: WithdrawnError; RevokedError; ExpiredError when the latest roster is past its days; NotEntitledError when a
        recipient has no longer the attributes that it was named by.
    """
    check_not_withdrawn(agreement, home)
    check_keys(agreement, home, today)
    check_entitled(agreement, latest(agreement.roster, home))
