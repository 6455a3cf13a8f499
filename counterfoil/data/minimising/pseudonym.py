"""Replace keys of people by pseudonyms: numbers that only a holder of the link key can derive, and nobody can undo.

Knows no agreement and no party. One key, however it is written, has one pseudonym under one link key and one spelling,
at whichever owner it is. By another spelling, or other rules of spelling, everybody has another one (ADR 19): mixing
the two would link some people and not the rest.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

import pyarrow as pa

from counterfoil.canonical import bind, jcs
from counterfoil.data.legible import spelt
from counterfoil.governance.contracts.column import PSEUDONYM_BITS
from counterfoil.governance.contracts.key_spelling import AS_WRITTEN, RULES, KeySpelling

_PURPOSE: Final = "counterfoil/pseudonym/2"


def pseudonyms(cells: Any, link_key: bytes, spelling: KeySpelling = AS_WRITTEN) -> Any:
    """Derive a pseudonym from each key, spelt as told; what is missing stays so.

    It is the first PSEUDONYM_BITS bits of HMAC-SHA-256 over the key domain and the cell's text.

    Cost: about 2 s a million different cells.
    """
    domain = jcs({"rules": RULES, "spelling": spelling.json()})
    encoded = spelt(cells, spelling).combine_chunks().dictionary_encode()
    made = [
        int.from_bytes(hmac.digest(link_key, bind(_PURPOSE, domain, str(cell).encode()), "sha256")[:8], "big")
        >> (64 - PSEUDONYM_BITS)
        for cell in encoded.dictionary.to_pylist()
    ]
    return pa.array(made, pa.int64()).take(encoded.indices)
