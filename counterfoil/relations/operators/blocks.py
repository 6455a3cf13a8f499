"""Group rows by keys with few public values, one-hot: each group has a place of its own, and nothing is sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Final

import numpy as np

from counterfoil.mpc.circuits.core.compare import a2b, is_zero
from counterfoil.mpc.circuits.core.convert import b2a, to_bits
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits, concat, stack_bits
from counterfoil.relations.algebra import Group, combinations
from counterfoil.relations.expressions import Ref
from counterfoil.relations.operators.group import measured, terms
from counterfoil.relations.operators.table import Cell, Table

_AT_ONCE: Final = 1 << 22
"""Rows times groups that are in memory at a time."""


def group_in_blocks(p: Protocol, table: Table, node: Group) -> Table:
    """Group rows by keys with few public values, for sums and counts.

    Shapes: one row for each combination of values; those that no row has do not count.
    Cost: for g groups and a code of w bits about 2·w + 8 rounds and 32·g / 48·g B a row, for each block of rows.
    Reveals: nothing.
    """
    groups = combinations(node.keys)
    code = _code(p, table, node.keys)
    # What does not count is in no group, so that terms need not be masked.
    parts = terms(p, replace(table, valid=None), node.measures)
    names = [(number, place) for number, cell in parts.items() for place in (0, 1)[: 1 + (cell.null is not None)]]
    columns = [cell.value if place == 0 else cell.null for number, place in names for cell in [parts[number]]]
    found: list[Arith] = []
    for start in range(0, table.rows, max(1, _AT_ONCE // groups)):
        rows = slice(start, start + max(1, _AT_ONCE // groups))
        valid = None if table.valid is None else to_bits(p, table.valid[rows])
        member = b2a(p, one_hot(p, code[rows], groups, valid))
        wide = [column[rows].reshape(-1, 1) for column in columns if column is not None]
        sums = [p.matmul(member, concat(wide, axis=1))] if wide else []
        found.append(concat([member.sum(axis=1).reshape(-1, 1), *sums], axis=1))
    whole = reduce(lambda a, b: a + b, found)
    counted, *sums = (whole[:, i] for i in range(1 + len(names)))
    totals = {number: Cell(sums[names.index((number, 0))]) for number in parts}
    for (number, place), column in zip(names, sums, strict=True):
        if place == 1:
            totals[number] = Cell(totals[number].value, column)
    valid_groups = p.add_public(-b2a(p, is_zero(p, counted, table.rows.bit_length())), 1)
    cells = {**_keys(p, node.keys, groups), **measured(p, totals, node.measures, table.rows)}
    return Table(cells, groups, valid_groups, tuple(frozenset({key.number}) for key in node.keys))


def one_hot(p: Protocol, code: Arith, groups: int, valid: Bits | None = None) -> Bits:
    """Flag each row in the one group that its code counts; a row that does not count in none.

    Shapes: code (n,), from 0 to groups - 1 in rows that count; the result (groups, n).
    Cost: that of `a2b` of w bits for 2^w groups, then w rounds and less than 2·groups packed ANDs.
    Reveals: nothing.
    """
    width = max(1, (groups - 1).bit_length())
    bits = a2b(p, code, width)
    found = (p.constant_bits(np.ones(code.size, dtype=np.bool_)) if valid is None else valid).reshape(1)
    for place in reversed(range(width)):
        # One round. Each prefix of a code is split by the next bit; prefixes of no code go.
        ones = p.and_bits(found, bits[np.full(found.shape[0], place)])
        zeros = found ^ ones
        order = np.arange(2 * zeros.shape[0]).reshape(2, -1).T.ravel()
        found = stack_bits([zeros, ones])[order[: ((groups - 1) >> place) + 1]]
    return found


def _sizes(keys: Sequence[Ref]) -> list[int]:
    return [combinations((key,)) for key in keys]


def _code(p: Protocol, table: Table, keys: Sequence[Ref]) -> Arith:
    """Count the values of keys together, the last one fastest; an empty cell is one more value, the last.

    Cost: 1 round for a key that may be empty; 24 / 48 B.
    """
    code: Arith | None = None
    for key, size in zip(keys, _sizes(keys), strict=True):
        cell = table.cell(key)
        digit = p.add_public(cell.value, -key.type.bound.low)
        if cell.null is not None:
            digit = digit + p.multiply(cell.null, p.add_public(-digit, size - 1))
        code = digit if code is None else code * size + digit
    return p.constant(np.zeros(table.rows, np.int64)) if code is None else code


def _keys(p: Protocol, keys: Sequence[Ref], groups: int) -> dict[int, Cell]:
    """Return the public keys of all groups."""
    cells, left = {}, np.arange(groups)
    for key, size in reversed(list(zip(keys, _sizes(keys), strict=True))):
        left, digit = np.divmod(left, size)
        low = key.type.bound.low
        if key.type.nullable:
            null = digit == size - 1
            cells[key.number] = Cell(p.constant(np.where(null, 0, digit + low)), p.constant(null.astype(np.int64)))
        else:
            cells[key.number] = Cell(p.constant(digit + low))
    return cells
