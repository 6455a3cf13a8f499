"""Rows that an owner remembers come back under their names, whatever order what names them is written in."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa

from counterfoil.canonical import jcs
from counterfoil.data.reading.table import Table
from counterfoil.data.row_memory import categories, encodings, packed, rows_of, unpacked
from counterfoil.governance.contracts.contract import Contract


def test_columns_come_back_under_their_names(loans: Contract) -> None:
    frame = pd.DataFrame(
        {"region": ["east", "north", "west"], "balance": [7, 8, 9], "age": [30, 40, 50], "product": ["car"] * 3}
    )
    table = Table(loans.shared(), "loans.csv", pa.Table.from_pandas(frame, preserve_index=False))
    known, named = (json.loads(jcs(dict(each))) for each in (encodings(table), categories(table)))
    assert list(known) != list(encodings(table))  # as it is written, it is in another order
    rows, back = rows_of(table), unpacked(packed(rows_of(table)), known, named, {}, loans.shared())
    assert back.columns.keys() == rows.columns.keys() == set(frame)
    for name, values in rows.columns.items():
        np.testing.assert_array_equal(back.columns[name], values, err_msg=name)
