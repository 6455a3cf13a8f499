"""Aggregate groups of rows that a sort has made neighbours, in constant rounds (PROTOCOLS 9).

Tables keep their public size: results come in the first rows, one a group in the order of the keys, and the rest is
zero; how many groups there are stays secret. Rows that are not real (padding, rejected) are sorted behind the real
ones by a key bit of their own, carry `valid` = 0, and belong to no group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterfoil.mpc.circuits.core.compare import is_zero
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.preconditions import check_columns
from counterfoil.mpc.circuits.tables.permute import apply_inverse, compact, shift_down
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat


@dataclass(frozen=True, slots=True)
class Flags:
    """Columns with 1 in the first row, and in the last row, of each group."""

    head: Arith
    last: Arith


@dataclass(frozen=True, slots=True)
class Groups:
    """Columns with one row a group, then zero rows; `real` is 1 in the rows of groups."""

    columns: list[Arith]
    real: Arith


def group_flags(p: Protocol, key: Arith, valid: Arith | None = None, width: int = 64) -> Flags:
    """Flag where groups of equal keys begin and end, in rows sorted by that key.

    Shapes: key, valid and both results (n,). Keys are compared mod 2^width.
    Cost: 9 rounds; 63.6 / 111.3 B (width 64). With `valid` 1 round and 48 / 96 B more.
    Reveals: nothing.
    Raises: ShapeError.
    Source: PROTOCOLS 9.
    """
    columns = [key] if valid is None else [key, valid]
    size = check_columns("group_flags", columns)
    edge = p.constant(np.ones(1, dtype=np.uint64))
    inner = [] if size == 1 else [p.add_public(-b2a(p, is_zero(p, key[1:] - key[:-1], width)), 1)]
    flags = concat([edge, *inner, *inner, edge]).reshape(2, size)
    if valid is not None:
        flags = p.multiply(flags, concat([valid, valid]).reshape(2, size))
    return Flags(flags[0], flags[1])


def pick(p: Protocol, flag: Arith, columns: Sequence[Arith]) -> Groups:
    """Move the flagged rows of the columns to the top, in their order, followed by zero rows.

    With `head` or `last` of groups this is `distinct`; of rows sorted by (key, value) it is the groups' minimum or
    maximum.

    Shapes: flag and every column (n,).
    Cost: 6 / 7 rounds; 72·c + 144 / 144·c + 272 B for c columns.
    Reveals: one uniform permutation.
    Raises: ShapeError.
    Source: PROTOCOLS 9.
    """
    check_columns("pick", columns)
    (real, *moved), _ = compact(p, flag, [flag, *columns])
    return Groups(_masked(p, real, moved), real)


def group_sum(p: Protocol, key: Arith, columns: Sequence[Arith], last: Arith) -> Groups:
    """Sum each column over each group's rows, after the key of the group. A column of ones gives the count.

    Shapes: key, last and every column (n,), sorted by key; in rows that are not valid the columns are zero.
    Cost: 6 / 7 rounds; 72·c + 216 / 144·c + 416 B for c columns.
    Reveals: one uniform permutation.
    Raises: ShapeError.
    Source: PROTOCOLS 9, group sum.
    """
    check_columns("group_sum", [key, last, *columns])
    # 1 (5 / 6 rounds). Running totals, of which those at the groups' last rows move to the top.
    (real, keys, *totals), _ = compact(p, last, [last, key, *(column.cumsum() for column in columns)])
    # 2 (one round). Differences of neighbours, where there is a group.
    sums = _masked(p, real, [keys, *(total - shift_down(total) for total in totals)])
    return Groups(sums, real)


def propagate(p: Protocol, head: Arith, columns: Sequence[Arith]) -> list[Arith]:
    """Copy each column's value at the first row of a group to all rows of that group.

    Shapes: head and every column (n,).
    Cost: 13 / 16 rounds; 120·c + 216 / 240·c + 400 B for c columns.
    Reveals: two uniform permutations.
    Raises: ShapeError.
    Source: PROTOCOLS 9, propagate.
    """
    check_columns("propagate", columns)
    # 1 (5 / 6 rounds). The heads at the top.
    (real, *values), sigma = compact(p, head, [head, *columns])
    # 2 (one round). By how much each head differs from the one before it.
    steps = _masked(p, real, [value - shift_down(value) for value in values])
    # 3 (7 / 9 rounds). Back at the head rows; a running total then fills each group.
    return [step.cumsum() for step in apply_inverse(p, sigma, steps)]


def _masked(p: Protocol, flag: Arith, columns: Sequence[Arith]) -> list[Arith]:
    """Multiply all columns by the flag, in one message."""
    product = p.multiply(concat([flag] * len(columns)), concat(list(columns)))
    return [product[i * flag.size : (i + 1) * flag.size] for i in range(len(columns))]
