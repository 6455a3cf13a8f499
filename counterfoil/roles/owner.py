"""An owner's contribution to one period: its table is read, checked, minimised, and leaves only as sealed shares."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from counterfoil.canonical import Ref
from counterfoil.data.checking.expectations import Validation
from counterfoil.data.minimising.minimise import Minimised
from counterfoil.data.reading.table import Table
from counterfoil.errors import LateTableError, NotFoundError, PeriodTableError, PlanError, RefusedError
from counterfoil.governance.agreements.agreement import Part
from counterfoil.governance.agreements.schedule import Schedule
from counterfoil.governance.agreements.signing.link_key import link_key
from counterfoil.governance.agreements.signing.reaffirmation import check_reviewed
from counterfoil.governance.agreements.signing.signed import SignedAgreement, own_keys
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.cumulative.source_tables import check_window, lease
from counterfoil.governance.jobs.correction import HandedIn, handed_in, next_number, note_handed_in
from counterfoil.governance.jobs.envelopes import forget_envelopes, keep_envelope, put_back
from counterfoil.governance.jobs.manifest import MANIFEST, Manifest
from counterfoil.governance.jobs.submission import submit
from counterfoil.home import Home
from counterfoil.joint.computation import analyses
from counterfoil.joint.table_changes import due_layout
from counterfoil.roles.exporting import export_table
from counterfoil.roles.preparation import Preparation
from counterfoil.roles.table_comparison import Known, known_states
from counterfoil.roles.table_memory import holder_of, identify, keep, learn

FORMATS = (".csv", ".parquet", ".tsv", ".xlsx", ".xls", ".xlsb", ".ods", ".arrow")


class Contribution:
    """One owner's steps for one contract and period: validate, minimise, share."""

    def __init__(self, home: Home, agreement: SignedAgreement, contract: str, period: str, now: datetime) -> None:
        """Begin what the agreement asks of the owner; nothing of its table is read yet.

        Raises: RefusedError; ReviewDueError when a review date has passed.
        """
        terms = agreement.terms
        if Part(home.party, contract) not in terms.parts:
            raise RefusedError(f"agreement {terms.id} asks nothing of {home.party} under a contract {contract}")
        check_reviewed(terms, home.exchange, now.date())
        terms.schedule.check_period(period, terms.starts, now.date())
        self.home = home
        self.agreement = agreement
        self.contract = contract
        self.period = period
        self._steps = Preparation(
            terms,
            contract,
            period,
            lambda: home.membership_key,
            lambda: link_key(terms, own_keys(terms, home), home.exchange),
            home.party,
        )
        self.account: dict[str, int] = {}  # of rows, once the table is minimised
        self.again = False  # whether what it handed in before is handed in once more
        self._before: HandedIn | None = None
        self._file = ""
        self._table: Table | None = None

    def validate(self, now: datetime) -> Validation:
        """Check that the owner's file satisfies the contract, and is the one handed in for the period, if any was.

        Raises: NotFoundError; PeriodTableError when the period is over and there is no table of then; LateTableError
            while a table that is not there is waited for; DataError and its kin; CorrectionError when another was
            handed in for the period, and the agreement allows no correction.
        """
        terms = self.agreement.terms
        path = awaited_table(self.home, self.contract, self.period, terms.schedule, now, terms.contracts[self.contract])
        self._before = handed_in(terms, self.contract, self.period, self.home)
        self._file = file_digest(path)
        self._table, verdict = self._steps.check(path)
        next_number(self._before, self._file, terms, now)
        return verdict

    def minimise(self) -> Minimised:
        """Only what a planned analysis needs is kept, as coarse as the contract asks for.

        Raises: AnonymityError, RefusedError, PlanError.
        """
        kept = self._steps.minimise(self._checked(), self.home.data / f"{self.contract}.risk.html")
        self._table, self.account = kept.table, kept.account
        return kept

    def share(self, now: datetime) -> Ref:
        """Publish every array that the analyses ask for, split and sealed; return the manifest's reference.

        The same table is handed in once for a period, however often this is asked for: from then on the same bytes are
        put back where a node has not taken them in.

        Raises: CorrectionError; LeaseError while its exact numbers are another agreement's.
        """
        table, terms = self._checked(), self.agreement.terms
        number = next_number(self._before, self._file, terms, now)
        if self._before is not None and number is None:
            self._table, self.again = None, True
            note_handed_in(self._before.manifest, self._before.envelope, self._before.table, self.home)
            put_back(self._before.manifest, terms, self.home)
            return self.home.exchange.put(MANIFEST.kind, self.home.party, self._before.envelope)
        forget_envelopes(self.home, now)
        name, known = self._remembered(table, now)
        states = [each.name for each in known]
        arrays, specs = self._steps.encode(table, known)
        reference = submit(
            arrays,
            specs,
            contract=self.contract,
            rows=table.rows,
            period=self.period,
            agreement=self.agreement,
            keys=self.home.keys,
            exchange=self.home.exchange,
            now=now,
            correction=number or 0,
            keep=lambda manifest, node, sealed: keep_envelope(manifest, node, sealed, self.home),
            table=name,
            states=states,
            note=lambda manifest, signed: self._note(manifest, signed, table),
        )
        self._table = None
        return reference

    @property
    def _leased(self) -> int | None:
        """For how many days the table's exact numbers go to this agreement alone; None where it takes none."""
        return self._steps.leased

    def _remembered(self, table: Table, now: datetime) -> tuple[str, list[Known]]:
        """Say which table it is, and which states of it are known, or may come to be; lease its exact numbers.

        Raises: LeaseError while they are another agreement's, where the same rows have another name, or where exact
            numbers of other periods with days in common went out.
        """
        terms, days = self.agreement.terms, self._leased
        if days is None:
            return "", []
        learn(self.home, now)
        name = identify(terms.contracts[self.contract], table, self.home)
        if terms.contracts[self.contract].kind == "events":
            check_window(name, self.period, self.home.state)
        lease(name, holder_of(terms, self.home.exchange), days, self.home.state, now.date())
        return name, known_states(name, terms, table, self.period, self.home)

    def _note(self, manifest: Manifest, signed: bytes, table: Table) -> None:
        """Remember what is handed in, before anybody can know of it."""
        terms = self.agreement.terms
        if self._leased is not None:
            due = due_layout(analyses(terms), terms, self.contract, self.period)
            keep(manifest, table, manifest.table, terms, due, self.home)
        note_handed_in(manifest, signed, self._file, self.home)

    def _checked(self) -> Table:
        if self._table is None:
            raise PlanError(f"{self.contract}: the table is validated before anything is done with it")
        return self._table


def file_digest(path: Path) -> str:
    """Compute SHA-256 of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def awaited_table(
    home: Home, contract: str, period: str, schedule: Schedule, now: datetime, terms: Contract | None = None
) -> Path:
    """Find the owner's file for a contract and period, by the agreement's rules on tables.

    Where the contract's `terms` are given, and name a database of the owner's, it is exported to that file.

    Raises: LateTableError as long as it is not there and is waited for; as `table_of` after that.
    """
    try:
        return table_of(
            home, contract, period, schedule.due(now), of_period=schedule.tables == "of-period", terms=terms
        )
    except (NotFoundError, PeriodTableError) as error:
        if now < (until := schedule.waits_until(period)) and schedule.wait_hours:
            raise LateTableError(f"{error}; it is waited for until {until:%Y-%m-%d %H:%M} UTC") from None
        raise


def table_of(
    home: Home, contract: str, period: str, due: str, *, of_period: bool = False, terms: Contract | None = None
) -> Path:
    """Find the owner's file for a contract and period: `data/<contract>.<period>.csv`, or the one of no period.

    A table of no period is as it is now. It serves the period whose job was due last and those after it, never an
    earlier one: its rows would be released as what they were not. With `of_period` it serves none. A database is as it
    is now, too, and what is exported of it for a period stays that period's table.

    Raises: NotFoundError; PeriodTableError; as `export_table`.
    """
    dated = dated_table(home, contract, period)
    if dated:
        return dated
    if terms is not None and terms.database(home.party) and period >= due:
        return export_table(home, terms, f"{contract}.{period}.csv")
    if of_period:
        raise PeriodTableError(
            f"data: no {_names(f'{contract}.{period}')}; by the agreement a table is called after its period. "
            f"{home.party} puts the table of {period} there under that name"
        )
    if period >= due:
        return table_file(home, contract)
    raise PeriodTableError(
        f"data: no {_names(f'{contract}.{period}')}; {period} is over, and {contract} without a period is the table of "
        f"{due} or later. {home.party} puts the table of {period} there under that name, or {period} is left out"
    )


def dated_table(home: Home, contract: str, period: str) -> Path | None:
    """Find the owner's file that is called after the period, if there is one."""
    return _file(home, f"{contract}.{period}")


def table_file(home: Home, contract: str) -> Path:
    """Find the owner's present file for a contract: `data/<contract>.csv`, or another format. Raises: NotFoundError."""
    found = _file(home, contract)
    if found is None:
        raise NotFoundError(f"{home.data}: no {_names(contract)}; put the table for contract {contract} there")
    return found


def _file(home: Home, name: str) -> Path | None:
    paths = (home.data / f"{name}{suffix}" for suffix in FORMATS)
    return next((path for path in paths if path.exists()), None)


def _names(name: str) -> str:
    return " or ".join(f"{name}{suffix}" for suffix in FORMATS[:2])
