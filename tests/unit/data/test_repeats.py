"""Values that repeat across pieces: the same rows as pandas finds in the whole, however narrow the first look is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.data.checking.repeats import Repeats
from counterfoil.governance.contracts.key_spelling import visible

CELLS = {
    "text": (pa.string(), st.sampled_from(["", "a", "b", "a\x00", "é", "ab"])),
    "number": (pa.int64(), st.sampled_from([0, 1, -1, 2**61])),
    "day": (pa.date32(), st.sampled_from([date(1970, 1, 1), date(2026, 2, 28), date(1969, 12, 31)])),
    "flag": (pa.bool_(), st.booleans()),
}
ROWS = st.lists(st.tuples(*(st.none() | cells for _, cells in CELLS.values())), max_size=30)


def pieces(rows: list[tuple[object, ...]], size: int) -> Iterator[pa.Table]:
    schema = pa.schema([(name, kind) for name, (kind, _) in CELLS.items()])
    for start in range(0, len(rows), size):
        yield pa.Table.from_pylist([dict(zip(CELLS, row, strict=True)) for row in rows[start : start + size]], schema)


def seen(cell: object) -> str:
    return repr(visible(cell) if isinstance(cell, str) else cell)


@pytest.mark.parametrize("columns", [("text",), ("number",), ("day",), ("text", "flag"), ("number", "day", "text")])
@settings(max_examples=60, deadline=None)
@given(rows=ROWS, size=st.integers(1, 7), most=st.integers(1, 3), mask=st.sampled_from([0, 1, 3, 2**64 - 1]))
def test_repeats_are_those_of_the_whole_table(
    columns: tuple[str, ...], rows: list[tuple[object, ...]], size: int, most: int, mask: int
) -> None:
    repeats = Repeats(columns, most, mask)
    for piece in pieces(rows, size):
        repeats.add(piece)
    frame = pd.DataFrame(rows, columns=list(CELLS), dtype=object)[list(columns)].apply(lambda column: column.map(seen))
    alike = (frame.groupby(list(columns))[columns[0]].transform("size") > most) & (frame != "None").any(axis=1)
    assert sorted(repeats.rows(lambda: pieces(rows, size))) == [at for at, same in enumerate(alike) if same]


def test_a_table_without_repeats_is_looked_at_once() -> None:
    repeats = Repeats(("number",))
    repeats.add(pa.table({"number": pa.array(range(1000))}))

    def again() -> Iterator[pa.Table]:
        raise AssertionError("asked again")

    assert not repeats.rows(again).size
