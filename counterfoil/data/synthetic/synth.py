"""Make tables that satisfy their contracts, from the contracts alone: no row of any real table is ever read.

Columns are drawn one by one, from the same rules that tables are checked by; what they have in common is only what the
contracts say. Everything here is public. Knows no owner and no agreement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from counterfoil.data.checking.expectation_rules import Rule, compile_rules
from counterfoil.data.patterns import written_by
from counterfoil.data.reading.cells import TYPES, decimals
from counterfoil.data.reading.table import Table
from counterfoil.data.synthetic.spelling import Spelling
from counterfoil.errors import ContractError, QualityRuleError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract

ROUNDS = 100  # of drawing again what does not fit yet
EMPTY = 0.02  # of the cells of a column that may be empty, where the rules tolerate as many
OPTED_OUT = 0.03  # of the rows
WIDE = 10**9  # the largest number in a column without bounds
LAST_DAY = 30_000  # of a date without bounds, after 1970-01-01

_DTYPES = {
    "integer": "int64",
    "number": "int64",
    "string": "O",
    "date": "datetime64[D]",
    "timestamp": "int64",
    "boolean": "bool",
}

Cells: TypeAlias = NDArray[Any]
Maker: TypeAlias = Callable[[int], Cells]


@dataclass(slots=True)
class _Wish:
    """The demands of the rules on one column's cells."""

    column: Column
    empty: int
    among: list[set[Any]] = field(default_factory=list)
    never: set[Any] = field(default_factory=set)
    low: Any = None
    high: Any = None
    patterns: list[str] = field(default_factory=list)
    unique: bool = False


def make_tables(contracts: Mapping[str, Contract], rows: int, seed: int | Sequence[int]) -> dict[str, Table]:
    """Make a table of so many rows for every contract, by its file; foreign keys lead to rows that are there.

    Raises: as `make_table`; ContractError when a foreign key leads to a contract that is not given, or in a circle.
    """
    made: dict[str, Table] = {}
    while waiting := {file: contract for file, contract in contracts.items() if file not in made}:
        ready = [file for file, c in waiting.items() if all(reference.file in made for reference in c.references)]
        if not ready:
            wanted = sorted({r.file for c in waiting.values() for r in c.references} - contracts.keys())
            raise ContractError(
                f"{', '.join(waiting)}: foreign keys lead to {', '.join(wanted)}; give that contract too"
                if wanted
                else f"{', '.join(waiting)}: foreign keys lead in a circle; drop one"
            )
        for file in ready:
            made[file] = make_table(waiting[file], rows, seed, made)
    return made


def make_table(contract: Contract, rows: int, seed: int | Sequence[int], parents: Mapping[str, Table]) -> Table:
    """Make a table of so many rows that satisfies the contract; the same arguments make the same table.

    `parents` are tables of the contracts that foreign keys name, by file. Numbers are between their bounds, more of
    them towards the lower one; categories differ in how common they are.

    Raises: ContractError when no such table is found; QualityRuleError when the contract does not allow so many rows.
    """
    rng = np.random.default_rng([*np.atleast_1d(seed), *contract.id.encode()])
    wishes, together = _wishes(contract, rows)
    for reference in contract.references:
        wishes[reference.column].among.append(set(parents[reference.file].frame()[reference.target]))
        wishes[reference.column].empty = 0
    makers = {name: _fitting(wish, rng, contract) for name, wish in wishes.items()}
    cells = {name: _distinct(makers[name], rows, wishes[name], contract) for name in wishes}
    _part(cells, makers, together, contract)
    columns = {}
    for name, wish in wishes.items():
        empty = np.zeros(rows, np.bool_)
        empty[rng.choice(rows, wish.empty, replace=False)] = True
        columns[name] = pa.array(cells[name], TYPES[wish.column.type], mask=empty)
    return Table(contract, f"{contract.id}.csv", pa.table(columns))


def write_table(table: Table, path: Path) -> None:
    """Write the table as CSV or, where the name ends in .parquet, as Parquet; `load` reads it back."""
    columns = {}
    for column in table.contract.columns:
        values = table.data[column.name]
        if column.type == "timestamp":
            unit = {0: "s", 3: "ms", 6: "us"}[column.resolution]
            values = values.cast(pa.timestamp(unit)).cast(pa.timestamp(unit, "UTC"))
        columns[column.name] = decimals(values, column.resolution) if column.type == "number" else values
    write = pq.write_table if path.suffix == ".parquet" else pcsv.write_csv
    write(pa.table(columns), path)


def _wishes(contract: Contract, rows: int) -> tuple[dict[str, _Wish], list[Rule]]:
    """Collect what is asked of each column, and the rules on duplicates that span columns or tolerate some."""
    wishes = {column.name: _Wish(column, int(EMPTY * rows)) for column in contract.columns}
    together = []
    for rule in compile_rules(contract):
        values, tolerated = rule.arguments, _tolerated(rule, rows)
        wish = wishes[rule.columns[0]] if rule.columns else None
        match rule.expectation:
            case "ExpectTableRowCountToBeBetween":
                low, high = values["min_value"], values["max_value"]
                if rows < (low or 0) or rows > (rows if high is None else high):
                    raise QualityRuleError(f"{contract.source}: {rule.name}: {rows} rows; {rule.remedy}")
            case "ExpectColumnValuesToBeUnique" if wish and not tolerated:
                wish.unique, wish.empty = True, 0
            case "ExpectColumnValuesToBeUnique" | "ExpectCompoundColumnsToBeUnique":
                together.append(rule)
                for name in rule.columns:
                    wishes[name].empty = 0
            case "ExpectColumnValuesToNotBeNull" if wish:
                wish.empty = min(wish.empty, tolerated)
            case "ExpectColumnValuesToBeInSet" if wish:
                wish.among.append(set(values["value_set"]))
            case "ExpectColumnValuesToNotBeInSet" if wish:
                wish.never.update(values["value_set"])
            case "ExpectColumnValuesToMatchRegex" if wish:
                wish.patterns.append(values["regex"])
            case "ExpectColumnValuesToBeBetween" if wish:
                wish.low, wish.high = values["min_value"], values["max_value"]
    return wishes, together


def _fitting(wish: _Wish, rng: np.random.Generator, contract: Contract) -> Maker:
    """Return a maker that draws cells that fit the wish."""
    make = _maker(wish, rng, contract)
    spelt = not wish.among and wish.column.type == "string"
    patterns = wish.patterns[1:] if spelt else wish.patterns

    def fitting(count: int) -> Cells:
        cells = make(count)
        for _ in range(ROUNDS):
            bad = np.array([cell in wish.never for cell in cells.tolist()], bool) | ~_written(cells, patterns)
            if not bad.any():
                return cells
            cells[bad] = make(int(bad.sum()))
        raise _contradiction(wish, contract)

    return fitting if wish.never or patterns else make


def _maker(wish: _Wish, rng: np.random.Generator, contract: Contract) -> Maker:
    column = wish.column
    if wish.among:
        values = sorted(set.intersection(*wish.among) - wish.never)
        if wish.low is not None:
            values = [value for value in values if wish.low <= value <= wish.high]
        if not values:
            raise _contradiction(wish, contract)
        weights = rng.dirichlet(np.full(len(values), 8.0))
        choices = np.array(values, _DTYPES[column.type])
        return lambda count: rng.choice(choices, count, p=weights)
    if column.type == "boolean":
        share = OPTED_OUT if column.opt_out else 0.3
        return lambda count: rng.random(count) < share
    if column.type == "string":
        if not wish.patterns:
            return lambda count: np.array([f"{column.name}-{n}" for n in rng.integers(WIDE, size=count)], object)
        spelling = Spelling(wish.patterns[0])
        return lambda count: spelling.draw(rng, count)
    dates = column.type == "date"
    low, high = column.bounds or (0, LAST_DAY if dates else WIDE)

    def numbers(count: int) -> Cells:
        if wish.unique or dates:
            drawn = rng.integers(low, high, count, endpoint=True)
        else:
            drawn = np.minimum(low + ((high - low + 1) * rng.beta(2.0, 4.0, count)).astype(np.int64), high)
        return drawn.astype("datetime64[D]") if dates else drawn

    return numbers


def _written(cells: Cells, patterns: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the cells that all patterns describe."""
    texts = pa.array([str(cell) for cell in cells.tolist()], pa.string())
    good = np.ones(len(cells), np.bool_)
    for pattern in patterns:
        good &= written_by(pattern, texts).to_numpy(zero_copy_only=False)
    return good


def _distinct(make: Maker, count: int, wish: _Wish, contract: Contract) -> Cells:
    """Draw so many cells, all different if the wish says so."""
    cells = make(count)
    if not wish.unique:
        return cells
    for _ in range(ROUNDS):
        cells = pd.unique(cells)[:count]
        if len(cells) == count:
            return cells
        cells = np.concatenate((cells, make(count)))
    raise ContractError(
        f"{contract.source}: {wish.column.name} is unique, and fewer than {count} values that fit it were found; "
        "ask for fewer rows, or widen its bounds or pattern"
    )


def _part(cells: dict[str, Cells], makers: Mapping[str, Maker], together: Sequence[Rule], contract: Contract) -> None:
    """Redraw rows that occur twice until every rule on duplicates holds."""
    broken: list[Rule] = []
    for _ in range(ROUNDS):
        frame = pd.DataFrame(cells)
        broken = [
            rule
            for rule in together
            if frame.duplicated(list(rule.columns), keep=False).sum() > _tolerated(rule, len(frame))
        ]
        for rule in broken:
            again = frame.duplicated(list(rule.columns)).to_numpy()
            for name in rule.columns:
                cells[name][again] = makers[name](int(again.sum()))
        if not broken:
            return
    raise ContractError(
        f"{contract.source}: {'; '.join(rule.title for rule in broken)}: no table was found that keeps to it; "
        "ask for fewer rows, or widen the columns"
    )


def _tolerated(rule: Rule, rows: int) -> int:
    return rule.tolerance.rows(rows) if rule.tolerance else 0


def _contradiction(wish: _Wish, contract: Contract) -> ContractError:
    return ContractError(
        f"{contract.source}: {wish.column.name}: no value was found that fits all its rules; drop the one "
        "that excludes the others"
    )
