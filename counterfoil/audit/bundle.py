"""Verify all published logs of a set of records, then run the further checks that are passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from counterfoil.audit.checkpoint import cosigners
from counterfoil.audit.publish import PublishedLog, published_parties, read_published
from counterfoil.audit.verify import VerifiedLog, verify_log
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import ForkedError, NotFoundError
from counterfoil.storage.records import Records


@dataclass(frozen=True, slots=True)
class Verified:
    """Records whose every published log was verified. Only `verify_logs` makes one.

    `keys` are those under which the logs verified, and those that were pinned.
    """

    records: Records
    keys: Mapping[str, PublicKeys]
    logs: Mapping[str, VerifiedLog]

    def log(self, party: str) -> VerifiedLog:
        """Return the party's log. Raises: NotFoundError."""
        if party not in self.logs:
            raise NotFoundError(f"no published log of {party} in {self.records.url}")
        return self.logs[party]


Check = Callable[[Verified], Iterable[str]]
"""A further check: raises, or says what held."""


def verify_bundle(records: Records, pinned: Mapping[str, PublicKeys], checks: Iterable[Check] = ()) -> list[str]:
    """Verify all logs, run the checks, and return what was verified, one line each.

    Keys come from `pinned`, or else from the cards beside the logs.

    Raises: TamperedError, naming the log and its first bad entry; ForkedError; SignatureError; NotFoundError if there
        is no log.
    """
    published = _read(records, pinned)
    verified = verify_logs(records, pinned, published)
    lines = [_line(log, verified, pinned) for log in published]
    for check in checks:
        lines.extend(check(verified))
    return lines


def verify_logs(
    records: Records, pinned: Mapping[str, PublicKeys], published: Iterable[PublishedLog] | None = None
) -> Verified:
    """Verify that each published log is whole, continues all its owner's checkpoints and has no proof of a fork.

    Raises: as `verify_bundle`.
    """
    logs = {}
    for log in _read(records, pinned) if published is None else published:
        name = log.owner.party
        logs[name] = verify_log(log.entries, log.note, log.owner, others=log.others, leaf_hashes=log.leaf_hashes)
        for fork in log.forks:
            raise ForkedError(f"log of {name}: it signed two histories, as the proof {fork.digest} shows", fork.pack())
    return Verified(records, {**pinned, **{name: log.owner for name, log in logs.items()}}, logs)


def _read(records: Records, pinned: Mapping[str, PublicKeys]) -> list[PublishedLog]:
    parties = published_parties(records)
    if not parties:
        raise NotFoundError(f"no published log in {records.url}")
    return [read_published(records, party, pinned.get(party)) for party in parties]


def _line(log: PublishedLog, verified: Verified, pinned: Mapping[str, PublicKeys]) -> str:
    name, checkpoint = log.owner.party, verified.logs[log.owner.party].checkpoint
    seen = {party for other in log.others for party in cosigners(other, verified.keys.values())} - {name}
    return (
        f"log of {name}: {checkpoint.size} entries, root {checkpoint.root.hex()[:16]}, "
        f"{'pinned' if name in pinned else 'UNPINNED'} key {log.owner.sign_id[:16]}, "
        f"cosigned by {', '.join(sorted(seen)) or 'nobody'}"
        + (f"; {len(log.foreign)} notes beside it are not its own, as {log.foreign[0]}" if log.foreign else "")
    )
