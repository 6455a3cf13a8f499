"""Join a table with unique keys (left) to one with any keys (right), in constant rounds after a sort (PROTOCOLS 9).

Every row of both tables stays: which rows found a partner is secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from counterfoil.errors import DuplicateKeyError
from counterfoil.mpc.circuits.core.compare import is_zero
from counterfoil.mpc.circuits.core.convert import select
from counterfoil.mpc.circuits.core.preconditions import check_columns
from counterfoil.mpc.circuits.tables.group import group_flags, propagate
from counterfoil.mpc.circuits.tables.sort import Key, sort_rows
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

UNIQUE: Final = "left keys of the join are unique"
"""Ledger label: one bit, which is 1 unless the join fails."""


@dataclass(frozen=True, slots=True)
class Joined:
    """All rows of both tables in the order of the key. `left` and `right` mean something only where `matched` is 1."""

    key: Arith
    left: list[Arith]
    right: list[Arith]
    matched: Arith


def join(p: Protocol, left_key: Key, left: Sequence[Arith], right_key: Key, right: Sequence[Arith]) -> Joined:
    """Join every right row with the left row of the same key: `matched` is 1 on right rows that have one.

    Shapes: left_key and the left columns (l,), right_key and the right columns (r,), one width; the result (l + r,).
    Cost: one `sort_rows` of all columns and 2 more; then flags, a check of the keys, `propagate`: 32 / 35 rounds.
    Reveals: what the sort reveals; two uniform permutations; that the left keys are unique.
    Raises: ShapeError; DuplicateKeyError when two left rows have one key: then nothing is joined.
    Source: PROTOCOLS 9, PK-FK join.
    """
    sizes = check_columns("join", [left_key.column, *left]), check_columns("join", [right_key.column, *right])
    key = Key(concat([left_key.column, right_key.column]), max(left_key.width, right_key.width))
    # 1 (local). One table over the other; stable sorting keeps left rows before right ones of the same key.
    is_left = p.constant(np.repeat(np.array([1, 0]), sizes))
    above, below = (p.constant(np.zeros(size, dtype=np.uint64)) for size in sizes)
    table = [*(concat([column, below]) for column in left), *(concat([above, column]) for column in right)]
    # 2. Sort, and find the groups.
    keys, is_left, *table = sort_rows(p, key, [key.column, is_left, *table])
    head = group_flags(p, keys, width=key.width).head
    # 3. No left row may follow a row of its own key.
    _check_unique(p, p.add_public(-head, 1), is_left)
    # 4. The left row, if there is one, heads its group: its columns go to the whole group.
    *values, has_left = propagate(p, head, [*table[: len(left)], is_left])
    matched = p.multiply(has_left, p.add_public(-is_left, 1))
    return Joined(keys, values, table[len(left) :], matched)


def hide_rows(p: Protocol, key: Key, valid: Arith, first: int = 0) -> Key:
    """Replace the key, in each row that is not valid, by one of its own that no valid row has.

    For the two tables of a join the numbers from `first` on must not overlap.

    Shapes: key, valid and the result (n,).
    Cost: 1 round; 24 / 48 B.
    Reveals: nothing.
    Raises: ShapeError; RangeError.
    """
    size = check_columns("hide_rows", [key.column, valid])
    width = max(key.width, (first + size - 1).bit_length())
    own = p.constant((1 << width) + first + np.arange(size))
    return Key(select(p, valid, key.column, own), width + 1)


def _check_unique(p: Protocol, follows: Arith, is_left: Arith) -> None:
    repeats = p.dot(follows, is_left).reshape(1)
    if not p.open_bits(is_zero(p, repeats), UNIQUE).all():
        raise DuplicateKeyError(
            "join: two rows of the left table have the same key; make the key unique, or swap sides"
        )
