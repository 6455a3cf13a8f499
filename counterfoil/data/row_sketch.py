"""Sketch which rows a table holds, so that its owner alone can tell how far two sets of rows differ.

Each row has two tags, hashes under a key that never leaves the owner: one of its key, one of all its cells. A tag adds
1 or takes 1 away in one bucket of every repeat, so that the difference of two sketches is the sketch of the rows in
which the sets differ. The sum of its squares is their number, times the repeats, but for tags that meet in a bucket.

Tags are the same whatever agreement asks, so that releases under different agreements can be compared. They depend on
how keys are spelt; so a table is tagged in each key domain in which it may have to be compared (ADR 19).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import bind
from counterfoil.data.legible import spelt
from counterfoil.deferred import deferred
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.key_domain import UNSPELT, KeyDomain, key_domains
from counterfoil.governance.contracts.key_spelling import KeySpelling

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

    from counterfoil.data.reading.table import Table
else:
    pa = deferred("pyarrow")
    pc = deferred("pyarrow.compute")

KEY_BYTES: Final = 32
KINDS: Final = 2
REPEATS: Final = 2
BUCKETS: Final = 4096

_BITS: Final = BUCKETS.bit_length() - 1


def tagged(table: Table, key: bytes) -> Table:
    """Tag each row of the table as it was read; the tags go where the row goes.

    There are KINDS for each of the contract's key domains, in their order.

    Cost: about 3 s a million rows and domain.
    """
    contract = table.contract
    names = [name for name in contract.primary_key if name in table.names] or table.names
    kinds = {"key": names, "row": table.names}
    tags = [
        _tags(table, columns, key, kind, domain) for domain in key_domains(contract) for kind, columns in kinds.items()
    ]
    return replace(table, tags=np.stack(tags, axis=1))


def sketch(tags: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Sketch the rows with these tags. Shapes: tags (rows, kinds); the result (kinds, REPEATS * BUCKETS)."""
    kinds = tags.shape[1]
    made = np.zeros((kinds, REPEATS, BUCKETS), np.int64)
    for kind in range(kinds):
        for repeat in range(REPEATS):
            part = tags[:, kind] >> np.uint64(repeat * (_BITS + 1))
            bucket = (part & np.uint64(BUCKETS - 1)).astype(np.int64)
            sign = 1 - 2 * (part >> np.uint64(_BITS) & np.uint64(1)).astype(np.int64)
            np.add.at(made[kind, repeat], bucket, sign)
    return made.reshape(kinds, REPEATS * BUCKETS)


def sketch_shape(contract: Contract) -> tuple[int, int]:
    """Return the shape of the sketch that an owner submits under the contract."""
    return KINDS * len(key_domains(contract)), REPEATS * BUCKETS


def in_domain(sketched: NDArray[Any], place: int) -> NDArray[Any]:
    """Select what of a sketch is about the key domain at this place. Shapes: the result (KINDS, REPEATS * BUCKETS)."""
    return sketched[KINDS * place : KINDS * (place + 1)]


def _tags(table: Table, names: Sequence[str], key: bytes, kind: str, domain: KeyDomain) -> NDArray[np.uint64]:
    if domain.name == UNSPELT:
        bound = bind("counterfoil/membership/1", table.contract.id.encode(), kind.encode())
    else:
        bound = bind("counterfoil/membership/2", table.contract.id.encode(), kind.encode(), domain.name.encode())
    own = hmac.digest(key, bound, "sha256")
    columns = [_texts(table.data[name], domain.of(name)) for name in names]
    made = np.empty(table.rows, np.uint64)
    for at, cells in enumerate(zip(*columns, strict=True)):
        made[at] = int.from_bytes(hmac.digest(own, repr(cells).encode(), "sha256")[:8], "big")
    return made


def _texts(cells: Any, spelling: KeySpelling | None) -> list[str | None]:
    found: list[str | None] = pc.cast(cells if spelling is None else spelt(cells, spelling), pa.string()).to_pylist()
    return found
