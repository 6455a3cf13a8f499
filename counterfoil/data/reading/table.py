"""Read a table of one owner, in the types of its contract, from a file of any kind that `sources` reads.

Parsing happens in a process of its own (`confined`). Knows columns and cells; knows nothing of bounds, categories and
quality rules (that is `expectations`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from counterfoil.data.legible import legible
from counterfoil.data.reading.cells import Misfits
from counterfoil.data.reading.confined import LIMITS, frames, unpack
from counterfoil.data.reading.faults import Fault, Faults
from counterfoil.data.reading.hints import hint
from counterfoil.data.reading.sources import Limits
from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.errors import DataError, MissingColumnError, UnreadableTableError, WrongTypeError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.forms.written import Written

_REFUSALS: dict[str, type[DataError]] = {
    "unreadable": UnreadableTableError,
    "missing": MissingColumnError,
    "type": WrongTypeError,
}
_RULES = {
    "unreadable": "a readable CSV, TSV, Parquet or Arrow file, or a workbook",
    "missing": "a column of the contract",
    "type": "the column's type",
}


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one contract at their owner: all of them after `load`, fewer after `minimise`.

    `who`, if anything, says for each row whom it is about, to its owner alone, in each key domain (`row_tags`).
    """

    contract: Contract = field(repr=False)
    source: str
    data: Any = field(repr=False)  # a pyarrow.Table of cells.TYPES; a number counts its last decimal place
    who: NDArray[np.uint64] | None = field(repr=False, default=None)

    @property
    def rows(self) -> int:
        return int(self.data.num_rows)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.data.column_names)

    def select(self, names: Sequence[str]) -> Table:
        """Select these columns of the same rows."""
        return replace(self, data=self.data.select(list(names)))

    def take(self, at: NDArray[np.int64]) -> Table:
        """Select the rows at these places."""
        who = None if self.who is None else self.who[at]
        return replace(self, data=self.data.take(pa.array(at)), who=who)

    def frame(self) -> pd.DataFrame:
        """Convert to pandas: int64, str, datetime64 and bool; Int64 and boolean where cells are missing."""
        nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
        columns = {}
        for name in self.names:
            column = self.data[name]
            mapper = nullable.get if column.null_count else None
            columns[name] = column.to_pandas(date_as_object=False, types_mapper=mapper)
        return pd.DataFrame(columns, copy=False)


def load(path: Path, contract: Contract, page: Path, limits: Limits = LIMITS, party: str = "") -> Table:
    """Load the file's columns that the contract names, each in its declared type. Other columns are never kept.

    Cost: one child process (about half a second); memory for the table, and `limits.memory` at most in the child.
    Raises: as `read`.
    """
    return Table(contract, path.name, pa.Table.from_batches(read(path, contract, page, limits, party)))


def read(path: Path, contract: Contract, page: Path, limits: Limits = LIMITS, party: str = "") -> Iterator[Any]:
    """Read the party's file as `load` does, as record batches, of which none is kept here.

    Raises: UnreadableTableError, MissingColumnError, WrongTypeError or DataError, after the last batch; then `page`
        lists the cells.
    """
    faults = Faults(path.name, contract, page)
    written = contract.written(party)
    columns = {column.name: _kind(column, written) for column in contract.columns}
    empty = {column.name: column.empty_spellings for column in contract.columns if column.empty_spellings}
    rows = 0
    try:
        for kind, payload in frames(path, columns, limits, empty, written):
            if kind == b"B":
                batch = unpack(payload, columns)
                rows += batch.num_rows
                yield legible(batch, contract)
            else:
                faults.found.append(_fault(Misfits(**json.loads(payload)), contract))
    except UnreadableError as refusal:
        faults.found[:] = [
            Fault(_REFUSALS[error], column, _RULES[error], problem) for problem, error, column in refusal.all
        ]
    if not (rows or faults.found):
        faults.found.append(Fault(DataError, None, "at least one row", "it has none; export it again"))
    faults.refuse()


def _kind(column: Column, written: Written) -> str:
    if column.type == "timestamp":
        zone = column.zone if column.says_zone else written.zone
        return f"timestamp:{column.resolution}:{'own' if zone is None else zone}"
    return f"number:{column.resolution}" if column.type == "number" else column.type


def _fault(misfits: Misfits, contract: Contract) -> Fault:
    """Describe to the owner the cells that the reader could not read."""
    name, rows, cells = misfits.column, tuple(misfits.rows), tuple(misfits.cells)
    if name is None:
        rule = "as many cells in every row as in the header"
        return Fault(UnreadableTableError, None, rule, misfits.remedy, misfits.count, rows, cells)
    rule = f"type {contract.column(name).type}"
    remedy = hint(contract.column(name).type, cells) or misfits.remedy
    return Fault(WrongTypeError, name, rule, remedy, misfits.count, rows, cells)
