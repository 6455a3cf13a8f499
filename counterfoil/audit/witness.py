"""How one party watches that another's log only grows, and says so with a cosignature.

A witness never cosigns two histories: it keeps the last checkpoint that it cosigned, durably, and refuses any log
that does not continue it. One honest witness is enough to reveal a fork or a rollback.
"""

from __future__ import annotations

import time

from counterfoil.audit.checkpoint import cosign
from counterfoil.audit.publish import put_cosigned, read_published
from counterfoil.audit.verify import verify_log
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import NotFoundError
from counterfoil.exchange import Exchange
from counterfoil.state import State

_SPACE = "witnessed"


def witness(owner: PublicKeys, keys: PrivateKeys, state: State, exchange: Exchange) -> bytes:
    """The owner's published checkpoint with this party's cosignature; it is remembered and in the exchange.

    Raises: TamperedError, naming the entry, if the log is not whole or does not continue what was cosigned before;
        SignatureError, NotFoundError.
    """
    published = read_published(exchange, owner.party, owner)
    try:
        others = (*published.others, state.get(_SPACE, owner.sign_id))
    except NotFoundError:
        others = published.others
    checkpoint = verify_log(published.entries, published.note, owner, others=others, leaf_hashes=published.leaf_hashes)
    cosigned = cosign(published.note, keys, int(time.time()))
    state.put(_SPACE, owner.sign_id, cosigned)
    put_cosigned(exchange, owner.party, keys.party, checkpoint.size, cosigned)
    return cosigned
