"""Check public shapes before any message. A check returns nothing or raises ShapeError with the sizes."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.errors import ShapeError
from counterfoil.mpc.ring.shares import Arith, Bits


def check_not_empty(what: str, *shares: Arith | Bits) -> None:
    """Check that every share has at least one element. Raises: ShapeError."""
    for share in shares:
        if 0 in share.shape:
            raise ShapeError(f"{what}: an operand of shape {share.shape} has no element")


def check_same_shape(what: str, *shares: Arith | Bits) -> None:
    """Check that all shares are of one shape, and not empty. Raises: ShapeError."""
    check_not_empty(what, *shares)
    if len({share.shape for share in shares}) > 1:
        raise ShapeError(f"{what}: operands of shapes {[share.shape for share in shares]} do not go together")


def check_columns(what: str, columns: Sequence[Arith]) -> int:
    """Check that the columns are one-dimensional, of one length, and not empty; return the length.

    Raises: ShapeError.
    """
    if not columns:
        raise ShapeError(f"{what}: no columns")
    check_same_shape(what, *columns)
    if len(columns[0].shape) != 1:
        raise ShapeError(f"{what}: columns are one-dimensional, not of shape {columns[0].shape}")
    return columns[0].size


def check_width(what: str, width: int, limit: int = 64) -> None:
    """Check that a number of bits is from 1 to `limit`. Raises: ShapeError."""
    if not 1 <= width <= limit:
        raise ShapeError(f"{what}: a width of {width} bits is not from 1 to {limit}")
