"""Reading files: right types out of good ones, a named error and nothing else out of bad ones."""

import datetime
import os
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfoil.data.minimising.minimise import minimise
from counterfoil.data.reading import reader, sources
from counterfoil.data.reading.confined import LIMITS
from counterfoil.data.reading.table import Table, load
from counterfoil.errors import (
    ContractError,
    DataError,
    MissingColumnError,
    RefusedError,
    UnreadableTableError,
)
from counterfoil.governance.contracts.contract import Contract, parse_contract
from tests.corpus.tables import BAD_FILES, CANARY, GOOD, HEADER, columns
from tests.lib.effort import Effort

MOST_S, MOST_BYTES = 5, 1_000_000_000


@pytest.fixture(scope="module")
def contract() -> Contract:
    path = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
    return parse_contract(path.read_bytes(), path.name)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "mend.html"


def parquet(path: Path, **changed: pa.Array | None) -> Path:
    cells = {name: value for name, value in {**columns(), **changed}.items() if value is not None}
    pq.write_table(pa.table(cells), path)
    return path


def csv(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path, contract: Contract, page: Path, limits: sources.Limits = LIMITS) -> DataError:
    with pytest.raises(DataError) as caught:
        load(path, contract, page, limits)
    error = caught.value
    assert CANARY not in str(error)
    assert error.__cause__ is error.__context__ is None
    assert path.name in str(error)
    assert page.name in str(error)
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    return error


def test_csv_cells_become_the_contracts_types(tmp_path: Path, contract: Contract, page: Path) -> None:
    text = "\ufeffextra," + HEADER + "1,0007,no,+012.3,2024-02-29,TRUE,\n" + '2,"0,8\n",north,-.5,2000-01-01,0,007\n'
    table = load(csv(tmp_path / "good.csv", text), contract, page)
    assert table.data.to_pydict() == {
        "code": ["0007", "0,8\n"],
        "area": ["no", "north"],
        "amount": [1230, -50],
        "day": [datetime.date(2024, 2, 29), datetime.date(2000, 1, 1)],
        "active": [True, False],
        "score": [None, 7],
    }
    assert not page.exists()


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (pa.array([Decimal("1.5"), Decimal("-10.25")], pa.decimal128(12, 4)), [150, -1025]),
        (pa.array([0.29, 1e6]), [29, 100_000_000]),
        (pa.array([7, None], pa.uint64()), [700, None]),
    ],
)
def test_parquet_numbers_are_exact_counts_of_the_last_place(
    tmp_path: Path, contract: Contract, page: Path, amount: pa.Array, units: list[int | None]
) -> None:
    table = load(parquet(tmp_path / "good.parquet", amount=amount), contract, page)
    assert table.data["amount"].to_pylist() == units


def test_every_double_near_a_cent_is_that_cent(tmp_path: Path, contract: Contract, page: Path) -> None:
    cents = np.random.default_rng(5).integers(-(10**14), 10**14, 5000)
    cells = {**columns(len(cents)), "amount": pa.array(cents / 100)}
    pq.write_table(pa.table(cells), tmp_path / "cents.parquet")
    table = load(tmp_path / "cents.parquet", contract, page)
    assert (table.data["amount"].to_numpy() == cents).all()


def test_both_formats_and_many_batches_give_the_same_table(tmp_path: Path, contract: Contract, page: Path) -> None:
    rows = sources.BATCH_ROWS + 5
    pq.write_table(pa.table(columns(rows)), tmp_path / "long.parquet")
    text = HEADER + "".join(f"{i:04d},north,12.30,2024-02-29,true,5\n" for i in range(rows))
    one = load(tmp_path / "long.parquet", contract, page)
    other = load(csv(tmp_path / "long.csv", text), contract, page)
    assert one.rows == rows
    assert one.data.equals(other.data)


def test_frame_has_plain_types_where_nothing_is_missing(tmp_path: Path, contract: Contract, page: Path) -> None:
    frame = load(csv(tmp_path / "good.csv", HEADER + GOOD + GOOD.replace("5\n", "\n")), contract, page).frame()
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds | {"day": ""} == {
        "code": "str",
        "area": "str",
        "amount": "int64",
        "day": "",
        "active": "bool",
        "score": "Int64",
    }
    assert pd.api.types.is_datetime64_dtype(frame["day"])


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_and_nothing_of_them_is_told(
    tmp_path: Path, contract: Contract, page: Path, name: str
) -> None:
    file, raw, error, words = BAD_FILES[name]
    path = tmp_path / file
    path.write_bytes(raw())
    effort = Effort()
    found = refused(path, contract, page)
    assert (type(found), found.exit_code) == (error, error.exit_code)
    assert words in str(found)
    assert effort.seconds < MOST_S
    assert effort.bytes < MOST_BYTES


def test_parquet_without_a_column(tmp_path: Path, contract: Contract, page: Path) -> None:
    found = refused(parquet(tmp_path / "bad.parquet", area=None), contract, page)
    assert (type(found), found.exit_code) == (MissingColumnError, 41)


@pytest.mark.parametrize("keep", [4, 100, -8, -1])
def test_parquet_cut_off(tmp_path: Path, contract: Contract, page: Path, keep: int) -> None:
    path = parquet(tmp_path / "bad.parquet")
    path.write_bytes(path.read_bytes()[:keep])
    assert type(refused(path, contract, page)) is UnreadableTableError


@pytest.mark.slow
def test_parquet_with_any_byte_changed_is_read_or_refused(tmp_path: Path, contract: Contract, page: Path) -> None:
    path = parquet(tmp_path / "bad.parquet")
    whole = path.read_bytes()
    seed = 11
    for at in np.random.default_rng(seed).integers(4, len(whole), 12):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            assert load(path, contract, page).rows == 2, f"seed {seed}, byte {at}"
        except DataError as error:
            assert path.name in str(error)


def test_parquet_bombs(tmp_path: Path, contract: Contract, page: Path) -> None:
    rows = 100_000
    cells = {**columns(rows), "area": pa.array(["x" * 2_000] * rows)}
    bomb = tmp_path / "bomb.parquet"
    pq.write_table(pa.table(cells), bomb, compression="zstd", use_dictionary=False)
    assert "less compressed" in str(refused(bomb, contract, page))
    # A dictionary hides its size from the metadata; then the limit on what comes out holds.
    cells["area"] = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), ["x" * 2_000])
    pq.write_table(pa.table(cells), bomb)
    assert bomb.stat().st_size < 1 << 20
    small = sources.Limits(LIMITS.max_rows, LIMITS.max_columns, 100 << 20, LIMITS.memory, LIMITS.cpu_s)
    assert "unpacks to more" in str(refused(bomb, contract, page, small))
    few = sources.Limits(1_000, LIMITS.max_columns, LIMITS.max_bytes, LIMITS.memory, LIMITS.cpu_s)
    assert "more than 1000 rows" in str(refused(bomb, contract, page, few))


def test_memory_and_time_are_limited(tmp_path: Path, contract: Contract, page: Path) -> None:
    text = HEADER + GOOD * 300_000
    path = csv(tmp_path / "long.csv", text)
    lean = sources.Limits(LIMITS.max_rows, LIMITS.max_columns, LIMITS.max_bytes, 275 << 20, LIMITS.cpu_s)
    assert load(csv(tmp_path / "short.csv", HEADER + GOOD), contract, page, lean).rows == 1
    assert "memory" in str(refused(path, contract, page, lean))
    brief = sources.Limits(LIMITS.max_rows, LIMITS.max_columns, LIMITS.max_bytes, LIMITS.memory, 1)
    path.write_text(text * 10)
    assert "stopped" in str(refused(path, contract, page, brief))


def test_the_reader_gives_up_files_and_sockets() -> None:
    pid = os.fork()
    if not pid:
        import socket

        reader.confine(LIMITS)
        try:
            socket.socket()
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere"), lambda path: None])
def test_only_ordinary_files_are_read(
    tmp_path: Path, contract: Contract, page: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "odd.csv"
    make(path)
    assert type(refused(path, contract, page)) is UnreadableTableError


def test_page_lists_rows_and_cells_and_needs_no_network(tmp_path: Path, contract: Contract, page: Path) -> None:
    bad = GOOD.replace(",5", f",<{CANARY}>")
    refused(csv(tmp_path / "bad.csv", HEADER + GOOD * 3 + bad), contract, page)
    html = page.read_text()
    assert f"&lt;{CANARY}&gt;" in html
    assert '<td class="row">4</td>' in html
    assert "http" not in html.replace("http-equiv", "")
    assert "src=" not in html


def test_repr_shows_no_cell(tmp_path: Path, contract: Contract, page: Path) -> None:
    table = load(csv(tmp_path / "good.csv", HEADER + GOOD.replace("0007", CANARY)), contract, page)
    assert CANARY not in repr(table)


def test_minimise_keeps_what_is_needed_and_names_the_rest(tmp_path: Path, contract: Contract, page: Path) -> None:
    table = load(csv(tmp_path / "good.csv", HEADER + GOOD), contract, page)
    small = minimise(table, ["amount", "area"])
    assert isinstance(small.table, Table)
    assert small.table.names == ("area", "amount")
    assert small.identifiers == ("code",)
    assert small.unused == ("day", "active", "score")
    with pytest.raises(RefusedError, match="code"):
        minimise(table, ["code"])
    with pytest.raises(ContractError):
        minimise(table, ["nobody"])
