"""A look at a Prefect server from outside: starts runs and follows them. It speaks plain HTTP, to start at once."""

import asyncio
from collections import Counter
from typing import Any, Self

import httpx

from counterfoil_prefect.deployments.stand import DemoError

LOOK_EVERY_S = 0.7
ENDED_BADLY = ("FAILED", "CRASHED", "CANCELLED")


class Watch:
    """A client of the server at the address."""

    def __init__(self, api: str) -> None:
        self._client = httpx.AsyncClient(base_url=api, timeout=60, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def start(self, flow: str, party: str, **parameters: str) -> str:
        """Order a run of the party's deployment, due now; return its id."""
        deployment = await self._ask("GET", f"/deployments/name/{flow}/{party}")
        tags = [f"stage:{flow}", f"party:{party}"]
        wish = {"parameters": parameters, "state": {"type": "SCHEDULED"}, "name": f"{flow} at {party}", "tags": tags}
        return str((await self._ask("POST", f"/deployments/{deployment['id']}/create_flow_run", wish))["id"])

    async def look(self) -> tuple[dict[str, dict[str, Any]], Counter[str]]:
        """Read each run's latest state by stage and party (`analyse at node-1`), and count each stage's completed runs.

        Raises: DemoError if one at the coordinator ended badly; it knows why the others' did.
        """
        runs = await self._ask("POST", "/flow_runs/filter", {"sort": "START_TIME_ASC"})
        states = {_called(run): {**run["state"], "run": run["id"]} for run in runs}
        for name, state in states.items():
            if name.endswith(" at coordinator") and state["type"] in ENDED_BADLY:
                raise DemoError(f"{name}: {state['name']}: {state['message']}")
        return states, Counter(name.split(" at ")[0] for name, state in states.items() if state["type"] == "COMPLETED")

    async def pause(self) -> None:
        """Wait until the next look."""
        await asyncio.sleep(LOOK_EVERY_S)

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()


def _called(run: dict[str, Any]) -> str:
    """Name the stage and the party of a run, as its tags say."""
    said = dict(tag.split(":", 1) for tag in run["tags"] if ":" in tag)
    return f"{said['stage']} at {said['party']}" if {"stage", "party"} <= said.keys() else str(run["name"])
