"""A rehearsal of drafts: made tables and given ones, what is hidden and why, what it costs, and how it is marked."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import counterfoil
from counterfoil import clock
from counterfoil.analyses.registry import REGISTRY
from counterfoil.cli import app
from counterfoil.data.synthetic import synth
from counterfoil.errors import (
    AgreementError,
    CounterfoilError,
    DocumentError,
    ExpiredError,
    MissingColumnError,
    NotFoundError,
    PlanError,
    QualityRuleError,
    UnknownCategoryError,
    WrongTypeError,
)
from counterfoil.governance.agreements.templates import copy_examples
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.joint.cost_estimate import estimate
from counterfoil.rehearsal.results import COMPLEMENT, Rehearsal
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE
from tests.lib.consortium import CONTRACTS, four_nodes

EXPOSURE = CONTRACTS / AGREEMENT_FILE


@pytest.fixture(scope="module")
def exposure() -> Rehearsal:
    return counterfoil.rehearse(EXPOSURE)


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """The folder of the banks' draft, to be changed."""
    copy_examples(tmp_path / "contracts", clock.today())
    return tmp_path / "contracts"


def change(folder: Path, file: str, old: str, new: str) -> Path:
    text = (folder / file).read_text()
    assert text.count(old) == 1, old
    (folder / file).write_text(text.replace(old, new))
    return folder / AGREEMENT_FILE


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    """A table that satisfies the contract of loans, as pandas has it."""
    contract = parse_contract((CONTRACTS / CONTRACT_FILE).read_bytes(), CONTRACT_FILE)
    return synth.make_table(contract, 1200, 3, {}).frame()


def test_a_draft_needs_no_keys_and_no_server(exposure: Rehearsal) -> None:
    assert list(exposure) == [plan.name for plan in exposure.terms.analyses]
    assert exposure.agreement_digest is None, "a part of it is the roster, whose keys are missing"
    assert exposure["total-exposure"]["rows"].item() == 4000
    assert exposure.measures("total-exposure").loc["Total balance", "balance"].to_dict() == {
        **{"unit": "euro cents", "label": "exact", "bound": 0},
        "interval": pytest.approx(np.nan, nan_ok=True),
    }
    assert exposure["total-exposure"].attrs["columns"]["balance"]["unit"] == "euro cents"


def test_the_same_seed_makes_the_same_rehearsal_and_another_one_another(exposure: Rehearsal) -> None:
    again, other = (counterfoil.rehearse(EXPOSURE, seed=seed) for seed in (7, 8))
    for name in exposure:
        pd.testing.assert_frame_equal(again[name], exposure[name], check_exact=True)
    assert not other["total-exposure"].equals(exposure["total-exposure"])


def test_noise_is_the_same_for_made_tables_and_never_for_own_ones(tmp_path: Path) -> None:
    waiting = CONTRACTS / "agreements" / "waiting.agreement.yaml"
    one, same = (counterfoil.rehearse(waiting)["waits"] for _ in range(2))
    pd.testing.assert_frame_equal(one, same)
    contract = parse_contract((CONTRACTS / "data" / "emergency.odcs.yaml").read_bytes(), "emergency.odcs.yaml")
    synth.write_table(synth.make_table(contract, 1000, 3, {}), tmp_path / "own.csv")
    own = [counterfoil.rehearse(waiting, {"hospital-a": tmp_path / "own.csv"})["wait-by-triage-and-shift"]
           for _ in range(2)]  # fmt: skip
    assert not own[0].equals(own[1])


def test_every_hidden_cell_has_its_reasons(exposure: Rehearsal) -> None:
    assert exposure.hidden["hidden"].sum() > 0
    assert set(exposure.why) == set(exposure.hidden.index[exposure.hidden["hidden"] > 0])
    for name, frame in exposure.why.items():
        assert len(frame) == exposure.hidden["hidden"][name]
    bins = exposure.why["balance-histogram"].set_index("bin")["why"]
    shown = exposure["balance-histogram"].set_index("bin")["rows"]
    assert sorted(shown.index[shown.isna()]) == sorted(bins.index)
    assert bins["[0 – 100,000)"].startswith("it stands on fewer than 10 rows")
    assert COMPLEMENT in set(bins)


def test_it_costs_what_was_estimated(exposure: Rehearsal) -> None:
    expected = estimate(exposure.terms, 1000)
    assert exposure.computed.cost.rows == expected.rows
    assert exposure.computed.cost.steps == expected.steps
    assert exposure.costs["rounds"].sum() == expected.total.rounds
    assert exposure.seconds(20) > exposure.seconds(1) > 0


def test_four_nodes(draft: Path, exposure: Rehearsal) -> None:
    four_nodes(draft)
    rehearsed = counterfoil.rehearse(draft / AGREEMENT_FILE)
    assert rehearsed.terms.suite == "rep4"
    for name in exposure:
        pd.testing.assert_frame_equal(rehearsed[name], exposure[name], check_exact=True)


@pytest.mark.slow
def test_a_frame_and_its_file_give_the_same(
    loans: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loans.to_csv("loans.csv", index=False)
    frames = [loans, loans.set_index("customer_id"), Path("loans.csv"), "loans.csv"]
    read = [counterfoil.rehearse(Path(__file__).parents[3] / EXPOSURE, {"bank-b": each}) for each in frames]
    for each in read[1:]:
        for name in each:
            pd.testing.assert_frame_equal(each[name], read[0][name], check_exact=True)
    assert read[0].account.loc[("bank-b", "loans")].to_dict()["read"] == 1200
    assert [str(part) for part in read[0].owned] == ["bank-b/loans"]
    assert "bank-b (loans): own rows" in read[0].about[0]


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (lambda frame: frame.drop(columns=["balance", "age"]), MissingColumnError, "balance"),
        (lambda frame: frame.assign(region="nowhere"), UnknownCategoryError, "region"),
        (lambda frame: frame.head(10), QualityRuleError, "a plausible number of rows"),
        (lambda frame: frame.assign(age="old"), WrongTypeError, "age"),
        (lambda frame: frame.assign(age=[1j] * len(frame)), WrongTypeError, "convert_dtypes"),
    ],
)
def test_a_wrong_frame_is_named_as_a_wrong_file_is(
    spoil: object, error: type[CounterfoilError], said: str, loans: pd.DataFrame, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert callable(spoil)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said) as raised:
        counterfoil.rehearse(Path(__file__).parents[3] / EXPOSURE, {"bank-a": spoil(loans)})
    assert "bank-a" in str(raised.value) and "nowhere" not in str(raised.value)
    assert not [path for path in tmp_path.iterdir() if not path.name.endswith(".faults.html")]


@pytest.mark.parametrize(
    ("tables", "error", "said"),
    [
        ({"bank-z": "x.csv"}, AgreementError, "no owner; did you mean 'bank-"),
        ({"bank-a/lones": "x.csv"}, AgreementError, "say of which contract the table of bank-a is: bank-a/loans"),
        ({"bank-a": "nowhere.csv"}, NotFoundError, r"nowhere\.csv: no such file"),
    ],
)
def test_a_table_of_nobody_is_refused(tables: dict[str, str], error: type[CounterfoilError], said: str) -> None:
    with pytest.raises(error, match=said):
        counterfoil.rehearse(EXPOSURE, tables)


def test_what_cannot_run_is_named(draft: Path) -> None:
    with pytest.raises(NotFoundError, match="give the agreement's file in it"):
        counterfoil.rehearse(draft)
    with pytest.raises(DocumentError, match="rows must be 1 or more"):
        counterfoil.rehearse(EXPOSURE, rows=0)
    with pytest.raises(DocumentError, match="seed must be 0 or more"):
        counterfoil.rehearse(EXPOSURE, seed=-1)
    with pytest.raises(QualityRuleError, match="at least 1000"):
        counterfoil.rehearse(EXPOSURE, rows=10)
    (draft / "rosters" / "four-banks.roster.yaml").rename(draft / "elsewhere.yaml")
    with pytest.raises(NotFoundError, match="--roster FILE"):
        counterfoil.rehearse(draft / AGREEMENT_FILE)
    assert counterfoil.rehearse(draft / AGREEMENT_FILE, roster=draft / "elsewhere.yaml")


def test_an_agreement_may_begin_later_and_not_have_ended(draft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    today = clock.today()
    terms = counterfoil.rehearse(draft / AGREEMENT_FILE).terms
    monkeypatch.setattr(clock, "today", lambda: terms.starts - timedelta(days=1))
    assert counterfoil.rehearse(draft / AGREEMENT_FILE).period == terms.schedule.period(terms.starts)
    monkeypatch.setattr(clock, "today", lambda: today.replace(year=today.year + 20))
    with pytest.raises(ExpiredError):
        counterfoil.rehearse(draft / AGREEMENT_FILE)


@pytest.mark.parametrize(
    ("file", "old", "new", "error", "said"),
    [
        (CONTRACT_FILE, "    businessName: Consumer loans", "    busnessName: Consumer loans", DocumentError,
         "did you mean 'businessName'"),
        (AGREEMENT_FILE, "      value: balance\n", "      valeu: balance\n", PlanError, "valeu"),
        (AGREEMENT_FILE, "    analysis: total\n", "    analysis: totle\n", PlanError, "total"),
        (AGREEMENT_FILE, "columns: [balance, region, product]\n    parameters:\n      value: balance",
         "columns: [balance, region, product]\n    parameters:\n      value: region", PlanError, "region"),
        (AGREEMENT_FILE, "  shares: 30", "\tshares: 30", DocumentError, r"tab|\\t"),
        (AGREEMENT_FILE, "  reviewers: [reviewer-1,", "  reviewers: [bank-b,", AgreementError, "bank-b"),
    ],
)  # fmt: skip
def test_mistakes_in_documents_are_named_with_their_line(
    file: str, old: str, new: str, error: type[CounterfoilError], said: str, draft: Path
) -> None:
    with pytest.raises((error, DocumentError), match=said):
        counterfoil.rehearse(change(draft, file, old, new))


def test_what_is_saved_says_that_it_is_a_rehearsal(exposure: Rehearsal, tmp_path: Path) -> None:
    pages = exposure.save(tmp_path / "rehearsed")
    assert [page.parent.name for page in pages] == list(exposure.terms.recipients)
    folder = tmp_path / "rehearsed" / "bank-a"
    files = {path.name for path in folder.iterdir()}
    assert "rehearsal-total-exposure.csv" in files and "rehearsal-correlation-of-shared-rows.csv" not in files
    assert all(name.startswith("rehearsal") for name in files - {"datapackage.json"})
    page = (folder / "rehearsal.html").read_text()
    assert "<title>Rehearsal: " in page and "nobody approved or signed this" in page
    assert "counterfoil verify" not in page and "Who approved" not in page and "signed approval" not in page
    told = json.loads((folder / "rehearsal.json").read_text())
    assert told["format"] == "counterfoil/rehearsal/1" and told["rehearsal"] and told["signed_by"] == []
    schema = json.loads((Path(counterfoil.__file__).parent / "report" / "report.schema.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, schema)
    package = json.loads((folder / "datapackage.json").read_text())
    assert package["name"].startswith("rehearsal-") and package["provenance"]["rehearsal"] is True
    refused = CliRunner().invoke(app, ["verify", str(folder)])
    assert refused.exit_code not in (0, 2)


def test_a_recipient_gets_its_own_alone(exposure: Rehearsal) -> None:
    assert "correlation-of-shared-rows" not in exposure.for_recipient("bank-a")
    with pytest.raises(NotFoundError, match="did you mean 'regulator'"):
        exposure.for_recipient("regulater")
    with pytest.raises(KeyError, match="did you mean 'total-exposure'"):
        exposure["total-exposures"]


def test_it_is_shown_in_a_notebook(exposure: Rehearsal) -> None:
    shown = exposure._repr_html_()
    assert "Rehearsal, no release." in shown and "<svg" in shown and "134,057,863,778" in shown
    assert "rehearsal, not released" in repr(exposure)


def test_the_command_prints_what_the_recipients_get(exposure: Rehearsal, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rehearse", str(EXPOSURE), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    for words in ("No release", "134,057,863,778", "hidden: 5 of 10 cells", *exposure.plan_digests.values()):
        assert words in done.output
    as_json = json.loads(CliRunner().invoke(app, ["rehearse", str(EXPOSURE), "--json"]).output)
    assert as_json["plans"] == exposure.plan_digests
    assert [result["name"] for result in as_json["results"]] == list(exposure)


@pytest.mark.parametrize("words", ["bank-a", "=loans.csv", "bank-a="])
def test_a_table_without_owner_or_file_is_named(words: str) -> None:
    refused = CliRunner().invoke(app, ["rehearse", str(EXPOSURE), "--table", words])
    assert refused.exit_code == DocumentError.exit_code
    assert "--table bank-a=loans.csv" in refused.output


def test_importing_the_package_imports_nothing_else() -> None:
    assert set(counterfoil.__all__) <= set(dir(counterfoil))
    with pytest.raises(AttributeError):
        getattr(counterfoil, "rehearses")  # noqa: B009 (the type checker knows that it is not there)


def test_all_analyses_are_rehearsed_in_the_shipped_agreements() -> None:
    seen = set()
    for path in sorted((CONTRACTS / "agreements").iterdir()):
        terms = counterfoil.rehearse(path).terms
        seen |= {(plan.analysis, plan.version) for plan in terms.analyses}
    assert seen == set(REGISTRY)
