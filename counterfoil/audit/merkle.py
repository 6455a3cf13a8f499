"""Build the Merkle tree of RFC 6962 and check its proofs: roots of every earlier size, inclusion, consistency.

Knows hashes alone, not what the leaves say.

Source: RFC 6962, section 2.1; the checks of proofs follow RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry as a leaf of the tree."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring nodes into their parent."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """A growing tree. Cost: appending and roots take log n hashes, as every complete subtree is kept."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]  # level k holds the complete subtrees of 2^k leaves
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Append a leaf, given by its hash."""
        self._levels[0].append(leaf)
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(node_hash(*self._levels[level][-2:]))
            level += 1

    def level(self, level: int) -> Sequence[bytes]:
        """Return the hashes of all complete subtrees of 2^level leaves, from the left."""
        return self._levels[level] if level < len(self._levels) else ()

    def root(self, size: int | None = None) -> bytes:
        """Compute the root of the first `size` leaves (by default all)."""
        size = self.size if size is None else self._check(size, self.size)
        return self._hash(0, size) if size else hashlib.sha256().digest()

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that the leaf at `index` is in the tree of `size` leaves."""
        self._check(index, self._check(size, self.size) - 1)
        start, end, path = 0, size, []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int, size: int) -> list[bytes]:
        """Prove that the tree of `old` leaves is a prefix of the tree of `size` leaves."""
        self._check(old, self._check(size, self.size))
        start, end, path = 0, size, []
        while 0 < old < end:
            middle = start + _split(end - start)
            if old <= middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        if start:  # the old tree is no subtree of the new one by itself: its last part begins the proof
            path.append(self._hash(start, end))
        return path[::-1]

    def _hash(self, start: int, end: int) -> bytes:
        width = end - start
        if width & (width - 1) == 0 and start % width == 0:
            return self._levels[width.bit_length() - 1][start // width]
        middle = start + _split(width)
        return node_hash(self._hash(start, middle), self._hash(middle, end))

    @staticmethod
    def _check(number: int, most: int) -> int:
        if not 0 <= number <= most:
            raise IndexError(f"{number} is not between 0 and {most}")
        return number


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Check the proof that the leaf is at `index` in the tree of this size and root."""
    if not 0 <= index < size:
        return False
    position, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and hmac.compare_digest(computed, root)


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Check the proof that the tree of `old` leaves is a prefix of the tree of `size` leaves."""
    if old == 0:
        return not proof
    if old == size:
        return not proof and hmac.compare_digest(old_root, root)
    if not 0 < old < size or not proof:
        return False
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_computed = computed = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_computed, computed = node_hash(sibling, old_computed), node_hash(sibling, computed)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and hmac.compare_digest(old_computed, old_root) and hmac.compare_digest(computed, root)


def _split(width: int) -> int:
    """Return the largest power of two smaller than the width."""
    return 1 << (width - 1).bit_length() - 1
