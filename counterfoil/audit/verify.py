"""Verify a log offline, without trusting its keeper, and name the first entry that is not what was signed.

Small on purpose: it knows hashes, signatures and the form of entries, and nothing of jobs, MPC or Prefect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from counterfoil.audit.checkpoint import Checkpoint, open_checkpoint
from counterfoil.audit.event import NO_ENTRY, Event
from counterfoil.audit.fork import find_fork
from counterfoil.audit.merkle import MerkleTree, leaf_hash
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import DocumentError, ForkedError, TamperedError


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """A log whose entries are exactly those of its owner's signed checkpoint. Only `verify_log` makes one."""

    owner: PublicKeys
    note: bytes
    checkpoint: Checkpoint
    entries: tuple[bytes, ...]
    events: tuple[Event, ...]
    tree: MerkleTree

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.checkpoint.size

    def check_continues(self, notes: Iterable[bytes]) -> None:
        """Check that the log continues each of these checkpoints.

        Raises: SignatureError if one is not the owner's; ForkedError with the proof; TamperedError if entries are gone.
        """
        signed = {note: open_checkpoint(note, self.owner) for note in notes}
        for note, other in sorted(signed.items(), key=lambda item: item[1].size):
            if other.size > self.size:
                raise _refusal(self.owner, f"entry {self.size} was dropped: {other.size} entries were signed before")
            if not other.size and other.root != self.tree.root(0):
                raise _refusal(self.owner, "a checkpoint of no entries was signed with another root than that of none")
            if fork := find_fork(self.tree, self.note, self.checkpoint, note, self.owner):
                where = _between(self.tree, [*signed.values(), self.checkpoint])
                raise ForkedError(
                    f"log of {self.owner.party}: the log was forked: {where} was signed in two versions", fork.pack()
                )

    def of(self, type: str, about: str, digest: str) -> Iterator[Event]:
        """Yield the events of this type whose reference named `about` is the digest."""
        return (event for event in self.events if event.type == type and event.refs.get(about) == digest)


def verify_log(
    entries: Sequence[bytes],
    note: bytes,
    owner: PublicKeys,
    *,
    others: Iterable[bytes] = (),
    leaf_hashes: Sequence[bytes] = (),
) -> VerifiedLog:
    """Verify that the entries are exactly those of the checkpoint and continue every other checkpoint.

    Args:
        entries: the log's entries from the first on.
        note: the owner's checkpoint of these entries.
        owner: whose log this is.
        others: further checkpoints that the owner signed at any time: earlier ones, cosigned ones, or one that a
            witness kept. They reveal a log that was cut back or forked.
        leaf_hashes: the published hashes of the entries; used to name a bad entry, if they are the signed ones.

    Raises: SignatureError if a checkpoint is not the owner's; TamperedError, naming the first bad entry; ForkedError.
    """
    checkpoint, others = open_checkpoint(note, owner), tuple(others)
    tree = MerkleTree(map(leaf_hash, entries))
    if tree.size < checkpoint.size or tree.root(checkpoint.size) != checkpoint.root:
        signed = [open_checkpoint(other, owner) for other in others]
        raise _refusal(owner, _first_bad(entries, tree, checkpoint, signed, leaf_hashes))
    if tree.size > checkpoint.size:
        raise _refusal(owner, f"entry {checkpoint.size} was added after the checkpoint was signed")
    events, bad = _linked(entries)
    log = VerifiedLog(owner, note, checkpoint, tuple(entries), tuple(events), tree)
    log.check_continues(others)
    if bad:
        raise _refusal(owner, bad)
    for event in events:
        if event.actor != owner.party:
            raise _refusal(owner, f"entry {event.index} speaks for {event.actor}")
    return log


def _refusal(owner: PublicKeys, reason: str) -> TamperedError:
    return TamperedError(f"log of {owner.party}: {reason}")


def _first_bad(
    entries: Sequence[bytes],
    tree: MerkleTree,
    checkpoint: Checkpoint,
    signed: Sequence[Checkpoint],
    leaf_hashes: Sequence[bytes],
) -> str:
    """Describe the first change to entries that do not hash to the checkpoint's root."""
    if len(leaf_hashes) == checkpoint.size and MerkleTree(leaf_hashes).root() == checkpoint.root:
        return _first_difference(tree.level(0), leaf_hashes)
    if found := _linked(entries)[1]:
        return found
    if tree.size < checkpoint.size:
        return f"entry {tree.size} was dropped: the checkpoint counts {checkpoint.size} entries"
    return f"{_between(tree, [*signed, checkpoint])} was edited or replaced"


def _first_difference(found: Sequence[bytes], expected: Sequence[bytes]) -> str:
    index = next((i for i, (ours, theirs) in enumerate(zip(found, expected, strict=False)) if ours != theirs), None)
    if index is None:
        return f"entry {len(found)} was dropped: the checkpoint counts {len(expected)} entries"
    if expected[index] in found[index + 1 :]:
        return f"entry {index} was moved"
    if found[index] in expected[index + 1 :]:
        return f"entry {index} was dropped"
    return f"entry {index} was edited"


def _linked(entries: Sequence[bytes]) -> tuple[list[Event], str | None]:
    """Parse the events, and describe the first whose index or predecessor's hash is wrong."""
    prev, events = NO_ENTRY, list[Event]()
    for index, entry in enumerate(entries):
        try:
            events.append(Event.parse(entry))
        except DocumentError:
            return events, f"entry {index} was edited: it is not in an entry's form"
    places = {event.index for event in events}
    for index, event in enumerate(events):
        if event.index != index:
            later = index in {other.index for other in events[index + 1 :]}
            return events, f"entry {index} was {'moved' if later else 'dropped' if index not in places else 'edited'}"
        hash_here = leaf_hash(entries[index]).hex()
        if event.prev != prev:
            breaks_next = index + 1 < len(events) and events[index + 1].prev != hash_here
            return events, f"entry {index if breaks_next or index == 0 else index - 1} was edited"
        prev = hash_here
    return events, None


def _between(tree: MerkleTree, signed: Iterable[Checkpoint]) -> str:
    """Name the entries that must hold the first difference, by which checkpoints fit the tree."""
    fits = [(each.size, each.size <= tree.size and tree.root(each.size) == each.root) for each in signed]
    first_bad = min(size for size, fit in fits if not fit)
    last_good = max((size for size, fit in fits if fit and size < first_bad), default=0)
    if first_bad - last_good == 1:
        return f"entry {last_good}"
    return f"an entry from {last_good} to {first_bad - 1}"
