"""Bad input through the roles' own code: a named error, nothing half done, no cell told, and then it can be mended."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.crypto.sign import sign, verify
from counterfoil.data.reading.table import Table
from counterfoil.errors import (
    CounterfoilError,
    DataError,
    DuplicateKeyError,
    ExpiredError,
    LimitError,
    MissingColumnError,
    MissingValueError,
    NotFoundError,
    OutOfBoundsError,
    RefusedError,
    ReplayError,
    SealError,
    SignatureError,
    TamperedError,
    UnknownCategoryError,
    WrongTypeError,
)
from counterfoil.governance.agreements.agreement import Part
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.roles.node.attempt import Computation
from counterfoil.roles.node.intake import take_in
from counterfoil.roles.owner import table_file
from counterfoil_prefect.synthetic_data.loans import canary
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, another, ending
from tests.lib.consortium import NODES, OWNERS, Consortium, found, today, together
from tests.unit.roles.evidence import snapshot

pytestmark = pytest.mark.slow

ROWS = 1100
CSV, PARQUET = "bank-a", "bank-b"


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found(tmp_path_factory.mktemp("bad-input"), ROWS, canaries=True)


@pytest.fixture(scope="module")
def tables(banks: Consortium) -> dict[str, Table]:
    """Every owner's table, ready to be shared as often as a test needs a new submission."""
    return {owner: banks.table(owner) for owner in OWNERS}


Submit = Callable[[str], Ref]


@pytest.fixture
def submitted(tables: dict[str, Table], banks: Consortium) -> Submit:
    """A new submission of an owner, as if it had handed in none for the period."""
    return lambda owner: banks.hand_in(owner, tables[owner])


@contextmanager
def refused(
    banks: Consortium, error: type[CounterfoilError], *named: str, secret: tuple[str, ...] = ()
) -> Iterator[None]:
    """What is done here is refused with this very error, which names all that; no party's folder is changed by it."""
    before = snapshot(banks)
    with pytest.raises(error) as caught:
        yield
    assert type(caught.value) is error
    assert snapshot(banks) == before
    for name in named:
        assert name in str(caught.value)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    contract = banks.agreement.contracts["loans"]
    planted = [canary(number, contract) for number in range(len(OWNERS))]
    for cell in (*secret, *(each.customer_id for each in planted), *(str(each.balance) for each in planted)):
        assert cell not in told


def test_every_failure_has_its_own_exit_code() -> None:
    def family(error: type[CounterfoilError]) -> list[type[CounterfoilError]]:
        return [error, *(kin for child in error.__subclasses__() for kin in family(child))]

    codes = [error.exit_code for error in family(CounterfoilError)]
    assert len(set(codes)) == len(codes)
    assert all(0 < code < 126 for code in codes)  # what a shell does not use itself


# --- tables -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Defect:
    """How a good table is made bad, and what its owner must be told of it."""

    spoil: Callable[[pd.DataFrame], pd.DataFrame]
    error: type[DataError]
    exit_code: int
    named: tuple[str, ...]
    secret: tuple[str, ...] = ()


def cell(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The table with this value in the column's eighth row."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype({column: object})
        frame.loc[7, column] = value
        return frame.convert_dtypes() if value is None else frame

    return spoil


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[7, "customer_id"] = frame.loc[0, "customer_id"]
    return frame


def text_column(frame: pd.DataFrame) -> pd.DataFrame:
    """Parquet columns have one type: here one wrong cell makes all of them text."""
    return cell("age", "sixty-two-zq")(frame).astype({"age": str})


DEFECTS = {
    "missing column": Defect(
        lambda frame: frame.drop(columns="income"), MissingColumnError, 41, ("column income", "add it")
    ),
    "wrong type": Defect(text_column, WrongTypeError, 42, ("column age", "type"), ("sixty-two-zq",)),
    "out of bounds": Defect(
        cell("balance", 777_888_999),
        OutOfBoundsError,
        43,
        ("column balance", "from 0 to 100000000", "1 row", "correct these cells"),
        ("777888999", "777_888_999"),
    ),
    "unknown category": Defect(
        cell("region", "atlantis"),
        UnknownCategoryError,
        44,
        ("column region", "6 categories", "1 row", "use the contract's spelling"),
        ("atlantis",),
    ),
    "duplicate key": Defect(
        twice, DuplicateKeyError, 45, ("column customer_id", "unique", "2 rows", "keep one row"),
    ),
    "missing value": Defect(
        cell("balance", None), MissingValueError, 46, ("column balance", "required", "1 row", "fill the empty cells")
    ),
}  # fmt: skip


@pytest.mark.parametrize("owner", [CSV, PARQUET])
@pytest.mark.parametrize("name", DEFECTS)
def test_a_bad_table_does_not_leave_its_owner(name: str, owner: str, banks: Consortium) -> None:
    defect, home = DEFECTS[name], banks.homes[owner]
    path = table_file(home, "loans")
    good = path.read_bytes()
    bad = defect.spoil(banks.frames[Part(owner, "loans")].copy())
    bad.to_csv(path, index=False) if path.suffix == ".csv" else bad.to_parquet(path, index=False)
    with refused(banks, defect.error, path.name, "contract loans 1.0.0", *defect.named, secret=defect.secret):
        banks.contribute(owner)
    assert defect.error.exit_code == defect.exit_code
    page = home.data / "loans.faults.html"
    assert page.stat().st_mode & 0o777 == 0o600
    if owner == CSV:  # its owner itself is told which cells; a Parquet column of a wrong type is wrong as a whole
        assert all(cell in page.read_text() for cell in defect.secret[:1])
    path.write_bytes(good)
    assert banks.homes["node-0"].exchange.get(banks.contribute(owner))
    assert not page.exists()


def test_a_table_that_is_not_there_is_asked_for(banks: Consortium) -> None:
    path = table_file(banks.homes[CSV], "loans")
    path.rename(path.with_suffix(".away"))
    with refused(banks, NotFoundError, "loans.csv or loans.parquet", "put the table for contract loans there"):
        banks.contribute(CSV)
    path.with_suffix(".away").rename(path)


# --- agreements -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("party", [*OWNERS[:1], *NODES[:1], "reviewer-1", "regulator"])
def test_an_expired_contract_binds_nobody(party: str, banks: Consortium, tmp_path: Path) -> None:
    loans, last = banks.agreement.contracts["loans"], banks.agreement.starts + timedelta(days=7)
    ended = another(
        banks,
        tmp_path,
        {
            CONTRACT_FILE: {f'"{loans.expires}"': f'"{last}"', f'"{loans.review_by}"': f'"{last}"'},
            AGREEMENT_FILE: ending(banks, last - timedelta(days=1)),
        },
    )
    with refused(banks, ExpiredError, "loans.odcs.yaml", "contract loans", f"{last}", "agree on a new version"):
        ended.signed(party)
    assert ExpiredError.exit_code == 31
    assert banks.signed(party)


def test_an_expired_agreement_binds_nobody(banks: Consortium, tmp_path: Path) -> None:
    last = banks.agreement.starts + timedelta(days=6)
    ended = another(banks, tmp_path, {AGREEMENT_FILE: ending(banks, last)})
    with refused(banks, ExpiredError, "agreement exposure", f"{last}", "agree on a new version"):
        ended.contribute(CSV)


@pytest.mark.parametrize("absent", ["bank-c", "node-1", "coordinator", "reviewer-3", "regulator"])
def test_one_missing_signature_stops_everybody(absent: str, banks: Consortium) -> None:
    name = ("signatures", banks.agreement.digest, absent)
    with kept(banks, name) as path:
        path.unlink()
        for party in (CSV, "node-0"):
            with refused(banks, SignatureError, "exposure", f"not signed by {absent}", "counterfoil agreement sign"):
                banks.signed(party)
    assert SignatureError.exit_code == 30
    assert banks.signed(CSV)


@contextmanager
def kept(banks: Consortium, name: tuple[str, ...]) -> Iterator[Path]:
    """The file of that name in the exchange, put back in the end."""
    path = Path(banks.homes[CSV].exchange_url).joinpath(*name)
    data = path.read_bytes()
    try:
        yield path
    finally:
        path.write_bytes(data)


def flip(path: Path, at: float) -> None:
    """One bit of the file is changed, at that part of its length."""
    data = bytearray(path.read_bytes())
    data[int(at * (len(data) - 1))] ^= 1
    path.write_bytes(data)


def agreement_blobs(banks: Consortium) -> dict[str, tuple[str, ...]]:
    """What an agreement rests on, and where each lies in the exchange."""
    terms = banks.agreement
    raws = {"contract": terms.contracts["loans"].digest, "policy": terms.policies[0].digest}
    documents = {"roster": terms.roster.digest, **raws}
    statement = ("blobs", banks.ref.kind, banks.ref.owner, banks.ref.digest)
    return {"statement": statement, **{what: ("blobs", "document", "bank-a", raw) for what, raw in documents.items()}}


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("what", ["statement", "contract", "policy", "roster"])
def test_one_changed_bit_of_an_agreement_is_noticed(what: str, at: float, banks: Consortium) -> None:
    name = agreement_blobs(banks)[what]
    with kept(banks, name) as path:
        flip(path, at)
        with refused(banks, TamperedError, ":".join(name[1:]), "changed in the exchange"):
            banks.contribute(CSV)
    assert TamperedError.exit_code == 73
    assert banks.signed(CSV)


@pytest.mark.parametrize("signer", [CSV, "node-2"])
@pytest.mark.parametrize("at", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_one_changed_bit_of_a_signature_is_noticed(signer: str, at: float, banks: Consortium) -> None:
    with kept(banks, ("signatures", banks.agreement.digest, signer)) as path:
        flip(path, at)
        with refused(banks, SignatureError, signer):
            banks.signed(CSV)
    assert banks.signed(CSV)


# --- submissions ------------------------------------------------------------------------------------------------


def test_a_submission_for_another_week_is_refused(banks: Consortium, submitted: Submit) -> None:
    submissions = [submitted(owner) for owner in OWNERS]
    home, signed = banks.homes["node-0"], banks.signed("node-0")
    earlier = banks.agreement.schedule.period(banks.agreement.starts)
    with refused(banks, RefusedError, "bank-a", banks.period, f"must submit again for {earlier}"):
        take_in(home, signed, earlier, submissions, clock.now())
    assert take_in(home, signed, banks.period, submissions, clock.now())


def test_a_submission_counts_once_in_a_job(banks: Consortium, submitted: Submit) -> None:
    submissions = [submitted(owner) for owner in OWNERS]
    home, signed = banks.homes["node-0"], banks.signed("node-0")
    with refused(banks, ReplayError, "bank-b/loans is twice"):
        take_in(home, signed, banks.period, [*submissions, submissions[1]], clock.now())
    assert take_in(home, signed, banks.period, submissions, clock.now())


def test_a_submission_that_one_job_used_serves_no_other(banks: Consortium, submitted: Submit) -> None:
    submissions = [submitted(owner) for owner in OWNERS]
    replayed = [submissions[0], *(submitted(owner) for owner in OWNERS[1:])]
    first = [banks.computation(node, submissions) for node in NODES]
    for owner in OWNERS:
        banks.forget(owner)
    second = [banks.computation(node, replayed) for node in NODES]
    for owner in OWNERS:
        banks.forget(owner)
    meet(first)
    with pytest.raises(ReplayError, match=r"serves job [0-9a-f]{32}, so not"):
        meet(second)
    with refused(banks, ReplayError, f"belongs to {first[0].job.id}"):  # and from now on before anybody meets
        banks.computation("node-0", replayed)
    assert ReplayError.exit_code == 32
    meet([banks.computation(node, submissions, attempt=2) for node in NODES])


def meet(computations: list[Computation]) -> None:
    """All nodes meet for an attempt, and part again. Raises: the first error."""

    def one(computation: Computation) -> None:
        try:
            computation.meet(clock.today())
        except CounterfoilError as error:
            computation.fail(error)
            raise
        computation.fail(InterruptedError())

    together([lambda each=each: one(each) for each in computations])


def test_a_submission_that_came_too_late_is_refused(banks: Consortium, submitted: Submit) -> None:
    forged = restate(banks, submitted("bank-a"), not_after=today() - timedelta(minutes=1))
    submissions = [forged, *(submitted(owner) for owner in OWNERS[1:])]
    with refused(banks, ExpiredError, "bank-a", "submit again"):
        banks.computation("node-0", submissions)
    assert banks.computation("node-0", [submitted("bank-a"), *submissions[1:]])


def restate(banks: Consortium, ref: Ref, signer: str | None = None, listed: str | None = None, **change: object) -> Ref:
    """The submission's manifest with that change, signed by its owner or another signer, and listed as somebody's."""
    owner = ref.owner
    exchange, keys = banks.homes[owner].exchange, banks.homes[signer or owner].keys
    signed = verify(exchange.get(ref), "manifest", banks.agreement.roster.keys([owner]))
    manifest = replace(Manifest.unpack(signed.payload), **change)
    return exchange.put("manifest", listed or owner, sign("manifest", manifest.pack(), keys))


@pytest.mark.parametrize(
    ("signer", "listed", "named"),
    [
        ("bank-c", "bank-b", "not signed by bank-b"),
        ("bank-c", "bank-c", "is signed by bank-c but names bank-b as its owner"),
        ("node-1", "bank-b", "not signed by bank-b"),
    ],
)
def test_only_the_owner_submits_for_itself(
    signer: str, listed: str, named: str, banks: Consortium, submitted: Submit
) -> None:
    submissions = [submitted(owner) for owner in OWNERS]
    forged = restate(banks, submissions[1], signer, listed)
    with refused(banks, SignatureError, named):
        banks.computation("node-0", [submissions[0], forged, *submissions[2:]])
    assert banks.computation("node-0", submissions)


@pytest.mark.parametrize("at", [0.0, 0.02, 0.5, 1.0])
def test_a_changed_envelope_is_not_taken_in(at: float, banks: Consortium, submitted: Submit) -> None:
    submissions = [submitted(owner) for owner in OWNERS]
    home, signed = banks.homes["node-2"], banks.signed("node-2")
    (name,) = (
        name
        for name in home.exchange.list(("envelopes", manifest_of(banks, submissions[0]).digest))
        if name[2] == "node-2"
    )
    with kept(banks, name) as path:
        flip(path, at)
        with refused(banks, SealError, "bank-a", "node-2", "contribute again"):
            take_in(home, signed, banks.period, submissions, clock.now())
    assert SealError.exit_code == 74
    assert take_in(home, signed, banks.period, submissions, clock.now())


def test_other_owners_submissions_stand_when_one_is_changed(banks: Consortium, submitted: Submit) -> None:
    submissions = [submitted(owner) for owner in OWNERS]
    home, signed = banks.homes["node-2"], banks.signed("node-2")
    manifests = [manifest_of(banks, ref) for ref in submissions]
    with kept(banks, ("envelopes", manifests[-1].digest, "node-2")) as path:
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(SealError):
            take_in(home, signed, banks.period, submissions, clock.now())
        for manifest in manifests[:-1]:
            assert home.exchange.list(("receipts", manifest.digest)) == [("receipts", manifest.digest, "node-2")]
        assert not home.exchange.list(("receipts", manifests[-1].digest))
        assert not home.vault.names(manifests[-1].digest)
    assert take_in(home, signed, banks.period, submissions, clock.now())


def manifest_of(banks: Consortium, ref: Ref) -> Manifest:
    payload = verify(banks.homes[CSV].exchange.get(ref), "manifest", banks.agreement.roster.keys([ref.owner])).payload
    return Manifest.unpack(payload)


def test_a_submission_under_another_agreement_is_refused(banks: Consortium, submitted: Submit, tmp_path: Path) -> None:
    other = another(banks, tmp_path, {AGREEMENT_FILE: {"version: 1.0.0": "version: 1.0.1"}})
    submissions = [submitted(owner) for owner in OWNERS]
    stray = other.contribute("bank-d")
    with refused(banks, RefusedError, "bank-d", "another agreement", "submit again under exposure 1.0.0"):
        banks.computation("node-0", [*submissions[:3], stray])
    assert RefusedError.exit_code == 33
    assert banks.computation("node-0", submissions)


def test_more_rows_than_memory_are_refused_before_anybody_is_met(banks: Consortium, submitted: Submit) -> None:
    computation = banks.computation("node-0", [submitted(owner) for owner in OWNERS])
    first, *others = computation.manifests
    arrays = {name: replace(spec, shape=(1 << 50,)) for name, spec in first.arrays.items()}
    computation.manifests = [replace(first, arrays=arrays), *others]
    with pytest.raises(LimitError, match=r"input values need up to .* GiB of memory on this node, and .* are free"):
        computation.meet(clock.today())
