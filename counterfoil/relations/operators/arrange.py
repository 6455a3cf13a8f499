"""Bring the rows of a table into order: the one place where views sort.

Rows that do not count come last, empty cells after all others. Keys are put together to words of at most 62 bits; of
several words the last is sorted first, since sorting keeps the order of equals. A table that is in order already is not
sorted again: the rows that count move to the front, and that is all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from counterfoil.mpc.circuits.core.compare import all_set, is_zero
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.tables.group import Flags, group_flags
from counterfoil.mpc.circuits.tables.permute import compact
from counterfoil.mpc.circuits.tables.sort import KEY_BITS, Key, combine, sort_rows
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat, stack_bits
from counterfoil.relations.algebra import By
from counterfoil.relations.operators.table import Cell, Table, arrays, both, flags, moved, multiplied, present

_LAST: Final = 1
"""Bits of a key that say that a row comes last."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """A table in order, and by which numbers: those of each column that it is in order by."""

    table: Table
    digits: tuple[tuple[Key, ...], ...]

    def edges(self, p: Protocol, count: int) -> Flags:
        """Flag the first and the last row of each group of rows that agree in the first `count` columns.

        Shapes: both results (n,).
        Cost: as `edges`.
        Reveals: nothing.
        """
        keys = [key for column in self.digits[:count] for key in column]
        words = packed([*_counts(p, self.table.valid), *keys])
        return edges(p, words, self.table.valid, self.table.rows)


def digits(p: Protocol, table: Table, by: Sequence[By]) -> list[tuple[Key, ...]]:
    """Turn each column into numbers from 0 on that have its order, in rows that count; what is in others is 0.

    Shapes: each (n,).
    Cost: where cells may be empty or rows may not count, 3 rounds at most; 24 / 48 B a column and product.
    Reveals: nothing.
    """
    cells = [table.cell(each.ref) for each in by]
    there = [both(p, present(p, cell), table.valid) for cell in cells]
    raised = []
    for each, cell in zip(by, cells, strict=True):
        bound = each.ref.type.bound
        raised.append(
            p.add_public(-cell.value, bound.high) if each.descending else p.add_public(cell.value, -bound.low)
        )
    nulls = multiplied(p, [(table.valid, cell.null) for cell in cells if cell.null is not None])
    found: list[tuple[Key, ...]] = []
    empty = iter(nulls)
    for each, cell, value in zip(by, cells, multiplied(p, list(zip(there, raised, strict=True))), strict=True):
        bound = each.ref.type.bound
        number = Key(value, max(1, (bound.high - bound.low).bit_length()))
        found.append((number,) if cell.null is None else (Key(next(empty), _LAST), number))
    return found


def packed(keys: Sequence[Key]) -> list[Key]:
    """Put keys together to as few words as they fit in, in order. Local."""
    words: list[list[Key]] = []
    for key in keys:
        if not words or sum(each.width for each in words[-1]) + key.width > KEY_BITS:
            words.append([])
        words[-1].append(key)
    return [combine(word) for word in words]


def arrange(p: Protocol, table: Table, by: Sequence[By]) -> Arranged:
    """Order rows by columns, those that count first.

    Shapes: as the table.
    Cost: that of `digits` and of `sort_rows` of all columns, once for each word of keys; or that of `compact`.
    Reveals: what the sort reveals: uniform permutations, or comparisons after a shuffle.
    """
    columns = digits(p, table, by)
    names = [each.ref.number for each in by]
    # What rows are in order by follows from the digits.
    others = replace(table, cells={number: cell for number, cell in table.cells.items() if number not in names})
    if not in_order(table, by):
        arranged = sort_by(p, others, columns)
    elif table.valid is None:
        arranged = Arranged(others, tuple(columns))
    else:
        moving = [*arrays(others.cells.values()), *(key.column for column in columns for key in column)]
        (valid, *moving), _ = compact(p, table.valid, [table.valid, *moving])
        arranged = _arranged(others, columns, valid, moving)
    known = {each.ref.number: column_of(p, each, keys) for each, keys in zip(by, arranged.digits, strict=True)}
    ordered = replace(arranged.table, cells={**arranged.table.cells, **known}, order=_order(table, by))
    return replace(arranged, table=ordered)


def column_of(p: Protocol, by: By, keys: Sequence[Key]) -> Cell:
    """Turn digits back into the column that they are of, in rows that count. Local.

    Shapes: as the digits.
    Cost: nothing.
    Reveals: nothing.
    """
    *nulls, number = (key.column for key in keys)
    bound = by.ref.type.bound
    value = p.add_public(-number, bound.high) if by.descending else p.add_public(number, bound.low)
    return Cell(value, nulls[0] if nulls else None)


def sort_by(p: Protocol, table: Table, columns: Sequence[tuple[Key, ...]]) -> Arranged:
    """Order rows by the digits of columns, those that count first.

    Shapes: as the table.
    Cost: that of `sort_rows` of all columns and digits, once for each word of keys.
    Reveals: as `sort_rows`.
    """
    keys = [key for column in columns for key in column]
    moving = [*arrays(table.cells.values()), *(key.column for key in keys)]
    left = moving if table.valid is None else [table.valid, *moving]
    others = packed([*_counts(p, table.valid), *keys])
    while others:
        word = others.pop()
        rows = sort_rows(p, word, [*(other.column for other in others), *left])
        others = [Key(column, other.width) for column, other in zip(rows, others, strict=False)]
        left = rows[len(others) :]
    return (
        _arranged(table, columns, None, left) if table.valid is None else _arranged(table, columns, left[0], left[1:])
    )


def _arranged(table: Table, columns: Sequence[tuple[Key, ...]], valid: Arith | None, rows: Sequence[Arith]) -> Arranged:
    """Put rows that moved back into a table and its digits."""
    width = len(arrays(table.cells.values()))
    left = iter(rows[width:])
    found = (tuple(Key(next(left), key.width) for key in column) for column in columns)
    return Arranged(replace(table, cells=moved(table.cells, rows[:width]), valid=valid), tuple(found))


def _counts(p: Protocol, valid: Arith | None) -> list[Key]:
    """Return the key by which rows that do not count come last. Local."""
    return [] if valid is None else [Key(p.add_public(-valid, 1), _LAST)]


def in_order(table: Table, by: Sequence[By]) -> bool:
    """Say whether the rows that count are in this order already, or, for keys of groups, in one that does as well."""
    wanted = [each.ref.number for each in by]
    if any(each.descending for each in by) or len(wanted) > len(table.order):
        return False
    return all(number in column for number, column in zip(wanted, table.order, strict=False))


def _order(table: Table, by: Sequence[By]) -> tuple[frozenset[int], ...]:
    """Return by what rows are in order once they are in this one."""
    if in_order(table, by):
        return table.order
    known = {number: column for column in table.order for number in column}
    up = takewhile(lambda each: not each.descending, by)
    return tuple(known.get(each.ref.number, frozenset({each.ref.number})) for each in up)


def edges(p: Protocol, words: Sequence[Key], valid: Arith | None, rows: int) -> Flags:
    """Flag the first and the last row of each group of equal words, in rows that are arranged by them.

    Shapes: each word, valid and both results (n,).
    Cost: as `group_flags`; for several words ceil(log2 words) rounds and a packed AND a word more; local for no word.
    Reveals: nothing.
    """
    if len(words) == 1:
        return group_flags(p, words[0].column, valid, words[0].width)
    edge = flags(p, 1, 1)
    inner: list[Arith] = [flags(p, 0, rows - 1)] if rows > 1 else []
    if words and inner:
        same = [is_zero(p, word.column[1:] - word.column[:-1], word.width).reshape(1) for word in words]
        inner = [p.add_public(-b2a(p, all_set(p, stack_bits(same))), 1)]
    head, last = multiplied(p, [(valid, concat([edge, *inner])), (valid, concat([*inner, edge]))])
    return Flags(head, last)
