"""Open in rep3: the party before sends the missing component, the party after backs it up with a digest.

The digest finds accidents; it does not make three parties safe against a malicious one.
"""

from __future__ import annotations

import hmac

import numpy as np

from counterfoil.mpc.ring.chunks import flat
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.runtime.barrier import message_hash
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.transport.base import Kind


def missing_component(party: Party, parts: tuple[Words, ...]) -> Words:
    """Receive x_{i-1} and check it against the other holder's digest.

    Shapes: the parts and the result agree.
    Cost: 1 round; 24 B.
    Reveals: the shared value, to every party.
    Raises: CheatingDetected.
    """
    op, i, before, after = party.next_op(), party.index, party.peer(-1), party.peer(1)
    # 1 (one round). P_i sends x_i to P_{i+1}, which lacks it, and the digest of x_{i+1} to P_{i-1}, which lacks that.
    ours, backed = map(flat, parts)
    party.links[after].send(Kind.DATA, op, ours)
    backing = message_hash(party.attempt, op, party.peer(-2), i, before, backed.size)
    backing.update(backed.data)
    party.links[before].send_bytes(Kind.DIGEST, op, backing.digest())
    party.rounds += 1
    # 2 (local). Compare before use.
    found = message_hash(party.attempt, op, before, after, i, ours.size)
    missing = (
        party.links[before].incoming(op, np.empty(ours.size, np.uint64), lambda _, w: found.update(w.data)).finish()
    )
    digest = party.links[after].receive_bytes(Kind.DIGEST, op, exactly=found.digest_size)
    if not hmac.compare_digest(digest, found.digest()):
        party.accuse(op, "an opened component is not what its other holder has", (before, after))
    return missing.reshape(parts[0].shape)
