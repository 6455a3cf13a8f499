"""A review on a real Prefect server: what its page shows, what may be typed there, and that only signatures count."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.governance.releases.docket import look
from counterfoil.governance.review.airlock import State, decide
from counterfoil.governance.review.proposals import proposals
from counterfoil_prefect.flows.review import LOOK_AGAIN
from tests.lib.consortium import NODES, found, today, unbacked_draft
from tests.system.prefect_server import PrefectServer, within

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Page:
    """The coordinator at work beside a server, and a draft in the exchange that all nodes signed."""

    def __init__(self, folder: Path) -> None:
        self.banks = found(folder, 1000)
        self.draft = unbacked_draft(self.banks)
        self.server = PrefectServer(folder, self.banks.homes["coordinator"])
        self.server.ask("/work_pools/", {"name": "coordinator", "type": "counterfoil"})
        self.server.start([str(Path(sys.executable).with_name("counterfoil")), "worker"])
        self.ended = [self.ends("analyse", node, f"evidence:{node}:{self.draft.evidence.digest}") for node in NODES]
        self.ended.append(self.ends("analyse", "node-0", f"evidence:node-0:{'0' * 64}"))
        flow = self.server.ask("/flows/", {"name": "review"})
        wish = {"name": "coordinator", "flow_id": flow["id"], "work_pool_name": "coordinator"}
        deployment = self.server.ask("/deployments/", {**wish, "enforce_parameter_schema": False})["id"]
        evidence = f"evidence:node-0:{self.draft.evidence.digest}"
        wish = {"parameters": {"agreement": str(self.banks.ref), "evidence": evidence}, "state": {"type": "SCHEDULED"}}
        self.run = str(self.server.ask(f"/deployments/{deployment}/create_flow_run", wish)["id"])

    def ends(self, stage: str, party: str, said: str) -> str:
        """A run of the stage that ended with these words; its id."""
        flow = self.server.ask("/flows/", {"name": stage})
        wish = {"name": f"{stage} at {party}", "flow_id": flow["id"], "state": {"type": "COMPLETED", "message": said}}
        return str(self.server.ask("/flow_runs/", wish)["id"])

    def waits(self) -> dict[str, Any]:
        """The state of a review that waits again."""
        return dict(within(180, self.server.reached(self.run, ("PAUSED", "FAILED", "COMPLETED", "CRASHED"))))

    def resume(self, **typed: str) -> dict[str, Any]:
        return dict(self.server.ask(f"/flow_runs/{self.run}/resume", {"run_input": typed}))

    def shown(self) -> str:
        """The page as the server has it last."""
        wish = {"artifacts": {"key": {"any_": [f"review-{self.banks.agreement.id}"]}}, "sort": "CREATED_DESC"}
        return str(self.server.ask("/artifacts/filter", wish)[0]["data"])

    def proposed(self) -> list[tuple[str, str, str]]:
        home = self.banks.homes["reviewer-1"]
        made = proposals(home.exchange, look(self.draft, home, today().date()))
        return [(each.reviewer, each.verdict, each.comment) for each in made]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    made = Page(tmp_path_factory.mktemp("page"))
    yield made
    made.server.stop()


def test_a_review_waits_without_end_and_says_for_what(page: Page) -> None:
    state = page.waits()
    assert (state["type"], state["name"]) == ("PAUSED", "Suspended"), state
    assert state["state_details"]["pause_timeout"] is None
    shown = page.shown()
    for words in (
        "waits for 2 more of 2 approvals",
        "The draft is **submitted**",
        "| reviewer-3 | undecided |",
        "| this draft | reviewer-3 | 2 more of 2 approvals |",
        "| the release | regulator | this draft is not approved yet |",
        "| total-exposure | regulator, bank-a | 1 of 24 |",
        "| stop | leakage statement |",
        f"counterfoil review confirm {page.banks.ref} {page.draft.evidence.digest}",
    ):
        assert words in shown, shown


def test_its_form_names_job_and_period_and_asks_for_every_field(page: Page) -> None:
    typed = page.server.ask(f"/flow_runs/{page.run}/input/filter", {"prefix": "", "limit": 50, "exclude_keys": []})
    told = " ".join(each["value"] for each in typed if each["key"].endswith("-description"))
    for words in (page.draft.evidence.job, page.banks.agreement.title, page.banks.period, "2 more of 2 approvals"):
        assert words in told, told
    (schema,) = [json.loads(each["value"]) for each in typed if each["key"].endswith("-schema")]
    asked = schema.get("value", schema)
    assert sorted(asked["required"]) == ["comment", "decision", "reviewer"]
    assert asked["properties"]["reviewer"]["enum"] == ["nobody", "reviewer-1", "reviewer-2", "reviewer-3"]
    assert page.server.client.get(f"/flow_runs/{page.run}").json()["name"] == (
        f"review exposure {page.banks.period} at coordinator"
    )


def test_it_links_to_the_runs_that_the_draft_comes_from(page: Page) -> None:
    *links, other = page.ended
    shown = page.shown()
    for node, run in zip(NODES, links, strict=True):
        assert f"* [analyse at {node}](http://127.0.0.1:" in shown, shown
        assert f"/runs/flow-run/{run})" in shown, shown
    assert other not in shown


@pytest.mark.parametrize(
    "typed",
    [
        {"reviewer": "mallory", "decision": "approve"},
        {"reviewer": "reviewer-1", "decision": "release"},
        {"reviewer": "reviewer-1", "decision": "approve", "comment": "x" * 4001},
        {"reviewer": "reviewer-1", "decision": "approve", "comment": "large", "quorum": "1"},
        {},
        {"reviewer": "reviewer-1", "decision": "approve"},
        {"reviewer": "reviewer-1", "decision": "approve", "comment": ""},
        {"decision": "approve", "comment": "large"},
        {"reviewer": "reviewer-1", "comment": "large"},
    ],
)
def test_what_is_no_decision_is_not_taken(page: Page, typed: dict[str, str]) -> None:
    assert page.resume(**typed)["status"] == "REJECT"
    assert (page.waits()["type"], page.proposed()) == ("PAUSED", [])


def test_what_holds_what_nobody_would_see_is_not_proposed_and_the_review_waits_on(page: Page) -> None:
    assert page.resume(reviewer="reviewer-1", decision="approve", comment="fine\u202e")["status"] == "ACCEPT"
    assert (page.waits()["type"], page.proposed()) == ("PAUSED", [])


def test_one_that_is_made_to_go_on_past_its_form_waits_again(page: Page) -> None:
    before = len(page.server.ask("/artifacts/filter", {}))
    forced = {"state": {"type": "SCHEDULED", "name": "Resuming"}, "force": True}
    page.server.ask(f"/flow_runs/{page.run}/set_state", forced)
    within(180, shown_anew(page, before))
    state = page.waits()
    assert (state["type"], page.proposed()) == ("PAUSED", []), state


async def shown_anew(page: Page, before: int) -> None:
    while len(await asyncio.to_thread(page.server.ask, "/artifacts/filter", {})) == before:
        await asyncio.sleep(0.3)


def test_what_is_typed_is_a_proposal_until_it_is_signed(page: Page) -> None:
    for reviewer in ("reviewer-1", "reviewer-2"):
        assert page.resume(reviewer=reviewer, decision="approve", comment="cells are large")["status"] == "ACCEPT"
        assert page.waits()["type"] == "PAUSED", page.waits()
    assert page.resume(**LOOK_AGAIN)["status"] == "ACCEPT"
    assert page.waits()["type"] == "PAUSED"
    assert page.proposed() == [(reviewer, "approve", "cells are large") for reviewer in ("reviewer-1", "reviewer-2")]
    assert "| reviewer-2 | approve is proposed, not signed |" in page.shown()
    assert "| this draft | reviewer-2 | 2 more of 2 approvals; approve is typed for it, not signed |" in page.shown()
    assert "waits for 2 more of 2 approvals" in page.shown()
    assert "cells are large" not in page.shown()
    node = page.banks.homes["node-0"]
    assert look(page.draft, node, today().date()).state is State.SUBMITTED


def test_a_review_that_was_stopped_ends_by_name(page: Page) -> None:
    home = page.banks.homes["reviewer-3"]
    decide(page.draft, "reject", comment="no", keys=home.keys, exchange=home.exchange, now=today())
    assert page.resume(**LOOK_AGAIN)["status"] == "ACCEPT"
    state = page.waits()
    assert (state["type"], state["name"]) == ("FAILED", "NotApprovedError"), state
    assert "its draft is rejected" in state["message"]
