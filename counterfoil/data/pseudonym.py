"""Keys of people as pseudonyms: numbers that only who holds the link key can make from a key, and nobody can undo.

Knows no agreement and no party. One key value has one pseudonym under one link key, at whichever owner it stands.
"""

from __future__ import annotations

import hmac
from typing import Any

import pyarrow as pa

from counterfoil.governance.column import PSEUDONYM_BITS
from counterfoil.governance.keyspelling import AS_WRITTEN, KeySpelling


def pseudonyms(cells: Any, link_key: bytes, spelling: KeySpelling = AS_WRITTEN) -> Any:
    """The first PSEUDONYM_BITS bits of HMAC-SHA-256 over each cell's text, spelt as told; what is missing stays so.

    Cost: about 2 s a million different cells.
    """
    encoded = cells.combine_chunks().dictionary_encode()
    made = [
        int.from_bytes(hmac.digest(link_key, spelling.apply(str(cell)).encode(), "sha256")[:8], "big")
        >> (64 - PSEUDONYM_BITS)
        for cell in encoded.dictionary.to_pylist()
    ]
    return pa.array(made, pa.int64()).take(encoded.indices)
