"""Group rows by secret keys: bring groups together by sorting, and take one row of each.

The groups come in the first rows, in the order of their keys; how many there are stays secret. What is least in a group
is in its first row if rows are in order by that, too; so each column of which the least, the greatest or the number of
values is asked has an arrangement of its own, and all arrangements have the groups in the same places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from counterfoil.mpc.circuits.core.compare import is_zero
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.tables.permute import compact, shift_down
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith
from counterfoil.relations.algebra import By, Group, Measure
from counterfoil.relations.operators.arrange import arrange
from counterfoil.relations.operators.table import Cell, Table, arrays, both, flags, moved, multiplied, present


def group(p: Protocol, table: Table, node: Group) -> Table:
    """Group rows by keys, with measures.

    Shapes: as the table; the groups are the first rows.
    Cost: one `arrange`; one more for each further column of which the least, the greatest or the number of values is
        asked; each with `edges`, and `compact` once or twice.
    Reveals: as the sorts, and uniform permutations.
    """
    added = [each for each in node.measures if _by(each) is None]
    others = list(dict.fromkeys(by for each in node.measures if (by := _by(each)) is not None))
    found: Table | None = None
    arrangements: list[By | None] = [*others] if others else [None]
    for by in arrangements:
        own = [each for each in node.measures if by is not None and _by(each) == by]
        part = _arranged(p, table, node, by, own, [] if found else added)
        found = replace(found, cells={**found.cells, **part.cells}) if found else part
    return found if found is not None else table


def total(p: Protocol, table: Table, node: Group) -> Table:
    """Measure all rows together, also of none.

    Shapes: one row.
    Cost: a product a row and measure, for sums and counts alone; for others as `group`.
    Reveals: nothing for sums and counts; for others as `group`.
    """
    added = [each for each in node.measures if _by(each) is None]
    cells = {
        number: cell.map(lambda column: column.sum().reshape(1)) for number, cell in terms(p, table, added).items()
    }
    found = measured(p, cells, added, table.rows)
    others = tuple(each for each in node.measures if each not in added)
    if others:
        part = group(p, table, replace(node, measures=others))
        for each in others:
            found[each.ref.number] = _of_all(p, part, each)
    return Table(found, 1)


def _of_all(p: Protocol, part: Table, measure: Measure) -> Cell:
    """Return a measure of the only group there can be: if there is none, empty, or 0 for a number of values."""
    cell = part.cell(measure.ref).map(lambda column: column[:1])
    valid = None if part.valid is None else part.valid[:1]
    if measure.function == "distinct":
        return Cell(multiplied(p, [(valid, cell.value)])[0])
    there = both(p, present(p, cell), valid)
    return Cell(cell.value, None if there is None else p.add_public(-there, 1))


def _by(measure: Measure) -> By | None:
    """Say by what rows of a group must be in order, if by anything; empty cells come last in either direction."""
    if measure.argument is None or measure.function in ("sum", "count"):
        return None
    return By(measure.argument, measure.function == "max" and measure.argument.type.nullable)


def _arranged(
    p: Protocol, table: Table, node: Group, by: By | None, measures: Sequence[Measure], added: Sequence[Measure]
) -> Table:
    """Measure groups in one arrangement of rows."""
    # 1. Only keys, what is asked for, and what is added up moves with the rows.
    shown = (*node.keys, *node.carried)
    used = table.only((*shown, *([] if by is None else [by.ref])))
    parts = terms(p, table, added)
    order = [*(By(key, False) for key in node.keys), *([] if by is None else [by])]
    arranged = arrange(p, replace(used, cells={**used.cells, **parts}), order)
    ordered = arranged.table
    groups = arranged.edges(p, len(node.keys))
    running = {each.ref.number: ordered.cell(each.ref).map(Arith.cumsum) for each in added}
    for each in measures:
        if each.function == "distinct":
            running[each.ref.number] = Cell(
                _new(p, ordered.cell(order[-1].ref), arranged.edges(p, len(order)).head).cumsum()
            )
    # 2. The last row of each group: its keys, the totals up to it, and what is greatest in it.
    greatest = {
        each.ref.number: ordered.cell(order[-1].ref)
        for each in measures
        if each.function == "max" and not order[-1].descending
    }
    taken = {**ordered.only(shown).cells, **greatest, **running}
    (real, *columns), _ = compact(p, groups.last, [groups.last, *arrays(taken.values())])
    cells = moved(taken, columns)
    totals = {number: cells[number].map(lambda column: column - shift_down(column)) for number in running}
    cells |= measured(p, totals, [each for each in node.measures if each.ref.number in running], table.rows)
    # 3. The first row of each group, for what is least in it.
    least = {each.ref.number: ordered.cell(order[-1].ref) for each in measures if each.function in ("min", "max")}
    least = {number: cell for number, cell in least.items() if number not in greatest}
    if least:
        columns, _ = compact(p, groups.head, arrays(least.values()))
        cells |= moved(least, columns)
    known = ordered.order[: len(node.keys)]
    return Table(cells, table.rows, real, known)


def _new(p: Protocol, cell: Cell, head: Arith) -> Arith:
    """Flag the first row of each value in a group that is not empty."""
    there = present(p, cell)
    return head if there is None else p.multiply(head, there)


def terms(p: Protocol, table: Table, added: Sequence[Measure]) -> dict[int, Cell]:
    """Return what is added up for each measure: 0 in rows that do not count and of empty cells.

    Where a sum may be of nothing, 1 beside each number that is there.
    """
    there: dict[Measure, Arith | None] = {}
    for each in added:
        empty = None if each.argument is None else present(p, table.cell(each.argument))
        there[each] = both(p, empty, table.valid)
    sums = [each for each in added if each.function == "sum" and each.argument is not None]
    numbers = multiplied(p, [(there[each], table.cell(each.argument).value) for each in sums if each.argument])
    cells = {}
    for each, number in zip(sums, numbers, strict=True):
        cells[each.ref.number] = Cell(number, there[each] if each.ref.type.nullable else None)
    for each in added:
        if each.function == "count":
            counted = there[each]
            cells[each.ref.number] = Cell(flags(p, 1, table.rows) if counted is None else counted)
    return cells


def measured(p: Protocol, totals: dict[int, Cell], measures: Sequence[Measure], rows: int) -> dict[int, Cell]:
    """Return totals as measures: a sum of nothing is empty."""
    found = dict(totals)
    for each in measures:
        total, counted = totals[each.ref.number].value, totals[each.ref.number].null
        if counted is not None:
            found[each.ref.number] = Cell(total, b2a(p, is_zero(p, counted, rows.bit_length())))
    return found
