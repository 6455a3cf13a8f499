"""Ten million rows of ten columns are checked in bounded memory and time; what spans pieces is seen across them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest

ROWS, STEP = 10_000_000, 1_000_000
MOST_BYTES, MOST_S = 1_000_000_000, 120  # of all processes together; on two idle cores

BOUNDS = {"balance": 10**8, "income": 10**6, "age": 100, "days": 720, "flag": 1, "score": 1000}
CATEGORIES = {"region": ["north", "east", "south", "west"], "product": ["mortgage", "car", "card"]}
HEAD = """\
apiVersion: v3.1.0
kind: DataContract
id: large
version: 1.0.0
status: active
description: {purpose: Tells how much memory and time a large table takes.}
schema:
  - name: large
    logicalType: object
    quality: [{metric: rowCount, mustBeBetween: [1, 20000000]}]
    properties:
"""
COLUMN = """\
      - name: %s
        description: A column.
        logicalType: %s
        required: true
        %s
        customProperties:
          - {property: privacyRole, value: %s}
          - {property: purpose, value: Is measured.}
"""
FOOT = """\
customProperties:
  - {property: lawfulBasis, value: consent}
  - {property: minimumCount, value: 10}
  - {property: retention, value: 30}
  - {property: expires, value: 2099-12-31}
  - {property: allowedAnalyses, value: [total]}
"""


def contract() -> str:
    text = HEAD + COLUMN % ("id", "string", 'logicalTypeOptions: {pattern: "^B[0-9]{11}$"}', "identifier")
    text = text.replace("required: true\n", "required: true\n        unique: true\n")
    text += COLUMN % ("opened", "date", "logicalTypeOptions: {minimum: 1990-01-01, maximum: 2030-12-31}", "time")
    for name, most in BOUNDS.items():
        text += COLUMN % (name, "integer", f"logicalTypeOptions: {{minimum: 0, maximum: {most}}}", "measure")
    for name, values in CATEGORIES.items():
        text += COLUMN % (name, "string", "quality: [{metric: nullValues, mustBe: 0}]", "quasi")
        text += f"          - {{property: categories, value: [{', '.join(values)}]}}\n"
    return text + FOOT


def part(first: int, rows: int) -> pa.Table:
    rng = np.random.default_rng([7, first])
    ids = pc.utf8_lpad(pc.cast(pa.array(np.arange(first, first + rows) * 997), pa.string()), 11, "0")
    columns = {
        "id": pc.binary_join_element_wise("B", ids, ""),
        "opened": pa.array(rng.integers(10_000, 20_000, rows).astype(np.int32)).cast(pa.date32()),
        **{name: rng.integers(0, most, rows, endpoint=True) for name, most in BOUNDS.items()},
        **{name: pa.array(values).take(rng.integers(0, len(values), rows)) for name, values in CATEGORIES.items()},
    }
    return pa.table(columns)


@pytest.mark.soak
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ten_million_rows_take_less_than_a_gigabyte_and_two_minutes(suffix: str, tmp_path: Path) -> None:
    terms, table = tmp_path / "large.odcs.yaml", tmp_path / f"large.{suffix}"
    terms.write_text(contract())
    schema = part(0, 1).schema
    with pcsv.CSVWriter(table, schema) if suffix == "csv" else pq.ParquetWriter(table, schema) as writer:
        for first in range(0, ROWS, STEP):
            writer.write_table(part(first, STEP))
    command = [Path(sys.executable).with_name("counterfoil"), "contract", "test", table, "--contract", terms]
    began, peak = time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        while running.poll() is None:
            peak = max(peak, memory(running.pid))
            time.sleep(0.1)
        assert running.stdout
        said = running.stdout.read()
    took = time.monotonic() - began
    assert running.returncode == 0
    assert f"{ROWS} rows satisfy" in said
    assert peak < MOST_BYTES, f"{peak / 1e6:.0f} MB"
    assert took < MOST_S, f"{took:.0f} s"


def memory(process: int) -> int:
    """What the process and its children hold."""
    try:
        whole = psutil.Process(process)
        return sum(each.memory_info().rss for each in (whole, *whole.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0
