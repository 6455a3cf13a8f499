"""Prove that a party signed two histories of its own log: two checkpoints that no one log can have.

It convinces anybody who knows the party's key, and nobody can make one about an honest party. Knows nothing of entries.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from counterfoil.audit.checkpoint import Checkpoint, open_checkpoint
from counterfoil.audit.merkle import MerkleTree, consistent
from counterfoil.canonical import digest, jcs
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import DocumentError

MAX_FORK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Fork:
    """Two notes of one owner, and why they contradict each other.

    `root` is the root that the later log really has at the earlier one's size, by the consistency proof `hashes`; the
    earlier note has another.
    """

    earlier: bytes
    later: bytes
    root: bytes
    hashes: tuple[bytes, ...]

    def pack(self) -> bytes:
        """Encode the proof as canonical JSON."""
        return jcs(
            {
                "format": "counterfoil/fork/1",
                "earlier": self.earlier.decode(),
                "later": self.later.decode(),
                "root": self.root.hex(),
                "hashes": [item.hex() for item in self.hashes],
            }
        )

    @classmethod
    def unpack(cls, raw: bytes) -> Fork:
        """Parse a proof, verifying nothing of it. Raises: DocumentError."""
        try:
            if len(raw) <= MAX_FORK_BYTES:
                value = json.loads(raw)
                hashes = tuple(bytes.fromhex(item) for item in value["hashes"])
                fork = cls(value["earlier"].encode(), value["later"].encode(), bytes.fromhex(value["root"]), hashes)
                if fork.pack() == raw:
                    return fork
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        raise DocumentError("not the proof of a fork")

    @property
    def digest(self) -> str:
        """SHA-256 of the proof, in hex, which names it."""
        return digest(self.pack())

    def is_by(self, owner: PublicKeys) -> bool:
        """Verify that this proves that the owner forked its log.

        Raises: SignatureError if it did not sign both notes.
        """
        earlier, later = open_checkpoint(self.earlier, owner), open_checkpoint(self.later, owner)
        return (
            0 < earlier.size <= later.size  # any log continues the empty one, whose root is not looked at
            and earlier.root != self.root
            and consistent(earlier.size, self.root, later.size, later.root, self.hashes)
        )


def find_fork(tree: MerkleTree, note: bytes, checkpoint: Checkpoint, other: bytes, owner: PublicKeys) -> Fork | None:
    """Build the proof that the owner signed another history in the other note; None if the log continues it."""
    before = open_checkpoint(other, owner)
    if not 0 < before.size <= checkpoint.size or tree.root(before.size) == before.root:
        return None
    hashes = tuple(tree.consistency(before.size, checkpoint.size))
    return Fork(other, note, tree.root(before.size), hashes)
