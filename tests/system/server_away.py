"""The demo's job, whose Prefect server is killed in its middle, and away: `python -m tests.system.server_away DIR`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from counterfoil.terminal import console
from counterfoil_prefect.deployments.demo import ROLES, Demo, stages
from counterfoil_prefect.deployments.display import Display
from counterfoil_prefect.deployments.stand import DemoError, Stand
from counterfoil_prefect.deployments.watch import Watch

AWAY_S = 30.0


class Away(Demo):
    """The demo's parties, whose server goes away while the nodes compute."""

    async def job(self) -> None:
        """The job has its draft, and a review waits."""
        _, agreement = await self.found(["--rows", "20000"])
        async with Watch(self.stand.api) as watch:
            await watch.start("collaborate", "coordinator", agreement=agreement)
            await self.follow(watch, "analyse at node-1", "RUNNING")
            os.kill(self.stand.server_pid, signal.SIGKILL)
            await asyncio.sleep(AWAY_S)
            await self.stand.serve()
            await self.follow(watch, "review at coordinator", "PAUSED")
        await self.heard()

    async def heard(self) -> None:
        """Whoever said that the server is away has said that it is back; an idle worker may ask a minute later."""
        logs = [self.stand.folder / "logs" / f"{party}.log" for party in (*self.owners, *self.nodes, "coordinator")]
        for _ in range(240):
            said = [log.read_text() for log in logs]
            if all(each.count("does not answer (") == each.count("answers again, after ") for each in said):
                return
            await asyncio.sleep(0.5)


async def run(folder: Path) -> None:
    """The job, in the folder, which is made anew."""
    async with Stand(folder) as stand:
        with Display(console(), stages(ROLES)) as display:
            await Away(stand, display).job()


if __name__ == "__main__":
    try:
        asyncio.run(run(Path(sys.argv[1])))
    except DemoError as error:
        sys.exit(f"error: {error}")
