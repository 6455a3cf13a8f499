"""Check a table against every rule of its contract with Great Expectations, in this process and nowhere else.

A table is looked at in pieces, so that its size does not matter; what spans pieces, the number of rows and values that
repeat, is counted here. What the contract declares as expectations is asked of the whole table (`declared`). The
verdicts are booleans; where a rule does not hold, a second look finds the rows for the owner's page. No file but that
page, no network, no usage report.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from counterfoil.data.checking.declared import Declared
from counterfoil.data.checking.engine import Asked, Engine, look, verdicts
from counterfoil.data.checking.expectation_rules import PATTERN, Rule, compile_rules
from counterfoil.data.checking.repeats import Repeats
from counterfoil.data.legible import as_seen
from counterfoil.data.patterns import written_by
from counterfoil.data.reading.cells import SHOWN
from counterfoil.data.reading.faults import Fault, Faults
from counterfoil.data.reading.table import Table, read
from counterfoil.errors import DataError, MissingColumnError, QualityRuleError, UnknownCategoryError
from counterfoil.governance.contracts.categories import category_hint
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.values import written
from counterfoil.governance.documents import nearest

PIECE_ROWS = 1 << 17
_ROW_COUNT = "ExpectTableRowCountToBeBetween"
_UNIQUE = ("ExpectColumnValuesToBeUnique", "ExpectCompoundColumnsToBeUnique")
_OURS = (PATTERN, _ROW_COUNT, *_UNIQUE)  # decided here, without Great Expectations


@dataclass(frozen=True, slots=True)
class Validation:
    """The result for a table that satisfies its contract: the named rules all held on so many rows.

    May leave the owner.
    """

    contract: str
    rows: int
    rules: tuple[str, ...]

    @property
    def rules_checked(self) -> int:
        return len(self.rules)


def check_file(path: Path, contract: Contract, party: str = "") -> Validation:
    """Check that the party's file satisfies the contract; if not, `<name>.faults.html` beside it lists what to mend.

    Cost: 3 to 8 s to import Great Expectations once; then about 5 s a million rows of ten columns, and memory for a
        piece of the table and 8 bytes a row of each rule on duplicates. Where one fails, the file is read again.
    Raises: DataError and its kin; ContractError for a rule that cannot be checked.
    """
    return _check(path, contract, [], party)[1]


def load_valid(path: Path, contract: Contract, also: Collection[str] = (), party: str = "") -> tuple[Table, Validation]:
    """Load the party's file as a table that satisfies its contract, without the identifiers.

    Nobody needs those any more, but those of `also`; the column that tells who opted out is kept.

    Cost: as `check_file`, and memory for the table.
    Raises: as `check_file`.
    """
    columns = [each for each in contract.columns if each.role != "identifier" or each.opt_out or each.name in also]
    kept = [column.name for column in columns]
    return _check(path, contract, kept, party)


def validate(table: Table, page: Path) -> Validation:
    """Check every rule of the table's contract.

    Cost: as `check_file`.
    Raises: the DataError of the first rule that fails, naming all that fail; then `page` lists the rows. ContractError.
    """
    check = _Check(table.contract, table.source, page, table.names)
    for piece in _pieces(table.data.to_batches()):
        check.add(piece)
    return check.verdict(lambda: _pieces(table.data.to_batches()))


def _check(path: Path, contract: Contract, kept: Sequence[str], party: str) -> tuple[Table, Validation]:
    page = path.with_suffix(".faults.html")
    page.unlink(missing_ok=True)
    check = _Check(contract, path.name, page, [column.name for column in contract.columns])
    parts = []
    for piece in _pieces(read(path, contract, page, party=party)):
        check.add(piece)
        parts.append(piece.select(kept))
    table = Table(contract, path.name, pa.concat_tables(parts))
    return table, check.verdict(lambda: _pieces(read(path, contract, page, party=party)))


def _pieces(batches: Iterable[Any]) -> Iterator[Any]:
    """Combine the batches into tables of about PIECE_ROWS rows, in their order."""
    held: list[Any] = []
    for batch in batches:
        if held and sum(each.num_rows for each in held) + batch.num_rows > PIECE_ROWS:
            yield pa.Table.from_batches(held)
            held = []
        held.append(batch)
    if held:
        yield pa.Table.from_batches(held)


@dataclass(slots=True)
class _Broken:
    """The rows that break a rule: `count`, of which the first few are kept, from 1; None if it is not about rows."""

    count: int | None = 0
    rows: list[int] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)


class _Check:
    """A check of one contract's rules, fed a table piece by piece."""

    def __init__(self, contract: Contract, source: str, page: Path, names: Sequence[str]) -> None:
        """Compile the rules. Raises: ContractError for a rule that cannot be checked."""
        self._contract = contract
        self._faults = Faults(source, contract, page)
        self._rules = [rule for rule in compile_rules(contract) if _can_be_asked(rule, names)]
        self._broken: dict[int, _Broken] = {}
        spellings = {column.name: column.key_spelling for column in contract.columns}
        repeated = [rule.columns for rule in self._rules if rule.expectation in _UNIQUE]
        self._repeats = {columns: Repeats(columns, spellings=spellings) for columns in repeated}
        person = contract.person
        self._persons = Repeats(person.columns, person.most, spellings=spellings) if person else None
        self._engine = Engine()
        self._declared = Declared(contract)
        self._rows = 0

    def add(self, piece: Any) -> None:
        """Check the rules on single rows of the piece, and record what spans pieces."""
        frame = Table(self._contract, self._faults.source, _as_seen(piece)).frame()
        batch = self._engine.batch(frame)
        asked = [n for n, rule in enumerate(self._rules) if rule.expectation not in _OURS]
        held = verdicts(batch, [_asked(self._rules[number]) for number in asked])
        for number in (number for number, each in zip(asked, held, strict=True) if not each):
            self._look(number, batch, frame)
        self._look_at_patterns(piece, frame)
        for repeats in (*self._repeats.values(), *([self._persons] if self._persons else [])):
            repeats.add(piece)
        self._declared.add(piece)
        self._rows += piece.num_rows

    def verdict(self, again: Callable[[], Iterable[Any]]) -> Validation:
        """Decide whether every rule held. `again` gives the same pieces, and is asked only if values repeat.

        Raises: the DataError of the first rule that does not hold; then the page lists the rows.
        """
        repeated = {columns: repeats.rows(again) for columns, repeats in self._repeats.items()}
        for number, rule in enumerate(self._rules):
            if rule.expectation in _UNIQUE and (rows := repeated[rule.columns]).size:
                self._broken[number] = _repeated(rows)
            elif rule.expectation == _ROW_COUNT and not _between(self._rows, rule):
                self._broken[number] = _Broken(None)
        for number, broken in sorted(self._broken.items()):
            rule = self._rules[number]
            tolerated = rule.tolerance.rows(self._rows) if rule.tolerance else 0
            if broken.count is None or broken.count > tolerated:
                self._fault(rule.error, rule.columns, rule.name, rule.remedy, broken, again)
        if self._persons and (rows := self._persons.rows(again)).size:
            name = f"at most {self._persons.most} rows of one person"
            remedy = "keep fewer rows of those who have more, or agree on a contract that allows more"
            self._fault(QualityRuleError, self._persons.columns, name, remedy, _repeated(rows), again)
        self._faults.found.extend(self._declared.faults(self._engine))
        self._faults.refuse()
        titles = (*(rule.title for rule in self._rules), *(each.title for each in self._contract.expectations))
        return Validation(self._contract.digest, self._rows, titles)

    def _look_at_patterns(self, piece: Any, frame: pd.DataFrame) -> None:
        """Record cells that break their pattern, on which Great Expectations' engine could take for ever."""
        for number, rule in enumerate(self._rules):
            if rule.expectation != PATTERN:
                continue
            written = written_by(rule.arguments["regex"], piece[rule.columns[0]])
            rows = pc.indices_nonzero(pc.invert(pc.fill_null(written, True))).to_numpy()
            if rows.size:
                broken = self._broken.setdefault(number, _Broken())
                broken.count = (broken.count or 0) + rows.size
                rows = rows[: SHOWN - len(broken.rows)]
                broken.rows += (self._rows + rows + 1).tolist()
                broken.cells += self._shown(rule.columns, frame.iloc[rows])

    def _look(self, number: int, batch: Any, frame: pd.DataFrame) -> None:
        """Record the rows of the piece that break the rule."""
        rule, broken = self._rules[number], self._broken.setdefault(number, _Broken())
        found = look(batch, _asked(rule), SHOWN)
        if broken.count is None or "unexpected_count" not in found:
            broken.count = None
            return
        rows = found.get("partial_unexpected_index_list", [])[: SHOWN - len(broken.rows)]
        broken.count += found["unexpected_count"]
        broken.rows += [self._rows + row + 1 for row in rows]
        broken.cells += self._shown(rule.columns, frame.iloc[rows])

    def _fault(
        self,
        error: type[DataError],
        columns: tuple[str, ...],
        name: str,
        remedy: str,
        broken: _Broken,
        again: Callable[[], Iterable[Any]],
    ) -> None:
        cells: Sequence[str] = broken.cells or self._cells(columns, broken.rows, again)
        if error is UnknownCategoryError:
            cells, remedy = _meant(cells, self._contract.column(columns[0]).categories, remedy)
        where = ", ".join(columns) or None
        self._faults.found.append(Fault(error, where, name, remedy, broken.count, tuple(broken.rows), tuple(cells)))

    def _cells(self, names: Sequence[str], rows: Sequence[int], again: Callable[[], Iterable[Any]]) -> list[str]:
        """Read the cells of these rows, of a rule that spans pieces."""
        cells: list[str] = []
        first = 1
        for piece in again() if rows else ():
            here = [row - first for row in rows if first <= row < first + piece.num_rows]
            part = piece.select(list(names)).take(pa.array(here, pa.int64()))
            cells += self._shown(names, Table(self._contract, self._faults.source, part).frame())
            first += piece.num_rows
        return cells

    def _shown(self, names: Sequence[str], rows: pd.DataFrame) -> list[str]:
        columns = [self._contract.column(name) for name in names]
        return [", ".join(_shown(column, rows[column.name].iloc[at]) for column in columns) for at in range(len(rows))]


def _meant(cells: Sequence[str], categories: Sequence[str], remedy: str) -> tuple[list[str], str]:
    """Say beside each cell, on the owner's page, which category may be meant; to others only that some can be told."""
    alike = [category_hint(cell, categories) for cell in cells]
    meant = [each or nearest(cell, categories) for each, cell in zip(alike, cells, strict=True)]
    told = [f"{cell} (did you mean {each!r}?)" if each else cell for each, cell in zip(meant, cells, strict=True)]
    if any(alike):
        return told, (
            "some differ from a category in case, blanks or form alone, and the page says from which: declare how they "
            "are spelt in the contract's property 'categorySpellings' of the column, or write them as the contract does"
        )
    return told, remedy


def _as_seen(piece: Any) -> Any:
    """Show the piece's texts as people see them: a stand-in for an empty cell is one whatever surrounds it."""
    for at, name in enumerate(piece.column_names):
        if pa.types.is_string(piece[name].type):
            piece = piece.set_column(at, name, as_seen(piece[name]))
    return piece


def _repeated(rows: NDArray[np.int64]) -> _Broken:
    return _Broken(rows.size, (rows[:SHOWN] + 1).tolist())


def _between(rows: int, rule: Rule) -> bool:
    low, high = rule.arguments["min_value"], rule.arguments["max_value"]
    return (low is None or low <= rows) and (high is None or rows <= high)


def _can_be_asked(rule: Rule, names: Sequence[str]) -> bool:
    """Return whether the rule's columns are there; whether a column is there can always be asked."""
    return rule.error is MissingColumnError or set(rule.columns) <= set(names)


def _asked(rule: Rule) -> Asked:
    return Asked(rule.expectation, rule.arguments)


def _shown(column: Column, cell: Any) -> str:
    if pd.isna(cell):
        return "(empty)"
    if column.type == "number":
        return f"{cell / 10**column.resolution:.{column.resolution}f}"
    if column.type == "timestamp":
        return written(column.value(int(cell)))
    return f"{cell:%Y-%m-%d}" if column.type == "date" else str(cell)
