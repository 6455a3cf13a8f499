"""Encode named vectors of ring elements as bytes, for the vault and for envelopes.

The form: the length of a JSON header (8 bytes, little-endian), the header in canonical form with each array's shape,
then the arrays' elements in the order of their names, 8 bytes each, little-endian.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import check_id, jcs
from counterfoil.errors import DocumentError

MAX_HEADER_BYTES = 1024 * 1024
MAX_DIMENSIONS = 8


def pack(arrays: Mapping[str, NDArray[np.uint64]]) -> bytes:
    """Encode the arrays; equal content has equal bytes. Raises: DocumentError."""
    for name, array in arrays.items():
        check_id(name, "name of an array")
        if array.dtype != np.uint64:
            raise DocumentError(f"the array {name} holds {array.dtype}; only uint64 is packed")
    ordered = [np.ascontiguousarray(arrays[name], dtype="<u8") for name in sorted(arrays)]
    header = jcs({name: list(array.shape) for name, array in arrays.items()})
    return b"".join([len(header).to_bytes(8, "little"), header, *(array.tobytes() for array in ordered)])


def unpack(data: bytes | memoryview) -> dict[str, NDArray[np.uint64]]:
    """Decode what `pack` wrote into arrays that are read-only views of the data. Raises: DocumentError."""
    view = memoryview(data).cast("B")
    size = int.from_bytes(view[:8], "little")
    raw = bytes(view[8 : 8 + size])
    if size > MAX_HEADER_BYTES or len(raw) != size:
        raise DocumentError("packed arrays are cut short or have no header")
    arrays: dict[str, NDArray[np.uint64]] = {}
    start = 8 + size
    for name, shape in _shapes(raw).items():
        count = math.prod(shape)
        if count * 8 > len(view) - start:
            raise DocumentError(f"packed arrays are cut short in {name}")
        arrays[name] = np.frombuffer(view, dtype="<u8", count=count, offset=start).reshape(shape)
        start += count * 8
    if start != len(view):
        raise DocumentError("packed arrays are followed by something else")
    return arrays


def _shapes(raw: bytes) -> dict[str, list[int]]:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or jcs(header) != raw:
        raise DocumentError("packed arrays have no header in canonical form")
    for name, shape in header.items():
        check_id(name, "name of an array")
        if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
            raise DocumentError(f"the packed array {name} has no shape")
        if not all(type(length) is int and 0 <= length < 2**48 for length in shape):
            raise DocumentError(f"the packed array {name} has a bad shape")
    return header
