"""A look at a Prefect server from outside: starts runs, and waits for them. It speaks plain HTTP, to start at once."""

import asyncio
from typing import Any, Self

import httpx

from deployments.stand import DemoError

LOOK_EVERY_S = 0.5


class Watch:
    """A client of the server at the address."""

    def __init__(self, api: str) -> None:
        self._client = httpx.AsyncClient(base_url=api, timeout=60)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def start(self, flow: str, party: str, **parameters: Any) -> str:
        """A run of the party's deployment is due; its id."""
        deployment = await self._get(f"/deployments/name/{flow}/{party}")
        run = await self._post(
            f"/deployments/{deployment['id']}/create_flow_run",
            {"parameters": parameters, "state": {"type": "SCHEDULED"}, "name": f"{flow} at {party}"},
        )
        return str(run["id"])

    async def ended(self, run: str) -> str:
        """The run completed; its message. Raises: DemoError if it ended in another way."""
        while True:
            state = (await self._get(f"/flow_runs/{run}"))["state"]
            if state["type"] == "COMPLETED":
                return str(state["message"])
            if state["type"] in ("FAILED", "CRASHED", "CANCELLED"):
                raise DemoError(f"{state['name']}: {state['message']}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def waiting_review(self) -> str:
        """The review that waits; its run's id."""
        while True:
            wanted = {"flow_runs": {"state": {"name": {"any_": ["Suspended", "Failed", "Crashed"]}}}, "flows": {"name": {"any_": ["review"]}}}
            found = await self._post("/flow_runs/filter", wanted)
            if found:
                return str(found[0]["id"])
            await asyncio.sleep(LOOK_EVERY_S)

    async def runs(self) -> list[dict[str, Any]]:
        return await self._post("/flow_runs/filter", {"limit": 200})

    async def _get(self, path: str) -> Any:
        answer = await self._client.get(path)
        answer.raise_for_status()
        return answer.json()

    async def _post(self, path: str, body: Any) -> Any:
        answer = await self._client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()
