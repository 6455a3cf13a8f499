"""`make demo`: four banks, three nodes, three reviewers and two recipients run one joint analysis on this machine.

Every party is a process of its own with its own folder and keys. All steps are the ones that real parties take: the
`counterfoil` command, workers, flows. The demo only types what people would type.
"""

import argparse
import asyncio
import shutil
import sys
from pathlib import Path

from deployments.stand import DemoError, Stand
from deployments.stages import Stages
from deployments.watch import Watch

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
LIGHT = ("counterfoil.cli", "counterfoil.home", "counterfoil.governance.explain", "counterfoil.governance.review")
FOR_NODES = ("prefect.flow_engine", "prefect.task_engine", "flows.party", "flows.analyse", "flows.collaborate", "flows.review")


async def found(stand: Stand, rows: int) -> str:
    """Every party has its keys, the agreement is signed by all, and every bank has its table; the agreement."""
    await asyncio.gather(*(
        stand.cli(
            party, "party", "init", party, "--home", str(stand.home(party)), "--exchange", str(stand.exchange),
            *(word for role in roles for word in ("--role", role)),
        )
        for party, roles in ROLES.items()
    ))
    contracts = stand.folder / "contracts"
    shutil.copytree(ROOT / "contracts", contracts)
    members = contracts / "rosters" / "four-banks.roster.yaml"
    text = members.read_text()
    for port, listed in zip(stand.node_ports, (7300, 7301, 7302), strict=True):
        text = text.replace(f":{listed}", f":{port}")
    members.write_text(text)
    cards = await asyncio.gather(*(stand.cli(party, "party", "card") for party in ROLES))
    for party, card in zip(ROLES, cards, strict=True):
        (stand.folder / f"{party}.card.json").write_text(card)
    roster = stand.folder / "roster.yaml"
    given = [word for party in ROLES for word in ("--card", str(stand.folder / f"{party}.card.json"))]
    await stand.cli("bank-a", "agreement", "roster", str(members), *given, "--out", str(roster))
    file = contracts / "agreements" / "exposure.agreement.yaml"
    agreement = (await stand.cli("bank-a", "agreement", "draft", str(file), "--roster", str(roster))).splitlines()[0]
    await asyncio.gather(*(stand.cli(party, "agreement", "sign", agreement, "--yes") for party in ROLES))
    return agreement


async def make_tables(stand: Stand, rows: int) -> None:
    """Every bank has its synthetic table in its own home."""
    tables = stand.folder / "tables"
    contract = ROOT / "contracts" / "data" / "loans.odcs.yaml"
    await stand.call(
        "synthetic_data.__main__:main", "synthetic_data", "--contract", str(contract), "--out", str(tables), "--rows", str(rows)
    )
    for path in tables.iterdir():
        path.rename(stand.home(path.stem) / "data" / f"loans{path.suffix}")


async def demo(stand: Stand, stages: Stages, rows: int) -> None:
    with stages.stage("parties and agreement"):
        server = asyncio.create_task(stand.serve())
        await stand.preload(*LIGHT)
        agreement = await found(stand, rows)
    with stages.stage("workers"):
        await stand.preload(*FOR_NODES)
        await make_tables(stand, rows)
        await server
        env = {"COUNTERFOIL_AGREEMENT": agreement}
        deployed = asyncio.create_task(stand.call("deployments.deploy:main", "deploy", env=env))
        await deployed
        for party in (*NODES, "coordinator"):
            await stand.work(party)
        await stand.preload("flows.contribute", "great_expectations")
        for party in OWNERS:
            await stand.work(party)
    async with Watch(stand.api) as watch:
        with stages.stage("collaborate"):
            run = await watch.start("collaborate", "coordinator", agreement=agreement)
            evidence = (await watch.ended(run)).rsplit(":", 1)[1]
        with stages.stage("review"):
            review = await watch.waiting_review()
            for reviewer in REVIEWERS[:2]:
                await stand.cli(reviewer, "review", "approve", agreement, evidence, "--comment", "as agreed")
            await watch.ended(await watch.start("resume_reviews", "coordinator"))
            await watch.ended(review)
    with stages.stage("open"):
        for recipient in ("regulator", "bank-a"):
            print(await stand.cli(recipient, "open", agreement))
        print(await stand.cli("regulator", "verify", str(stand.exchange)))


async def main() -> None:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--review", choices=("scripted", "ask"), default="scripted")
    parser.add_argument("--rows", type=int, default=20_000)
    wish = parser.parse_args()
    try:
        async with Stand(ROOT / ".demo") as stand:
            await demo(stand, Stages(), wish.rows)
    except DemoError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    asyncio.run(main())
