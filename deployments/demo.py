"""`make demo`: four banks, three nodes, three reviewers and two recipients run one joint analysis on this machine.

Every party is a process of its own with its own folder and keys, and does what a real party does: the `counterfoil`
command, a worker, its flows. The demo only types what people would type.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from counterfoil import clock
from counterfoil.errors import DocumentError, RefusedError
from counterfoil.governance.agreements.templates import INDUSTRIES, copy_examples, templates
from counterfoil.terminal import answer, can_answer, complain, console, say
from counterfoil_prefect import flows
from counterfoil_prefect.deployments.display import Display, Line
from counterfoil_prefect.deployments.stand import DemoError, Stand
from counterfoil_prefect.deployments.watch import Watch
from counterfoil_prefect.flows.stages import STAGES, Stage, stages_of

INDUSTRY = "banking"
AGREEMENT = INDUSTRIES[INDUSTRY]
CONTRACT = "loans.odcs.yaml"
ROOT = Path(__file__).resolve().parent.parent
OWNERS = ("bank-a", "bank-b", "bank-c", "bank-d")
NODES = ("node-0", "node-1", "node-2")
REVIEWERS = ("reviewer-1", "reviewer-2", "reviewer-3")
ROLES = {
    **dict.fromkeys(OWNERS, ("owner",)),
    "bank-a": ("owner", "recipient"),
    **dict.fromkeys(NODES, ("node",)),
    "coordinator": ("coordinator",),
    **dict.fromkeys(REVIEWERS, ("reviewer",)),
    "regulator": ("recipient",),
}
# What every process of the demo shares from before it starts; it would import the same by itself.
COMMANDS = (
    "counterfoil.cli",
    "counterfoil.home",
    "counterfoil.report.explain",
    "counterfoil.governance.review.airlock",
    "cryptography.hazmat.backends.openssl.backend",
    "pydantic.json_schema",
    "pydantic.type_adapter",
    "typer.rich_utils",
)
WORKERS = (f"{flows.__name__}.party", *(STAGES[name].module for name in stages_of(("node", "coordinator"))))
OWNERS_WORKERS = tuple(
    module for name in stages_of(("owner",)) for module in (STAGES[name].module, *STAGES[name].loads)
)


def stages(roles: Mapping[str, Sequence[str]]) -> dict[str, Line]:
    """List what the demo goes through with these parties: what people type, and between that the stages of a job."""
    every, owners, nodes = len(roles), len(_who("owner", roles)), len(_who("node", roles))
    job = {
        each.name: Line(f"{each.name.capitalize()}: {each.title}", len(_at(each, roles)))
        for each in STAGES.values()
        if each.after
    }
    job["review"].total = len(_who("reviewer", roles))
    return {
        "parties": Line("Keys, log and folder of every party", every),
        "agreement": Line("Agreement proposed and signed", every),
        "tables": Line("Tables at the banks, made from the contract", owners),
        "workers": Line("Prefect server and a worker at each party", owners + nodes + 1),
        **job,
        "open": Line("Open and report, at the recipients", len(_who("recipient", roles))),
        "verify": Line("Verify everything, as an outsider", 1),
    }


def _at(stage: Stage, roles: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(party for party, has in roles.items() if not set(has).isdisjoint(stage.roles))


def _who(role: str, roles: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(party for party, has in roles.items() if role in has)


class Demo:
    """One run of the demo on a stand, by these parties; `edit` changes the contracts before anybody sees them."""

    deployments = ROOT / "deployments" / "prefect.yaml"

    def __init__(
        self,
        stand: Stand,
        display: Display,
        roles: Mapping[str, Sequence[str]] = ROLES,
        edit: Callable[[Path], None] | None = None,
    ) -> None:
        self.stand = stand
        self.display = display
        self.roles = roles
        self.edit = edit
        self.owners, self.nodes, self.reviewers, self.recipients = (
            _who(role, roles) for role in ("owner", "node", "reviewer", "recipient")
        )

    async def run(self, tables: Sequence[str], ask: bool) -> None:
        """Run the main job, from nothing to a verified report, and sum it up."""
        cards, agreement = await self.found(tables)
        async with Watch(self.stand.api) as watch:
            await watch.start("collaborate", "coordinator", agreement=agreement)
            states = await self.follow(watch, "review at coordinator", "PAUSED")
            evidence = states["collaborate at coordinator"]["message"].rsplit(":", 1)[1]
            await self.review(watch, agreement, evidence, ask)
            await self.follow(watch, "review at coordinator", "COMPLETED")
        told, verified = await self.open(cards, agreement)
        await self._sum_up(agreement, told[self.recipients.index("regulator")], verified)

    async def found(self, tables: Sequence[str]) -> tuple[Path, str]:
        """Set all parties to work under an agreement that all signed; return the cards' folder, and the agreement."""
        server = asyncio.create_task(self.stand.serve())
        await self.stand.preload(*COMMANDS)
        with self.display.step("parties") as step:
            cards = await self._make_parties(step)
        with self.display.step("agreement") as step:
            agreement = await self._sign(cards, step)
        await self._start_workers(server, agreement, tables)
        return cards, agreement

    async def open(self, cards: Path, agreement: str) -> tuple[list[str], str]:
        """Open every recipient's results and verify all of it as an outsider; return what the commands printed."""
        with self.display.step("open"):
            told = await self.each(self.recipients, "open", agreement)
        with self.display.step("verify"):
            pins = [word for party in self.roles for word in ("--card", str(cards / f"{party}.json"))]
            verified = await self.stand.cli("regulator", "verify", str(self.stand.exchange), *pins)
        return told, verified

    async def _make_parties(self, step: Line) -> Path:
        """Make every party a home; return the folder of their public cards."""
        cards = self.stand.folder / "cards"
        cards.mkdir()

        async def make(party: str) -> None:
            roles = [word for role in self.roles[party] for word in ("--role", role)]
            home = ("--home", str(self.stand.home(party)))
            await self.stand.cli(party, "party", "init", party, *home, "--exchange", str(self.stand.exchange), *roles)
            (cards / f"{party}.json").write_text(await self.stand.cli(party, "party", "card"))
            step.reach(step.done + 1)

        await asyncio.gather(*map(make, self.roles))
        return cards

    async def _sign(self, cards: Path, step: Line) -> str:
        """Propose the agreement as bank-a and have all sign it; return its reference."""
        contracts = self.stand.folder / "contracts"
        copy_examples(contracts, clock.today())
        if self.edit:
            self.edit(contracts)
        members = contracts / "rosters" / "four-banks.roster.yaml"
        text = members.read_text()
        for index, port in enumerate(self.stand.node_ports):
            text = text.replace(f":{7300 + index}", f":{port}")
        members.write_text(text)
        roster = self.stand.folder / "roster.yaml"
        given = [word for party in self.roles for word in ("--card", str(cards / f"{party}.json"))]
        await self.stand.cli("bank-a", "roster", "new", str(members), *given, "--out", str(roster))
        file = contracts / "agreements" / f"{AGREEMENT}.agreement.yaml"
        drafted = await self.stand.cli("bank-a", "agreement", "draft", str(file), "--roster", str(roster))
        agreement = drafted.splitlines()[0]

        async def sign(party: str) -> None:
            await self.stand.cli(party, "agreement", "sign", agreement, "--yes")
            step.reach(step.done + 1)

        await asyncio.gather(*map(sign, self.roles))
        return agreement

    async def _start_workers(self, server: "asyncio.Task[None]", agreement: str, wish: Sequence[str]) -> None:
        """Make the banks' tables, start every party's worker, and deploy their flows."""
        step = self.display.lines["workers"]
        step.reach(0)
        await self.stand.preload(*WORKERS)
        tables = asyncio.create_task(self._make_tables(wish))
        await server
        env = {"COUNTERFOIL_AGREEMENT": agreement}
        deploy = self.stand.call("counterfoil.cli:app", "counterfoil", "deploy", str(self.deployments), env=env)
        deployed = asyncio.create_task(deploy)
        await self._work((*self.nodes, "coordinator"), step)
        await self.stand.preload(*OWNERS_WORKERS)
        await self._work(self.owners, step)
        await deployed
        await tables

    async def _work(self, parties: Iterable[str], step: Line) -> None:
        for party in parties:
            await self.stand.work(party)
            step.reach(step.done + 1)

    async def _make_tables(self, wish: Sequence[str]) -> None:
        with self.display.step("tables"):
            folder = self.stand.folder / "tables"
            contract = self.stand.folder / "contracts" / "data" / CONTRACT
            into = ("--contract", str(contract), "--out", str(folder))
            await self.stand.call("counterfoil_prefect.synthetic_data.__main__:main", "synthetic_data", *into, *wish)
            for path in folder.iterdir():
                path.rename(self.stand.home(path.stem) / "data" / f"loans{path.suffix}")
            folder.rmdir()

    async def follow(self, watch: Watch, run: str, state: str) -> dict[str, dict[str, str]]:
        """Show what goes on until the run is in the state; return all states then."""
        while True:
            states, completed = await watch.look()
            for name, line in self.display.lines.items():
                begun = any(other.startswith(f"{name} at") for other in states)
                if begun and name != "review":
                    line.reach(completed[name])
            if states.get(run, {}).get("type") == state:
                return states
            await watch.pause()

    async def review(self, watch: Watch, agreement: str, evidence: str, ask: bool) -> None:
        """Sign as the reviewers, or ask for each of them, and have the review go on."""
        step = self.display.lines["review"]
        step.reach(0)
        if ask:
            with self.display.aside():
                await self._ask(agreement, evidence)
        else:
            await self.each(self.reviewers, "review", "approve", agreement, evidence, "--comment", "as agreed")
        step.reach(len(self.reviewers))
        await watch.start("resume_reviews", "coordinator")

    async def _ask(self, agreement: str, evidence: str) -> None:
        say("", f"The review waits, also at http://127.0.0.1:{self.stand.port}/runs. What waits:", "")
        say(*(await self.stand.cli(self.reviewers[0], "review", "show", agreement, evidence)).split("\n"))
        for reviewer in self.reviewers:
            try:
                said = await asyncio.to_thread(answer, f"Approve as {reviewer}? [y/n]")
            except EOFError:
                raise DemoError(
                    "REVIEW=ask needs a terminal to answer at; without it the reviewers are scripted"
                ) from None
            if said.lower().startswith("y"):
                await self.stand.cli(
                    reviewer, "review", "approve", agreement, evidence, "--comment", "asked in the demo"
                )
            else:
                await self.stand.cli(
                    reviewer, "review", "reject", agreement, evidence, "--comment", "asked in the demo"
                )

    async def each(self, parties: Iterable[str], *words: str) -> list[str]:
        """Run the command as each party; return what it printed, in their order."""
        return await asyncio.gather(*(self.stand.cli(party, *words) for party in parties))

    async def _sum_up(self, agreement: str, told: str, verified: str) -> None:
        report = Path(told.rsplit("report: ", 1)[1])
        homes = str(self.stand.folder / "homes")
        wish = ("summary", homes, agreement, str(report.with_name("report.json")))
        summary = await self.stand.call("counterfoil_prefect.deployments.summary:main", *wish)
        self.display.close()
        say(
            "",
            *summary.split("\n"),
            f"Verified: {verified.splitlines()[-1]}.",
            "",
            f"Report:   {report}",
            f"Verify:   .venv/bin/counterfoil verify {self.stand.exchange}",
            f"Logs:     {self.stand.folder / 'logs'}",
            "Prefect:  `make demo REVIEW=ask` keeps its page open",
        )


async def demo(folder: Path, tables: Sequence[str], ask: bool, keep: bool) -> None:
    """Run the demo on a fresh stand in the folder; with `keep`, keep its processes until somebody presses Ctrl-C."""
    async with Stand(folder) as stand:
        try:
            with Display(console(), stages(ROLES)) as display:
                await Demo(stand, display).run(tables, ask)
        except DemoError as error:  # kept so that its user can see why
            if not keep:
                raise
            complain(error)
        if keep or ask:
            say("", f"Prefect:  http://127.0.0.1:{stand.port} until you press Ctrl-C")
            await asyncio.Event().wait()


def check_wishes(rows: int, ask: bool) -> None:
    """Check, before anything starts, what would fail at the end.

    Raises: DocumentError for tables that the banks' contract does not allow; RefusedError where nobody can answer.
    """
    loans = next(each for each in templates()[INDUSTRY].contracts if each.source == CONTRACT)
    if not loans.fewest_rows <= rows <= loans.most_rows:
        raise DocumentError(
            f"--rows {rows}: the contract {loans.id} allows a bank {loans.fewest_rows} to {loans.most_rows} rows; give "
            "a number between these"
        )
    if ask and not can_answer():
        raise RefusedError(
            "--review ask: nobody can answer here; run it at a terminal, or let the reviewers be scripted"
        )


def run(folder: Path, rows: int, *, canaries: bool, ask: bool, keep: bool) -> None:
    """Run the demo, and end all that it started however it ends.

    Raises: SystemExit; DocumentError or RefusedError for what it cannot be run with.
    """
    check_wishes(rows, ask)
    tables = ["--rows", str(rows), *(["--canaries"] if canaries else [])]
    try:
        asyncio.run(demo(folder, tables, ask, keep))
    except DemoError as error:
        complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        say("", "stopped", aside=True)
        sys.exit(1)
