"""Withdrawal: a party takes its signature back, and everybody who sees that refuses the agreement from then on.

What a party has seen it remembers, so that an exchange which hides the statement later changes nothing; what an
exchange never shows can only be told by another way. Knows nothing of what has to be erased.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from counterfoil.errors import DocumentError, NotFoundError, SignatureError, WithdrawnError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import check_named
from counterfoil.governance.papers import Paper, Statement
from counterfoil.storage.state import State

if TYPE_CHECKING:
    from counterfoil.home import Home

WITHDRAWAL: Final = Paper(
    kind="withdrawal",
    schema="withdrawal",
    says="a party withdrew from an agreement",
    folder="withdrawals",
    place=("agreement", "party"),
    signer="party",
    absent="{party} has not withdrawn from agreement {agreement}",
    other="{party} withdrew from another agreement",
    bundled="agreement",
)

_SEEN: Final = "withdrawn"


@dataclass(frozen=True, slots=True)
class Withdrawal(Statement):
    """What a party states: it is no party of the agreement with this digest any more."""

    PAPER: ClassVar = WITHDRAWAL

    agreement: str
    party: str
    withdrawn: datetime


def withdraw(agreement: Agreement, home: Home, now: datetime) -> None:
    """Sign and publish this party's withdrawal, and remember it here first.

    Raises: RosterError unless the agreement names the party, under these keys.
    """
    check_named(agreement, home.keys.public)
    said = Withdrawal(agreement.digest, home.party, now)
    said.check()
    home.state.put(_SEEN, f"{agreement.digest}/{home.party}", WITHDRAWAL.sign(said.pack(), home.keys))
    said.publish(home.keys, home.exchange)
    remember_withdrawals(agreement, home)


def remember_withdrawals(agreement: Agreement, home: Home) -> None:
    """Remember for good every valid withdrawal from the agreement that is in the exchange."""
    for name in home.exchange.list(WITHDRAWAL.name(agreement.digest)):
        if len(name) == 3 and name[2] in agreement.parties:
            # Anybody may put something there; what the party did not sign is passed over.
            with suppress(SignatureError, DocumentError, NotFoundError):
                envelope = home.exchange.get_named(name)
                said = Withdrawal.verified(envelope, agreement.roster.party(name[2]).keys)
                said.check_is(agreement=agreement.digest, party=name[2])
                home.state.put(_SEEN, f"{agreement.digest}/{name[2]}", envelope)


def withdrawn_by(agreement: str, state: State) -> tuple[str, ...]:
    """List who is known here to have withdrawn from the agreement of that digest."""
    return tuple(key.partition("/")[2] for key in state.keys(_SEEN) if key.startswith(f"{agreement}/"))


def check_not_withdrawn(agreement: Agreement, home: Home) -> None:
    """Refuse when a party has withdrawn, now or whenever this party looked before. Raises: WithdrawnError."""
    remember_withdrawals(agreement, home)
    if gone := withdrawn_by(agreement.digest, home.state):
        raise WithdrawnError(
            f"{', '.join(gone)} withdrew from agreement {agreement.id} {agreement.version}; agree on a new version"
        )
