"""A second week: what waits is repeated as of the first, what was counted is said, and what earlier versions knew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from counterfoil.governance.cumulative.release_history import PastRelease, remember
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.roles.recipient.holdings import holdings
from counterfoil.roles.recipient.opening import OpenedJob, open_job
from tests.lib.clock import Clock, at
from tests.lib.consortium import NODES, OWNERS, Consortium, found
from tests.unit.roles.test_differences import hand_in, keep, waiting

pytestmark = pytest.mark.slow

MONDAY = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
PARTIES = ("regulator", "bank-a")


@dataclass
class Weeks:
    """A consortium whose total was released in its first week; in its second few rows had changed."""

    banks: Consortium
    clock: Clock
    first: str
    second: str

    def open(self, evidence: str, party: str = "regulator") -> OpenedJob:
        return open_job(self.banks.homes[party], self.banks.signed(party), evidence, self.clock.time)


def released(banks: Consortium, *, without: int = 0) -> str:
    evidence = banks.analyse(hand_in(banks, without))[0].digest
    banks.review(evidence, ["reviewer-1", "reviewer-2"])
    banks.release(evidence)
    return evidence


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weeks]:
    with at(MONDAY) as clock:
        banks = found(tmp_path_factory.mktemp("weeks"), 100, edit=keep("total-exposure"))
        first = released(banks)
        clock.time += timedelta(days=7)
        yield Weeks(banks, clock, first, released(banks, without=3))


@pytest.mark.parametrize("party", PARTIES)
def test_what_waits_is_repeated_as_of_the_week_in_which_it_was_released(weeks: Weeks, party: str) -> None:
    assert waiting(weeks.banks, weeks.second) == ("loans",)
    (before,), (now,) = weeks.open(weeks.first, party).results, weeks.open(weeks.second, party).results
    assert now.title == f"{before.title}, as of 2027-w09" and now.suppressed == before.suppressed == 0
    assert [each.title for each in now.tables] == [f"{each.title}, as of 2027-w09" for each in before.tables]
    assert now.findings == tuple(f"As of 2027-w09: {each}" for each in before.findings)
    assert [table.frame.to_dict() for table in now.tables] == [table.frame.to_dict() for table in before.tables]
    (said,) = (each for each in now.assumptions if each.startswith("As of 2027-w09"))
    assert "nothing newer leaves for 2027-w10" in said
    page = weeks.open(weeks.second, party).page.read_text("utf-8")
    assert "As of 2027-w09: " in page and "As of 2027-w09, and nothing newer leaves for 2027-w10" in page


def test_without_an_earlier_release_that_opens_nothing_is_repeated(weeks: Weeks) -> None:
    """The shares of the first week are gone, as they are once their days are over: its value is nowhere else."""
    draft = load_draft(weeks.banks.homes["regulator"].exchange, weeks.banks.signed("regulator"), weeks.first)
    gone = [path for path in (weeks.banks.folder / "exchange").rglob("*") if draft.evidence.digest in str(path)]
    moved = [(path, path.with_name(f"{path.name}.away")) for path in gone if path.is_file()]
    assert moved
    for path, away in moved:
        path.rename(away)
    try:
        (result,) = weeks.open(weeks.second).results
    finally:
        for path, away in moved:
            away.rename(path)
    assert "as of" not in result.title and result.suppressed
    assert any(each.startswith("Nothing leaves for 2027-w10") for each in result.assumptions)


def test_an_attacker_is_told_which_states_owners_counted_changes_since(weeks: Weeks) -> None:
    held = holdings(weeks.banks.homes["regulator"], weeks.clock.time).releases["loans"]
    assert {each.state: each.judged for each in held} == {
        "2027-w09": frozenset(),
        "2027-w10": frozenset({"2027-w09"}),
    }


@pytest.mark.parametrize(("days", "waits"), [(1, ("loans",)), (-1, ())], ids=["until tomorrow", "until yesterday"])
def test_what_a_node_of_an_earlier_version_released_has_not_changed_until_its_last_day(
    days: int, waits: tuple[str, ...], tmp_path: Path
) -> None:
    """It kept sketches of the rows, which nobody compares any more, and owners remember nothing of them."""
    with at(MONDAY):
        banks = found(tmp_path, 100, edit=keep("total-exposure"))
        terms, until = banks.agreement, (MONDAY + timedelta(days=days)).date()
        owners, rows = sorted(OWNERS), len(OWNERS) * 100
        old = PastRelease(
            "0" * 32, terms.suite, terms.nodes, {"loans": owners}, {"loans": rows}, {"loans": 2}, until.isoformat()
        )
        assert not old.counted
        for node in NODES:
            remember(old, banks.homes[node].state)
        assert waiting(banks, banks.analyse(hand_in(banks))[0].digest) == waits
