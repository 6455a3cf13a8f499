"""Retention: a node's shares are erased when their time is over, when their agreement ends, or when a party withdraws.

Erased means that the data key is destroyed, so that what a disk or a backup still holds of the shares opens for nobody,
and that the node has said so under its signature. What was released, sealed to a recipient, is taken out of the store
where it is. What is held, and until when, is noted in `holding`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime

from counterfoil.errors import CounterfoilError
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.governance.agreements.signing.withdrawal import remember_withdrawals, withdrawn_by
from counterfoil.governance.jobs.job import Event, Stage, advance, stage_of
from counterfoil.governance.jobs.retention_register import Held, Reason, all_held, note_gone
from counterfoil.governance.jobs.submission import discard_envelope
from counterfoil.governance.parties.succession import unused_keys
from counterfoil.governance.releases.receipt import fetched
from counterfoil.governance.releases.revocation import take_back
from counterfoil.governance.retention.erasure import Erasure
from counterfoil.home import Home


def purge(home: Home, now: datetime) -> list[Erasure]:
    """Erase all that is due from this node's vault and recipients' stores, and sign a receipt for each.

    A crash on the way does no harm: the next call goes on from there. Raises: StoreError.
    """
    erased = []
    for held in all_held(home.state):
        withdrawn = _withdrawn(held, home)
        if withdrawn or now.date() > held.until:
            reason: Reason = "withdrawn" if withdrawn else held.reason
            erased.append(Erasure(held.agreement.digest, held.id, home.party, reason, now))
            _erase(erased[-1], held, home)
    return erased


def destroy_unused_keys(home: Home, today: date) -> int:
    """Keys that this party renewed, and that no roster honours any more, are gone; how many generations went.

    A crash on the way does no harm: the next call goes on from there.
    """
    home.keys.sweep()
    unused = unused_keys(home, today)
    if unused:
        home.reseal_vault()
    for keys in unused:
        home.log.append("keys-destroyed", refs={"seal": keys.public.seal_id, "tls": keys.public.tls_pin})
        keys.destroy()
    return len(unused)


def _erase(erasure: Erasure, held: Held, home: Home) -> None:
    match held.kind:
        case "release":
            take_back(held, home)
        case "membership":
            home.vault.destroy(held.id)
        case "submission":
            home.vault.destroy(held.id)
            discard_envelope(held.id, home)
        case "job":
            home.vault.destroy(held.id)
            # A job that is running fails by itself when it finds its shares gone.
            if stage_of(home.state, held.id) not in (Stage.RUNNING, Stage.ERASED):
                advance(home.state, held.id, Event.ERASE)
    home.log.append("shares-erased", subject=erasure.id, refs={"agreement": erasure.agreement})
    erasure.publish(home.keys, home.exchange)
    note_gone(held.id, home.state)


def _withdrawn(held: Held, home: Home) -> bool:
    """Tell whether a party withdrew from the agreement; what a recipient has fetched is not called back by that.

    What is remembered of released rows stays: or else whoever withdraws could have them compared with nothing.
    """
    if held.kind == "membership":
        return False
    terms = None
    with suppress(CounterfoilError):  # an exchange that lost the agreement has no withdrawal either that could be read
        terms = fetch_agreement(home.exchange, held.agreement)
        remember_withdrawals(terms, home)
    if not withdrawn_by(held.agreement.digest, home.state):
        return False
    if held.kind != "release" or terms is None:
        return True
    return fetched(home.exchange, held.evidence, terms.roster.party(held.recipient).keys) is None
