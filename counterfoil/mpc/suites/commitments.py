"""Commit to results that stay shared, so that every node can state them without giving anything away.

The holders of a component commit to it under a salt that they alone share, and tell the others. So all nodes state the
same, reviewers decide on exactly this result, and a recipient, who gets the salts with the shares, sees that nothing
else was released to it. Knows nothing of evidence or releases.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from counterfoil.canonical import bind
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.suites.replicated import components
from counterfoil.mpc.transport.base import Kind
from counterfoil.secret import Secret

SALT_WORDS = 4
_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Committed(Secret):
    """One result: the commitment to each component, by its index, and the salts of those that this party holds."""

    commitments: tuple[bytes, ...]
    salts: Mapping[int, Words]


def commitment(salt: Words, result: str, component: int, content: bytes) -> bytes:
    """Commit to the content of one component of the named result: hiding from who lacks the salt, and binding."""
    return bind("mpc/output/1", salt.astype("<u8").tobytes(), result.encode(), bytes([component]), content)


def commit(party: Party, results: Mapping[str, Mapping[int, bytes]]) -> dict[str, Committed]:
    """Commit to each result by name, from the components that this party holds, the same at every party.

    Cost: 1 round; 32 B a result and held component to each peer.
    Reveals: nothing; a component is as hidden as SHA-256 hides what follows 256 secret bits.
    Raises: CheatingDetected when holders of a component commit to different ones.
    """
    names = sorted(results)
    # 1 (local). A salt of every held component, known to its holders.
    salts: dict[str, dict[int, Words]] = {}
    for name in names:
        op = party.next_op()
        salts[name] = {j: party.keys[j].rand.words(op, SALT_WORDS) for j in results[name]}
    ours = {
        (name, j): commitment(salts[name][j], name, j, content)
        for name in names
        for j, content in sorted(results[name].items())
    }
    # 2 (one round). To all; who holds a component compares, who lacks it believes its holders if they agree.
    op = party.next_op()
    party.for_all(lambda link: link.send_bytes(Kind.OK, op, b"".join(ours.values())))
    party.rounds += 1
    found = dict(ours)
    claimed_by = dict.fromkeys(ours, party.index)
    for peer in sorted(party.links):
        held = sorted(components(party.n, peer))
        told = party.links[peer].receive_bytes(Kind.OK, op, exactly=_BYTES * len(held) * len(names))
        slots = [(name, j) for name in names for j in held]
        for place, slot in enumerate(slots):
            theirs = told[_BYTES * place : _BYTES * (place + 1)]
            if slot not in found:
                found[slot], claimed_by[slot] = theirs, peer
            elif not hmac.compare_digest(found[slot], theirs):
                others = {peer, claimed_by[slot]} - {party.index}
                party.accuse(op, f"another commitment to component {slot[1]} of {slot[0]}", tuple(sorted(others)))
    return {name: Committed(tuple(found[name, j] for j in range(party.n)), salts[name]) for name in names}
