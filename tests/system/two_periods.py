"""Two weeks of one agreement are wanted at once, by the demo's processes: `python -m tests.system.two_periods DIR`."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from counterfoil.canonical import Ref
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.home import Home
from counterfoil.terminal import console
from counterfoil_prefect.deployments.demo import ROLES, Demo, stages
from counterfoil_prefect.deployments.display import Display
from counterfoil_prefect.deployments.stand import DemoError, Stand
from counterfoil_prefect.deployments.watch import ENDED_BADLY, Watch


class Two(Demo):
    """The demo's parties, of whom two weeks are wanted at once."""

    async def both(self) -> None:
        """Both weeks have a draft, and what the server has of every run is in a file."""
        _, agreement = await self.found(["--rows", "1000"])
        terms = fetch_agreement(Home.open(self.stand.home("node-0")).exchange, Ref.parse(agreement))
        today = datetime.now(UTC)
        periods = [terms.schedule.period((today - timedelta(weeks=ago)).date()) for ago in (0, 1)]
        for owner in self.owners:
            (table,) = (self.stand.home(owner) / "data").glob("loans.[cp]*")
            shutil.copy(table, table.with_name(f"loans.{periods[1]}{table.suffix}"))
        async with Watch(self.stand.api) as watch:
            wanted = {
                await watch.start("collaborate", "coordinator", agreement=agreement, period=period)
                for period in periods
            }
            while True:
                runs = await watch._ask("POST", "/flow_runs/filter", {"sort": "START_TIME_ASC"})
                states = {run["id"]: run["state"] for run in runs if run["id"] in wanted}
                if failed := [state for state in states.values() if state["type"] in ENDED_BADLY]:
                    raise DemoError(str(failed))
                if all(state["type"] == "COMPLETED" for state in states.values()) and len(states) == len(wanted):
                    break
                await watch.pause()
            logs = await watch._ask("POST", "/logs/filter", {"sort": "TIMESTAMP_ASC"})
        told = {"runs": runs, "logs": [log["message"] for log in logs], "periods": periods}
        (self.stand.folder / "told.json").write_text(json.dumps(told))


async def run(folder: Path) -> None:
    """Both, in the folder, which is made anew."""
    async with Stand(folder) as stand:
        with Display(console(), stages(ROLES)) as display:
            await Two(stand, display).both()


if __name__ == "__main__":
    try:
        asyncio.run(run(Path(sys.argv[1])))
    except DemoError as error:
        sys.exit(f"error: {error}")
