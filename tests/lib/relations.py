"""Views on shares beside the same SQL in DuckDB on the pooled tables."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np

from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.runtime.ledger import Ledger
from counterfoil.mpc.session.in_process import reveal, try_local
from counterfoil.mpc.suites.plain import Cost, Plain, price
from counterfoil.relations.algebra import OwnerColumn, Plan, Scan, walk
from counterfoil.relations.cost import estimate
from counterfoil.relations.expressions import Ref
from counterfoil.relations.operators.table import Cell, Table
from counterfoil.relations.plan import plan
from counterfoil.relations.run import run, shown
from counterfoil.relations.types import Schema, Type

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Answer:
    """The rows that came out, what they cost, and what was opened."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    cost: Cost
    opened: Counter[str]
    seconds: float


class Pool:
    """The tables of all owners, one under the other: in DuckDB, and as what owners would share of them."""

    def __init__(self, schemas: Iterable[Schema], database: duckdb.DuckDBPyConnection) -> None:
        self.schemas = list(schemas)
        self.database = database
        self._dictionaries: dict[str, list[str]] = {}

    def plan(self, sql: str) -> Plan:
        return plan(sql, self.schemas)

    def expected(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """DuckDB's answer."""
        found = self.database.execute(sql)
        rows = [tuple(each.date() if isinstance(each, datetime) else each for each in row) for row in found.fetchall()]
        return [each[0] for each in found.description], rows

    def answer(self, sql: str, suite: str = "plain") -> Answer:
        """The answer on shares."""
        made = self.plan(sql)
        return self.run(made, suite)

    def run(self, made: Plan, suite: str = "plain") -> Answer:
        scans = list(dict.fromkeys(each for each in walk(made.root) if isinstance(each, Scan)))
        shared = [self._shared(scan) for scan in scans]
        inputs = [array for columns in shared for pair in columns for array in pair if array is not None]

        def program(p: Any, *shares: Arith) -> list[Arith]:
            left = iter(shares)
            tables = {
                scan: Table(
                    {
                        ref.number: Cell(next(left), None if null is None else next(left))
                        for ref, (_, null) in zip(scan.columns, columns, strict=True)
                    },
                    scan.rows,
                )
                for scan, columns in zip(scans, shared, strict=True)
            }
            found = run(p, made, tables)
            cells = [found.cell(ref) for ref in shown(made)]
            none = p.constant(np.zeros(found.rows, np.int64))
            empty = (none if cell.null is None else cell.null for cell in cells)
            return [
                found.valid,
                *(part for cell, null in zip(cells, empty, strict=True) for part in (cell.value, null)),
            ]

        started = time.monotonic()
        if suite == "plain":
            p = Plain(_Noting())
            values = [share.parts[0] for share in program(p, *(p.constant(each) for each in inputs))]
            cost, opened = price(p.calls, "rep3"), p._ledger.opened
        else:
            declared = estimate(made, suite.partition("-")[0]).declared
            outcomes = try_local(suite, program, inputs=inputs, declared=declared, timeout_s=600)
            for outcome in outcomes:
                if outcome.error:
                    raise outcome.error
            values = [reveal(shares) for shares in zip(*(outcome.result for outcome in outcomes), strict=True)]
            met = [outcome.party.cost() for outcome in outcomes]
            cost = Cost(max(each.rounds for each in met), sum(each.data_bytes for each in met))
            opened = outcomes[0].party.ledger.opened
        seconds = time.monotonic() - started
        rows = self._rows(made, [as_signed(each) for each in values])
        names = [output.name for output in made.outputs]
        return Answer(names, rows, cost, Counter(each.label for each in opened), seconds)

    # --- cells ---------------------------------------------------------------------------------------------------

    def _shared(self, scan: Scan) -> list[tuple[np.ndarray, np.ndarray | None]]:
        if not scan.computed:
            return []
        selected = ", ".join(column.sql for column in scan.computed)
        rows = self.database.execute(f"select {selected} from {scan.table} order by rowid").fetchall()
        assert len(rows) == scan.rows
        return [
            self._encoded(column, cells) for column, cells in zip(scan.computed, zip(*rows, strict=True), strict=True)
        ]

    def _encoded(self, column: OwnerColumn, cells: Sequence[Any]) -> tuple[np.ndarray, np.ndarray | None]:
        kind = column.ref.type
        if kind.kind == "text":
            self._dictionaries[kind.domain] = sorted({cell for cell in cells if cell is not None})
        code = {text: i for i, text in enumerate(self._list(kind))}
        values = np.array([0 if cell is None else _units(cell, kind, code) for cell in cells], np.int64)
        there = [value for value, cell in zip(values, cells, strict=True) if cell is not None]
        assert not there or (kind.bound.low <= min(there) and max(there) <= kind.bound.high), column
        nulls = np.array([cell is None for cell in cells], np.int64)
        assert kind.nullable or not nulls.any()
        return values, nulls if kind.nullable else None

    def _list(self, kind: Type) -> Sequence[str]:
        return self._dictionaries[kind.domain] if kind.kind == "text" else kind.categories

    def _rows(self, made: Plan, values: list[np.ndarray]) -> list[tuple[Any, ...]]:
        real, *columns = values
        cells = {}
        for ref, value, null in zip(shown(made), columns[::2], columns[1::2], strict=True):
            cells[ref.number] = [
                None if empty else self._cell(int(units), ref) for units, empty in zip(value, null, strict=True)
            ]
        rows = []
        for row in np.flatnonzero(real):
            found = []
            for output in made.outputs:
                value = cells[output.value.number][row]
                if output.divisor is not None:
                    under = cells[output.divisor.number][row]
                    value = None if value is None or not under else float(Fraction(value) / Fraction(under))
                found.append(value)
            rows.append(tuple(found))
        for place, down in reversed(made.order):
            there = sorted((row for row in rows if row[place] is not None), key=lambda row: row[place], reverse=down)
            rows = there + [row for row in rows if row[place] is None]
        return rows

    def _cell(self, units: int, ref: Ref) -> Any:
        kind = ref.type
        match kind.kind:
            case "number":
                return Decimal(units).scaleb(-kind.scale) if kind.scale else units
            case "date":
                return EPOCH + timedelta(days=units)
            case "boolean":
                return bool(units)
            case "key":
                return units
            case _:
                return self._list(kind)[units]


def _units(cell: Any, kind: Type, code: Mapping[str, int]) -> int:
    match kind.kind:
        case "number":
            return round(Decimal(str(cell)).scaleb(kind.scale))
        case "date":
            return (cell - EPOCH).days
        case "category" | "text":
            return code[cell]
        case _:
            return int(cell)


def same(got: Answer, expected: tuple[list[str], list[tuple[Any, ...]]], ordered: Sequence[int] = ()) -> None:
    """Equal columns, and equal rows in any order; by the columns at `ordered`, in this order. Quotients within 1e-9."""
    names, rows = expected
    assert [name.lower() for name in got.columns] == [name.lower() for name in names]
    assert len(got.rows) == len(rows)
    for place in ordered:
        for one, other in zip(got.rows, rows, strict=True):
            assert _close(one[place], other[place])
    for one, other in zip(sorted(got.rows, key=_sortable), sorted(rows, key=_sortable), strict=True):
        assert all(map(_close, one, other)), (one, other)


def _sortable(row: Sequence[Any]) -> list[tuple[bool, Any]]:
    cells = (round(float(cell), 6) if isinstance(cell, int | float | Decimal) else cell for cell in row)
    return [(cell is None, 0 if cell is None else cell) for cell in cells]


def _close(a: Any, b: Any) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


class _Noting(Ledger):
    """A ledger that allows any opening, and records it."""

    def __init__(self) -> None:
        super().__init__(())

    def charge(self, label: str) -> None:
        pass
