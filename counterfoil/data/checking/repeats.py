"""Find rows that are alike in some columns more often than they may be, in a table that nobody holds whole.

The first look keeps 8 bytes a row: whole numbers and days as they are, all else as a keyed digest. Where too many are
alike, a second look at the pieces decides by a digest that does not collide, and finds the rows. Knows no contract.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from counterfoil.data.legible import spelt
from counterfoil.governance.contracts.key_spelling import AS_WRITTEN, KeySpelling

_EXACT = 16  # bytes of a digest that identifies its row


@dataclass(slots=True)
class Repeats:
    """A search for rows of which more than `most` are alike in these columns.

    Where all of them are empty, a row is alike to no other. Texts are compared as `spellings` spells their columns, or
    else as people see them. `mask` makes the first look's digests narrower, and the second one's work larger; the
    outcome is the same.
    """

    columns: tuple[str, ...]
    most: int = 1
    mask: int = (1 << 64) - 1
    spellings: Mapping[str, KeySpelling] = field(default_factory=dict)
    _key: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)
    _seen: list[NDArray[np.uint64]] = field(default_factory=list, repr=False)

    def add(self, piece: Any) -> None:
        """Record one more piece of the table, a pyarrow.Table. Cost: 8 bytes a row are kept."""
        piece = self._spelt(piece)
        self._seen.append(self._short(piece)[self._given(piece)])

    def rows(self, again: Callable[[], Iterable[Any]]) -> NDArray[np.int64]:
        """Find these rows, counted from 0. `again` gives the same pieces, and is asked only if needed.

        Cost: 24 bytes a row that the first look could not tell from another.
        """
        seen = np.concatenate(self._seen) if self._seen else np.zeros(0, np.uint64)
        self._seen.clear()
        seen.sort()
        often = np.unique(seen[self.most :][seen[self.most :] == seen[: -self.most]])
        del seen
        if not often.size:
            return np.zeros(0, np.int64)
        at, digests, first = [], [], 0
        for piece in map(self._spelt, again()):
            suspects = np.flatnonzero(self._given(piece) & np.isin(self._short(piece), often))
            at.append(suspects + first)
            digests.append(self._long(piece.take(pa.array(suspects))))
            first += piece.num_rows
        whole = np.frombuffer(b"".join(digests), np.dtype((np.void, _EXACT)))
        _, which, counts = np.unique(whole, return_inverse=True, return_counts=True)
        return np.concatenate(at)[counts[which] > self.most]

    def _spelt(self, piece: Any) -> Any:
        """Select the columns that are compared, with texts that count as one written alike."""
        return pa.table({name: spelt(piece[name], self.spellings.get(name, AS_WRITTEN)) for name in self.columns})

    def _given(self, piece: Any) -> NDArray[np.bool_]:
        """Mark the rows that have a cell in any of the columns."""
        given = np.zeros(piece.num_rows, np.bool_)
        for name in self.columns:
            given |= pc.is_valid(piece[name]).to_numpy()
        return given

    def _short(self, piece: Any) -> NDArray[np.uint64]:
        words = [self._words(piece[name]) for name in self.columns]
        found = words[0]
        if len(words) > 1:
            words += [pc.is_valid(piece[name]).to_numpy().astype(np.uint64) for name in self.columns]
            rows, width, key = np.stack(words, axis=1).tobytes(), 8 * len(words), self._key.encode()
            digests = (
                blake2b(rows[start : start + width], digest_size=8, key=key).digest()
                for start in range(0, len(rows), width)
            )
            found = np.frombuffer(b"".join(digests), np.uint64)
        return found & np.uint64(self.mask)

    def _long(self, piece: Any) -> bytes:
        rows = zip(*(piece[name].to_pylist() for name in self.columns), strict=True)
        return b"".join(blake2b(repr(row).encode(), digest_size=_EXACT).digest() for row in rows)

    def _words(self, cells: Any) -> NDArray[np.uint64]:
        """Convert every cell to 8 bytes: a number as it is, a text to its keyed digest, an empty one to 0."""
        if pa.types.is_string(cells.type):
            texts = pc.fill_null(cells, "").to_numpy(zero_copy_only=False)
            return np.asarray(pd.util.hash_array(texts, hash_key=self._key, categorize=False), np.uint64)
        numbers = cells.cast(pa.int32()) if pa.types.is_date(cells.type) else cells
        return np.asarray(pc.fill_null(numbers.cast(pa.int64()), 0).to_numpy(), np.int64).view(np.uint64)
