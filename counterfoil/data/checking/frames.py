"""Frames as pandas users know them, and arguments of expectations as such frames hold values.

Numbers are 64-bit floats in the column's own unit, days and times `datetime64` in UTC. Texts are matched against
patterns here, in one pass over each, and never by an engine that could take for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.data.checking.engine import Asked
from counterfoil.data.legible import as_seen
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.expectations.arguments import like_regex
from counterfoil.governance.contracts.expectations.declared import Expectation
from counterfoil.governance.contracts.key_spelling import visible
from counterfoil.governance.contracts.pattern import anywhere, whole_cell
from counterfoil.governance.contracts.values import read_time

_EXACT: Final = 1 << 53
_ANYTHING: Final = "(?s).*"  # what Great Expectations takes for a regex that is not given
_ONE = ("like_pattern", "regex")
_LISTS = ("like_pattern_list", "regex_list")
_TYPES: Final = (
    "expect_column_type_to_be",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list",
)
_UNITS: Final = {0: "s", 3: "ms", 6: "us"}


def plain_frame(data: Any, contract: Contract) -> pd.DataFrame:
    """Convert a pyarrow.Table of the contract's cells.

    Cost: 8 bytes a number; texts as pandas holds them.
    """
    return pd.DataFrame({name: _plain(data[name], contract.column(name)) for name in data.column_names}, copy=False)


def _plain(cells: Any, column: Column) -> Any:
    if column.type == "number":
        numbers = pc.cast(cells, pa.float64(), safe=False).to_numpy()
        return numbers / 10**column.resolution
    if column.type == "integer" and cells.null_count:
        filled = pc.fill_null(cells, 0).to_numpy()
        if np.abs(filled).max(initial=0) < _EXACT:
            return cells.cast(pa.float64()).to_numpy()
        return cells.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    if column.type == "timestamp":
        return cells.cast(pa.timestamp(_UNITS[column.resolution])).to_pandas()
    if column.type == "string":
        return as_seen(cells).to_pandas()
    return cells.to_pandas(date_as_object=False)


def put(expectation: Expectation, data: Any, frame: pd.DataFrame, contract: Contract) -> Asked:
    """Put the expectation as it is asked of the frame, to which it may add a column that says which cells match.

    The type of a column was decided when the table was read, and before when the contract was.
    """
    given = dict(expectation.arguments)
    if expectation.type in _TYPES:
        return Asked("expect_column_to_exist", {"column": given["column"]})
    if expectation.form.suits == "texts" and (test := _text_test(expectation)):
        name = f"{given['column']} \N{RIGHTWARDS ARROW} {expectation.type} {len(frame.columns)}"
        frame[name] = test(as_seen(data[given["column"]])).to_pandas()
        mostly = {"mostly": given["mostly"]} if "mostly" in given else {}
        return Asked("expect_column_values_to_be_in_set", {"column": name, "value_set": [True], **mostly})
    columns = [contract.column(name) for name in expectation.columns]
    made = {name: _held(expectation.form.kind(name), each, columns) for name, each in given.items()}
    return Asked(expectation.type, made)


def _text_test(expectation: Expectation) -> Callable[[Any], Any] | None:
    """Return what marks the texts that match, where the expectation is about patterns; missing ones stay so."""
    given = expectation.arguments
    if expectation.type == "expect_column_values_to_match_regex":
        given = {"regex": _ANYTHING, **given}
    patterns = [given[name] for name in _ONE if name in given] or next((given[n] for n in _LISTS if n in given), [])
    if not patterns:
        return None
    if any("like" in name for name in given):
        found = [whole_cell(like_regex(each, given.get("escape"))) for each in patterns]
    else:
        found = [anywhere(each) for each in patterns]
    none, every = "_not_match_" in expectation.type, given.get("match_on") == "all"

    def test(cells: Any) -> Any:
        matches = [pc.match_substring_regex(cells, each) for each in found]
        joined = matches[0]
        for each in matches[1:]:
            joined = (pc.and_ if every else pc.or_)(joined, each)
        return pc.invert(joined) if none else joined

    return test


def _held(kind: str, value: Any, columns: Sequence[Column]) -> Any:
    if kind == "value":
        return _cell(value, columns[0])
    if kind == "values":
        return [_cell(each, columns[0]) for each in value]
    if kind == "pairs":
        return [tuple(_cell(each, column) for each, column in zip(pair, columns, strict=True)) for pair in value]
    if kind == "count":
        return int(value)
    if kind == "partition" and "values" in value:
        return {**value, "values": [_cell(each, columns[0]) for each in value["values"]]}
    return value


def _cell(value: Any, column: Column) -> Any:
    """Return a value of the contract as the frame holds it."""
    if column.type == "date":
        return datetime.combine(date.fromisoformat(value), time())
    if column.type == "timestamp":
        moment = read_time(value)
        assert moment  # noqa: S101 (checked when the contract was read)
        return moment.astimezone(UTC).replace(tzinfo=None)
    return visible(value) if isinstance(value, str) else value


def wanted_columns(contract: Contract) -> list[str]:
    """Return the columns that its expectations need, in its order; all where one is about which there are."""
    names = [column.name for column in contract.columns]
    if any(each.type.startswith("expect_table_column") or "column_index" in each.arguments for each in _all(contract)):
        return names
    used = {name for each in _all(contract) for name in each.columns}
    return [name for name in names if name in used] or (names[:1] if _all(contract) else [])


def _all(contract: Contract) -> Sequence[Expectation]:
    return contract.expectations


def texts_of(row: Mapping[str, Any]) -> str:
    """Write the cells of a row for the owner's page."""
    return ", ".join("(empty)" if pd.isna(each) else str(each) for each in row.values())
