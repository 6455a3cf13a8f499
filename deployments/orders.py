"""Runs of deployments on a Prefect server: order one, and see what became of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Scheduled

from counterfoil import clock
from counterfoil.errors import DeploymentError, DocumentError, NotFoundError, UnreachableError
from counterfoil.home import Home
from counterfoil.proxies import proxy_variable
from counterfoil.terminal import say
from counterfoil_prefect.deployments.jobs import latest_runs, named_by, seen, told, workers_off
from counterfoil_prefect.deployments.own import COLLABORATE, agreed
from counterfoil_prefect.mpc_tasks.server import AWAY_S, address

WAIT_S = 10.0
_LATEST = 20
_LOOK_S = 1.0


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


def order(stage: str, party: str, settings: Sequence[str] = (), *, about: Mapping[str, str] | None = None) -> UUID:
    """Order a run of the party's deployment of a stage.

    Args:
        stage: The flow's name.
        party: The party whose worker is to run it.
        settings: Parameters as `name=value`, in place of the deployment's own.
        about: What is known of the run beside stage and party, as its tags say it: its agreement, its period.

    Returns:
        The run's id.

    Raises: DocumentError, NotFoundError, DeploymentError, UnreachableError.
    """
    parameters = dict(_parameter(each) for each in settings)
    said = {"stage": stage, "party": party, **(about or {})}
    with asking(), get_client(httpx_settings={"timeout": WAIT_S}, sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(f"{stage}/{party}")
        except ObjectNotFound:
            raise NotFoundError(
                f"no deployment {stage}/{party} is on this server; {_elsewhere(client, stage, said.get('agreement'))}"
            ) from None
        schema = found.parameter_openapi_schema or {}  # of a deployment that another program made, none
        _check_names(stage, party, parameters, schema)
        try:
            run = client.create_flow_run_from_deployment(
                found.id,
                parameters=parameters,
                state=Scheduled(),
                name=f"{stage} at {party}",
                tags=[f"{what}:{each}" for what, each in said.items()],
            )
        except PrefectHTTPStatusError as error:
            names = ", ".join(sorted(schema.get("properties", {}))) or "none"
            raise DeploymentError(
                f"the server does not take these parameters for {stage}/{party} (status {error.response.status_code}); "
                f"it takes {names}"
            ) from None
        return run.id


def _check_names(stage: str, party: str, given: Collection[str], schema: Mapping[str, Any]) -> None:
    """Check that the flow has each parameter: the server takes others, and the party's worker refuses them hours later.

    Raises: DeploymentError.
    """
    known = schema.get("properties")
    if known is not None and (unknown := sorted(set(given) - set(known))):
        names = ", ".join(sorted(known)) or "none"
        raise DeploymentError(f"{stage}/{party} has no parameter {', '.join(unknown)}; --set gives it any of: {names}")


def _elsewhere(client: SyncPrefectClient, stage: str, agreement: str | None) -> str:
    """Say at which parties the stage is on this server, or how it gets there."""
    named = FlowFilter(name=FlowFilterName(any_=[stage]))
    if agreement is None and (at := sorted({each.name for each in client.read_deployments(flow_filter=named)})):
        return f"{stage} is at {', '.join(at)}: choose one with --at"
    return f"put it there: counterfoil deploy {agreement or 'AGREEMENT'}"


def order_agreement(text: str, home: Path | None, period: str = "") -> tuple[UUID, str]:
    """Order a period of an agreement at its coordinator, the first that is left unless told; return run and job.

    Raises: NotFoundError, AmbiguousError, DocumentError, RefusedError, DeploymentError, UnreachableError.
    """
    ref, terms = agreed(Home.open(home), text)
    if period:
        terms.schedule.check_period(period, terms.starts, clock.today())
    named = {"period": period} if period else {}
    settings = [f"{name}={value}" for name, value in {"agreement": str(ref), **named}.items()]
    made = order(COLLABORATE, terms.coordinator, settings, about={"agreement": terms.id, **named})
    return made, f"{terms.id} {period}".strip()


def status(text: str | None = None) -> tuple[list[str], bool]:
    """Describe jobs, or one, or a run, in lines; and tell whether something goes on by itself.

    Raises: DocumentError, NotFoundError, UnreachableError.
    """
    with asking(), get_client(httpx_settings={"timeout": WAIT_S}, sync_client=True) as client:
        if (run := _as_id(text)) is not None:
            try:
                found = client.read_flow_run(run)
            except ObjectNotFound:
                raise NotFoundError(f"no run {run} is on this server; `counterfoil status` lists the latest") from None
            return [_state(found)], found.state is None or not found.state.is_final()
        listed, alone = named_by(text, map(seen, latest_runs(client)))
        if text is not None and not (listed or alone):
            raise DocumentError(
                f"{text} is no run's id, agreement or period that this server knows; `counterfoil status` lists "
                "the latest"
            )
        lines: list[str] = []
        for job in listed:
            parties = {each.party for each in job.runs if each.party}
            lines += told(job, workers_off(client, sorted(parties)) if job.moves else {})
        lines += [_state(each.run) for each in alone[:_LATEST]]
        begun = any(each.stage == COLLABORATE and not each.over for each in alone)
        return lines, begun or any(job.moves for job in listed)


def wait_for(text: str | None) -> list[str]:
    """Wait until nothing goes on by itself of what the text names, telling what changes; describe it then.

    A server that goes away meanwhile is waited for. Raises: as `status`.
    """
    shown: list[str] = []
    lines, moves = status(text)
    while moves:
        if lines != shown:
            say(*lines, aside=True)
        shown, away_since = lines, time.monotonic()
        while True:
            time.sleep(_LOOK_S)
            try:
                lines, moves = status(text)
                break
            except UnreachableError as error:
                if time.monotonic() - away_since > AWAY_S:
                    raise
                if lines == shown:
                    say(f"{error}; it is asked again until it answers", aside=True)
                    lines = []
    return lines


def _as_id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _state(run: FlowRun) -> str:
    state = run.state
    said = f": {state.message}" if state and state.message else ""
    return f"{run.id} {run.name}: {state.name if state else 'unknown'}{said}"


def _parameter(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not (name and equals):
        raise DocumentError("--set: a parameter is written name=value")
    return name, value
