"""Found a consortium in a folder: the papers that its parties complete and sign, and invitations, or all homes.

All papers are checked together, with keys that are thrown away, before anything is written: what is written can run.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

from counterfoil.address import Address, parse_address
from counterfoil.canonical import check_id
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import AgreementError, DocumentError, StoreError
from counterfoil.files import private_folder, write_file
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.parse import parse_agreement
from counterfoil.governance.agreements.templates import chosen_policy, schemas
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.parties.roster import Roster, fill_roster
from counterfoil.home import Home
from counterfoil.joint.computation import analyses, leaving_once
from counterfoil.roles.founder.choices import Choice, TableFile, bind_choice, told_apart
from counterfoil.roles.founder.contracts import Terms, contract_of
from counterfoil.roles.founder.guide import Told, invitation, readme
from counterfoil.roles.founder.papers import Occasion, agreement_of, members
from counterfoil.roles.founder.staffing import Organisation, Staffing, staff, staff_from
from counterfoil.roles.founder.tables import profiles

HOMES, CARDS, EXCHANGE, INVITATIONS = "homes", "cards", "exchange", "invitations"
ROSTER: Final = "roster.yaml"
FIRST_PORT: Final = 7300


@dataclass(frozen=True, slots=True)
class Founding:
    """Everything that was chosen; with a roster, it is another agreement of parties that are there already."""

    occasion: Occasion
    organisations: Sequence[Organisation]
    tables: Sequence[TableFile]
    choices: Sequence[Choice] = ()
    terms: Terms = field(default_factory=Terms)
    policy: str = "strict-counts"
    proposer: str = ""
    recipients: Sequence[str] = ()
    quorum: int = 2
    exchange: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    roster: Roster | None = None


@dataclass(frozen=True, slots=True)
class Papers:
    """Papers that fit one another: files by their paths in the folder, and what they agree on."""

    files: Mapping[str, bytes]
    agreement: Agreement
    staffing: Staffing

    @property
    def agreement_file(self) -> str:
        """The agreement's file in the folder."""
        return f"agreements/{self.agreement.id}.agreement.yaml"

    @property
    def members_file(self) -> str:
        """The file of the roster without keys in the folder."""
        return f"rosters/{self.agreement.roster.id}.roster.yaml"


def staffing_of(founding: Founding, today: date) -> Staffing:
    """Say who may do what. Raises: RosterError when the organisations cannot staff it; NotFoundError."""
    if founding.roster is not None:
        return staff_from(
            founding.roster,
            {file.owner for file in founding.tables},
            suite=founding.occasion.suite,
            proposer=founding.proposer,
            quorum=founding.quorum,
        )
    return staff(
        founding.organisations,
        suite=founding.occasion.suite,
        proposer=founding.proposer,
        recipients=founding.recipients,
        quorum=founding.quorum,
        fewest_owners=chosen_policy(founding.policy, today).rules.safe_owners,
    )


def write_papers(founding: Founding, staffing: Staffing, today: date, *, here: bool) -> Papers:
    """Draft every paper from the tables and choices, and check that they can run together. Nothing is written.

    Raises: AgreementError, ContractError, PlanError, RangeError, DocumentError; UnreadableTableError; NotFoundError.
    """
    check_id(founding.occasion.id, "id")
    policy = chosen_policy(founding.policy, today)
    seen = profiles(founding.tables)
    columns = {name: [each.name for each in found.columns] for name, found in seen.items()}
    choices = told_apart(bind_choice(each, columns) for each in founding.choices)
    terms = replace(founding.terms, minimum_count=policy.rules.safe_threshold)
    contracts = {
        name: contract_of(name, found, choices, terms, today)
        for name, found in seen.items()
        if any(each.contract == name for each in choices)
    }
    holdings = {
        owner: [name for name in contracts if any((f.owner, f.contract) == (owner, name) for f in founding.tables)]
        for owner in staffing.with_role("owner")
    }
    roster, files = founding.roster, {f"data/{name}.odcs.yaml": each for name, each in contracts.items()}
    if roster is None:
        id = f"{founding.occasion.id}-parties"
        listed = members(id, staffing, _addresses(founding, staffing, here=here))
        files[f"rosters/{id}.roster.yaml"] = listed
        roster = _with_keys(listed, id, staffing, today)
    source = f"agreements/{founding.occasion.id}.agreement.yaml"
    parsed = {name: parse_contract(each.encode(), f"data/{name}.odcs.yaml") for name, each in contracts.items()}
    text, once = "", frozenset[str]()
    for _ in range(2):  # only what is read knows what may leave once in its term; then the paper says so
        text = agreement_of(founding.occasion, staffing, roster.id, holdings, choices, policy.id, today, once)
        agreement = parse_agreement(text.encode(), source, parsed, [policy], roster)
        once = leaving_once(agreement)
    analyses(agreement)
    raw = {
        source: text.encode(),
        **{path: each.encode() for path, each in files.items()},
        f"policies/{policy.source}": policy.raw,
        **{f"schema/{name}": each for name, each in schemas().items()},
    }
    return Papers(raw, agreement, staffing)


def _with_keys(listed: str, id: str, staffing: Staffing, today: date) -> Roster:
    """Fill the roster in with keys that nobody keeps, to read the papers as every party will."""
    with tempfile.TemporaryDirectory() as folder:
        cards = [PrivateKeys.create(Path(folder) / seat.party, seat.party).public for seat in staffing.seats]
    return fill_roster(listed.encode(), f"rosters/{id}.roster.yaml", cards, today)


def _addresses(founding: Founding, staffing: Staffing, *, here: bool) -> dict[str, str]:
    nodes = staffing.with_role("node")
    for node, address in founding.addresses.items():
        if node not in nodes:
            raise DocumentError(f"--address {node}={address}: {node} runs no node; {', '.join(nodes)} do")
        parse_address(address)
    if here:
        free = _free_ports()
        return {node: founding.addresses.get(node) or str(Address("127.0.0.1", next(free))) for node in nodes}
    return {node: founding.addresses.get(node, f"{node}.example:{FIRST_PORT}") for node in nodes}


def _free_ports() -> Iterator[int]:
    """List ports of this machine that nobody listens on now."""
    for port in range(FIRST_PORT, FIRST_PORT + 1000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            yield port
    raise StoreError("a thousand ports are in use on this machine; name others: --address")


def write_folder(founding: Founding, papers: Papers, folder: Path) -> list[Path]:
    """Write the papers, a README, and an invitation to each party. Raises: StoreError if something is there already."""
    _check_new(folder)
    told = _told(papers, folder, here=False)
    files = {
        **papers.files,
        "README.md": readme(told).encode(),
        **{
            f"{INVITATIONS}/{seat.party}.md": invitation(told, seat, founding.exchange).encode()
            for seat in papers.staffing.seats
        },
    }
    return _write(files, folder)


def write_further(papers: Papers, folder: Path) -> list[Path]:
    """Write the papers of another agreement of the same parties. Raises: StoreError if something is there already."""
    _check_new(folder)
    return _write(papers.files, folder)


def write_here(founding: Founding, papers: Papers, folder: Path, today: date) -> list[Path]:
    """Write the papers and a README, make all homes on this machine, fill the roster in, and put the tables there.

    Raises: StoreError if something is there already.
    """
    _check_new(folder)
    files = {**papers.files, "README.md": readme(_told(papers, folder, here=True)).encode()}
    written = _write(files, folder)
    cards = list(_homes(founding, papers.staffing, folder.resolve()))
    filled = fill_roster(papers.files[papers.members_file], papers.members_file, cards, today)
    write_file(folder / ROSTER, filled.raw)
    return [*written, folder / ROSTER]


def _homes(founding: Founding, staffing: Staffing, folder: Path) -> Iterator[PublicKeys]:
    private_folder(folder / EXCHANGE)
    for seat in staffing.seats:
        shared = founding.exchange or str(folder / EXCHANGE)
        home = Home.create(folder / HOMES / seat.party, seat.party, shared, seat.roles)
        for file in founding.tables:
            if file.owner == seat.party:
                shutil.copyfile(file.path, home.data / file.name)
        yield home.keys.public


def _check_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} holds something already; name a new folder")


def _write(files: Mapping[str, bytes], folder: Path) -> list[Path]:
    for path, content in files.items():
        private_folder((folder / path).parent)
        write_file(folder / path, content)
    return [folder / path for path in files]


def _told(papers: Papers, folder: Path, *, here: bool) -> Told:
    agreement = papers.agreement
    if not agreement.contracts:
        raise AgreementError("no table is under the agreement; name some: --table")
    return Told(
        title=agreement.title,
        id=agreement.id,
        folder=folder,
        here=here,
        staffing=papers.staffing,
        agreement=papers.agreement_file,
        members=papers.members_file,
        contracts=tuple(agreement.contracts),
        every=agreement.schedule.every,
        period=agreement.schedule.period(agreement.starts),
    )
