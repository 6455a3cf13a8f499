"""Runs of deployments on a Prefect server: order one, and see what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterExpectedStartTime
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Scheduled

from counterfoil import clock
from counterfoil.errors import DeploymentError, DocumentError, NotFoundError, UnreachableError
from counterfoil.proxies import proxy_variable
from counterfoil_prefect.mpc_tasks.server import address

WAIT_S = 10.0
_LATEST = 20


@contextmanager
def asking() -> Iterator[str]:
    """Ask the server that PREFECT_API_URL names, whose address this yields. Raises: UnreachableError."""
    url = address()  # without one Prefect would start a server of its own, for this command alone
    try:
        yield url
    except (httpx.TransportError, httpx.InvalidURL, RuntimeError) as error:
        told = type(error).__name__
        if variable := proxy_variable(url):
            told += f"; asked through the proxy that {variable} names"
        raise UnreachableError(
            f"no Prefect server answers at {url} ({told}); start it, or correct PREFECT_API_URL"
        ) from None
    except httpx.HTTPStatusError as error:
        raise UnreachableError(
            f"what answers at {url} is no Prefect server for us: status {error.response.status_code}"
        ) from None


def order(stage: str, party: str, settings: Sequence[str] = ()) -> UUID:
    """Order a run of the party's deployment of a stage.

    Args:
        stage: The flow's name.
        party: The party whose worker is to run it.
        settings: Parameters as `name=value`, in place of the deployment's own.

    Returns:
        The run's id.

    Raises: DocumentError, NotFoundError, DeploymentError, UnreachableError.
    """
    parameters = dict(_parameter(each) for each in settings)
    with asking(), get_client(httpx_settings={"timeout": WAIT_S}, sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(f"{stage}/{party}")
        except ObjectNotFound:
            raise NotFoundError(
                f"no deployment {stage}/{party} is on this server; `counterfoil deploy` puts those of a file there"
            ) from None
        try:
            run = client.create_flow_run_from_deployment(
                found.id,
                parameters=parameters,
                state=Scheduled(),
                name=f"{stage} at {party}",
                tags=[f"stage:{stage}", f"party:{party}"],
            )
        except PrefectHTTPStatusError as error:
            schema = found.parameter_openapi_schema or {}  # of a deployment that another program made, none
            raise DeploymentError(
                f"the server does not take these parameters for {stage}/{party} (status {error.response.status_code}); "
                f"it takes {', '.join(sorted(schema.get('properties', {}))) or 'none'}"
            ) from None
        return run.id


def states(run: str | None = None) -> list[str]:
    """Describe a run, or the latest runs, in a line each. Raises: DocumentError, NotFoundError, UnreachableError."""
    with asking(), get_client(httpx_settings={"timeout": WAIT_S}, sync_client=True) as client:
        if run is None:
            soon = clock.now() + timedelta(minutes=1)
            due = FlowRunFilterExpectedStartTime.model_validate({"before_": soon})
            # Runs of coming weeks, which the server makes ahead, are left out.
            found = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(expected_start_time=due),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=_LATEST,
            )
        else:
            try:
                found = [client.read_flow_run(UUID(run))]
            except ValueError:
                raise DocumentError(f"{run} is no run's id; `counterfoil status` lists the latest") from None
            except ObjectNotFound:
                raise NotFoundError(f"no run {run} is on this server; `counterfoil status` lists the latest") from None
    return [
        f"{each.id} {each.name}: {each.state.name if each.state else 'unknown'}"
        + (f": {each.state.message}" if each.state and each.state.message else "")
        for each in found
    ]


def _parameter(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not (name and equals):
        raise DocumentError("--set: a parameter is written name=value")
    return name, value
