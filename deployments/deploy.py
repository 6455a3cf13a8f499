"""Put what `prefect.yaml` says on a Prefect server: work pools, flows and deployments.

`counterfoil deploy` does it.

As `prefect deploy --all`, but it makes the pools, too, takes a second, and names what is wrong before anything is made.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from prefect import Flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentCreate, DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import construct_schedule
from prefect.exceptions import ObjectAlreadyExists
from prefect.utilities.callables import parameter_schema
from pydantic import ValidationError

from counterfoil.errors import (
    DeploymentError,
    DocumentError,
    EntryPointError,
)
from counterfoil.files import read_file
from counterfoil.home import Home
from counterfoil.terminal import say
from counterfoil_prefect.deployments.orders import WAIT_S, asking
from counterfoil_prefect.deployments.own import agreed, deployments_of
from counterfoil_prefect.flows.stages import STAGES
from counterfoil_prefect.flows.worker import CounterfoilWorker

FILE = Path(__file__).with_name("prefect.yaml")
_VARIABLE = re.compile(r"\{\{ *\$(\w+) *\}\}")


def put(file: Path, *, pools_alone: bool = False) -> None:
    """Put the file's work pools, flows and deployments on the Prefect server that PREFECT_API_URL names.

    Raises: NotFoundError, DocumentError, EntryPointError, DeploymentError, UnreachableError.
    """
    if pools_alone:
        asyncio.run(deploy(pools_of(file), ()))
    else:
        wanted = read_deployments(file)
        asyncio.run(deploy([item["work_pool"]["name"] for item in wanted], wanted))


def put_agreement(text: str, home: Path | None) -> None:
    """Put on the server what the agreement's parties run under it, with its schedule.

    Raises: NotFoundError, AmbiguousError, DocumentError, DeploymentError, UnreachableError.
    """
    ref, terms = agreed(Home.open(home), text)
    wanted = [_resolved(item, terms.source) for item in deployments_of(terms, ref)]
    asyncio.run(deploy([item["work_pool"]["name"] for item in wanted], wanted))


def read_deployments(file: Path) -> list[dict[str, Any]]:
    """Read the deployments that the file lists, with their flows, and fill in variables of the environment.

    Raises: NotFoundError, DocumentError; EntryPointError for a flow that is not installed here; DeploymentError for a
        variable that is not set.
    """
    return [_resolved(item, where) for item, where in _listed(file)]


def pools_of(file: Path) -> list[str]:
    """List the work pools that the file's deployments are in. Raises: NotFoundError, DocumentError."""
    return [item["work_pool"]["name"] for item, _ in _listed(file)]


def _listed(file: Path) -> list[tuple[dict[str, Any], str]]:
    """List the deployments as the file writes them, and where each begins."""
    text = read_file(file)  # as Prefect reads it: with anchors and aliases
    try:
        value, lines = yaml.safe_load(text), _lines(yaml.compose(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise DocumentError(f"{file}: not valid YAML ({type(error).__name__})") from None
    listed = value.get("deployments") if isinstance(value, dict) else None
    if not isinstance(listed, list) or not listed:
        raise DocumentError(f"{file}: no deployments are listed; give a file like {FILE}")
    found = []
    for at, item in enumerate(listed):
        where = f"{file}:{lines[at]}" if len(lines) == len(listed) else f"{file}: deployments[{at}]"  # merged from afar
        match item:
            case {"name": str(), "entrypoint": str(), "work_pool": {"name": str()}}:
                found.append((item, where))
            case _:
                raise DocumentError(
                    f"{where}: a deployment needs the texts name, entrypoint and work_pool: {{name: ...}}"
                )
    return found


def _lines(document: Any) -> list[int]:
    """List the lines, from 1, at which the deployments of a file begin."""
    entries = document.value if isinstance(document, yaml.MappingNode) else []
    values = [node for key, node in entries if key.value == "deployments" and isinstance(node, yaml.SequenceNode)]
    return [item.start_mark.line + 1 for node in values[-1:] for item in node.value]


def _resolved(item: dict[str, Any], where: str) -> dict[str, Any]:
    parameters, schedules = item.get("parameters") or {}, item.get("schedules") or []
    if not isinstance(parameters, dict) or not all(isinstance(name, str) for name in parameters):
        raise DocumentError(f"{where}: parameters are written as name: value")
    if not isinstance(schedules, list):
        raise DocumentError(f"{where}: schedules are written as a list, each after a hyphen; see {FILE}")
    for name, value in parameters.items():
        _check_plain(value, f"{where}: parameters.{name}")
    resolved = {
        **item,
        "flow": _flow(item["entrypoint"], where),
        "parameters": {name: _filled(value, where) for name, value in parameters.items()},
        "schedules": [_schedule(each, where) for each in schedules],
    }
    _check_fields(resolved, where)
    return resolved


def _check_plain(value: Any, where: str) -> None:
    """Check that a parameter can be sent to the server. Raises: DocumentError."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise DocumentError(
            f"{where}: must be a text, a number, true or false, or a list or mapping of these; write a day or a time "
            "in quotation marks"
        ) from None


def _check_fields(item: dict[str, Any], where: str) -> None:
    """Check what Prefect will take, before anything is made. Raises: DocumentError."""
    try:
        WorkPoolCreate(name=item["work_pool"]["name"])
    except ValueError:
        raise DocumentError(f"{where}: work_pool.name: Prefect takes no such name; see {FILE}") from None
    try:
        DeploymentCreate(flow_id=uuid4(), **_fields(item))
    except ValidationError as error:
        fields = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
        raise DocumentError(f"{where}: Prefect does not take {', '.join(fields)} as written; see {FILE}") from None


def _fields(item: dict[str, Any]) -> dict[str, Any]:
    """State the deployment as Prefect's client takes it."""
    return {
        "name": item["name"],
        "entrypoint": item["entrypoint"],
        "description": item.get("description") or item["flow"].description,
        "work_pool_name": item["work_pool"]["name"],
        "work_queue_name": item["work_pool"].get("work_queue_name"),
        "parameters": item["parameters"],
        "schedules": item["schedules"],
    }


def _flow(entrypoint: str, where: str) -> Flow[..., Any]:
    stages = {stage.entry_point: stage for stage in STAGES.values()}
    try:
        stage = stages[entrypoint]
    except KeyError:
        raise EntryPointError(f"{where}: no flow is at {entrypoint}; entry points are like {min(stages)}") from None
    found: Flow[..., Any] = getattr(import_module(stage.module), stage.name)  # what it lacks, its extra has
    return found


def _filled(value: Any, where: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, where) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, where) for each in value]
    if not isinstance(value, str):
        return value
    for name in _VARIABLE.findall(value):
        if not os.environ.get(name):
            raise DeploymentError(
                f"{where}: the environment has no {name}; set it, like export {name}=agreement:bank-a:..., as "
                "`counterfoil agreement draft` printed it"
            )
    return _VARIABLE.sub(lambda match: os.environ[match[1]], value)


def _schedule(item: Any, where: str) -> DeploymentScheduleCreate:
    try:
        timing = {key: item[key] for key in ("cron", "interval", "timezone") if key in item}
        return DeploymentScheduleCreate(schedule=construct_schedule(**timing), slug=item["slug"])
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise DocumentError(f"{where}: its schedule cannot be read ({type(error).__name__}); see {FILE}") from None


async def deploy(pools: Iterable[str], deployments: Sequence[dict[str, Any]]) -> None:
    """Make the pools and the deployments, and print a line for each. Raises: UnreachableError, DeploymentError."""
    template = CounterfoilWorker.get_default_base_job_template()
    with asking():
        async with get_client(httpx_settings={"timeout": WAIT_S}) as client:
            (await client.hello()).raise_for_status()
            for pool in sorted(set(pools)):
                made = WorkPoolCreate(name=pool, type=CounterfoilWorker.type, base_job_template=template)
                try:
                    await client.create_work_pool(made)
                    say(f"work pool {pool}: made")
                except ObjectAlreadyExists:
                    await _check_pool(client, pool)
            for line in await asyncio.gather(*(_create(client, item) for item in deployments)):
                say(line)


async def _check_pool(client: PrefectClient, name: str) -> None:
    pool = await client.read_work_pool(name)
    if pool.type != CounterfoilWorker.type:
        raise DeploymentError(
            f"work pool {name} is there, of type {pool.type}, not {CounterfoilWorker.type}; its worker would take "
            f"nothing of it. Remove it: prefect work-pool delete {name}"
        )
    say(f"work pool {name}: there already")


async def _create(client: PrefectClient, item: dict[str, Any]) -> str:
    flow = item["flow"]
    await client.create_deployment(
        flow_id=await client.create_flow(flow),
        **_fields(item),
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )
    scheduled = f", {len(item['schedules'])} schedules" if item["schedules"] else ""
    return f"deployment {flow.name}/{item['name']}: in work pool {item['work_pool']['name']}{scheduled}"
