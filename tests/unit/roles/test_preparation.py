"""A trial is a job's own check, to the last cell: a file that passes is accepted, another is refused in its words."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.cli import app
from counterfoil.data.reading.table import Table
from counterfoil.errors import AgreementError, AnonymityError, CounterfoilError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.home import Home
from counterfoil.roles import table_comparison
from counterfoil.roles.owner import Contribution
from counterfoil.roles.preparation import contract_in, try_table
from tests.corpus.tables import BAD_FILES
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, another
from tests.lib.consortium import Consortium, found
from tests.unit.governance.test_contract import SMALL

pytestmark = pytest.mark.slow
ROWS = 1100
OWNER = "bank-a"
ANONYMOUS = {"  - property: minimumCount\n": "  - property: kAnonymity\n    value: 3\n  - property: minimumCount\n"}
CORRECTED = {"\nlimits:\n": "\ncorrections: until-computed\n\nlimits:\n"}


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    first = found(tmp_path_factory.mktemp("trials"), ROWS)
    return another(first, tmp_path_factory.mktemp("corrected"), {AGREEMENT_FILE: CORRECTED})


def trial(banks: Consortium, path: Path) -> str:
    """The words of the trial, or of its refusal."""
    try:
        return f"{try_table(path, banks.agreement, 'loans', banks.period).kept.account}"
    except CounterfoilError as error:
        return f"{type(error).__name__}: {error}"


def job(banks: Consortium, path: Path) -> str:
    """The same of an owner's contribution, which hands the table in if it gets so far."""
    home = banks.homes[OWNER]
    for old in home.data.glob("loans.*"):
        old.unlink()
    (home.data / path.name).write_bytes(path.read_bytes())
    steps = Contribution(home, banks.signed(OWNER), "loans", banks.period, clock.now())
    try:
        steps.validate(clock.now())
        kept = steps.minimise()
        steps.share(clock.now())
    except CounterfoilError as error:
        return f"{type(error).__name__}: {error}"
    return f"{kept.account}"


CELLS = st.sampled_from(
    ["", " ", "-1", "0", "100000001", "1.0", "nowhere", "North", "north", "AA00000001", "17", "1e3"]
)
CHANGE = st.tuples(st.integers(0, ROWS - 1), st.integers(0, 7), CELLS)


@given(changes=st.lists(CHANGE, max_size=3), rows=st.sampled_from([999, 1000, ROWS]), twice=st.booleans())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_trial_says_what_the_job_says(
    banks: Consortium, tmp_path: Path, changes: list[tuple[int, int, str]], rows: int, twice: bool
) -> None:
    frame = next(iter(banks.frames.values())).astype(str)
    for row, column, cell in changes:
        frame.iloc[row, column] = cell
    frame = pd.concat([frame[:rows], frame[:1]]) if twice else frame[:rows]
    path = tmp_path / "loans.csv"
    frame.to_csv(path, index=False)
    assert trial(banks, path) == job(banks, path)


def test_a_good_table_passes_and_is_accepted(banks: Consortium, tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    next(iter(banks.frames.values())).to_csv(path, index=False)
    said = trial(banks, path)
    assert said == job(banks, path)
    assert "Error" not in said


def test_an_owners_trial_says_where_too_few_rows_changed(
    banks: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, home, asked = tmp_path / "loans.csv", banks.homes[OWNER], []
    next(iter(banks.frames.values())).to_csv(path, index=False)

    def few(table: Table, terms: Agreement, period: str, mine: Home, _: datetime) -> str:
        asked.append((table.who, terms.id, period, mine.party))
        return "the rows of 3 persons differ here"

    monkeypatch.setattr(table_comparison, "too_few", few)
    folder = banks.folder / "contracts"
    words = ["contract", "test", path, "--contract", folder / CONTRACT_FILE, "--agreement", folder / AGREEMENT_FILE]
    said = CliRunner().invoke(app, [*map(str, words), "--home", str(home.path)])
    assert said.exit_code == 0, said.output
    assert "3 persons differ here" in said.output
    ((who, name, period, party),) = asked
    assert (name, period, party) == (banks.agreement.id, banks.period, OWNER)
    assert np.array_equal(who, banks.table(OWNER).who), "its persons are told apart as those that are remembered"
    asked.clear()
    assert CliRunner().invoke(app, [*map(str, words), "--home", str(banks.homes["node-0"].path)]).exit_code == 0
    assert not asked


def test_no_file_of_the_corpus_passes_one_and_not_the_other(banks: Consortium, tmp_path: Path) -> None:
    for _, raw, _, _ in BAD_FILES.values():
        path = tmp_path / "loans.csv"
        path.write_bytes(raw())
        said = trial(banks, path)
        assert said == job(banks, path)
        assert "Error: " in said


def test_what_only_minimising_refuses_a_trial_refuses_too(banks: Consortium, tmp_path: Path) -> None:
    strict = another(banks, tmp_path / "strict", {CONTRACT_FILE: ANONYMOUS})
    path = tmp_path / "loans.csv"
    next(iter(strict.frames.values())).to_csv(path, index=False)
    said = trial(strict, path)
    assert said.startswith(f"{AnonymityError.__name__}: ")
    assert said == job(strict, path)


def test_the_contract_is_found_in_the_agreement_by_its_bytes(banks: Consortium) -> None:
    own = banks.agreement.contracts["loans"]
    assert contract_in(banks.agreement, own) == "loans"
    with pytest.raises(AgreementError, match="another version of the contract loans"):
        contract_in(banks.agreement, _other(own.raw.replace(b"version: 1.0.0", b"version: 1.0.1")))
    with pytest.raises(AgreementError, match="does not rest on the contract"):
        contract_in(banks.agreement, _other(SMALL.encode()))


def _other(raw: bytes) -> Contract:
    return parse_contract(raw, "loans.odcs.yaml")
