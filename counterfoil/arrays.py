"""Named arrays of ring elements as one run of bytes, for envelopes, vaults and releases.

The reader says beforehand which names and shapes it expects, so that a stranger's bytes decide nothing: not a size, not
a type, not an allocation. Knows nothing of what the arrays mean.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import digest, jcs
from counterfoil.errors import TamperedError

Arrays = Mapping[str, NDArray[np.uint64]]
Shapes = Mapping[str, tuple[int, ...]]

_WORD = np.dtype("<u8")


def _header(shapes: Shapes) -> bytes:
    names: dict[str, list[int]] = {name: list(shape) for name, shape in shapes.items()}
    return bytes.fromhex(digest(jcs(names)))


def pack(arrays: Arrays) -> bytes:
    """SHA-256 of the names and shapes, then every array in order of its name, little-endian."""
    body = [np.ascontiguousarray(arrays[name], dtype=_WORD).tobytes() for name in sorted(arrays)]
    return b"".join((_header({name: array.shape for name, array in arrays.items()}), *body))


def unpack(data: bytes, shapes: Shapes) -> dict[str, NDArray[np.uint64]]:
    """The arrays that `pack` wrote, which must have exactly these names and shapes.

    Raises: TamperedError.
    """
    sizes = {name: int(np.prod(shapes[name], dtype=np.int64)) for name in sorted(shapes)}
    header, expected = _header(shapes), 32 + 8 * sum(sizes.values())
    if len(data) != expected or data[:32] != header:
        raise TamperedError(f"arrays of other names or shapes than agreed ({len(data)} bytes, expected {expected})")
    words = np.frombuffer(data, dtype=_WORD, offset=32).astype(np.uint64)
    result, at = {}, 0
    for name, size in sizes.items():
        result[name] = words[at : at + size].reshape(shapes[name])
        at += size
    return result
