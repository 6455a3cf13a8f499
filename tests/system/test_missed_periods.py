"""The coordinator was off for three weeks: what was missed is run in order, on a real Prefect server, and named."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from counterfoil.audit.event import Event
from counterfoil.governance.jobs.evidence import drafts, load_draft
from counterfoil.governance.review.airlock import decide
from counterfoil_prefect.flows.resume_reviews import QUIET
from tests.lib.consortium import NODES, OWNERS, found, today
from tests.system.prefect_server import FINAL, PrefectServer, within
from tests.system.try_consortium import WITHOUT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def may_skip(contracts: Path) -> None:
    """The agreement has periods skipped for which an owner has no table any more."""
    file = contracts / "agreements" / "exposure.agreement.yaml"
    file.write_text(file.read_text().replace('  at: "06:00"\n', '  at: "06:00"\n  missed: with-tables\n'))


class Missed:
    """A consortium whose coordinator was off while three runs came due; bank-b has no table of the second week."""

    def __init__(self, folder: Path) -> None:
        self.banks = found(folder, 1000, edit=may_skip)
        schedule = self.banks.agreement.schedule
        self.periods = schedule.until("", schedule.due(today()))[-3:]
        (self.banks.homes["bank-b"].path / WITHOUT).write_text(self.periods[1])
        self.server = PrefectServer(folder, self.banks.homes["coordinator"])
        for party in ("coordinator", *OWNERS, *NODES):
            self.server.ask("/work_pools/", {"name": party, "type": "counterfoil"})
        for flow, parties in (
            ("collaborate", ("coordinator",)),
            ("review", ("coordinator",)),
            ("resume_reviews", ("coordinator",)),
            ("agree", (*OWNERS, *NODES)),
            ("contribute", OWNERS),
            ("analyse", NODES),
        ):
            for party in parties:
                self.deployed = {**getattr(self, "deployed", {}), flow: self.server.deploy(flow, party)}
        homes = [str(self.banks.homes[party].path) for party in (*OWNERS, *NODES)]
        self.server.start([sys.executable, "-m", "tests.system.try_consortium", *homes])
        due = datetime.fromisocalendar(int(self.periods[-1][:4]), int(self.periods[-1][-2:]), 1).replace(tzinfo=UTC)
        times = [due + timedelta(hours=6) - timedelta(weeks=ago) for ago in (0, 2, 1)]  # in no order
        self.late = [self.order(scheduled_time=time.isoformat()) for time in times]
        self.server.start([str(Path(sys.executable).with_name("counterfoil")), "worker"])

    def order(self, **details: str) -> str:
        wish = {
            "parameters": {"agreement": str(self.banks.ref)},
            "state": {"type": "SCHEDULED", "state_details": details},
        }
        return str(self.server.ask(f"/deployments/{self.deployed['collaborate']}/create_flow_run", wish)["id"])

    def ends(self, run: str) -> dict[str, Any]:
        return dict(within(300, self.server.ended(run)))

    def runs(self, stage: str) -> list[dict[str, Any]]:
        return list(self.server.ask("/flow_runs/filter", {"flows": {"name": {"any_": [stage]}}}))

    def reviewed(self) -> list[str]:
        """The periods that have a draft, in the order of their names."""
        home = self.banks.homes["node-0"]
        return sorted(each.evidence.period for each in drafts(home.exchange, self.banks.signed("node-0")))

    def reject(self, evidence: str) -> None:
        home = self.banks.homes["reviewer-1"]
        draft = load_draft(home.exchange, self.banks.signed("reviewer-1"), evidence.rsplit(":", 1)[1])
        decide(draft, "reject", comment="no", keys=home.keys, exchange=home.exchange, now=today())

    def look(self) -> None:
        """Decided reviews go on, as they do every few minutes."""
        run = self.server.ask(
            f"/deployments/{self.deployed['resume_reviews']}/create_flow_run", {"state": {"type": "SCHEDULED"}}
        )
        assert self.ends(str(run["id"]))["type"] == "COMPLETED"


@pytest.fixture(scope="module")
def missed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Missed]:
    made = Missed(tmp_path_factory.mktemp("missed"))
    yield made
    made.server.stop()


def test_late_runs_order_the_first_period_alone_and_the_others_wait_for_its_review(missed: Missed) -> None:
    states = [missed.ends(run) for run in missed.late]
    assert {state["type"] for state in states} == {"COMPLETED"}, states
    assert sorted(state["name"] for state in states) == ["Completed", "In review", "In review"]
    assert len({state["message"] for state in states}) == 1  # all of them name the one draft
    assert missed.reviewed() == missed.periods[:1]
    assert len(missed.runs("contribute")) == len(OWNERS)
    assert len(missed.runs("review")) == 1


def test_runs_say_by_name_and_tag_what_they_are_about(missed: Missed) -> None:
    first = missed.periods[0]
    analysed = {run["name"]: set(run["tags"]) for run in missed.runs("analyse")}
    assert set(analysed) == {f"analyse exposure {first} at {node}, attempt 1" for node in NODES}
    assert analysed[f"analyse exposure {first} at node-1, attempt 1"] == {
        "agreement:exposure", f"period:{first}", "stage:analyse", "party:node-1", "attempt:1",
    }  # fmt: skip
    collaborated = missed.runs("collaborate")
    assert {run["name"] for run in collaborated} == {f"collaborate exposure {first} at coordinator"}
    assert {run["name"] for run in missed.runs("review")} == {f"review exposure {first} at coordinator"}


def test_a_stage_tells_its_log_and_page_whom_it_waits_for(missed: Missed) -> None:
    logs = [log["message"] for log in missed.server.ask("/logs/filter", {"limit": 200})]
    first = missed.periods[0]
    for line in (
        "collaborate begins",
        f"contribute of exposure {first}: waits for {', '.join(OWNERS)}",
        f"contribute of exposure {first}: done at {', '.join(OWNERS)}",
        f"{first} is in review; nothing is ordered",
    ):
        assert line in logs, logs
    (page,) = pages(missed, "stage-contribute")
    assert "**contribute: done at 4 of 4**" in page and f"## exposure {first}" in page


def test_after_a_decision_the_next_follows_and_one_without_table_is_skipped_by_name(missed: Missed) -> None:
    first, second, third = missed.periods
    within(300, until(lambda: missed.runs("review")[0]["state"]["name"] == "Suspended"))  # so that a look resumes it
    missed.reject(missed.ends(missed.late[0])["message"])
    missed.look()
    within(300, until(lambda: missed.reviewed() == [first, third]))
    events = [Event.parse(entry) for entry in missed.banks.homes["coordinator"].log.entries()]
    noted = [(event.type, event.subject) for event in events if event.type.startswith("period-")]
    assert [each for each in noted if each[0] != "period-due"] == [
        ("period-ordered", first), ("period-ordered", second), ("period-skipped", second), ("period-ordered", third),
    ]  # fmt: skip
    shown = next(page for page in pages(missed, "stage-contribute") if f"exposure {second}" in page)
    assert "failed at bank-b" in shown and "| bank-b | PeriodTableError | 20" in shown
    assert f"data: no loans.{second}.csv" in shown.replace("\\", "")
    (ended,) = [run for run in missed.runs("review") if first in run["name"]]
    assert (ended["state"]["type"], ended["state"]["name"]) == ("FAILED", "NotApprovedError")
    within(300, until(lambda: all(run["state"]["type"] in FINAL for run in missed.runs("collaborate"))))


def test_again_by_hand_it_says_what_is_and_orders_nothing(missed: Missed) -> None:
    ordered = len(missed.runs("contribute"))
    state = missed.ends(missed.order())
    assert (state["type"], state["name"]) == ("COMPLETED", "In review"), state
    assert (len(missed.runs("contribute")), len(missed.runs("review"))) == (ordered, 2)


def test_looking_for_decided_reviews_leaves_no_trail(missed: Missed) -> None:
    for _ in range(4):
        missed.look()
    looked = missed.runs("resume_reviews")
    assert {run["name"] for run in looked} == {"resume_reviews at coordinator"}
    assert all({"stage:resume_reviews", "party:coordinator"} == set(run["tags"]) for run in looked)
    assert [run["state"]["name"] for run in looked].count(QUIET) == 1
    assert [run["state"]["message"] for run in looked if run["state"]["name"] != QUIET] == ["1"]  # it resumed one


def test_its_pages_ask_for_their_data_where_the_browser_has_them_from(missed: Missed) -> None:
    where = missed.server.client.base_url.copy_with(path="/ui-settings")
    assert missed.server.client.get(where).json()["api_url"] == "/api"


def pages(missed: Missed, key: str) -> list[str]:
    wish = {"artifacts": {"key": {"any_": [key]}}}
    return [str(each["data"]) for each in missed.server.ask("/artifacts/filter", wish)]


async def until(is_so: Any) -> None:
    while not await asyncio.to_thread(is_so):
        await asyncio.sleep(0.5)
