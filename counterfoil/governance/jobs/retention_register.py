"""What a node holds shares of, and until when it may. Knows nothing of the shares, nor of how they are erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, TypeAlias

from counterfoil.canonical import Json, Ref, jcs
from counterfoil.errors import NotFoundError
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.storage.state import State

Kind: TypeAlias = Literal["submission", "job", "release", "membership"]
Reason: TypeAlias = Literal["withdrawn", "expired", "retention"]

HELD: Final = "held-shares"
"""The space of a node's state in which this is remembered."""

_GONE: Final = b""
_LOST: Final = "lost-shares"
"""The space of a node's state with the submissions whose shares went with its home, by their manifests' digests."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of one thing that is held. A release is at a store, for a recipient, on an evidence."""

    id: str
    agreement: Ref
    kind: Kind
    until: date
    reason: Reason
    evidence: str = ""
    recipient: str = ""
    store: str = ""


def note_held(agreement: SignedAgreement, kind: Kind, id: str, state: State, today: date) -> None:
    """Note until when the node may hold shares under the id; what it knew of it already holds.

    To be called before the first share is kept, so that no crash leaves any of which nothing is known.
    """
    terms = agreement.terms
    last = today + timedelta(days=terms.share_retention_days)
    reason: Reason = "expired" if terms.expires < last else "retention"
    _note(id, state, agreement=str(agreement.ref), kind=kind, until=min(last, terms.expires).isoformat(), reason=reason)


def note_released(
    agreement: SignedAgreement, sealed: str, state: State, last: date, *, evidence: str, recipient: str, store: str
) -> None:
    """Note, as `note_held`, what the node delivers sealed: it may be kept there to its last day."""
    at = {"evidence": evidence, "recipient": recipient, "store": store}
    _note(sealed, state, agreement=str(agreement.ref), kind="release", until=last.isoformat(), reason="retention", **at)


def all_held(state: State) -> Iterator[Held]:
    """Everything that is not gone yet."""
    for id in state.keys(HELD):
        if (content := state.get(HELD, id)) != _GONE:
            facts = json.loads(content)
            facts |= {"agreement": Ref.parse(facts["agreement"]), "until": date.fromisoformat(facts["until"])}
            yield Held(id, **facts)


def note_gone(id: str, state: State) -> None:
    """Note that the node holds nothing under the id any more."""
    state.put(HELD, id, _GONE)


def note_lost(state: State) -> None:
    """Remember that the shares of all submissions taken in are lost, so that each is taken in once more when needed."""
    for held in all_held(state):
        if held.kind == "submission":
            state.put(_LOST, held.id, b"lost")


def note_found(submission: str, state: State) -> None:
    """Remember that a submission whose shares were lost was taken in again."""
    state.put(_LOST, submission, b"taken in again")


def is_lost(submission: str, state: State) -> bool:
    """Tell whether the submission's shares went with this node's home, and were not taken in again since."""
    try:
        return state.get(_LOST, submission) == b"lost"
    except NotFoundError:
        return False


def _note(id: str, state: State, **facts: Json) -> None:
    if id not in state.keys(HELD):
        state.put(HELD, id, jcs(facts))
