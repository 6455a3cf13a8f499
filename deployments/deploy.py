"""Puts what `prefect.yaml` says on a Prefect server, like `prefect deploy --all` but in a second, for the demo."""

import asyncio
import contextlib
import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import construct_schedule
from prefect.exceptions import ObjectAlreadyExists
from prefect.utilities.callables import parameter_schema

from flows.worker import CounterfoilWorker


def main() -> None:
    """`deploy FILE`: all work pools, flows and deployments of the file are on the server that PREFECT_API_URL names."""
    asyncio.run(_deploy(yaml.safe_load(Path(sys.argv[1]).read_bytes())["deployments"]))


async def _deploy(deployments: list[dict[str, Any]]) -> None:
    template = CounterfoilWorker.get_default_base_job_template()
    async with get_client() as client:
        for pool in sorted({item["work_pool"]["name"] for item in deployments}):
            with contextlib.suppress(ObjectAlreadyExists):
                await client.create_work_pool(
                    WorkPoolCreate(name=pool, type=CounterfoilWorker.type, base_job_template=template)
                )
        await asyncio.gather(*(_create(client, item) for item in deployments))


async def _create(client: PrefectClient, item: dict[str, Any]) -> None:
    file, name = item["entrypoint"].split(":")
    flow = getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)
    await client.create_deployment(
        flow_id=await client.create_flow(flow),
        name=item["name"],
        entrypoint=item["entrypoint"],
        description=item.get("description") or flow.description,
        work_pool_name=item["work_pool"]["name"],
        work_queue_name=item["work_pool"].get("work_queue_name"),
        parameters={key: _filled(value) for key, value in item.get("parameters", {}).items()},
        schedules=[_schedule(each) for each in item.get("schedules", [])],
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )


def _schedule(item: dict[str, Any]) -> Any:
    timing = {key: item[key] for key in ("cron", "interval", "timezone") if key in item}
    return DeploymentScheduleCreate(schedule=construct_schedule(**timing), slug=item["slug"])


def _filled(text: str) -> str:
    return re.sub(r"\{\{ \$(\w+) \}\}", lambda match: os.environ[match[1]], text)
