"""What a node holds shares of, and until when it may. Knows nothing of the shares, nor of how they are erased."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal, TypeAlias

from counterfoil.canonical import jcs
from counterfoil.governance.signing import SignedAgreement
from counterfoil.state import State

Kind: TypeAlias = Literal["submission", "job"]
Reason: TypeAlias = Literal["withdrawn", "expired", "retention"]

HELD: Final = "held-shares"
"""The space of a node's state in which this is remembered."""


def note_held(agreement: SignedAgreement, kind: Kind, id: str, state: State, today: date) -> None:
    """The node remembers until when it may hold shares under the id; what it knew of it already stands.

    To be called before the first share is kept, so that no crash leaves any of which nothing is known.
    """
    if id not in state.keys(HELD):
        terms = agreement.terms
        last = today + timedelta(days=terms.share_retention_days)
        reason: Reason = "expired" if terms.expires < last else "retention"
        until = min(last, terms.expires).isoformat()
        state.put(HELD, id, jcs({"agreement": str(agreement.ref), "kind": kind, "until": until, "reason": reason}))
