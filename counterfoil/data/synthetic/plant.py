"""Plant answers in made tables: a total, a category's count, a correlation. Knows made tables alone.

A trial of a joint analysis on made tables then has a known result. A planted answer changes as little as it can, and
stays within the contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from counterfoil.data.reading.table import Table
from counterfoil.errors import ContractError, DocumentError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.documents import did_you_mean

CLOSE = 0.01  # how near a planted correlation comes
HALVINGS = 40
_FORMS = {
    "total": re.compile(r"total:(?P<one>\w+)=(?P<value>-?\d+(?:\.\d+)?)\Z"),
    "count": re.compile(r"count:(?P<one>\w+)=(?P<category>.+):(?P<value>\d+)\Z"),
    "correlation": re.compile(r"correlation:(?P<one>\w+),(?P<other>\w+)=(?P<value>-?(?:0?\.\d+|0|1))\Z"),
}


@dataclass(frozen=True, slots=True)
class Plant:
    """An answer to plant: `text` is how it was asked for, `value` what it is to be."""

    kind: str
    text: str
    columns: tuple[str, ...]
    value: Decimal
    category: str = ""

    @classmethod
    def parse(cls, text: str) -> Plant:
        """Parse an answer that is asked for. Raises: DocumentError."""
        for kind, form in _FORMS.items():
            if match := form.match(text):
                found = match.groupdict()
                columns = tuple(found[name] for name in ("one", "other") if found.get(name))
                try:
                    return cls(kind, text, columns, Decimal(found["value"]), found.get("category") or "")
                except InvalidOperation:
                    break
        raise DocumentError(
            f"{text!r} is no answer to plant; write it like total:balance=1000, count:region=north:12 "
            "or correlation:age,balance=0.5"
        )


def plant(tables: Mapping[str, Table], plants: Iterable[Plant], seed: int) -> tuple[dict[str, Table], dict[str, float]]:
    """Plant the answers, counts first, then totals, then the rest; return the tables and each answer exactly.

    Raises: ContractError for an answer that no table within its contract has.
    """
    made, answers = dict(tables), {}
    rng = np.random.default_rng([seed, 1])
    for each in sorted(plants, key=lambda one: list(_FORMS).index(one.kind) if one.kind != "count" else -1):
        file = _home(made, each)
        table = made[file]
        for name in each.columns:
            _check_free(table, name, each)
        one = table.contract.column(each.columns[0])
        if each.kind == "count":
            cells, answer = _counted(table, one, each, rng)
            made[file] = _with(table, one.name, cells)
        elif each.kind == "total":
            values, answer = _totalled(table, one, each)
            made[file] = _with(table, one.name, _cells(table, one.name, values))
        else:
            values, answer = _correlated(table, each, rng)
            made[file] = _with(table, each.columns[1], _cells(table, each.columns[1], values))
        answers[each.text] = answer
    return made, answers


def _home(tables: Mapping[str, Table], each: Plant) -> str:
    """Find the one table that has the columns."""
    found = [file for file, table in tables.items() if set(each.columns) <= set(table.names)]
    if len(found) != 1:
        known = [name for table in tables.values() for name in table.names]
        hint = "" if found else "".join(did_you_mean(name, known) for name in each.columns if name not in known)
        raise ContractError(f"{each.text}: {len(found)} tables have {' and '.join(each.columns)}, not one{hint}")
    return found[0]


def _check_free(table: Table, name: str, each: Plant) -> None:
    """Check that bounds or categories alone decide on the column's cells. Raises: ContractError when a rule does."""
    contract, column = table.contract, table.contract.column(name)
    bound = {rule for rule in contract.quality if name in rule.columns and rule.metric != "nullValues"}
    if column.unique or name in contract.primary_key or bound or any(r.column == name for r in contract.references):
        raise ContractError(f"{each.text}: rules of {contract.source} decide on {name}; plant in another column")
    wanted = bool(column.categories) if each.kind == "count" else column.type in ("integer", "number")
    if not wanted or column.bounds is None:
        raise ContractError(f"{each.text}: {name} has no {'categories' if each.kind == 'count' else 'bounds'}")


def _counted(table: Table, column: Column, each: Plant, rng: np.random.Generator) -> tuple[pa.Array, float]:
    if each.category not in column.categories:
        hint = did_you_mean(each.category, column.categories)
        raise ContractError(f"{each.text}: {column.name} has no category {each.category!r}{hint}")
    cells = np.array(table.data[column.name].to_pylist(), object)
    given = np.flatnonzero(cells != None)  # noqa: E711 (elementwise)
    wanted, others = int(each.value), [name for name in column.categories if name != each.category]
    if wanted > given.size or (wanted < given.size and not others):
        raise ContractError(f"{each.text}: {given.size} rows have a {column.name}; ask for as many at most")
    of, rest = given[cells[given] == each.category], given[cells[given] != each.category]
    if wanted >= of.size:
        cells[rng.choice(rest, wanted - of.size, replace=False)] = each.category
    else:
        surplus = rng.choice(of, of.size - wanted, replace=False)
        cells[surplus] = rng.choice(np.array(others, object), surplus.size)
    return pa.array(cells.tolist(), pa.string()), float(wanted)


def _totalled(table: Table, column: Column, each: Plant) -> tuple[NDArray[np.int64], float]:
    """Shift every cell by the same, as far as its bounds let it."""
    values = pc.drop_null(table.data[column.name]).to_numpy().copy()
    low, high = column.bounds or (0, 0)
    target = each.value.scaleb(column.resolution)
    if target != int(target) or not low * values.size <= target <= high * values.size:
        raise ContractError(f"{each.text}: {values.size} cells between {low} and {high} units have no such total")
    while missing := int(target) - int(values.sum()):
        room = (high - values) if missing > 0 else (values - low)
        movable = np.flatnonzero(room > 0)
        step = max(abs(missing) // movable.size, 1)
        movable = movable[: abs(missing)] if step == 1 else movable
        values[movable] += np.sign(missing) * np.minimum(room[movable], step)
    return values, float(each.value)


def _correlated(table: Table, each: Plant, rng: np.random.Generator) -> tuple[NDArray[np.int64], float]:
    """Reorder the second column's cells by a mixture of the first one's and chance."""
    data = table.data.select(list(each.columns))
    if any(data[name].null_count for name in each.columns) or table.rows < 3:
        raise ContractError(f"{each.text}: a column has empty cells, or the table too few rows; make it required")
    first, second = (data[name].to_numpy().astype(np.float64) for name in each.columns)
    if not (first.std() and second.std()):
        raise ContractError(f"{each.text}: a column has the same value everywhere")
    sorted_, chance, target = np.sort(data[each.columns[1]].to_numpy()), rng.normal(size=table.rows), float(each.value)
    known = (first - first.mean()) / first.std()

    def ordered(weight: float) -> NDArray[np.int64]:
        mixed = weight * known + np.sqrt(1 - weight * weight) * chance
        cells = np.empty_like(sorted_)
        cells[np.argsort(mixed, kind="stable")] = sorted_
        return cells

    low, high = -1.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if np.corrcoef(first, ordered(middle))[0, 1] < target else (low, middle)
    best = min(
        (ordered(weight) for weight in (-1.0, low, high, 1.0)), key=lambda c: abs(np.corrcoef(first, c)[0, 1] - target)
    )
    reached = float(np.corrcoef(first, best)[0, 1])
    if abs(reached - target) > CLOSE:
        raise ContractError(
            f"{each.text}: with these columns it comes to {reached:.3f} at best; ask for less, or more rows"
        )
    return best, reached


def _cells(table: Table, name: str, values: NDArray[np.int64]) -> pa.Array:
    """Put the values where the column has cells, in their order."""
    given = pc.is_valid(table.data[name]).to_numpy()
    cells = np.zeros(table.rows, np.int64)
    cells[given] = values
    return pa.array(cells, mask=~given)


def _with(table: Table, name: str, cells: pa.Array) -> Table:
    return Table(table.contract, table.source, table.data.set_column(table.names.index(name), name, cells))
