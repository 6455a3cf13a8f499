"""Join rows by secret keys: one table over the other, sorted together, so that partners are neighbours.

A row of the side whose keys are unique is the first of its group, and is copied to the others. Which rows found a
partner, and how many, stays secret; that no two rows of that side have one key is opened as one bit, unless the plan
proves it. Rows that do not count, or have no key, come last and have no partner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from counterfoil.errors import DuplicateKeyError
from counterfoil.mpc.circuits.core.compare import is_zero
from counterfoil.mpc.circuits.tables.group import propagate
from counterfoil.mpc.circuits.tables.join import UNIQUE
from counterfoil.mpc.circuits.tables.permute import compact
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat
from counterfoil.relations.algebra import By, Join, cuts
from counterfoil.relations.expressions import Ref
from counterfoil.relations.operators.arrange import column_of, digits, sort_by
from counterfoil.relations.operators.table import Cell, Table, arrays, both, flags, moved, multiplied, present

_COUNTS = 0
"""In the place of a column: which rows count. Columns are numbered from 1 on."""


@dataclass(frozen=True, slots=True)
class _Side:
    """What a table brings to a join: its keys, which rows have all of them, and what rows carry beside them."""

    keys: list[Arith]
    keyed: Arith | None
    carried: Mapping[int, Cell]
    rows: int


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows of both sides in the order of their keys.

    `of_one` flags the rows of that side, `keyed` those of either that count and have a key. `one` holds the columns of
    the partner from that side, where `matched` says that there is one, and in the partner itself; `many` holds columns
    of the other side, in rows of that.
    """

    keys: list[Arith]
    of_one: Arith
    keyed: Arith | None
    last: Arith
    one: dict[int, Cell]
    many: dict[int, Cell]
    matched: Arith


def join(p: Protocol, one: Table, many: Table, node: Join) -> Table:
    """Join rows of `many` with the rows of `one` that have their keys.

    Shapes: rows as `algebra.capacity` says.
    Cost: a sort of both tables by the keys, in as many columns as the wider one has and a few more; `edges`,
        `propagate` of the columns of `one`; `compact` where rows of `one` are cut off.
    Reveals: as the sort; uniform permutations; as one bit, where it is checked, that the keys of `one` are unique.
    Raises: DuplicateKeyError where they are not: then nothing is joined.
    """
    ours = {} if node.kind in ("semi", "anti") else one.cells
    left = _side(p, one, [a for a, _ in node.keys], ours)
    right = _side(p, many, [b for _, b in node.keys], many.cells)
    if node.kind in ("keep many", "anti") and any(many.cell(b).null is not None for _, b in node.keys):
        # A row with an empty key has no partner, and still counts.
        counts = flags(p, 1, many.rows) if many.valid is None else many.valid
        right = replace(right, carried={**right.carried, _COUNTS: Cell(counts)})
    pairs = _pairs(p, node, left, right)
    keys = {b.number: Cell(key) for (_, b), key in zip(node.keys, pairs.keys, strict=True)}
    cells = {**keys, **pairs.many}
    if node.kind not in ("semi", "anti"):
        keys = {a.number: Cell(key) for (a, _), key in zip(node.keys, pairs.keys, strict=True)}
        cells = _beside(p, node, {**keys, **pairs.one}, cells, pairs)
    cells.pop(_COUNTS, None)
    valid = _valid(p, node, pairs)
    if not cuts(node):
        return Table(cells, one.rows + many.rows, valid, _order(node))
    of_many = p.add_public(-pairs.of_one, 1)
    (valid, *columns), _ = compact(p, of_many, [valid, *arrays(cells.values())])
    return Table(moved(cells, [column[: many.rows] for column in columns]), many.rows, valid[: many.rows], _order(node))


def _side(p: Protocol, table: Table, keys: Sequence[Ref], cells: Mapping[int, Cell]) -> _Side:
    """Take out of a table what it brings to a join. Cost: 1 round for a key that may be empty; 24 / 48 B."""
    keyed = table.valid
    for key in keys:
        keyed = both(p, keyed, present(p, table.cell(key)))
    # The value of a key that is never empty follows from the order.
    sure = {key.number for key in keys if table.cell(key).null is None}
    carried = {number: cell for number, cell in cells.items() if number not in sure}
    return _Side([table.cell(key).value for key in keys], keyed, carried, table.rows)


def _pairs(p: Protocol, node: Join, left: _Side, right: _Side) -> _Pairs:
    """Sort both sides together, those of `one` first among equals, and copy each of these to its group."""
    # 1 (local). One table over the other; columns of both share their place.
    sides = arrays(left.carried.values()), arrays(right.carried.values())
    tops, bottoms = (
        [*side, *[flags(p, 0, rows)] * (max(map(len, sides)) - len(side))]
        for side, rows in zip(sides, (left.rows, right.rows), strict=True)
    )
    of_one = p.constant(np.repeat(np.array([1, 0]), [left.rows, right.rows]))
    moving = [of_one, *(concat([top, bottom]) for top, bottom in zip(tops, bottoms, strict=True))]
    keyed = None
    if left.keyed is not None or right.keyed is not None:
        keyed = concat([flags(p, 1, side.rows) if side.keyed is None else side.keyed for side in (left, right)])
    keys = [concat([a, b]) for a, b in zip(left.keys, right.keys, strict=True)]
    # 2. Sort by the keys.
    refs = [
        Ref(-1 - i, "key", replace(a.type, bound=a.type.bound.joined(b.type.bound), nullable=False))
        for i, (a, b) in enumerate(node.keys)
    ]
    table = Table({ref.number: Cell(key) for ref, key in zip(refs, keys, strict=True)}, left.rows + right.rows, keyed)
    wanted = digits(p, table, [By(ref, False) for ref in refs])
    columns = Table({i: Cell(column) for i, column in enumerate(moving)}, table.rows, keyed)
    arranged = sort_by(p, columns, wanted)
    keyed = arranged.table.valid
    of_one, *carried = arrays(arranged.table.cells.values())
    groups = arranged.edges(p, len(refs))
    if node.checked:
        _check_unique(p, groups.head, of_one, keyed, node)
    # 3. The row of `one`, if there is one, heads its group: its columns go to the whole group.
    *copied, has_one = propagate(p, groups.head, [*carried[: len(sides[0])], of_one])
    of_many = p.add_public(-of_one, 1)
    matched = p.multiply(of_many if keyed is None else p.multiply(of_many, keyed), has_one)
    found = [column_of(p, By(ref, False), keys).value for ref, keys in zip(refs, arranged.digits, strict=True)]
    return _Pairs(
        found, of_one, keyed, groups.last, moved(left.carried, copied), moved(right.carried, carried), matched
    )


def _beside(p: Protocol, node: Join, one: dict[int, Cell], many: dict[int, Cell], pairs: _Pairs) -> dict[int, Cell]:
    """Put columns of both sides beside one another; those of the side that may be missing are empty where it is.

    Cost: 1 round for columns that may be empty on their own; 24 / 48 B each.
    """
    if node.kind == "inner":
        return {**one, **many}
    source, there = (one, pairs.matched) if node.kind == "keep many" else (many, p.add_public(-pairs.of_one, 1))
    made = [(ref, source[inner.number]) for ref, inner in node.made]
    shown = multiplied(p, [(present(p, cell), there) for _, cell in made])
    missing = {
        ref.number: Cell(cell.value, p.add_public(-flag, 1)) for (ref, cell), flag in zip(made, shown, strict=True)
    }
    return {**many, **missing} if node.kind == "keep many" else {**one, **missing}


def _valid(p: Protocol, node: Join, pairs: _Pairs) -> Arith:
    """Flag the rows that count after the join. Cost: 1 round; 24 / 48 B; 2 rounds at most."""
    if node.kind in ("inner", "semi"):
        return pairs.matched
    if node.kind == "keep one":
        # A row of `one` without a partner is a group of its own.
        return pairs.matched + p.multiply(pairs.of_one, pairs.last)
    of_many = p.add_public(-pairs.of_one, 1)
    counts = pairs.many[_COUNTS].value if _COUNTS in pairs.many else pairs.keyed
    valid = multiplied(p, [(counts, of_many)])[0]
    return valid if node.kind == "keep many" else valid - pairs.matched


def _check_unique(p: Protocol, head: Arith, of_one: Arith, keyed: Arith | None, node: Join) -> None:
    """Open whether each row of `one` that counts is the first one with its key.

    Reveals: that, as one bit.
    Raises: DuplicateKeyError.
    """
    follows = p.add_public(-head, 1) if keyed is None else keyed - head
    repeats = p.dot(follows, of_one).reshape(1)
    if not p.open_bits(is_zero(p, repeats), UNIQUE).all():
        names = ", ".join(repr(a.name) for a, _ in node.keys)
        raise DuplicateKeyError(
            f"a join by {names}: two rows have the same key, though the contract says that it is unique; "
            "have the owners keep one row of each key, or group that side by the key first"
        )


def _order(node: Join) -> tuple[frozenset[int], ...]:
    """Say by what the rows that count are in order: by the keys of the side that stays."""
    if node.kind == "keep one":
        return tuple(frozenset({a.number}) for a, _ in node.keys)
    same = node.kind == "inner"
    return tuple(frozenset({a.number, b.number} if same else {b.number}) for a, b in node.keys)
