"""`counterfoil attack release`: what an officer sees of what a recipient could work out, before and after a release."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from counterfoil.audit.event import Event
from counterfoil.cli import app
from counterfoil.disclosure.attack.knowledge import Release
from counterfoil.errors import NarrowedError
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.releases.docket import look
from counterfoil.governance.review.attacked import Attacked, attacks
from counterfoil.governance.review.decisions import Comment, comments
from counterfoil.home import Home
from counterfoil.joint.computation import analyses
from counterfoil.report.explain import explain
from counterfoil.report.prechecks import Level, prechecks
from counterfoil.roles.recipient import attacking
from counterfoil.roles.recipient.holdings import Holdings, holdings
from tests.lib.agreements import AGREEMENT_FILE
from tests.lib.consortium import OWNERS, Consortium, found, today
from tests.lib.private import only

pytestmark = pytest.mark.slow

TABLE, TOTAL = "balance-by-region-and-product", "total-exposure"


def tables(contracts: Path) -> None:
    file = contracts / AGREEMENT_FILE
    text = only(file.read_text(), [TOTAL, TABLE])
    file.write_text(text.replace("quorum: 2\n", "quorum: 2\n  crossChecks: [attack]\n"))


def released(banks: Consortium) -> str:
    evidence = banks.analyse([banks.hand_in(owner, banks.table(owner)) for owner in OWNERS])[0].digest
    banks.review(evidence, ("reviewer-1", "reviewer-2"))
    banks.release(evidence)
    return evidence


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found(tmp_path_factory.mktemp("attack") / "banks", 1000, edit=tables)


@pytest.fixture(scope="module")
def evidence(banks: Consortium) -> str:
    return released(banks)


def attack(banks: Consortium, party: str, *words: str) -> Result:
    home = str(banks.homes[party].path)
    return CliRunner().invoke(app, ["attack", "release", str(banks.ref), *words, "--home", home])


def test_nothing_is_found_in_one_release_and_its_log_says_that_it_was_attacked(
    banks: Consortium, evidence: str
) -> None:
    log = list(banks.homes["regulator"].log.entries())
    exchange = sorted(path for path in (banks.folder / "exchange").rglob("*") if path.is_file())
    made = attack(banks, "regulator")
    assert made.exit_code == 0, made.output
    assert "nothing could be narrowed down" in made.output and "1 releases that you were given" in made.output
    (entry,) = list(banks.homes["regulator"].log.entries())[len(log) :]
    assert Event.parse(entry).type == "release-attacked"
    assert sorted(path for path in (banks.folder / "exchange").rglob("*") if path.is_file()) == exchange


def unprotected(banks: Consortium) -> Release:
    """The same table as if only its smallest cell had been hidden."""
    plan = analyses(banks.agreement)[TABLE]
    truth = plan.plain(banks.pooled())
    shape = next(output.shape for output in plan.outputs() if output.name == "safe")
    count = truth["rows"].to_numpy(np.int64).reshape(shape)
    total = np.rint((truth["rows"] * truth["mean"].fillna(0)).to_numpy()).astype(np.int64).reshape(shape)
    safe = (np.arange(count.size) != count.argmin()).astype(np.int64).reshape(shape)
    rows = int(count.sum())
    opened = {"safe": safe, "count": count * safe, "sum": total * safe}
    return Release("2026-w01", {TABLE: plan}, {TABLE: opened}, (rows, rows))


def test_what_can_be_narrowed_down_is_said_in_words_and_as_json(
    banks: Consortium, evidence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(home: Home, now: datetime) -> Holdings:
        found = holdings(home, now)
        found.releases["loans"].append(unprotected(banks))
        return found

    monkeypatch.setattr(attacking, "holdings", held)
    smallest = int(np.min([len(each) for _, each in cells(banks)]))
    made = attack(banks, "regulator", "--json")
    assert made.exit_code == NarrowedError.exit_code, made.output
    (of,) = json.loads(made.stdout)["contracts"]
    assert of["contract"] == "loans" and of["complete"]
    counts = [each for each in of["findings"] if each["what"] == "count"]
    assert {(each["persons"], each["low"], each["high"]) for each in counts} >= {(smallest, smallest, smallest)}
    words = attack(banks, "regulator")
    assert "can be narrowed down to few persons; do not release" in words.stderr
    assert f"at most {smallest} person" in words.stdout and "(hidden)" in words.stdout


def cells(banks: Consortium) -> list[tuple[object, pd.DataFrame]]:
    pooled = pd.concat(banks.pooled())
    return list(pooled.groupby(["region", "product"], observed=True))


def test_before_anything_is_released_synthetic_data_are_attacked(banks: Consortium) -> None:
    made = attack(banks, "bank-b", "--synthetic")
    assert made.exit_code in (0, NarrowedError.exit_code)
    assert "what 1 agreement would release of synthetic data" in made.stdout


def test_time_is_kept(banks: Consortium, evidence: str) -> None:
    made = attack(banks, "regulator", "--seconds", "0")
    assert made.exit_code == NarrowedError.exit_code
    assert "give it longer with --seconds" in made.stderr and "not tried to the end" in made.stdout


def test_reviewers_are_told_how_much_was_found_and_not_what(banks: Consortium, evidence: str) -> None:
    draft = load_draft(banks.homes["regulator"].exchange, banks.signed("regulator"), evidence)

    def check() -> tuple[Level, str]:
        day: date = today().date()
        found = look(draft, banks.homes["reviewer-1"], day)
        every = prechecks(found, banks.homes["reviewer-1"].exchange, day, ())
        (each,) = [one for one in every if one.about == "attack"]
        return each.level, each.words

    assert check() == (Level.LOOK, "nobody has run `counterfoil attack release` on it and told so (--draft)")
    assert attack(banks, "regulator", "--draft", evidence).exit_code == 0
    level, text = check()
    assert level is Level.OK and text.startswith("regulator: of ") and "0 can be narrowed down" in text
    (said,) = attacks(comments(banks.homes["bank-a"].exchange, draft))
    assert said[0] == "regulator" and said[1].draft and said[1].clean


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("draft", [True, False])
def test_what_is_said_is_read_again(draft: bool, complete: bool) -> None:
    said = Attacked(draft, 3, 120, 2, complete)
    comment = Comment("0" * 64, "1" * 64, "bank-a", said.words(), today())
    assert attacks([comment, replace(comment, party="bank-b", text="looks fine")]) == [("bank-a", said)]


def test_nothing_is_clean_that_was_not_tried() -> None:
    Attacked(draft=True, earlier=3, tried=120, narrowed=0, complete=True).check()
    for narrowed, complete, remedy in (
        (2, True, "2 of 120 numbers .* fewer cuts"),
        (0, False, "longer with --seconds"),
    ):
        with pytest.raises(NarrowedError, match=remedy):
            Attacked(draft=True, earlier=3, tried=120, narrowed=narrowed, complete=complete).check()


def test_the_agreement_says_that_it_asks(banks: Consortium) -> None:
    assert "attacks it as its recipients could" in explain(banks.agreement)
