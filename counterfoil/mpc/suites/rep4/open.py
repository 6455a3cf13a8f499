"""Open in rep4: the next party sends the missing component, the one after it backs it up."""

from __future__ import annotations

from counterfoil.mpc.ring.chunks import flat
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.suites.rep4.joint import Joint, settle
from counterfoil.mpc.suites.replicated import by_component


def missing_component(party: Party, parts: tuple[Words, ...]) -> Words:
    """Receive x_i, backed up by a second holder, and check it.

    Shapes: the parts and the result agree.
    Cost: 1 round; 32 B and 4 digests.
    Reveals: the shared value, to every party.
    Raises: CheatingDetected.
    """
    held = by_component(party, map(flat, parts))
    messages = [Joint(party, (i + 1) % 4, (i + 2) % 4, i, parts[0].size) for i in range(4)]
    for i, message in enumerate(messages):
        if i != party.index:
            message.tell(held[i])
    settle(party, messages)
    return messages[party.index].words.reshape(parts[0].shape)
