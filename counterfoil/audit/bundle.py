"""Checks everything that an exchange, or a copy of one, holds: every log, and whatever further checks are passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from counterfoil.audit.checkpoint import cosigners
from counterfoil.audit.publish import published_parties, read_published
from counterfoil.audit.verify import verify_log
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import NotFoundError
from counterfoil.exchange import Exchange

Check = Callable[[Exchange, Mapping[str, PublicKeys]], Iterable[str]]
"""A further check: gets the exchange and the keys of every party whose log verified, raises or says what held."""


def verify_bundle(exchange: Exchange, pinned: Mapping[str, PublicKeys], checks: Iterable[Check] = ()) -> list[str]:
    """What was verified, one line each. Keys come from `pinned`, or else from the cards beside the logs.

    Raises: TamperedError, naming the log and its first bad entry; SignatureError; NotFoundError if there is no log.
    """
    parties = published_parties(exchange)
    if not parties:
        raise NotFoundError(f"no published log in {exchange.url}")
    logs = [read_published(exchange, party, pinned.get(party)) for party in parties]
    keys = {**pinned, **{log.owner.party: log.owner for log in logs}}
    lines = []
    for log in logs:
        checkpoint = verify_log(log.entries, log.note, log.owner, others=log.others, leaf_hashes=log.leaf_hashes)
        seen = {name for other in log.others for name in cosigners(other, keys.values())} - {log.owner.party}
        lines.append(
            f"log of {log.owner.party}: {checkpoint.size} entries, root {checkpoint.root.hex()[:16]}, "
            f"{'pinned' if log.owner.party in pinned else 'UNPINNED'} key {log.owner.sign_id[:16]}, "
            f"cosigned by {', '.join(sorted(seen)) or 'nobody'}"
            + (f"; {len(log.foreign)} notes beside it are not its own, as {log.foreign[0]}" if log.foreign else "")
        )
    for check in checks:
        lines.extend(check(exchange, keys))
    return lines
