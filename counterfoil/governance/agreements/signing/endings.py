"""What ends soon of all that an agreement rests on, who must act, and by which command: nothing goes on by itself.

A roster, an agreement, a contract, a certificate and keys that were renewed have a last day, after which every party
refuses them. Knows no clock and no store.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from counterfoil.crypto.keys import tls_validity
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.reaffirmation import WARN_DAYS
from counterfoil.governance.parties.roster import Roster


@dataclass(frozen=True, slots=True)
class Ending:
    """A thing with its last day; who does what about it, and the command that they do it by."""

    what: str
    last: date
    who: str
    command: str

    def words(self, today: date) -> str:
        """Say the same on one line."""
        days = (self.last - today).days
        when = f"ended {-days} days ago" if days < 0 else "ends today" if not days else f"ends in {days} days"
        return f"{self.what} {when}, on {self.last}; {self.who}: {self.command}"


def endings(agreement: Agreement, roster: Roster, today: date) -> list[Ending]:
    """Return what ends within WARN_DAYS, the soonest first; `roster` is the latest version of the agreement's own."""
    soon = today + timedelta(days=WARN_DAYS)
    return sorted(
        (each for each in _all(agreement, roster) if each.last <= soon), key=lambda each: (each.last, each.what)
    )


def _all(agreement: Agreement, roster: Roster) -> Iterator[Ending]:
    anew = "counterfoil agreement draft FILE --roster ROSTER, then counterfoil agreement sign"
    yield Ending(
        f"roster {roster.id} {roster.version}",
        roster.expires,
        f"any party writes its next version, {roster.threshold} or more of its {len(roster.parties)} sign it",
        "counterfoil roster revise ROSTER --out NEXT, then counterfoil roster sign ROSTER NEXT",
    )
    yield Ending(
        f"agreement {agreement.id} {agreement.version}",
        agreement.expires,
        f"{agreement.proposer} proposes its next version, all parties sign it",
        anew,
    )
    for name, contract in agreement.contracts.items():
        owners = ", ".join(agreement.owners_under(name))
        yield Ending(
            f"contract {contract.id} {contract.version}",
            contract.expires,
            f"{owners} write its next version, {agreement.proposer} proposes an agreement on it",
            anew,
        )
    present = {party.id: party for party in roster.parties}
    for id in agreement.parties:
        keys = agreement.roster.party(id).keys
        for each in present[id].earlier if id in present else ():
            if each.keys == keys:
                yield Ending(
                    f"what {id} signed with its earlier keys",
                    each.until,
                    f"{agreement.proposer} proposes the agreement under roster {roster.id} {roster.version}, all sign",
                    anew,
                )
    for id in (id for id in agreement.nodes if id in present):
        with suppress(ValueError):  # what is no certificate is refused elsewhere
            yield Ending(
                f"the certificate of {id}",
                tls_validity(present[id].keys.tls)[1].date(),
                f"{id} renews its keys, any party writes them into the next roster",
                f"counterfoil party rotate, then counterfoil roster revise ROSTER --renewed {id} --out NEXT",
            )
