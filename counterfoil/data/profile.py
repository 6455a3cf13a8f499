"""What a file holds, for whoever writes its first contract: on this machine, for its owner's eyes.

The file is read twice by the confined reader, once for the types and once for the cells. Knows no contract.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.data.cells import REMEDIES, split
from counterfoil.data.confined import LIMITS, frames, unpack
from counterfoil.data.sources import UnreadableError
from counterfoil.errors import UnreadableTableError

FEW = 50  # different texts, up to which they may be categories
LONGEST = 40  # text whose shape is told


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column: `kind` as the reader writes it, and what its cells have in common.

    `lowest` and `highest` are of numbers and days, a number being a count of its last decimal place; `counts` are the
    rows of each text, where there are few texts; `shape` is a pattern that all texts match, where they look alike.
    """

    name: str
    kind: str
    empty: int
    different: int
    lowest: Any
    highest: Any
    counts: Mapping[str, int]
    shape: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A file's rows and columns."""

    rows: int
    columns: tuple[ColumnProfile, ...]


def profile(path: Path, name: str = "") -> Profile:
    """What the CSV, Parquet or Arrow file holds. Messages call it by its own name, unless told.

    Cost: two child processes (about half a second each), and memory for the table.
    Raises: UnreadableTableError.
    """
    limits, name = replace(LIMITS, arrow=True), name or path.name
    try:
        kinds = next(json.loads(payload) for _, payload in frames(path, {}, limits))
        batches = []
        for frame, payload in frames(path, kinds, limits):
            if frame == b"M":
                column = json.loads(payload)["column"]
                remedy = REMEDIES[split(kinds[column])[0]] if column else "give every row as many cells as the header"
                raise UnreadableError(remedy, column=column)
            batches.append(unpack(payload, kinds))
    except UnreadableError as refusal:
        where = f"column {refusal.column}: " if refusal.column else ""
        raise UnreadableTableError(f"{name}: {where}{refusal.problem}") from None
    if not batches:
        raise UnreadableTableError(f"{name}: it has no rows; a contract needs some to start from")
    table = pa.Table.from_batches(batches)
    return Profile(table.num_rows, tuple(_column(name, kind, table[name]) for name, kind in kinds.items()))


def _column(name: str, kind: str, cells: Any) -> ColumnProfile:
    present = pc.drop_null(cells)
    ordered = kind not in ("string", "boolean")
    ends = pc.min_max(present).as_py() if ordered else {"min": None, "max": None}
    different = pc.count_distinct(present).as_py()
    counts, shape = {}, None
    if kind == "string":
        if different <= FEW:
            counts = {item["values"]: item["counts"] for item in pc.value_counts(present).to_pylist()}
        shape = _shape(present)
    return ColumnProfile(name, kind, cells.null_count, different, ends["min"], ends["max"], counts, shape)


def _shape(texts: Any) -> str | None:
    """A pattern of digits and ASCII letters that all texts match, if they have one shape."""
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
