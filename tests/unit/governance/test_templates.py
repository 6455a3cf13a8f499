"""Agreements to start from: what the commands write works as it is, for as long as it says."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.cli import app
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import NotFoundError, StoreError
from counterfoil.governance.agreements.signing.signed import read_agreement
from counterfoil.governance.agreements.templates import INDUSTRIES, copy_examples, policies, start_from, templates
from counterfoil.governance.parties.roster import Roster, fill_roster
from counterfoil.joint.computation import analyses

TODAY = date(2026, 11, 24)
CONTRACTS = Path(__file__).parents[3] / "contracts"
_KEYS: dict[str, PublicKeys] = {}


def roster_of(folder: Path, today: date = TODAY, name: str = "*") -> Roster:
    (file,) = (folder / "rosters").glob(name)
    members = [each["id"] for each in yaml.safe_load(file.read_bytes())["parties"]]
    for id in set(members) - _KEYS.keys():
        _KEYS[id] = PrivateKeys.create(folder / "keys" / id, id).public
    return fill_roster(file.read_bytes(), file.name, [_KEYS[id] for id in members], today)


@pytest.mark.parametrize("industry", INDUSTRIES)
def test_a_template_works_as_it_is_from_today_for_a_year(industry: str, tmp_path: Path) -> None:
    agreement = read_agreement(start_from(industry, tmp_path, TODAY)[0], roster_of(tmp_path))
    assert (agreement.starts, agreement.expires) == (TODAY, date(2027, 11, 24))
    agreement.check_current(TODAY)
    assert analyses(agreement).keys() == {plan.name for plan in agreement.analyses}
    assert [policy.raw for policy in agreement.policies] == [policy.raw for policy in templates()[industry].policies]
    for file in (tmp_path / "schema").iterdir():  # an editor finds the schema that the first line of each file names
        assert "$defs" in file.read_text()
    for file in tmp_path.glob("*/*.yaml"):
        named = file.read_text().split("$schema=")[1].split()[0]
        assert (file.parent / named).exists(), file


DAYS = [date(2026, 12, 31), date(2027, 1, 1), date(2028, 2, 29), date(2031, 5, 6), date(2044, 12, 31)]


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("industry", INDUSTRIES)
def test_a_template_works_on_any_day_and_its_agreement_never_outlives_its_contracts(
    industry: str, day: date, tmp_path: Path
) -> None:
    (file, *_) = start_from(industry, tmp_path, day)
    agreement = read_agreement(file, roster_of(tmp_path, day))
    agreement.check_current(day)
    assert (agreement.starts, agreement.expires) == (day, date(day.year + 1, day.month, min(day.day, 28)))
    for contract in agreement.contracts.values():
        contract.check_current(agreement.expires)
    reviews = [each.review_by for each in agreement.contracts.values()]
    reviews += [each.review_by for each in agreement.policies]
    assert day + timedelta(days=100) < min(filter(None, [agreement.review_by, *reviews]))


def days_of(folder: Path) -> dict[str, list[str]]:
    return {
        path.name: re.findall(r'(?m): "(\d{4}-\d{2}-\d{2})"$', path.read_text()) for path in folder.glob("*/*.yaml")
    }


def test_only_days_are_changed(tmp_path: Path) -> None:
    copy_examples(tmp_path / "now", TODAY)
    copy_examples(tmp_path / "later", date(2031, 5, 6))
    written, now, later = days_of(CONTRACTS), days_of(tmp_path / "now"), days_of(tmp_path / "later")
    for file in sorted(CONTRACTS.glob("*/*")):
        here = file.relative_to(CONTRACTS)
        undated = [
            re.sub(r"\d{4}-\d{2}-\d{2}\"", "", (folder / here).read_text())
            for folder in (CONTRACTS, tmp_path / "later")
        ]
        assert undated[0] == undated[1]
        if here.suffix == ".yaml" and here.parts[0] != "rosters":
            assert len(later[file.name]) == len(written[file.name]) >= 1
            assert all(one < two for one, two in zip(now[file.name], later[file.name], strict=True))
        if here.parts[0] in {"data", "policies"}:
            assert (tmp_path / "now" / here).read_bytes() == file.read_bytes()  # as it was written, in its year


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_examples_are_in_force_on_the_day_of_their_set_up_with_three_weeks_behind_them(
    day: date, tmp_path: Path
) -> None:
    copy_examples(tmp_path, day)
    found = 0
    for file in (tmp_path / "agreements").iterdir():
        roster = yaml.safe_load(file.read_bytes())["roster"]
        agreement = read_agreement(file, roster_of(tmp_path, day, f"{roster}.roster.yaml"))
        agreement.check_current(day)
        agreement.schedule.check_period(agreement.schedule.period(day - timedelta(days=21)), agreement.starts, day)
        found += 1
    assert found == 7


def test_other_policies_are_adopted_and_the_strictest_wins(tmp_path: Path) -> None:
    (file, *_) = start_from("banking", tmp_path, TODAY, ["market-counts", "clinical-counts"])
    agreement = read_agreement(file, roster_of(tmp_path))
    assert [policy.id for policy in agreement.policies] == ["market-counts", "clinical-counts"]
    assert agreement.min_count == 20
    assert agreement.rules.safe_owners == 3
    assert len(policies()) >= 3


def test_the_commands(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["agreement", "templates"]).output
    for words in (
        "banking: Joint exposure",
        "health: Stays",
        "retail: The joint market",
        "millionaires: Who is the richest",
        "strict-counts: No cell",
    ):
        assert words in listed
    out = ["--out", str(tmp_path / "ours")]
    made = CliRunner().invoke(app, ["agreement", "new", "health", *out])
    assert made.exit_code == 0, made.output
    assert (tmp_path / "ours" / "agreements" / "readmissions.agreement.yaml").exists()
    text = (tmp_path / "ours" / "agreements" / "readmissions.agreement.yaml").read_text()
    assert f'starts: "{clock.today()}"' in text
    again = CliRunner().invoke(app, ["agreement", "new", "health", *out])
    assert again.exit_code == StoreError.exit_code  # what somebody may have edited is never written over
    unknown = CliRunner().invoke(app, ["agreement", "new", "bankin", *out])
    assert unknown.exit_code == NotFoundError.exit_code
    assert "did you mean 'banking'? there are" in unknown.output.replace("; there", " there")
    assert CliRunner().invoke(app, ["agreement", "new", "banking", "--policy", "none", *out]).exit_code == 91
