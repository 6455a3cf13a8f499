"""Check whether a party can work: its home, papers, tables, port, clock, disk, and its part on the Prefect server.

Each check raises an error of ours, whose message is the remedy, or says in a line what it found.
Nothing is changed but what the party remembers to have seen.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound

from counterfoil import clock
from counterfoil.address import Address, parse_address
from counterfoil.canonical import Ref
from counterfoil.crypto.keys import tls_validity
from counterfoil.errors import (
    CounterfoilError,
    DeploymentError,
    ExpiredError,
    ListenError,
    NotFoundError,
    SignatureError,
    StoreError,
    UnreachableError,
)
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.in_force import RUN, load
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.governance.jobs.correction import handed_in
from counterfoil.home import Home
from counterfoil.mpc.transport.listen import holder
from counterfoil.roles.owner import awaited_table, dated_table, file_digest
from counterfoil.storage.records import BLOBS
from counterfoil_prefect.deployments.jobs import SILENT, heartbeat
from counterfoil_prefect.deployments.orders import WAIT_S, asking
from counterfoil_prefect.deployments.own import deployments_of
from counterfoil_prefect.flows.worker import CounterfoilWorker

ROOM_BYTES: Final = 1 << 30
"""So much room a home's disk has at least: a job's shares, and what is written while they are made."""
CARRIES: Final = 12
"""So many workers a server on SQLite carries."""
_SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: words, and the error if something is wrong."""

    about: str
    words: str
    error: CounterfoilError | None = None


@dataclass(slots=True)
class _Patient:
    home: Home
    agreements: dict[Ref, Agreement] = field(default_factory=dict)


def examine(folder: Path | None) -> Iterator[Finding]:
    """Check everything, one thing after the other, going on after what is wrong; without a home, little can be."""
    opened: list[Home] = []

    def home() -> str:
        opened.append(Home.open(folder))
        return f"{opened[0].party}, {', '.join(opened[0].roles)}, in {opened[0].path}"

    yield _find("home", home)
    yield _find("versions", _versions)
    if opened:
        patient = _Patient(opened[0])
        yield _find("keys", partial(_keys, patient.home))
        yield _find("disk", partial(_disk, patient.home))
        yield _find("exchange", partial(_exchange, patient))
        for ref, terms in patient.agreements.items():
            yield _find(f"agreement {terms.id}", partial(_binding, patient.home, ref))
            yield from _tables(patient.home, terms)
            if patient.home.party in terms.nodes:
                yield _find("port", partial(_port, patient.home, terms))
    yield from _server(opened[0] if opened else None, patient.agreements if opened else {})


def _find(about: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(about, check())
    except CounterfoilError as error:
        return Finding(about, str(error), error)


def _versions() -> str:
    return f"counterfoil {version('counterfoil')}, Prefect {version('prefect')}, Python {platform.python_version()}"


def _keys(home: Home) -> str:
    until = tls_validity(home.keys.public.tls)[1]
    if until - clock.now() < _SOON:
        raise ExpiredError(
            f"the certificate of {home.party} ends on {until:%Y-%m-%d}; renew it: counterfoil party rotate, and have "
            f"the roster's next version signed{clock.reckoned()}"
        )
    return f"readable; the certificate ends on {until:%Y-%m-%d}"


def _disk(home: Home) -> str:
    free = shutil.disk_usage(home.path).free
    if free < ROOM_BYTES:
        raise StoreError(
            f"{home.path}: {free / 1e9:.1f} GB are left on its disk, and a job wants {ROOM_BYTES / 1e9:.1f}; make "
            "room: counterfoil purge erases what a node may not hold any longer"
        )
    if not os.access(home.path, os.W_OK):
        raise StoreError(f"{home.path}: this user may not write there; run as the user that made it")
    return f"{free / 1e9:.0f} GB left"


def _exchange(patient: _Patient) -> str:
    home = patient.home
    named = [Ref(*name[1:]) for name in home.exchange.list((BLOBS, "agreement")) if len(name) == 4]
    unsigned = []
    for ref in named:
        terms = fetch_agreement(home.exchange, ref)
        if home.party not in terms.parties or clock.today() > terms.expires:
            continue
        if ("signatures", ref.digest, home.party) in home.exchange.list(("signatures", ref.digest)):
            patient.agreements[ref] = terms
        else:
            unsigned.append(str(ref))
    told = f"{home.exchange_url}: {len(patient.agreements)} agreements signed by {home.party}"
    if unsigned and not patient.agreements:
        raise SignatureError(f"{told}; read and sign: counterfoil agreement sign {unsigned[0]}")
    return told + (f"; to be signed, or not: {', '.join(unsigned)}" if unsigned else "")


def _binding(home: Home, ref: Ref) -> str:
    terms = load(home, ref, for_=RUN, today=clock.today()).terms
    return (
        f"{terms.version} binds until {terms.expires}; the next job is for {terms.schedule.due(clock.now())} or later"
    )


def _tables(home: Home, terms: Agreement) -> Iterator[Finding]:
    due = max(terms.schedule.due(clock.now()), terms.schedule.period(terms.starts))
    for contract in terms.holdings.get(home.party, ()):
        yield _find("table", partial(_table, home, terms, contract, due))


def _table(home: Home, terms: Agreement, contract: str, due: str) -> str:
    database = terms.contracts[contract].database(home.party)
    if database is not None and dated_table(home, contract, due) is None:
        return f"{database.table} of its {database.kind} database, for {due}: exported when the job asks for it"
    path = awaited_table(home, contract, due, terms.schedule, clock.now())
    *_, before = ["", *terms.schedule.until(terms.schedule.period(terms.starts), due)[:-1]]
    earlier = handed_in(terms, contract, before, home) if before else None
    if earlier is not None and earlier.table == file_digest(path):
        return (
            f"{path}, for {due}: the same file as for {before}; unless nothing has changed since, put the "
            f"table of {due} there. Of a table that is the same, exact numbers wait until enough rows have changed"
        )
    return f"{path}, for {due}"


def _port(home: Home, terms: Agreement) -> str:
    at = home.listen or parse_address(terms.roster.party(home.party).address or "")
    try:
        socket.create_server((at.host, at.port)).close()
    except OSError:
        raise ListenError(f"{at}: {_taken(at)}, or listen at another: counterfoil party listen") from None
    return f"{at} is free; a job's process listens there while it computes"


def _taken(at: Address) -> str:
    return f"{holder(at.port)}; if it is no job of this party, end it"


def _server(home: Home | None, agreements: Mapping[Ref, Agreement]) -> Iterator[Finding]:
    clients: list[SyncPrefectClient] = []

    def answers() -> str:
        with asking() as url, get_client(httpx_settings={"timeout": WAIT_S}, sync_client=True) as client:
            told = client.request("GET", "/admin/version")
            if not told.is_success or not isinstance(told.json(), str):
                raise UnreachableError(f"{url} is no Prefect server; its address ends with /api")
            apart = clock.beside("the server's clock", parsedate_to_datetime(told.headers["date"]).astimezone(UTC))
            if apart:
                raise ExpiredError(
                    f"this machine takes it to be {clock.now():%Y-%m-%d %H:%M} (UTC){apart}; set the clock"
                )
            clients.append(client)
            return f"{url} answers, Prefect {told.json()}; the clocks agree"

    try:
        found = _find("server", answers)
    except ValueError:
        found = Finding("server", "", UnreachableError("what answers at PREFECT_API_URL is no JSON"))
    yield found
    if not clients or home is None or not set(home.roles) & {"owner", "node", "coordinator"}:
        return
    yield _find("work pool", partial(_asked, partial(_pool, home)))
    yield _find("worker", partial(_asked, partial(_worker, home)))
    for ref, terms in agreements.items():
        yield _find("deployments", partial(_asked, partial(_deployments, home, ref, terms)))
    yield _find("database", partial(_asked, _database))


def _asked(check: Callable[[SyncPrefectClient], str]) -> str:
    with asking(), get_client(httpx_settings={"timeout": WAIT_S}, sync_client=True) as client:
        return check(client)


def _pool(home: Home, client: SyncPrefectClient) -> str:
    try:
        pool = client.read_work_pool(home.party)
    except ObjectNotFound:
        raise NotFoundError(
            f"the server has no work pool {home.party}: counterfoil deploy AGREEMENT makes it, and so does its worker"
        ) from None
    if pool.type != CounterfoilWorker.type:
        raise DeploymentError(
            f"work pool {home.party} is of type {pool.type}, not {CounterfoilWorker.type}; remove it: prefect "
            f"work-pool delete {home.party}"
        )
    return f"{home.party} is there"


def _worker(home: Home, client: SyncPrefectClient) -> str:
    last = heartbeat(client, home.party)
    if last is None or clock.now() - last > SILENT:
        since = f"since {last:%Y-%m-%d %H:%M:%S} UTC" if last else "and never was on"
        raise NotFoundError(
            f"the worker of {home.party} is off {since}; start it: counterfoil worker --home {home.path}"
        )
    return f"{home.party} is on, seen {last:%H:%M:%S} UTC"


def _deployments(home: Home, ref: Ref, terms: Agreement, client: SyncPrefectClient) -> str:
    wanted = [
        f"{item['entrypoint'].rpartition(':')[2]}/{item['name']}"
        for item in deployments_of(terms, ref)
        if home.party == terms.coordinator or item["work_pool"]["name"] == home.party
    ]
    missing = []
    for name in wanted:
        try:
            client.read_deployment_by_name(name)
        except ObjectNotFound:
            missing.append(name)
    if missing:
        raise NotFoundError(
            f"the server has no {', '.join(missing)}; {terms.coordinator} puts them there: "
            f"counterfoil deploy {terms.id}"
        )
    return f"all {len(wanted)} of {terms.id} are there"


def _database(client: SyncPrefectClient) -> str:
    pools = sum(pool.type == CounterfoilWorker.type for pool in client.read_work_pools(limit=200))
    settings = client.request("GET", "/admin/settings")
    kept = str(settings.json()) if settings.is_success else ""
    if "postgresql" in kept:
        return f"PostgreSQL, {pools} work pools"
    if pools > CARRIES:
        raise StoreError(
            f"{pools} parties are on one server, and on SQLite it carries {CARRIES}; have it use PostgreSQL: set "
            "PREFECT_API_DATABASE_CONNECTION_URL as operations says, and deploy again"
        )
    return f"{pools} work pools; on SQLite it carries {CARRIES}, on PostgreSQL more"
