"""Compare what parties know: the digest that backs a message up, and the barrier before a release (PROTOCOLS 5).

Knows frames and the ledger's transcript. Knows no sharing.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from counterfoil.canonical import bind
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.transport.base import Attempt, Kind
from counterfoil.secret import Secret

if TYPE_CHECKING:
    from hashlib import _Hash

_WORDS = 2  # the code of 64-bit words in frame headers


class Backing(Secret):
    """The digest by which t backs up to g a message from s, and which s cannot foresee for any other words.

    SHA-256 over who sends what to whom and an authenticator of the words: GMAC, whose nonce is the operation, under a
    key that t and g share and s does not have. For words that differ the authenticators are equal with a probability of
    at most 2^-128 for each 16 bytes of them, whatever s computes; a hash of the words would take many times as long.
    """

    __slots__ = ("_head", "_mac")

    def __init__(self, key: bytes, attempt: Attempt, op: int, s: int, t: int, g: int, count: int) -> None:
        self._head = message_hash(attempt, op, s, t, g, count)
        self._mac = Cipher(algorithms.AES(key), modes.GCM(op.to_bytes(12, "big"))).encryptor()

    def update(self, words: Words) -> None:
        """Authenticate the next words of the message."""
        self._mac.authenticate_additional_data(words.data.cast("B"))

    def digest(self) -> bytes:
        """Finish, after all words, with a digest of 32 bytes. Called once."""
        self._mac.finalize()
        self._head.update(self._mac.tag)
        return self._head.digest()


def message_hash(attempt: Attempt, op: int, s: int, t: int, g: int, count: int) -> _Hash:
    """Start a SHA-256 over everything but the words of a message of `count` words from s to g that t backs up."""
    head = struct.pack("<16sIQBBBBQ", attempt.job, attempt.number, op, s, t, g, _WORDS, count)
    return hashlib.sha256(b"mpc/jmp/1" + head)


def barrier(party: Party, label: str) -> None:
    """Wait until every party has run every check up to here, and check that all saw the same openings.

    Cost: 1 round; 32 B to each peer.
    Reveals: nothing but what was opened anyway, as a digest.
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
