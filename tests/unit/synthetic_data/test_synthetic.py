"""The synthetic banks: they satisfy their contract, repeat by seed, and show what the demo has to show."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from counterfoil.data.encode import encode
from counterfoil.data.reading.table import load
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil_prefect.synthetic_data import (
    BANKS,
    FIRST_CASE,
    NUMERIC,
    canary,
    known_answers,
    make_tables,
    write_tables,
)

LOANS = Path(__file__).parents[3] / "contracts" / "data" / "loans.odcs.yaml"
SEED = 7


@pytest.fixture(scope="module")
def contract() -> Contract:
    return parse_contract(LOANS.read_bytes(), LOANS.name)


@pytest.fixture(scope="module")
def tables(contract: Contract) -> dict[str, pd.DataFrame]:
    return make_tables(contract, SEED)


def test_files_hold_the_tables_and_satisfy_the_contract(
    contract: Contract, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    paths = write_tables(tables, tmp_path)
    assert [path.suffix for path in paths.values()] == [".csv", ".parquet"] * 2
    for bank, path in paths.items():
        table = load(path, contract, tmp_path / "mend.html")
        pd.testing.assert_frame_equal(table.frame(), tables[bank], check_dtype=False)
        for column in contract.columns:
            if column.role != "identifier":
                encode(table, column.name)  # every value lies within its bounds or categories
        assert table.rows == 20_000


def test_tables_repeat_by_seed_and_differ_by_bank(contract: Contract, tables: dict[str, pd.DataFrame]) -> None:
    again = make_tables(contract, SEED)
    assert all(again[bank].equals(tables[bank]) for bank in BANKS)
    other = make_tables(contract, SEED + 1)
    assert not any(other[bank].equals(tables[bank]) for bank in BANKS)
    ids = pd.concat(tables.values())["customer_id"]
    assert ids.is_unique


def test_structure_shows_suppression_and_correlation(tables: dict[str, pd.DataFrame]) -> None:
    answers = known_answers(tables)
    counts = answers.by_group["count"]
    assert (counts < 10).sum() == 2
    assert counts[counts < 10].sum() >= 10  # so the total does not give a suppressed group away
    for table in tables.values():
        assert (table.groupby(["region", "product"]).size() < 10).sum() == 3
    off_diagonal = answers.correlation.to_numpy()[~np.eye(len(NUMERIC), dtype=bool)]
    assert (abs(off_diagonal) > 0.02).all()
    assert (abs(off_diagonal) > 0.2).sum() >= 6


def test_answers_are_the_pooled_truth(tables: dict[str, pd.DataFrame]) -> None:
    answers = known_answers(tables)
    assert answers.total == sum(int(table["balance"].sum()) for table in tables.values())
    assert answers.by_group["sum"].sum() == answers.total
    assert answers.histogram.sum() == 80_000
    assert answers.histogram[0] == sum(int((table["days_past_due"] == 0).sum()) for table in tables.values())
    assert sum(FIRST_CASE.values()) == 17_500


def test_canaries_are_unique_and_satisfy_the_contract(contract: Contract, tmp_path: Path) -> None:
    planted = make_tables(contract, SEED, 1_000, canaries=True)
    pooled = pd.concat(planted.values())
    for number in range(len(BANKS)):
        mine = canary(number, contract)
        assert (pooled["customer_id"] == mine.customer_id).sum() == 1
        assert (pooled["balance"] == mine.balance).sum() == 1
        low, high = contract.column("balance").bounds or (0, 0)
        assert low <= mine.balance <= high
    for path in write_tables(planted, tmp_path).values():
        load(path, contract, tmp_path / "mend.html")


def test_command_line(contract: Contract, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    root = LOANS.parents[2]
    command = [
        sys.executable,
        "-m",
        "counterfoil_prefect.synthetic_data",
        "--contract",
        str(LOANS),
        "--out",
        str(tmp_path),
        "--rows",
        "50",
    ]
    subprocess.run(command, check=True, cwd=root)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bank-a.csv",
        "bank-b.parquet",
        "bank-c.csv",
        "bank-d.parquet",
    ]
    found = pd.read_csv(tmp_path / "bank-c.csv")
    pd.testing.assert_frame_equal(found, make_tables(contract, SEED, 50)["bank-c"], check_dtype=False)
