"""A noised job and what may follow it, by the demo's processes: `python -m tests.system.noised FOLDER [--suite rep4]`.

A reviewer asks for another draft, whose attempt the nodes make of the same submissions; its results are released; and
another job follows, which nobody has the budget for. What came of it lies in the folder, for a test to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.governance.jobs.evidence import Evidence, read_evidence
from counterfoil.home import Home
from counterfoil.terminal import console
from counterfoil_prefect.deployments.demo import NODES, ROLES, Demo, stages
from counterfoil_prefect.deployments.display import Display
from counterfoil_prefect.deployments.stand import DemoError, Stand
from counterfoil_prefect.deployments.watch import ENDED_BADLY, Watch
from tests.lib.consortium import four_nodes
from tests.lib.private import make_private

ROWS = 1000
NODES_OF = {"rep3": NODES, "rep4": (*NODES, "node-3")}


class Noised(Demo):
    """The demo's parties, whose agreement asks for noise on three of its analyses."""

    async def noised(self) -> None:
        """All that is told above."""
        cards, agreement = await self.found(["--rows", str(ROWS), "--canaries"])
        async with Watch(self.stand.api) as watch:
            await watch.start("collaborate", "coordinator", agreement=agreement)
            states = await self.follow(watch, "review at coordinator", "PAUSED")
            first = states["collaborate at coordinator"]["message"]
            second = await self._again(watch, agreement, first)
            await self.each(self.reviewers, "review", "approve", agreement, _digest(second))
            await watch.start("review", "coordinator", agreement=agreement, evidence=second)
            await self.follow(watch, "review at coordinator", "COMPLETED")
            await self.open(cards, agreement)
            told = {"agreement": agreement, "first": first, "second": second}
            for node in self.nodes:
                await watch.start("audit_budgets", node, agreement=agreement)
            await self.follow(watch, f"audit_budgets at {self.nodes[-1]}", "COMPLETED")
            told["refused"] = await self._once_more(watch, agreement, first)
        for party in ("regulator", self.nodes[0]):
            page = str(self.stand.folder / f"budgets-{party}.html")
            told[f"budget at {party}"] = await self.stand.cli(party, "budget", "show", agreement, "--page", page)
        (self.stand.folder / "told.json").write_text(json.dumps(told))

    async def _again(self, watch: Watch, agreement: str, first: str) -> str:
        """A reviewer asked for changes, and the nodes made another draft of the same job; its evidence."""
        await self.stand.cli("reviewer-3", "review", "request-changes", agreement, _digest(first), "--comment", "again")
        for node in self.nodes:
            shutil.copytree(self.stand.home(node) / "vault", self.stand.folder / "first" / node)
        logs = {owner: events(self.stand.home(owner)) for owner in self.owners}
        submissions = [
            each.refs["manifest"] for log in logs.values() for each in log if each.type == "shares-submitted"
        ]
        period = self._evidence(first).period
        wish: dict[str, Any] = {"period": period, "submissions": submissions, "attempt": 2}
        runs = {await watch.start("analyse", node, agreement=agreement, **wish) for node in self.nodes}
        while True:
            states, _ = await watch.look()
            latest = [states[f"analyse at {node}"] for node in self.nodes]
            if {state["run"] for state in latest} == runs:
                if failed := [state for state in latest if state["type"] in ENDED_BADLY]:
                    raise DemoError(f"the second attempt: {failed}")
                if all(state["type"] == "COMPLETED" for state in latest):
                    return str(latest[0]["message"])
            await watch.pause()

    async def _once_more(self, watch: Watch, agreement: str, first: str) -> str:
        """How a job on the week before ended, of which every owner still has the table."""
        terms = fetch_agreement(Home.open(self.stand.home("node-0")).exchange, Ref.parse(agreement))
        before = terms.schedule.until("", self._evidence(first).period)[-2]
        for owner in self.owners:
            (table,) = (self.stand.home(owner) / "data").glob("loans.[cp]*")
            shutil.copy(table, table.with_name(f"loans.{before}{table.suffix}"))
        wish = {"agreement": agreement, "period": before}
        await watch.start("collaborate", "coordinator", **wish)
        try:
            await self.follow(watch, "collaborate at coordinator", "PAUSED")  # it never is
        except DemoError as error:
            return str(error)
        raise AssertionError("unreachable")

    def _evidence(self, evidence: str) -> Evidence:
        return read_evidence(Home.open(self.stand.home("node-0")).exchange, _digest(evidence))

    def four(self, folder: Path) -> Path:
        """What runs where, with a fourth node that does what the third does."""
        listed = yaml.safe_load(self.deployments.read_bytes())
        third = [item for item in listed["deployments"] if item["name"] == "node-2"]
        listed["deployments"] += [{**item, "name": "node-3", "work_pool": {"name": "node-3"}} for item in third]
        file = folder / "prefect.yaml"
        file.write_text(yaml.safe_dump(listed))
        return file


def events(home: Path) -> list[Event]:
    """What the party's log says, from its first entry on."""
    return [Event.parse(entry) for entry in Home.open(home).log.entries()]


def _digest(evidence: str) -> str:
    return evidence.rsplit(":", 1)[1]


async def run(folder: Path, suite: str) -> None:
    """The job in the folder, which is made anew."""
    nodes = NODES_OF[suite]
    roles = {**ROLES, **dict.fromkeys(nodes, ("node",))}

    def edit(contracts: Path) -> None:
        make_private(contracts)
        if suite == "rep4":
            four_nodes(contracts)

    async with Stand(folder, len(nodes)) as stand:
        with Display(console(), stages(roles)) as display:
            noised = Noised(stand, display, roles, edit)
            if suite == "rep4":
                noised.deployments = noised.four(folder)
            await noised.noised()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suite", choices=sorted(NODES_OF), default="rep3")
    wish = parser.parse_args()
    try:
        asyncio.run(run(wish.folder, wish.suite))
    except DemoError as error:
        sys.exit(f"error: {error}")
