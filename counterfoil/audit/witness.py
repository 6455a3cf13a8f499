"""Watch that another party's log only grows, and cosign its checkpoints.

A witness never cosigns two histories: it keeps the last checkpoint that it cosigned, durably, and refuses any log
that does not continue it. One honest witness is enough to reveal a fork or a rollback.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from counterfoil import clock
from counterfoil.audit.checkpoint import cosign, cosignature, open_checkpoint, sign_checkpoint
from counterfoil.audit.fork import Fork
from counterfoil.audit.proof import Proof
from counterfoil.audit.publish import put_cosigned, put_fork, read_cosigned, read_published
from counterfoil.audit.verify import verify_log
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import ForkedError, NotFoundError, NotWitnessedError, SignatureError

if TYPE_CHECKING:
    from counterfoil.audit.log import Log
    from counterfoil.storage.exchange import Exchange
    from counterfoil.storage.state import State

_SPACE = "witnessed"


def witness(owner: PublicKeys, keys: PrivateKeys, state: State, exchange: Exchange) -> bytes:
    """Verify the owner's published log, cosign its checkpoint durably, and publish and return the cosigned note.

    Raises: TamperedError, naming the entry, if the log is not whole or does not continue what was cosigned before;
        ForkedError, whose proof is in the exchange from then on; SignatureError, NotFoundError.
    """
    while True:
        known = _known(state, owner)
        published = read_published(exchange, owner.party, owner)
        others = (*published.others, known) if known else published.others
        try:
            log = verify_log(published.entries, published.note, owner, others=others, leaf_hashes=published.leaf_hashes)
        except ForkedError as error:
            put_fork(exchange, owner.party, Fork.unpack(error.proof))
            raise
        cosigned = cosign(published.note, keys, int(clock.now().timestamp()))
        # If another process of this party cosigned meanwhile, what it saw is to be continued too.
        if state.replace(_SPACE, owner.sign_id, known, cosigned):
            put_cosigned(exchange, owner.party, keys.party, log.size, cosigned)
            return cosigned


def _known(state: State, owner: PublicKeys) -> bytes | None:
    try:
        return state.get(_SPACE, owner.sign_id)
    except NotFoundError:
        return None


def prove_witnessed(log: Log, index: int, witnesses: Sequence[PublicKeys], exchange: Exchange) -> tuple[Proof, ...]:
    """Prove that the entry is in the log as every one of the witnesses cosigned it.

    It takes one proof, unless they cosigned it at different sizes. What the exchange holds that is no witness's
    cosignature on this very log is ignored.

    Raises: NotWitnessedError, which names the witnesses that are missing.
    """
    seen: dict[tuple[int, bytes], dict[str, bytes]] = {}
    missing = {witness.party for witness in witnesses}
    for witness in witnesses:
        for note in read_cosigned(exchange, log.party, witness.party, index):
            with suppress(SignatureError):
                checkpoint, line = open_checkpoint(note, log.keys.public), cosignature(note, witness)
                if line and index < checkpoint.size <= log.size and log.root(checkpoint.size) == checkpoint.root:
                    seen.setdefault((checkpoint.size, checkpoint.root), {})[witness.party] = line
    proofs = []
    for (size, root), lines in sorted(seen.items(), key=lambda item: (-len(item[1]), item[0])):
        if missing & lines.keys():
            missing -= lines.keys()
            note = sign_checkpoint(size, root, log.keys) + b"".join(lines[name] for name in sorted(lines))
            proofs.append(Proof(index, tuple(log.inclusion_proof(index, size)), note))
    if missing:
        raise NotWitnessedError(
            f"log of {log.party}: entry {index} is not cosigned by {', '.join(sorted(missing))}; let them witness it"
        )
    return tuple(proofs)
