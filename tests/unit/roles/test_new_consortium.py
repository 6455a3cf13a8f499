"""`counterfoil new consortium`, as people type it: papers that run, homes or invitations, each mistake a line."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil import clock
from counterfoil.analyses.registry import REGISTRY, example
from counterfoil.cli import app
from counterfoil.data.checking.expectations import check_file
from counterfoil.errors import (
    AgreementError,
    CounterfoilError,
    DocumentError,
    NotFoundError,
    PlanError,
    RosterError,
    StoreError,
)
from counterfoil.files import read_file
from counterfoil.governance.agreements.signing.signed import read_agreement
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.parties.roster import parse_roster
from counterfoil.home import Home
from counterfoil.joint.computation import analyses
from counterfoil.roles.founder.choices import bind_choice, read_choice, read_tables, told_apart

pytestmark = pytest.mark.slow  # each file is read by processes of its own

HOSPITALS = ("hospital-a", "hospital-b", "hospital-c")
ANALYSES = ("total column=days", "mean_by_group value=days by=ward,sex", "histogram column=age edges=0,50,100")


def write_table(path: Path, seed: int, rows: int = 200, header: str = "case,ward,sex,age,days") -> None:
    chance = random.Random(seed)
    lines = [header]
    for number in range(rows):
        ward, sex = chance.choice(("medical", "surgical")), chance.choice("mf")
        lines.append(f"C{seed}{number:05d},{ward},{sex},{chance.randrange(100)},{chance.randrange(1, 40 + seed)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    for seed, hospital in enumerate(HOSPITALS):
        write_table(tmp_path / "tables" / hospital / "visits.csv", seed)
    return tmp_path / "tables"


def words(
    tables: Path, out: Path, *more: str, owners: tuple[str, ...] = HOSPITALS, chosen: tuple[str, ...] = ANALYSES
) -> list[str]:
    said = ["new", "consortium", str(out), "--purpose", "How long patients stay", "--lawful-basis", "public-task"]
    for hospital in HOSPITALS:
        said += ["--organisation", f"{hospital}={hospital.title()},NL"]
    for hospital in owners:
        said += ["--table", f"{hospital}={tables / hospital}"]
    for each in chosen:
        said += ["--analysis", each]
    return [*said, *more]


def run(given: list[str], typed: str = "") -> Result:
    return CliRunner().invoke(app, given, input=typed)


def test_homes_on_one_machine_have_their_tables_and_papers_that_can_run(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours"
    done = run(words(tables, out, "--here", "--events", "--wait-for-tables", "4"))
    assert done.exit_code == 0, done.output
    assert "5 people at least" in done.stdout and "not how to run it" in done.stderr
    roster = parse_roster(read_file(out / "roster.yaml"), "roster.yaml")
    agreement = read_agreement(out / "agreements" / "ours.agreement.yaml", roster)
    assert list(analyses(agreement)) == [plan.name for plan in agreement.analyses]
    assert agreement.owners == agreement.nodes == HOSPITALS and agreement.coordinator == "hospital-a"
    for party in agreement.parties:
        home = Home.open(out / "homes" / party)
        assert home.keys.public == roster.party(party).keys
        assert (home.data / "visits.csv").exists() == (party in HOSPITALS)
    contract = agreement.contracts["visits"]
    assert {each.name: each.role for each in contract.columns} == {
        "case": "identifier", "ward": "quasi", "sex": "quasi", "age": "measure", "days": "measure",
    }  # fmt: skip
    assert (contract.primary_key, contract.kind) == (("case",), "events")
    assert (agreement.schedule.tables, agreement.schedule.wait_hours, agreement.corrections) == ("of-period", 4, True)
    for hospital in HOSPITALS:  # each owner's file satisfies what was drafted from all of them
        check_file(out / "homes" / hospital / "data" / "visits.csv", contract)
    guide = (out / "README.md").read_text()
    assert "This is not how to run it" in guide
    typed = [line[2:].split() for line in guide.splitlines() if line.startswith("$ counterfoil")]
    for words_ in typed:
        for name in words_:
            if name.startswith("homes/"):
                assert (out / name).is_dir() or name.endswith(".log"), name


def test_apart_each_party_is_invited_with_its_own_steps(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours"
    done = run(words(tables, out, "--exchange", "s3://bucket/ours", "--address", "hospital-b=node.example:7300"))
    assert done.exit_code == 0, done.output
    assert not (out / "homes").exists() and not (out / "roster.yaml").exists()
    assert {file.stem for file in (out / "invitations").iterdir()} == {
        *HOSPITALS,
        "hospital-b-review",
        "hospital-c-review",
    }
    text = (out / "invitations" / "hospital-b-review.md").read_text()
    assert "counterfoil party init hospital-b-review --home home --exchange s3://bucket/ours --role reviewer" in text
    assert "counterfoil worker" not in text and "review list ours" in text
    members = (out / "rosters" / "ours-parties.roster.yaml").read_text()
    assert "address: node.example:7300" in members.replace('"', "")


def test_no_cell_that_few_rows_have_is_in_what_is_written(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours"
    assert run(words(tables, out, "--exchange", str(tmp_path / "exchange"))).exit_code == 0
    written = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    for hospital in HOSPITALS:
        for line in (tables / hospital / "visits.csv").read_text().splitlines()[1:]:
            assert line.split(",")[0].encode() not in written


def test_what_is_not_given_is_asked_for(tables: Path, tmp_path: Path) -> None:
    given = [word for word in words(tables, tmp_path / "ours", "--here") if word not in ("--purpose", "--lawful-basis")]
    given = [word for word in given if word not in ("How long patients stay", "public-task")]
    done = run(given, "How long patients stay\npublic-task\n")
    assert done.exit_code == 0, done.output
    contract = read_file(tmp_path / "ours" / "data" / "visits.odcs.yaml")
    assert parse_contract(contract, "visits").lawful_basis == "public-task"
    nobody = run([*given[:2], str(tmp_path / "other"), *given[3:]])
    assert nobody.exit_code == DocumentError.exit_code and "--purpose is not given" in nobody.output


def test_tables_of_several_periods_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in ("visits.2026-w47.csv", "visits.2026-w48.csv", "stores.2026-11.csv", "Our Beds.csv"):
        write_table(tmp_path / name, 1, 2)
    found = {file.path.name: (file.contract, file.period, file.name) for file in read_tables([f"a={tmp_path}"])}
    assert found == {
        "visits.2026-w47.csv": ("visits", "2026-w47", "visits.2026-w47.csv"),
        "visits.2026-w48.csv": ("visits", "2026-w48", "visits.2026-w48.csv"),
        "stores.2026-11.csv": ("stores", "2026-11", "stores.2026-11.csv"),
        "Our Beds.csv": ("our-beds", "", "our-beds.csv"),
    }


def write_with_commas(path: Path) -> None:
    """The same table as an office programme writes it where decimals have a comma."""
    header, *rows = path.read_text().splitlines()
    lines = [header.replace(",", "\t"), *(row.replace(",", "\t") + ",5" for row in rows)]
    path.with_suffix(".tsv").write_text("\n".join(lines) + "\n")
    path.unlink()


def test_files_are_read_as_they_are_written_and_alike_or_not_at_all(tables: Path, tmp_path: Path) -> None:
    for hospital in HOSPITALS[:2]:
        write_with_commas(tables / hospital / "visits.csv")
    done = run(words(tables, tmp_path / "two", "--here"))
    assert done.exit_code == DocumentError.exit_code, done.output
    assert "decimalMark ','" in done.stderr and "Save them alike" in done.stderr
    write_with_commas(tables / "hospital-c" / "visits.csv")
    done = run(words(tables, tmp_path / "ours", "--here"))
    assert done.exit_code == 0, done.output
    file = tmp_path / "ours" / "data" / "visits.odcs.yaml"
    contract = parse_contract(read_file(file), str(file))
    for hospital in HOSPITALS:
        home = tmp_path / "ours" / "homes" / hospital
        assert check_file(home / "data" / "visits.tsv", contract, hospital).rows == 200


def test_an_analysis_is_named_by_what_it_is_of() -> None:
    choice = read_choice("mean_by_group value=days by=ward,sex")
    assert (choice.analysis, dict(choice.params)) == ("mean_by_group", {"value": "days", "by": ["ward", "sex"]})
    assert dict(read_choice("histogram column=age edges=0,50,100").params)["edges"] == [0, 50, 100]


@pytest.mark.parametrize("analysis", sorted({key for key, _ in REGISTRY}))
def test_each_parameter_is_written_as_its_analysis_declares_it(analysis: str) -> None:
    """The example of each analysis, typed: lists of one, names of one, formulas with blanks."""
    found = REGISTRY[analysis, max(version for key, version in REGISTRY if key == analysis)]
    plan = example(found)
    given = {name: value for name, value in plan.get("parameters", {}).items() if not isinstance(value, dict)}
    lists = [name for name in given if found.params[name].form.get("type") == "array"]
    one = {name: value[:1] if name in lists else value for name, value in given.items()}
    for each in (given, one):
        typed = (f"{n}={','.join(map(str, v)) if isinstance(v, list) else v}" for n, v in each.items())
        choice = read_choice(" ".join((analysis, *typed, f"columns={','.join(plan['columns'])}")))
        assert dict(choice.params) == each
        assert set(bind_choice(choice, {"loans": plan["columns"]}).columns) == set(plan["columns"])


def test_columns_of_a_formula_are_found_in_it() -> None:
    choice = read_choice("linear_regression formula=days ~ age + C(ward) + age:sex digits=5")
    assert dict(choice.params) == {"formula": "days ~ age + C(ward) + age:sex", "digits": 5}
    bound = bind_choice(choice, {"visits": ["case", "ward", "sex", "age", "days"]})
    assert bound.columns == ("days", "age", "ward", "sex")


def test_two_models_of_the_same_columns_have_names_of_their_own() -> None:
    """Names are cut where they are long, which makes them the same, too."""
    there = {"visits": ["days", *(f"a_long_column_number_{number}" for number in range(4))]}
    formulas = ("+".join(there["visits"][1:]), "*".join(there["visits"][1:3]), "*".join(there["visits"][1:4]))
    read = (read_choice(f"linear_regression formula=days ~ {each}") for each in formulas)
    names = [each.name for each in told_apart(bind_choice(each, there) for each in read)]
    assert len(set(names)) == 3 and all(len(each) <= 64 for each in names)


def test_a_test_of_two_groups_is_drafted_by_one_column(tables: Path, tmp_path: Path) -> None:
    more = ("--analysis", "t_test value=days by=sex", "--analysis", "linear_regression formula=days ~ age + C(ward)")
    done = run(words(tables, tmp_path / "ours", *more, "--policy", "clinical-counts", "--here"))
    assert done.exit_code == 0, done.output


def test_what_leaves_once_says_so_in_the_draft(tables: Path, tmp_path: Path) -> None:
    more = ("--analysis", "survival time=age event=sex bins=20", "--analysis", "argmax column=days")
    for out, events in (("stock", ()), ("events", ("--events",))):
        given = [*words(tables, tmp_path / out, "--here", *events, chosen=()), *more]
        done = run(given)
        assert done.exit_code == 0, done.output
        roster = parse_roster(read_file(tmp_path / out / "roster.yaml"), "roster.yaml")
        agreement = read_agreement(tmp_path / out / "agreements" / f"{out}.agreement.yaml", roster)
        term = (agreement.expires - agreement.starts).days
        assert {each.analysis: each.interval for each in agreement.analyses} == {
            "survival": None if events else term, "argmax": term,
        }  # fmt: skip


MISTAKES: dict[str, tuple[tuple[str, ...], type[CounterfoilError], str]] = {
    "an unknown analysis": (("--analysis", "totl column=days"), PlanError, "did you mean 'total'?"),
    "an unknown parameter": (("--analysis", "total colum=days"), PlanError, "did you mean 'column'?"),
    "an unknown column": (("--analysis", "total column=dais"), PlanError, "no column 'dais'; did you mean 'days'?"),
    "an unknown column in a list": (("--analysis", "summary values=days,aeg"), PlanError, "did you mean 'age'?"),
    "an unknown column of a role": (("--analysis", "t_test value=days by=sx"), PlanError, "did you mean 'sex'?"),
    "an unknown column in a formula": (
        ("--analysis", "linear_regression formula=days ~ agge"),
        PlanError,
        "formula=: no column 'agge'; did you mean 'age'?",
    ),
    "a function in a formula": (
        ("--analysis", "linear_regression formula=days ~ bs(age, df=3) + ward"),
        PlanError,
        "no bs(); let the owners have a column",
    ),
    "a word that is no setting": (("--analysis", "total days"), DocumentError, "is written like column=days"),
    "a text that is summed": (("--analysis", "total column=ward"), PlanError, "ward"),
    "no such file": (("--table", "hospital-a=/nowhere/visits.csv"), NotFoundError, "no table is there"),
    "an owner who is nobody": (("--table", "hospital-d=TABLES/hospital-a"), DocumentError, "hospital-d is no --org"),
    "too few people": (("--people", "hospital-b=1", "--people", "hospital-c=1"), RosterError, "0 people are left"),
    "an unknown policy": (("--policy", "strict-count"), NotFoundError, "did you mean 'strict-counts'?"),
    "an unknown person": (("--person", "patient"), DocumentError, "--person patient: visits has no such column"),
    "an address of no node": (("--address", "x=1.2.3.4:7300"), DocumentError, "x runs no node"),
    "a country that is none": (("--country", "D"), RosterError, "jurisdiction"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_a_line_with_its_remedy_and_nothing_is_written(name: str, tables: Path, tmp_path: Path) -> None:
    more, error, told = MISTAKES[name]
    given = words(tables, tmp_path / "ours", "--here", *(word.replace("TABLES", str(tables)) for word in more))
    if name == "a country that is none":
        given = [word.replace(",NL", "") for word in given]
    done = run(given)
    assert done.exit_code == error.exit_code, done.output
    assert told in done.stderr and "Traceback" not in done.output, done.output
    assert not (tmp_path / "ours").exists()


def test_two_owners_are_refused_before_any_table_is_read(tables: Path, tmp_path: Path) -> None:
    (tables / "hospital-a" / "visits.csv").write_bytes(b"\x00")
    done = run(words(tables, tmp_path / "ours", "--here", owners=HOSPITALS[:2]))
    assert done.exit_code == RosterError.exit_code
    assert "2 organisations with a table are too few" in done.stderr


def test_a_folder_that_holds_something_is_left_alone(tables: Path, tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "mine").write_text("mine")
    done = run(words(tables, tmp_path / "ours", "--here"))
    assert done.exit_code == StoreError.exit_code and "holds something already" in done.stderr
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["mine"]


def test_files_that_cannot_be_of_one_table_are_named(tables: Path, tmp_path: Path) -> None:
    write_table(tables / "hospital-b" / "visits.csv", 1, header="case,ward,sex,age,nights")
    done = run(words(tables, tmp_path / "ours", "--here"))
    assert done.exit_code == DocumentError.exit_code
    assert "hospital-b: visits.csv: has no column days, which hospital-a: visits.csv has" in done.stderr


def test_rows_that_no_column_numbers_are_about_nobody_knows_whom(tables: Path, tmp_path: Path) -> None:
    for hospital in HOSPITALS:
        path = tables / hospital / "visits.csv"
        path.write_text(re.sub(r"^C\d+", "C1", path.read_text(), flags=re.MULTILINE))
    done = run(words(tables, tmp_path / "ours", "--here"))
    assert done.exit_code == DocumentError.exit_code and "--person COLUMN" in done.stderr
    told = run(words(tables, tmp_path / "ours", "--here", "--about-nobody"))
    assert told.exit_code == 0, told.output


def test_an_agreement_that_begins_before_today_is_taken(tables: Path, tmp_path: Path) -> None:
    begins = clock.today() - timedelta(days=8)
    done = run(words(tables, tmp_path / "ours", "--here", "--starts", begins.isoformat()))
    assert done.exit_code == 0, done.output
    text = (tmp_path / "ours" / "agreements" / "ours.agreement.yaml").read_text()
    assert f'starts: "{begins}"' in text
    late = run(words(tables, tmp_path / "late", "--here", "--starts", "2999-01-01"))
    assert late.exit_code == AgreementError.exit_code


def test_the_same_parties_agree_on_something_else_by_their_roster(tables: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    assert run(words(tables, ours, "--here")).exit_code == 0
    for seed, hospital in enumerate(HOSPITALS):
        write_table(tmp_path / "beds" / hospital / "beds.csv", seed)
    more = ["new", "consortium", str(tmp_path / "more"), "--purpose", "Beds", "--lawful-basis", "public-task"]
    more += ["--analysis", "total column=days", "--roster", str(ours / "roster.yaml")]
    for hospital in HOSPITALS:
        more += ["--table", f"{hospital}={tmp_path / 'beds' / hospital}"]
    done = run(more)
    assert done.exit_code == 0, done.output
    roster = parse_roster(read_file(ours / "roster.yaml"), "roster.yaml")
    agreement = read_agreement(tmp_path / "more" / "agreements" / "more.agreement.yaml", roster)
    assert agreement.owners == HOSPITALS and agreement.coordinator == "hospital-a"
    assert not (tmp_path / "more" / "homes").exists()
    stranger = run([*more[:2], str(tmp_path / "other"), *more[3:], "--table", f"hospital-e={tables / 'hospital-a'}"])
    assert stranger.exit_code == RosterError.exit_code and "hospital-e: no owner in" in stranger.stderr
    both = run([*more[:2], str(tmp_path / "other"), *more[3:], "--here"])
    assert both.exit_code == DocumentError.exit_code and "--roster says who takes part" in both.stderr
