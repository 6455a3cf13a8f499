"""Keep the first rows in an order."""

from __future__ import annotations

from dataclasses import replace

from counterfoil.mpc.protocol import Protocol
from counterfoil.relations.algebra import Limit
from counterfoil.relations.operators.arrange import arrange
from counterfoil.relations.operators.table import Table


def first(p: Protocol, table: Table, node: Limit) -> Table:
    """Keep so many first rows; of rows that are equal in the order, any.

    Shapes: `count` rows, or fewer if the table has fewer.
    Cost: one `arrange`.
    Reveals: as the sort.
    """
    ordered = arrange(p, table, node.order).table
    valid = None if ordered.valid is None else ordered.valid[: node.count]
    cells = {number: cell.map(lambda column: column[: node.count]) for number, cell in ordered.cells.items()}
    return replace(ordered, cells=cells, valid=valid, rows=min(node.count, table.rows))
