"""Every kind of signed statement, by one list: its payload type, its schema, its name in an exchange, who signs it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from counterfoil.canonical import digest, jcs
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.sign import sign
from counterfoil.errors import CounterfoilError, DocumentError, NotFoundError, SignatureError
from counterfoil.governance.documents import schema_text
from counterfoil.governance.jobs.acceptance import Intake
from counterfoil.governance.jobs.evidence import Evidence
from counterfoil.governance.papers import Paper, Statement
from counterfoil.governance.releases.receipt import RECEIPT, Receipt
from counterfoil.governance.releases.revocation import REVOCATION, Revocation
from counterfoil.governance.verification.registry import bundled, every_paper
from counterfoil.storage.exchange import Exchange
from tests.unit.conftest import Consortium

PAPERS = {
    # kind: (schema, name in an exchange, signer in the name, with what a bundle takes it)
    "agreement": ("statement", "signatures/agreement/party", "party", "agreement"),
    "backup": ("backup", "", "", None),
    "begun": ("begun", "begun/manifest/node", "node", "manifest"),
    "bundle": ("bundle", "", "", None),
    "card": ("", "cards/party", "party", None),
    "catalogue": ("catalogue", "catalogue/party/contract", "party", None),
    "charge": ("charge", "charges/node/job", "node", "job"),
    "comment": ("comment", "comments/evidence/party/digest", "party", "evidence"),
    "contract": ("", "", "", None),
    "decision": ("decision", "decisions/evidence/party/verdict", "party", "evidence"),
    "enrolment": ("enrolment", "enrolments/party/request", "", None),
    "erasure": ("erasure", "erasures/agreement/node/id", "node", "agreement"),
    "evidence": ("evidence", "evidence/digest/node", "node", "evidence"),
    "link-key": ("", "link-keys/agreement/owner", "", None),
    "manifest": ("manifest", "submissions/agreement/owner/contract/period/correction", "owner", None),
    "opened": ("opened", "opened/evidence/recipient", "recipient", "evidence"),
    "proposal": ("proposal", "proposals/evidence/reviewer/digest", "", "evidence"),
    "reaffirmation": ("reaffirmation", "reaffirmations/agreement/party", "party", None),
    "receipt": ("receipt", "receipts/manifest/node", "node", "manifest"),
    "release": ("release", "releases/evidence/recipient/node", "node", "evidence"),
    "revocation": ("revocation", "revocations/evidence/recipient/node", "node", "evidence"),
    "succession": ("", "rosters/roster/successor/key", "", None),
    "withdrawal": ("withdrawal", "withdrawals/agreement/party", "party", "agreement"),
}
NOW = datetime(2026, 11, 23, 6, 0, 0, tzinfo=UTC)
SAID = Revocation("0" * 32, "1" * 64, "2" * 64, "regulator", "node-0", "a mistake", NOW)


def test_these_are_all_papers_and_their_names_stay() -> None:
    found = {
        paper.kind: (paper.schema, "/".join((paper.folder, *paper.place)), paper.signer, paper.bundled)
        for paper in every_paper()
    }
    assert found == PAPERS
    assert len(every_paper()) == len(PAPERS), "two papers have one kind"


@pytest.mark.parametrize("paper", every_paper(), ids=lambda paper: paper.kind)
def test_a_paper_is_described(paper: Paper) -> None:
    assert paper.says
    assert paper.signer in ("", *paper.place)
    assert paper.absent if paper.folder and paper.signer else True
    if paper.schema and paper.kind != "agreement":
        schema = json.loads(schema_text(paper.schema))
        format = schema["properties"]["format"]
        assert f"counterfoil/{paper.schema}/1" in format.get("enum", [format.get("const")])
    values = {part: f"the-{part}" for part in paper.place}
    assert "the-" in paper.absent.format(**values) or not paper.absent
    assert paper.other.format(**values) or not paper.signer or paper.kind in ("evidence", "card")
    if paper.folder:
        assert paper.parts(paper.name_of(**values)) == values
        assert paper.parts((*paper.name_of(**values), "more")) is None


def test_what_is_sealed_is_in_no_bundle() -> None:
    taken = {paper.kind for what in ("agreement", "evidence", "job", "manifest") for paper in bundled(what)}
    assert taken.isdisjoint({"link-key", "enrolment", "card", "backup"})


def test_finding_the_papers_loads_no_engine() -> None:
    code = (
        "import sys; from counterfoil.governance.verification.registry import every_paper; every_paper(); "
        "print([name for name in ('numba', 'pandas', 'great_expectations') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


@pytest.fixture
def store(tmp_path: Path) -> Exchange:
    return Exchange.open(str(tmp_path / "store"))


def test_a_statement_reads_as_it_was_signed(consortium: Consortium, store: Exchange) -> None:
    node = consortium.homes["node-0"].keys
    SAID.publish(node, store)
    assert store.list() == [("revocations", "2" * 64, "regulator", "node-0")]
    assert Revocation.read(store, node.public, evidence="2" * 64, recipient="regulator") == SAID
    assert list(Revocation.find(store, {"node-0": node.public}, "2" * 64)) == [SAID]


Forge = Callable[[dict[str, PrivateKeys]], tuple[tuple[str, ...], bytes]]


def other_name(keys: dict[str, PrivateKeys]) -> tuple[tuple[str, ...], bytes]:
    return ("3" * 64, "regulator", "node-0"), REVOCATION.sign(SAID.pack(), keys["node-0"])


def others_key(keys: dict[str, PrivateKeys]) -> tuple[tuple[str, ...], bytes]:
    return ("2" * 64, "regulator", "node-0"), REVOCATION.sign(SAID.pack(), keys["node-1"])


def others_name(keys: dict[str, PrivateKeys]) -> tuple[tuple[str, ...], bytes]:
    return ("2" * 64, "regulator", "node-1"), REVOCATION.sign(SAID.pack(), keys["node-1"])


def other_kind(keys: dict[str, PrivateKeys]) -> tuple[tuple[str, ...], bytes]:
    return ("2" * 64, "regulator", "node-0"), sign("opened", SAID.pack(), keys["node-0"])


@pytest.mark.parametrize("forge", [other_name, others_key, others_name, other_kind], ids=lambda f: f.__name__)
def test_what_was_copied_or_signed_by_another_is_refused(
    consortium: Consortium, store: Exchange, forge: object
) -> None:
    keys = {id: home.keys for id, home in consortium.homes.items()}
    parts, envelope = forge(keys)
    store.put_named(REVOCATION.name(*parts), envelope)
    with pytest.raises(SignatureError):
        Revocation.read(store, keys[parts[2]].public, evidence=parts[0], recipient=parts[1])
    assert not list(Revocation.find(store, {parts[2]: keys[parts[2]].public}, parts[0]))


def test_one_that_is_absent_is_missed_by_name(consortium: Consortium, store: Exchange) -> None:
    card = consortium.homes["node-0"].keys.public
    with pytest.raises(NotFoundError, match="node-0 has not revoked its release of 2222"):
        Revocation.read(store, card, evidence="2" * 64, recipient="regulator")
    with pytest.raises(NotFoundError, match="node-0 has not taken in"):
        Intake.read(store, card, manifest="2" * 64)


def test_what_no_reader_would_take_is_not_published(consortium: Consortium, store: Exchange) -> None:
    said = Revocation("0" * 32, "1" * 64, "2" * 64, "regulator", "node-0", "", NOW)
    with pytest.raises(DocumentError, match="revocation: reason: must not be empty"):
        said.publish(consortium.homes["node-0"].keys, store)
    assert store.list() == []


def test_the_first_receipt_counts(consortium: Consortium, store: Exchange) -> None:
    keys = consortium.homes["regulator"].keys
    receipt = Receipt("0" * 32, "1" * 64, "2" * 64, "regulator", "3" * 64, {"node-0": "4" * 64}, NOW)
    receipt.publish(keys, store)
    with pytest.raises(CounterfoilError):
        receipt.publish(keys, store)
    assert not RECEIPT.replaces


def test_fields_are_read_by_their_types() -> None:
    @dataclass(frozen=True, slots=True)
    class Sample(Statement):
        PAPER: ClassVar = Paper(kind="reaffirmation", schema="reaffirmation", says="a sample")

        agreement: str
        party: str
        reaffirmed: datetime
        until: date

    sample = Sample("1" * 64, "bank-a", NOW, date(2027, 1, 1))
    assert sample.pack() == jcs(
        {
            "format": "counterfoil/reaffirmation/1",
            "agreement": "1" * 64,
            "party": "bank-a",
            "reaffirmed": "2026-11-23T06:00:00Z",
            "until": "2027-01-01",
        }
    )
    assert Sample.unpack(sample.pack()) == sample


@pytest.mark.parametrize("year", ["0001", "0999", "1999", "3000", "9999"])
def test_a_moment_that_cannot_be_reckoned_with_is_refused(year: str) -> None:
    payload = SAID.pack().replace(b'"2026-11-23T', f'"{year}-11-23T'.encode())
    with pytest.raises(DocumentError, match="not a time of the calendar, from 2000 to 2999"):
        Revocation.unpack(payload)


def test_what_is_read_is_what_was_signed_byte_for_byte() -> None:
    class Rounded(Revocation):
        """One of whose fields is read as another than was signed."""

        @classmethod
        def from_json(cls, value: dict[str, Any]) -> dict[str, Any]:
            return {**super(Revocation, cls).from_json(value), "reason": "another"}

    assert Revocation.unpack(SAID.pack()).digest == digest(SAID.pack())
    with pytest.raises(DocumentError, match="another format than it names"):
        Rounded.unpack(SAID.pack())


def test_evidence_of_one_format_has_no_fields_of_the_other() -> None:
    with zipfile.ZipFile(Path(__file__).parents[2] / "corpus" / "v0.1" / "bundle.zip") as packed:
        (name,) = [name for name in packed.namelist() if name.startswith("blobs/evidence/")]
        made = json.loads(packed.read(name))
    assert Evidence.unpack(jcs(made)).software == made["software"]
    each = dict.fromkeys(("node-0", "node-1", "node-2"), "0" * 64)
    for changed in ({"software": each}, {"format": "counterfoil/evidence/2"}):
        with pytest.raises(DocumentError, match="evidence: its fields are those of another format than it names"):
            Evidence.unpack(jcs({**made, **changed}))
