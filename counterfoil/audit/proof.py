"""Write, parse and check the proof that an entry is in a witnessed log: one short text, checked offline.

Knows a tree's hashes, the note's form and keys. Knows nothing of what entries say.

Source: C2SP tlog-proof, without extra data.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from counterfoil.audit.checkpoint import Checkpoint, cosigners, open_checkpoint
from counterfoil.audit.merkle import included, leaf_hash
from counterfoil.crypto.keys import PublicKeys
from counterfoil.errors import DocumentError, TamperedError

MAX_HASHES = 63

_HEAD = "c2sp.org/tlog-proof@v1\n"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})\Z")


@dataclass(frozen=True, slots=True)
class Proof:
    """An entry's index, the hashes from its sibling up to the root's child, and a signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    note: bytes

    def pack(self) -> str:
        """Write the proof as text."""
        lines = "".join(f"{base64.b64encode(item).decode()}\n" for item in self.hashes)
        return f"{_HEAD}index {self.index}\n{lines}\n{self.note.decode()}"

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Parse a proof, verifying nothing of it. Raises: DocumentError."""
        head, separator, note = text.removeprefix(_HEAD).partition("\n\n")
        index, *lines = head.split("\n")
        match = _INDEX.match(index)
        try:
            hashes = tuple(base64.b64decode(line, validate=True) for line in lines)
            proof = cls(int(match[1]) if match else -1, hashes, note.encode())
            fits = len(hashes) <= MAX_HASHES and all(len(item) == 32 for item in hashes)
            if match and separator and fits and proof.pack() == text:
                return proof
        except (binascii.Error, ValueError):
            pass
        raise DocumentError("not the proof of a log entry in the form of C2SP tlog-proof")


def check_proof(
    proof: Proof, entry: bytes, owner: PublicKeys, witnesses: Iterable[PublicKeys]
) -> tuple[Checkpoint, dict[str, int]]:
    """Verify that the entry is in the owner's log; return the checkpoint, and when each witness cosigned it.

    Raises: SignatureError if a signature is wrong; TamperedError if the entry is not in that log.
    """
    checkpoint = open_checkpoint(proof.note, owner)
    if not included(leaf_hash(entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root):
        raise TamperedError(f"log of {owner.party}: entry {proof.index} is not what its proof says")
    return checkpoint, cosigners(proof.note, witnesses)
