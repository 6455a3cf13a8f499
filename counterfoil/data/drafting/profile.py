"""Profile a file for the draft of its first contract: on this machine, for its owner's eyes.

The file is read twice by the confined reader, once for the types and once for the cells. Knows no contract.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.data.reading.cells import REMEDIES, Misfits, split, text_to
from counterfoil.data.reading.confined import LIMITS, frames, unpack
from counterfoil.data.reading.hints import hint_of_text
from counterfoil.data.reading.infer import MOST_PLACES
from counterfoil.data.reading.sources import is_stored
from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.errors import UnreadableTableError
from counterfoil.files import open_ordinary
from counterfoil.governance.contracts.forms.written import Written
from counterfoil.governance.contracts.key_spelling import visible

FEW = 50  # different texts, up to which they may be categories
LONGEST = 40  # text whose shape is told


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """The profile of one column: `kind` as the reader writes it, and what its cells have in common.

    `lowest` and `highest` are of numbers and days, a number being a count of its last decimal place; `counts` are the
    rows of each text, where there are few texts; `shape` is a pattern that all texts match, where they look alike.
    `header` is its name in the file, and `stand_ins` are cells that count as empty. `advice` is what to write in
    place of text that looks like numbers or days.
    """

    name: str
    kind: str
    empty: int
    different: int
    lowest: Any
    highest: Any
    counts: Mapping[str, int]
    shape: str | None
    header: str = ""
    stand_ins: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A file's rows and columns, and how it is written."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    written: Written = field(default_factory=Written)


def profile(path: Path, name: str = "") -> Profile:
    """Profile the CSV, Parquet, Arrow or workbook file. Messages call it by its own name, unless told.

    Cost: two child processes (about half a second each), and memory for the table.
    Raises: UnreadableTableError.
    """
    limits, name = LIMITS, name or path.name
    try:
        seen = next(json.loads(payload) for _, payload in frames(path, {}, limits))
        kinds, written = seen["kinds"], Written(**seen["written"])
        batches = []
        for frame, payload in frames(path, kinds, limits, seen["empty"], written):
            if frame == b"M":
                found = Misfits(**json.loads(payload))
                column, rows = found.column, wording_rows(found.rows, found.count)
                remedy = REMEDIES[split(kinds[column])[0]] if column else "give every row as many cells as the header"
                raise UnreadableError(f"{rows}: {remedy}", column=column)
            batches.append(unpack(payload, kinds))
    except UnreadableError as refusal:
        texts = [f"column {column}: {problem}" if column else problem for problem, _, column in refusal.all]
        raise UnreadableTableError(f"{name}: {'; '.join(texts)}") from None
    if not batches:
        raise UnreadableTableError(f"{name}: it has no rows; a contract needs some to start from")
    table = pa.Table.from_batches(batches)
    _check_header(path, name, table, seen)
    columns = tuple(_column(name, kind, table[name], seen) for name, kind in kinds.items())
    return Profile(table.num_rows, columns, written)


def _check_header(path: Path, name: str, table: Any, seen: Mapping[str, Any]) -> None:
    """Check that the first line of a CSV file names its columns and is not their first cells, which nobody may read.

    A number or a day heads no column of numbers or days, and no text is the name and a cell of one column.
    Raises: UnreadableTableError, with the places of such columns.
    """
    with open_ordinary(path) as source:
        if is_stored(source, Written(**seen["written"])):
            return
    places = [
        str(at)
        for at, (column, kind) in enumerate(seen["kinds"].items(), 1)
        if _is_cell(seen["names"][column], kind, table[column])
    ]
    if places:
        raise UnreadableTableError(
            f"{name}: its first line must name the columns, and what it has for column {', '.join(places)} is a cell "
            "like those below it; put a line with the names before it, or rename the column"
        )


def _is_cell(header: str, kind: str, cells: Any) -> bool:
    if kind == "string":
        return bool(pc.any(pc.equal(cells, header), min_count=0).as_py())
    found = (text_to(each, pa.array([header])) for each in (kind, "integer", f"number:{MOST_PLACES}", "date"))
    return any(good[0].as_py() for _, good in found)


def wording_rows(rows: Sequence[int], count: int) -> str:
    """Name the rows, the first few of them."""
    shown = ", ".join(map(str, rows[:5]))
    return f"row {shown}" if count == 1 else f"{count} rows, the first of them {shown}"


def _column(name: str, kind: str, cells: Any, seen: Mapping[str, Any]) -> ColumnProfile:
    present = pc.drop_null(cells)
    ordered = kind not in ("string", "boolean")
    ends = pc.min_max(present).as_py() if ordered else {"min": None, "max": None}
    different = pc.count_distinct(present).as_py()
    counts, shape, advice = Counter[str](), None, ""
    if kind == "string":
        if different <= FEW:
            for item in pc.value_counts(present).to_pylist():
                counts[visible(item["values"])] += item["counts"]  # as categories are read
        shape, advice = _shape(present), hint_of_text(pc.unique(present).to_pylist())
    return ColumnProfile(name, kind, cells.null_count, different, ends["min"], ends["max"], counts, shape,
                         seen["names"][name], tuple(seen["empty"].get(name, ())), advice)  # fmt: skip


def _shape(texts: Any) -> str | None:
    """Derive a pattern of digits and ASCII letters that all texts match, if they have one shape."""
    classes = {"A": "[A-Z]", "a": "[a-z]", "9": "[0-9]"}
    for letter, class_ in classes.items():
        texts = pc.replace_substring_regex(texts, class_, letter)
    shapes = pc.unique(texts).to_pylist()
    if len(shapes) != 1 or len(shapes[0]) > LONGEST:
        return None
    pattern = ""
    for run, letter in re.findall(r"(?s)((.)\2*)", shapes[0]):
        pattern += (classes.get(letter) or re.escape(letter)) + (f"{{{len(run)}}}" if len(run) > 1 else "")
    return f"^{pattern}$"
