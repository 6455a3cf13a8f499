"""Made tables satisfy their contract, whatever it asks; or the contract is said to allow none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.data.checking.expectations import load_valid, validate
from counterfoil.data.synthetic.spelling import Spelling
from counterfoil.data.synthetic.synth import make_table, make_tables, write_table
from counterfoil.errors import ContractError, QualityRuleError
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.quality import QualityRule

ROOT = Path(__file__).parents[3]
VISITS = ROOT / "tests" / "lib" / "contracts" / "visits.odcs.yaml"
SHIPPED = sorted((ROOT / "contracts" / "data").glob("*.odcs.yaml"))


def read(path: Path) -> Contract:
    return parse_contract(path.read_bytes(), path.name)


@pytest.fixture(scope="module")
def visits() -> Contract:
    return read(VISITS)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("path", [VISITS, *SHIPPED], ids=lambda path: path.name)
def test_made_tables_pass_as_files(path: Path, suffix: str, tmp_path: Path) -> None:
    contracts = {file.name: read(file) for file in {path, *SHIPPED}}
    table = make_tables(contracts, 1000, seed=3)[path.name]
    file = tmp_path / f"made{suffix}"
    write_table(table, file)
    loaded, verdict = load_valid(file, contracts[path.name])
    assert loaded.data.equals(table.select(loaded.names).data)
    assert set(table.names) - set(loaded.names) == {
        c.name for c in table.contract.columns if c.role == "identifier" and not c.opt_out
    }
    assert verdict.rows == 1000


def test_tables_repeat_by_seed(visits: Contract) -> None:
    first, again, other = (make_table(visits, 50, seed, {}).data for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_optional_columns_have_gaps_and_required_ones_none(visits: Contract) -> None:
    data = make_table(visits, 1000, 1, {}).data
    assert data["score"].null_count == 20
    assert data["area"].null_count == 0


@pytest.mark.parametrize("rows", [1, 100_001])
def test_the_contract_limits_the_rows(visits: Contract, rows: int) -> None:
    with pytest.raises(QualityRuleError, match=f"enough rows: {rows} rows; the contract asks for"):
        make_table(visits, rows, 1, {})


def test_too_few_spellings_are_named(visits: Contract) -> None:
    with pytest.raises(ContractError, match="code is unique, and fewer than 10001 values"):
        make_table(visits, 10_001, 1, {})
    assert len(set(make_table(visits, 10_000, 1, {}).data["code"].to_pylist())) == 10_000


def test_rules_that_exclude_one_another_are_named(visits: Contract) -> None:
    for rule in (
        QualityRule("a", "invalidValues", ("area",), "mustBe", (0,), "x", valid_values=("west",)),
        QualityRule("b", "invalidValues", ("code",), "mustBe", (0,), "x", pattern="^[a-z]$"),
    ):
        with pytest.raises(ContractError, match=f"{rule.columns[0]}: no value was found that fits all its rules"):
            make_table(replace(visits, quality=(rule,)), 10, 1, {})
    crowded = QualityRule("c", "duplicateValues", ("area", "active"), "mustBe", (0,), "x")
    with pytest.raises(ContractError, match="area, active: c: no table was found"):
        make_table(replace(visits, quality=(crowded,)), 10, 1, {})
    assert make_table(replace(visits, quality=(crowded,)), 6, 1, {}).rows == 6


@pytest.mark.parametrize(
    "pattern",
    [
        "^P[0-9]+$", "^[A-Z]{2}[0-9]{8}$", "^(a|bc){2,3}?-x$", "^[^a-z]{5}$", r"^\d{2}\.\w+\s?$", "^.{3}$", "abc", "^$",
        r"^(?:DE|FR)-[^\W_]{4}$", "^[a-c]*[^q]$",
    ],
)  # fmt: skip
def test_texts_are_spelt_by_their_pattern(pattern: str) -> None:
    rng, spelling = np.random.default_rng(5), Spelling(pattern)
    texts = spelling.draw(rng, 200)
    assert texts.shape == (200,)
    assert all(re.fullmatch(pattern, text) for text in texts)
    assert len(set(texts)) > 1 or pattern in ("abc", "^$")
    assert spelling.draw(rng, 0).shape == (0,)


@pytest.mark.parametrize("pattern", [r"^(a|b)\1$", "^(?=x)y$", "^(?!a)a$", "^a(?<=b)$", r"^a\bb$"])
def test_patterns_that_cannot_be_spelt_are_refused(pattern: str) -> None:
    with pytest.raises(ContractError, match="no text can be made by the pattern"):
        Spelling(pattern).draw(np.random.default_rng(5), 20)


WANTED = st.fixed_dictionaries(
    {
        "required": st.booleans(),
        "unique": st.booleans(),
        "low": st.integers(-(10**6), 10**6),
        "span": st.integers(100, 10**9),
        "rows": st.integers(2, 60),
        "empty": st.integers(0, 60),
        "never": st.integers(-3, 3),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WANTED)
def test_any_bounds_keys_and_tolerances_are_kept(visits: Contract, tmp_path: Path, wish: dict[str, int]) -> None:
    low, high = wish["low"], wish["low"] + wish["span"]
    score = replace(
        visits.column("score"), minimum=low, maximum=high, required=wish["required"], unique=wish["unique"]
    )  # fmt: skip
    columns = tuple(score if column.name == "score" else column for column in visits.columns)
    rules = (
        QualityRule("e", "nullValues", ("score",), "mustBeLessOrEqualTo", (wish["empty"],), "x"),
        QualityRule("n", "missingValues", ("score",), "mustBe", (0,), "x", missing_values=(low + wish["never"],)),
        QualityRule("d", "duplicateValues", ("amount", "day"), "mustBeLessThan", (50,), "x", unit="percent"),
    )
    contract = replace(visits, columns=columns, quality=rules)
    assert validate(make_table(contract, wish["rows"], 1, {}), tmp_path / "page.html").rows == wish["rows"]
