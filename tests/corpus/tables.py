"""CSV, Parquet and Arrow files that no owner may hand in under the contract of the visits, and what is wrong."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from counterfoil.errors import DataError, MissingColumnError, UnreadableTableError, WrongTypeError

CANARY = "7731045"
HEADER = "code,area,amount,day,active,score\n"
GOOD = "0007,north,12.30,2024-02-29,true,5\n"

File: TypeAlias = tuple[str, Callable[[], bytes], type[DataError], str]


def columns(rows: int = 2) -> dict[str, pa.Array]:
    return {
        "code": pa.array([f"{i:04d}" for i in range(rows)]),
        "area": pa.array(["north"] * rows),
        "amount": pa.array([Decimal("12.30")] * rows, pa.decimal128(10, 2)),
        "day": pa.array([datetime.date(2024, 2, 29)] * rows),
        "active": pa.array([True] * rows),
        "score": pa.array([5] * rows, pa.int8()),
    }


def parquet(cells: dict[str, Any], **options: Any) -> bytes:
    """The columns, of which None drops one of the good ones, as a Parquet file."""
    sink = io.BytesIO()
    kept = {name: value for name, value in {**columns(), **cells}.items() if value is not None}
    pq.write_table(pa.table(kept), sink, **options)
    return sink.getvalue()


def arrow(**options: Any) -> bytes:
    """The good columns as an Arrow file."""
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, pa.table(columns()).schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(pa.table(columns()))
    return sink.getvalue()


def twice() -> bytes:
    """A Parquet file with two columns of one name."""
    sink = io.BytesIO()
    cells = columns()
    pq.write_table(pa.Table.from_arrays([*cells.values(), cells["score"]], names=[*cells, "score"]), sink)
    return sink.getvalue()


BAD_CSV: dict[str, tuple[str | bytes, type[DataError], str]] = {
    "no bytes": (b"", UnreadableTableError, "empty"),
    "no rows": (HEADER, DataError, "at least one row"),
    "missing column": (HEADER.replace("area", "aera") + GOOD, MissingColumnError, "column area"),
    "semicolons without a column": (
        (HEADER + GOOD).replace("area,", "").replace(",", ";"),
        MissingColumnError,
        "column area",
    ),
    "name twice": (HEADER.replace("area", "code") + GOOD, UnreadableTableError, "names it twice"),
    "huge header": (HEADER[:-1] + ",x" * 40_000 + "\n" + GOOD, UnreadableTableError, "first line is longer"),
    "many columns": (HEADER[:-1] + ",x" * 1_000 + "\n" + GOOD, UnreadableTableError, "more than 1000 columns"),
    "torn rows": (HEADER + GOOD + f"0008,{CANARY}\n", UnreadableTableError, "in 1 row;"),
    "header not utf-8": (b"\xff\xfe" + HEADER.encode("utf-16-le"), UnreadableTableError, "UTF-8"),
    "cell not utf-8": (HEADER.encode() + GOOD.replace("north", "süd").encode("latin-1"), WrongTypeError, "column area"),
    "nul bytes": (b"\x00\x01\x02" * 100, UnreadableTableError, "neither CSV"),
    "binary garbage": (bytes(range(1, 256)) * 50, UnreadableTableError, "readable"),
    "one endless row": (HEADER + '0008,"' + "x" * (9 << 20), UnreadableTableError, "readable"),
    "text for integer": (HEADER + GOOD.replace(",5", f",{CANARY}x"), WrongTypeError, "column score: type integer"),
    "decimal for integer": (HEADER + GOOD.replace(",5", ",5.5"), WrongTypeError, "column score"),
    "hexadecimal": (HEADER + GOOD.replace(",5", ",0x5"), WrongTypeError, "column score"),
    "19 digits": (HEADER + GOOD.replace(",5", f",{CANARY:0<19}"), WrongTypeError, "up to 18 digits"),
    "blank in number": (HEADER + GOOD.replace(",5", ", 5"), WrongTypeError, "column score"),
    "three decimals": (HEADER + GOOD.replace("12.30", "12.305"), WrongTypeError, "resolution"),
    "exponent": (HEADER + GOOD.replace("12.30", "1e2"), WrongTypeError, "column amount"),
    "nan": (HEADER + GOOD.replace("12.30", "nan"), WrongTypeError, "column amount"),
    "thousands": (HEADER + GOOD.replace("12.30", '"1,200"'), WrongTypeError, "column amount"),
    "30 February": (HEADER + GOOD.replace("02-29", "02-30"), WrongTypeError, "calendar"),
    "month 13": (HEADER + GOOD.replace("02-29", "13-29"), WrongTypeError, "column day"),
    "US date": (HEADER + GOOD.replace("2024-02-29", "2/29/2024"), WrongTypeError, "column day"),
    "yes": (HEADER + GOOD.replace("true", "yes"), WrongTypeError, "column active"),
}


BAD_COLUMNS = {
    "float for integer": ("score", pa.array([5.0, 6.5]), "in 1 row;"),
    "text for integer": ("score", pa.array(["5", "6"]), "stores string"),
    "uint64 beyond": ("score", pa.array([5, 2**63], pa.uint64()), "in 1 row;"),
    "int64 beyond": ("score", pa.array([-(10**18), 10**18]), "in 2 rows;"),
    "integer for string": ("code", pa.array([7, 8]), "stores int64"),
    "timestamp for date": ("day", pa.array([0, 1], pa.timestamp("s")), "in 1 row;"),
    "integer for boolean": ("active", pa.array([0, 1]), "stores int64"),
    "list": ("score", pa.array([[5], [6]]), "stores list"),
    "nan": ("amount", pa.array([1.0, float("nan")]), "in 1 row;"),
    "infinite": ("amount", pa.array([1.0, float("inf")]), "in 1 row;"),
    "off the grid": ("amount", pa.array([1.0, 0.005]), "in 1 row;"),
    "decimal off the grid": ("amount", pa.array([Decimal("0.005"), None], pa.decimal128(12, 3)), "in 1 row;"),
    "decimal beyond": ("amount", pa.array([Decimal(10**20), None], pa.decimal128(30, 0)), "in 1 row;"),
}


FILES: dict[str, File] = {
    "csv of line ends": ("bad.csv", lambda: b"\n" * 50, UnreadableTableError, "it is empty"),
    "csv of commas": ("bad.csv", lambda: b"," * 500 + b"\n", MissingColumnError, "column code"),
    "csv of one quote": ("bad.csv", lambda: b'"', MissingColumnError, "column code"),
    "csv with a NUL in a cell": (
        "bad.csv",
        (HEADER + GOOD.replace(",5", ",\x005")).encode,
        WrongTypeError,
        "column score",
    ),
    "csv with a NUL in the header": (
        "bad.csv",
        ("\x00" + HEADER + GOOD).encode,
        UnreadableTableError,
        "neither",
    ),
    "csv in UTF-16": ("bad.csv", lambda: (HEADER + GOOD).encode("utf-16"), UnreadableTableError, "UTF-8"),
    "csv in UTF-32": ("bad.csv", lambda: (HEADER + GOOD).encode("utf-32"), UnreadableTableError, "UTF-8"),
    "csv with two byte order marks": (
        "bad.csv",
        lambda: b"\xef\xbb\xbf" * 2 + (HEADER + GOOD).encode(),
        UnreadableTableError,
        "neither CSV",
    ),
    "csv with an open quote": (
        "bad.csv",
        (HEADER + '"0007,' + GOOD).encode,
        UnreadableTableError,
        "as many cells in every row",
    ),
    "csv with a short row and a long one": (
        "bad.csv",
        (HEADER + "0007\n" + GOOD[:-1] + ",6\n").encode,
        UnreadableTableError,
        "in 2 rows",
    ),
    "csv with a surrogate": (
        "bad.csv",
        lambda: HEADER.encode() + GOOD.encode().replace(b"north", b"\xed\xa0\x80"),
        WrongTypeError,
        "column area",
    ),
    "csv with full-width digits": (
        "bad.csv",
        (HEADER + GOOD.replace(",5", ",\uff15")).encode,
        WrongTypeError,
        "column score",
    ),
    "csv with a formula": (
        "bad.csv",
        (HEADER + GOOD.replace(",5", ",=1+4")).encode,
        WrongTypeError,
        "column score",
    ),
    "csv with negative zero months": (
        "bad.csv",
        (HEADER + GOOD.replace("2024-02-29", "2024-00-29")).encode,
        WrongTypeError,
        "column day",
    ),
    "csv in a gzip": ("bad.csv", lambda: b"\x1f\x8b\x08\x00" + b"\x00" * 60, UnreadableTableError, "readable"),
    "csv that is a zip of sheets": (
        "bad.csv",
        lambda: b"PK\x03\x04" + b"\x00" * 60,
        UnreadableTableError,
        "no workbook that can be read",
    ),
    "parquet of its magic alone": ("bad.parquet", lambda: b"PAR1", UnreadableTableError, "readable"),
    "parquet of two magics": ("bad.parquet", lambda: b"PAR1PAR1", UnreadableTableError, "readable"),
    "parquet that is encrypted": ("bad.parquet", lambda: b"PARE" + parquet({})[4:], UnreadableTableError, "readable"),
    "parquet with another end": ("bad.parquet", lambda: parquet({})[:-4] + b"PAR2", UnreadableTableError, "readable"),
    "parquet with a huge footer": (
        "bad.parquet",
        lambda: parquet({})[:-8] + b"\xff\xff\xff\x7fPAR1",
        UnreadableTableError,
        "readable",
    ),
    "parquet without its first half": (
        "bad.parquet",
        lambda: (raw := parquet({}))[:4] + raw[len(raw) // 2 :],
        UnreadableTableError,
        "readable",
    ),
    "parquet with a page of zeros": (
        "bad.parquet",
        lambda: (raw := parquet({}))[:4] + b"\x00" * 60 + raw[64:],
        UnreadableTableError,
        "readable",
    ),
    "parquet with a column twice": ("bad.parquet", twice, UnreadableTableError, "names it twice"),
    "parquet without a column": ("bad.parquet", lambda: parquet({"area": None}), MissingColumnError, "column area"),
    "parquet of maps": (
        "bad.parquet",
        lambda: parquet({"score": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64()))}),
        WrongTypeError,
        "column score",
    ),
    "parquet of structs": (
        "bad.parquet",
        lambda: parquet({"score": pa.array([{"a": 1}] * 2)}),
        WrongTypeError,
        "column score",
    ),
    "parquet of bytes": (
        "bad.parquet",
        lambda: parquet({"code": pa.array([b"\xff"] * 2)}),
        WrongTypeError,
        "stores binary",
    ),
    "parquet of durations": (
        "bad.parquet",
        lambda: parquet({"score": pa.array([1, 2], pa.duration("s"))}),
        WrongTypeError,
        "column score",
    ),
    "parquet of wide decimals": (
        "bad.parquet",
        lambda: parquet({"amount": pa.array([Decimal(1)] * 2, pa.decimal256(60, 2))}),
        WrongTypeError,
        "column amount",
    ),
    "parquet without rows": (
        "bad.parquet",
        lambda: parquet({name: cells[:0] for name, cells in columns().items()}),
        DataError,
        "at least one row",
    ),
    "parquet of 1,200 columns": (
        "bad.parquet",
        lambda: parquet({f"x{n}": pa.array([1, 2]) for n in range(1200)}),
        UnreadableTableError,
        "more than 1000 columns",
    ),
    "parquet with 1,001 nested leaves": (
        "bad.parquet",
        lambda: parquet({"x": pa.array([{f"y{n}": 1 for n in range(1001)}] * 2)}),
        UnreadableTableError,
        "more than 1000 columns",
    ),
    "parquet that unpacks a thousandfold": (
        "bad.parquet",
        lambda: parquet(
            {**columns(50_000), "area": pa.array(["x" * 2_000] * 50_000)}, compression="zstd", use_dictionary=False
        ),
        UnreadableTableError,
        "less compressed",
    ),
    "arrow, cut off": ("bad.csv", lambda: arrow()[:40], UnreadableTableError, "damaged or cut off"),
}


def _csv(text: str | bytes, error: type[DataError], words: str) -> File:
    return "bad.csv", lambda: text if isinstance(text, bytes) else text.encode(), error, words


def _column(name: str, cells: pa.Array, words: str) -> File:
    return "bad.parquet", lambda: parquet({name: cells}), WrongTypeError, words


BAD_FILES: dict[str, File] = {
    **{f"csv: {name}": _csv(*each) for name, each in BAD_CSV.items()},
    **{f"parquet: {name}": _column(*each) for name, each in BAD_COLUMNS.items()},
    **FILES,
}
