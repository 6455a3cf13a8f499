"""Which rows a table holds, as a sketch that only its owner can read: enough to tell how far two sets of rows differ.

Each row has two tags, hashes under a key that never leaves the owner: one of its key, one of all its cells. A tag adds
1 or takes 1 away in one bucket of every repeat, so that the difference of two sketches is the sketch of the rows in
which the sets differ. The sum of its squares is their number, times the repeats, but for tags that meet in a bucket.

Tags are the same whatever agreement asks, so that releases under different agreements can be compared.
"""

from __future__ import annotations

import hmac
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from counterfoil.canonical import bind
from counterfoil.data.table import Table

KEY_BYTES: Final = 32
KINDS: Final = 2
REPEATS: Final = 2
BUCKETS: Final = 4096

_BITS: Final = BUCKETS.bit_length() - 1


def tagged(table: Table, key: bytes) -> Table:
    """The table as it was read, with tags for each row that go where the row goes.

    Cost: about 3 s a million rows.
    """
    contract = table.contract
    names = [name for name in contract.primary_key if name in table.names] or table.names
    tags = [_tags(table, names, key, "key"), _tags(table, table.names, key, "row")]
    return Table(contract, table.source, table.data, np.stack(tags, axis=1))


def sketch(tags: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The sketch of the rows with these tags. Shapes: tags (rows, KINDS); the result (KINDS, REPEATS * BUCKETS)."""
    made = np.zeros((KINDS, REPEATS, BUCKETS), np.int64)
    for kind in range(KINDS):
        for repeat in range(REPEATS):
            part = tags[:, kind] >> np.uint64(repeat * (_BITS + 1))
            bucket = (part & np.uint64(BUCKETS - 1)).astype(np.int64)
            sign = 1 - 2 * (part >> np.uint64(_BITS) & np.uint64(1)).astype(np.int64)
            np.add.at(made[kind, repeat], bucket, sign)
    return made.reshape(KINDS, REPEATS * BUCKETS)


def _tags(table: Table, names: tuple[str, ...] | list[str], key: bytes, kind: str) -> NDArray[np.uint64]:
    own = hmac.digest(key, bind("counterfoil/membership/1", table.contract.id.encode(), kind.encode()), "sha256")
    columns = [pc.cast(table.data[name], pa.string()).to_pylist() for name in names]
    made = np.empty(table.rows, np.uint64)
    for at, cells in enumerate(zip(*columns, strict=True)):
        made[at] = int.from_bytes(hmac.digest(own, repr(cells).encode(), "sha256")[:8], "big")
    return made
