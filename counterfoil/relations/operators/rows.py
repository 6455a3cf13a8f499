"""Keep rows, compute columns, put tables one under the other or beside one row: what needs no sort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from counterfoil.mpc.circuits.core.convert import b2a, to_bits
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat
from counterfoil.relations.algebra import Attach, Filter, Project, UnionAll
from counterfoil.relations.expressions import Ref
from counterfoil.relations.operators.expression import Evaluation
from counterfoil.relations.operators.table import Cell, Table, flags, present


def keep(p: Protocol, table: Table, node: Filter) -> Table:
    """Let the rows count for which a condition is true, of those that count.

    Shapes: as the table; no row goes.
    Cost: that of the condition; then 2 rounds, or 4 where not all rows count, and 32 / 48 B, or 32.5 / 49 B.
    Reveals: nothing.
    """
    true = Evaluation(p, table).truth(node.condition)
    if table.valid is not None:
        true = p.and_bits(true, to_bits(p, table.valid))
    return replace(table, valid=b2a(p, true))


def compute(p: Protocol, table: Table, node: Project) -> Table:
    """Compute columns.

    Shapes: each column of as many rows as the table.
    Cost: that of the expressions, each part of them once.
    Reveals: nothing.
    """
    evaluation = Evaluation(p, table)
    cells = {ref.number: evaluation.cell(expression) for ref, expression in node.computed}
    same: dict[int, frozenset[int]] = {}
    for ref, expression in node.computed:
        if isinstance(expression, Ref):
            same[expression.number] = same.get(expression.number, frozenset()) | {ref.number}
    order = tuple(frozenset().union(*(same.get(number, frozenset()) for number in each)) for each in table.order)
    kept = next((i for i, each in enumerate(order) if not each), len(order))
    return replace(table, cells=cells, order=order[:kept])


def stack(p: Protocol, tables: Sequence[Table], node: UnionAll) -> Table:
    """Put tables one under the other. Local.

    Shapes: as many rows as all tables have together.
    Reveals: nothing.
    """
    cells = {}
    for place, ref in enumerate(node.columns):
        own = [table.cell(inner[place]) for table, inner in zip(tables, node.inner, strict=True)]
        null = None
        if any(cell.null is not None for cell in own):
            null = concat([flags(p, 0, len(cell.value)) if cell.null is None else cell.null for cell in own])
        cells[ref.number] = Cell(concat([cell.value for cell in own]), null)
    valid = None
    if any(table.valid is not None for table in tables):
        valid = concat([flags(p, 1, table.rows) if table.valid is None else table.valid for table in tables])
    return Table(cells, sum(table.rows for table in tables), valid)


def attach(p: Protocol, table: Table, single: Table, node: Attach) -> Table:
    """Put the columns of a table of one row beside each row; they are empty if that row does not count.

    Shapes: as many rows as the table has.
    Cost: local; for a row that may not count 1 round for a column that may be empty; 24 / 48 B.
    Reveals: nothing.
    """

    def repeated(column: Arith) -> Arith:
        return column[:1].broadcast_to((table.rows,))

    cells = dict(table.cells)
    for ref, inner in node.made:
        cell = single.cell(inner)
        if single.valid is not None:
            there = present(p, cell)
            there = single.valid if there is None else p.multiply(there, single.valid)
            cell = Cell(cell.value, p.add_public(-there, 1))
        cells[ref.number] = cell.map(repeated)
    return replace(table, cells=cells)
