"""Checks a log without trusting who keeps it, offline, and names the first entry that is not what was signed.

Small on purpose: it knows hashes, signatures and the form of entries, and nothing of jobs, MPC or Prefect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from counterfoil.audit.checkpoint import Checkpoint, open_checkpoint
from counterfoil.audit.event import NO_ENTRY, Event
from counterfoil.audit.merkle import MerkleTree, leaf_hash
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import DocumentError, TamperedError


def verify_log(
    entries: Sequence[bytes],
    note: bytes,
    owner: PublicKeys,
    *,
    others: Iterable[bytes] = (),
    leaf_hashes: Sequence[bytes] = (),
) -> Checkpoint:
    """The entries are exactly those of the owner's signed checkpoint, and continue every other checkpoint.

    Args:
        entries: the log's entries from the first on.
        note: the owner's checkpoint of these entries.
        owner: whose log this is.
        others: further checkpoints that the owner signed at any time: earlier ones, cosigned ones, or one that a
            witness kept. They reveal a log that was cut back or forked.
        leaf_hashes: the published hashes of the entries; used to name a bad entry, if they are the signed ones.

    Raises: SignatureError if a checkpoint is not the owner's; TamperedError, naming the first bad entry.
    """
    checkpoint = open_checkpoint(note, owner)
    signed = [open_checkpoint(other, owner) for other in others]
    tree = MerkleTree(map(leaf_hash, entries))

    def refuse(reason: str) -> TamperedError:
        return TamperedError(f"log of {owner.party}: {reason}")

    if tree.size < checkpoint.size or tree.root(checkpoint.size) != checkpoint.root:
        raise refuse(_first_bad(entries, tree, checkpoint, signed, leaf_hashes))
    if tree.size > checkpoint.size:
        raise refuse(f"entry {checkpoint.size} was added after the checkpoint was signed")
    for other in sorted(signed, key=lambda each: each.size):
        if other.size > checkpoint.size:
            raise refuse(f"entry {checkpoint.size} was dropped: {other.size} entries were signed before")
        if tree.root(other.size) != other.root:
            raise refuse(f"the log was forked: {_between(tree, [*signed, checkpoint])} was signed in two versions")
    if bad := _first_broken_link(entries):
        raise refuse(bad)
    for event in map(Event.parse, entries):
        if event.actor != owner.party:
            raise refuse(f"entry {event.index} speaks for {event.actor}")
    return checkpoint


def _first_bad(
    entries: Sequence[bytes],
    tree: MerkleTree,
    checkpoint: Checkpoint,
    signed: Sequence[Checkpoint],
    leaf_hashes: Sequence[bytes],
) -> str:
    """What happened first to entries that do not hash to the checkpoint's root."""
    if len(leaf_hashes) == checkpoint.size and MerkleTree(leaf_hashes).root() == checkpoint.root:
        return _first_difference(tree.level(0), leaf_hashes)
    if found := _first_broken_link(entries):
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


def _first_broken_link(entries: Sequence[bytes]) -> str | None:
    """What the entries themselves show, by their indices and by the hash of its predecessor that each holds."""
    prev, events = NO_ENTRY, []
    for index, entry in enumerate(entries):
        try:
            events.append(Event.parse(entry))
        except DocumentError:
            return f"entry {index} was edited: it is not in an entry's form"
    places = {event.index for event in events}
    for index, event in enumerate(events):
        if event.index != index:
            later = index in {other.index for other in events[index + 1 :]}
            return f"entry {index} was {'moved' if later else 'dropped' if index not in places else 'edited'}"
        if event.prev != prev:
            hash_here = leaf_hash(entries[index]).hex()
            breaks_next = index + 1 < len(events) and events[index + 1].prev != hash_here
            return f"entry {index if breaks_next or index == 0 else index - 1} was edited"
        prev = leaf_hash(entries[index]).hex()
    return None


def _between(tree: MerkleTree, signed: Iterable[Checkpoint]) -> str:
    """Which entries must hold the first difference, by the checkpoints that fit the tree and those that do not."""
    fits = [(each.size, each.size <= tree.size and tree.root(each.size) == each.root) for each in signed]
    first_bad = min(size for size, fit in fits if not fit)
    last_good = max((size for size, fit in fits if fit and size < first_bad), default=0)
    if first_bad - last_good == 1:
        return f"entry {last_good}"
    return f"an entry from {last_good} to {first_bad - 1}"
