"""Agreements to start from: what the commands write works as it is, for as long as it says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from counterfoil.cli import app
from counterfoil.errors import NotFoundError, StoreError
from counterfoil.governance.agreements.signing.signed import read_agreement
from counterfoil.governance.agreements.templates import INDUSTRIES, policies, start_from, templates
from counterfoil.governance.parties.roster import Roster, fill_roster
from counterfoil.home import Home
from counterfoil.joint.computation import analyses

TODAY = date(2026, 11, 24)


def roster_of(folder: Path) -> Roster:
    (file,) = (folder / "rosters").iterdir()
    members = yaml.safe_load(file.read_bytes())["parties"]
    homes = [Home.create(folder / "homes" / each["id"], each["id"], str(folder / "exchange")) for each in members]
    return fill_roster(file.read_bytes(), file.name, [home.keys.public for home in homes], TODAY)


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


def test_an_agreement_never_outlives_its_contracts(tmp_path: Path) -> None:
    (file, *_) = start_from("retail", tmp_path, date(2028, 2, 29))
    assert 'starts: "2028-02-29"' in file.read_text()
    assert 'expires: "2028-12-31"' in file.read_text()


def test_other_policies_are_adopted_and_the_strictest_wins(tmp_path: Path) -> None:
    (file, *_) = start_from("banking", tmp_path, TODAY, ["market-counts", "clinical-counts"])
    agreement = read_agreement(file, roster_of(tmp_path))
    assert [policy.id for policy in agreement.policies] == ["market-counts", "clinical-counts"]
    assert agreement.min_count == 20
    assert agreement.rules.safe_owners == 3
    assert len(policies()) >= 3


def test_the_commands(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["agreement", "templates"]).output
    for words in ("banking: Joint exposure", "health: Stays", "retail: The joint market", "strict-counts: No cell"):
        assert words in listed
    out = ["--out", str(tmp_path / "ours")]
    made = CliRunner().invoke(app, ["agreement", "new", "health", *out])
    assert made.exit_code == 0, made.output
    assert (tmp_path / "ours" / "agreements" / "readmissions.agreement.yaml").exists()
    text = (tmp_path / "ours" / "agreements" / "readmissions.agreement.yaml").read_text()
    assert f'starts: "{datetime.now(UTC).date()}"' in text
    again = CliRunner().invoke(app, ["agreement", "new", "health", *out])
    assert again.exit_code == StoreError.exit_code  # what somebody may have edited is never written over
    unknown = CliRunner().invoke(app, ["agreement", "new", "bankin", *out])
    assert unknown.exit_code == NotFoundError.exit_code
    assert "did you mean 'banking'? there are" in unknown.output.replace("; there", " there")
    assert CliRunner().invoke(app, ["agreement", "new", "banking", "--policy", "none", *out]).exit_code == 91
