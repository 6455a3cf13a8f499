"""Checks of public shapes, made before any message. They return nothing or raise ShapeError with the sizes."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.errors import ShapeError
from counterfoil.mpc.ring.shares import Arith, Bits


def check_not_empty(what: str, *shares: Arith | Bits) -> None:
    """Every share has at least one element. Raises: ShapeError."""
    for share in shares:
        if 0 in share.shape:
            raise ShapeError(f"{what}: an operand of shape {share.shape} has no element")


def check_same_shape(what: str, *shares: Arith | Bits) -> None:
    """All shares are of one shape, and not empty. Raises: ShapeError."""
    check_not_empty(what, *shares)
    if len({share.shape for share in shares}) > 1:
        raise ShapeError(f"{what}: operands of shapes {[share.shape for share in shares]} do not go together")


def check_columns(what: str, columns: Sequence[Arith]) -> int:
    """The columns are one-dimensional and of one length, which is returned; at least one row, at least one column.

    Raises: ShapeError.
    """
    if not columns:
        raise ShapeError(f"{what}: no columns")
    check_same_shape(what, *columns)
    if len(columns[0].shape) != 1:
        raise ShapeError(f"{what}: columns are one-dimensional, not of shape {columns[0].shape}")
    return columns[0].size


def check_width(what: str, width: int, limit: int = 64) -> None:
    """A number of bits is from 1 to `limit`. Raises: ShapeError."""
    if not 1 <= width <= limit:
        raise ShapeError(f"{what}: a width of {width} bits is not from 1 to {limit}")
