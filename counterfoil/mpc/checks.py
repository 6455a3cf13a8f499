"""What parties compare: the digest that backs a message up, and the barrier before anything leaves (PROTOCOLS 5).

Knows frames and the ledger's transcript. Knows no sharing.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import TYPE_CHECKING

from counterfoil.canonical import bind
from counterfoil.mpc.party import Party
from counterfoil.mpc.transport.base import Attempt, Kind

if TYPE_CHECKING:
    from hashlib import _Hash

_WORDS = 2  # the code of 64-bit words in frame headers


def message_hash(attempt: Attempt, op: int, s: int, t: int, g: int, count: int) -> _Hash:
    """SHA-256 over everything but the words of a message of `count` words from s to g that t backs up."""
    head = struct.pack("<16sIQBBBBQ", attempt.job, attempt.number, op, s, t, g, _WORDS, count)
    return hashlib.sha256(b"mpc/jmp/1" + head)


def barrier(party: Party, label: str) -> None:
    """Every party has run every check up to here, and saw the same openings.

    Cost: 1 round; 32 B to each peer.
    Raises: CheatingDetected naming the party that saw something else.
    """
    op = party.next_op()
    ours = bind("mpc/ok/1", label.encode(), op.to_bytes(8, "little"), party.ledger.transcript)
    party.for_all(lambda link: link.send_bytes(Kind.OK, op, ours))
    party.rounds += 1
    for peer in sorted(party.links):
        theirs = party.links[peer].receive_bytes(Kind.OK, op, exactly=len(ours))
        if not hmac.compare_digest(ours, theirs):
            party.accuse(op, f"another transcript at barrier {label!r}", (peer,))
