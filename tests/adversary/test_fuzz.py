"""Every parser meets damaged input: it reads it, or refuses it by a named error, in seconds and bounded memory."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from counterfoil.audit.checkpoint import cosigners, open_checkpoint, sign_checkpoint
from counterfoil.audit.event import Event
from counterfoil.audit.proof import Proof
from counterfoil.canonical import Ref, jcs
from counterfoil.crypto.keys import PrivateKeys, read_card
from counterfoil.crypto.sign import sign, verify
from counterfoil.data.checking.expectation_rules import compile_rules
from counterfoil.data.drafting.profile import profile
from counterfoil.data.reading.table import load
from counterfoil.errors import CounterfoilError, InternalError
from counterfoil.governance.contracts.contract import Contract, parse_contract
from tests.corpus import documents, statements, tables
from tests.lib.effort import Effort
from tests.lib.fuzz import damage
from tests.lib.trials import dice, trials
from tests.unit.governance import test_agreement, test_contract, test_privacy

MOST_S, MOST_BYTES = 5, 1_000_000_000


@dataclass(frozen=True)
class Target:
    """A parser, and what it reads without complaint."""

    parse: Callable[[bytes], object]
    seeds: Sequence[bytes]


@cache
def keys() -> PrivateKeys:
    with TemporaryDirectory() as folder:
        return PrivateKeys.create(Path(folder), "bank-a")


def contract(raw: bytes) -> object:
    return compile_rules(parse_contract(raw, "x.yaml"))


def statement(kind: str) -> Target:
    return Target(statements.read(kind), [statements.good(kind)])


def targets() -> dict[str, Callable[[], Target]]:
    """Every parser of what strangers write, by its name."""
    read = documents.readers()
    public = keys().public

    def note(raw: bytes) -> object:
        return cosigners(raw, [public]), open_checkpoint(raw, public)

    def documents_of(kind: str, *texts: str) -> Callable[[], Target]:
        return lambda: Target(read[kind], [documents.good(kind), *(text.encode() for text in texts)])

    small = test_contract.SMALL.encode()
    signed = sign("manifest", statements.good("manifest"), keys())
    checkpoint = sign_checkpoint(7, bytes(range(32)), keys())
    card = jcs(public.to_json())
    return {
        "contract": lambda: Target(contract, [small]),
        "agreement": documents_of("agreement", test_agreement.EXPOSURE, test_privacy.PRIVATE),
        "policy": documents_of("policy"),
        "roster": lambda: Target(read["roster"], [documents.roster().raw]),
        **{kind: partial(statement, kind) for kind in statements.KINDS},
        "log-entry": lambda: Target(Event.parse, [statements.EVENT]),
        "checkpoint": lambda: Target(note, [checkpoint]),
        "proof": lambda: Target(
            lambda raw: Proof.parse(raw.decode("utf-8", "replace")),
            [Proof(3, (bytes(32), bytes(32)), checkpoint).pack().encode()],
        ),
        "envelope": lambda: Target(lambda raw: verify(raw, "manifest", [public]), [signed]),
        "card": lambda: Target(read_card, [card]),
        "reference": lambda: Target(
            lambda raw: Ref.parse(raw.decode("utf-8", "replace")), [f"document:bank-a:{'0' * 64}".encode()]
        ),
    }


TARGETS = targets()


def attack(name: str, target: Target, seed: int) -> bool:
    """Whether the damaged input was read all the same. Anything but a named error fails, with the input."""
    raw = damage(target.seeds, dice(seed, *name.encode()))
    effort = Effort()
    try:
        target.parse(raw)
        return True
    except CounterfoilError as error:
        assert not isinstance(error, InternalError)
        assert 0 < len(str(error)) < 20_000, f"{name}, seed {seed}"
        return False
    except BaseException as error:
        raise AssertionError(f"{name}, seed {seed}: {base64.b64encode(raw[:5000]).decode()}") from error
    finally:
        assert effort.seconds < MOST_S, f"{name}, seed {seed}: {effort.seconds:.1f} s"


@pytest.mark.slow
@pytest.mark.timeout(14400)
@trials(quick=40, full=20_000)
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_documents_are_read_or_refused_by_name(name: str, trials: range) -> None:
    target = TARGETS[name]()
    for raw in target.seeds:
        target.parse(raw)
    effort = Effort()
    for seed in trials:
        attack(name, target, seed)
    assert effort.bytes < MOST_BYTES


def visits() -> Contract:
    path = Path(__file__).parents[1] / "lib" / "contracts" / "visits.odcs.yaml"
    return parse_contract(path.read_bytes(), path.name)


CSV = (tables.HEADER + tables.GOOD * 3 + '"0008","no",-1.5,2030-01-01,0,\n').encode()
FILES = {
    "csv": lambda: [CSV, CSV.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + CSV],
    "parquet": lambda: [
        tables.parquet({}, compression=compression, use_dictionary=dictionary, data_page_version=version)
        for compression in ("none", "snappy", "zstd", "gzip", "lz4", "brotli")
        for dictionary in (True, False)
        for version in ("1.0", "2.0")
    ],
    "arrow": lambda: [tables.arrow(compression=compression) for compression in (None, "zstd", "lz4")],
}


@pytest.mark.slow
@pytest.mark.timeout(14400)
@trials(quick=4, full=1_500)
@pytest.mark.parametrize("kind", FILES)
def test_damaged_files_are_read_or_refused_by_name(kind: str, trials: range, tmp_path: Path) -> None:
    path, terms = tmp_path / f"damaged.{kind}", visits()

    def read(raw: bytes) -> object:
        path.write_bytes(raw)
        return profile(path) if kind == "arrow" else load(path, terms, tmp_path / "page.html")

    target = Target(read, FILES[kind]())
    for raw in target.seeds if trials.stop - trials.start > 10 else target.seeds[:1]:
        target.parse(raw)
    effort = Effort()
    for seed in trials:
        attack(kind, target, seed)
    assert effort.bytes < MOST_BYTES
