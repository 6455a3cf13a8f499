"""Plan a view: from its SQL and the contracts' columns to operators on shares."""

from __future__ import annotations

from collections.abc import Iterable

from counterfoil.relations.algebra import Plan
from counterfoil.relations.bind import bind
from counterfoil.relations.parse import parse
from counterfoil.relations.place import placed
from counterfoil.relations.rewrite import pruned
from counterfoil.relations.types import Schema


def plan(sql: str, tables: Iterable[Schema]) -> Plan:
    """Plan a query over these tables.

    Raises: ViewError, ViewNameError, ViewTypeError, ViewJoinError, RangeError.
    """
    return pruned(placed(bind(parse(sql), {table.name: table for table in tables})))
