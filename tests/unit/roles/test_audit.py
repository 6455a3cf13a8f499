"""What an outsider can check of a released job, from the exchange alone, and what it finds when one byte is changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.audit.publish import publish
from counterfoil.canonical import Ref
from counterfoil.cli import app
from counterfoil.governance.jobs.evidence import drafts
from counterfoil.roles.recipient.dropped import Rests
from counterfoil.roles.recipient.opening import open_latest
from tests.lib.consortium import OWNERS, Consortium, found

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    consortium = found(tmp_path_factory.mktemp("audit"), 1000)
    (evidence, *_) = consortium.analyse([consortium.contribute(owner) for owner in OWNERS])
    consortium.review(evidence.digest, ["reviewer-1", "reviewer-2"])
    consortium.release(evidence.digest)
    open_latest(consortium.homes["regulator"], consortium.signed("regulator"), clock.now())
    for home in consortium.homes.values():
        home.log.append("done")
        publish(home.log, home.exchange)
    return consortium


def verify(exchange: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["verify", str(exchange)])
    return result.exit_code, result.output


def test_everything_verifies_offline(released: Consortium) -> None:
    code, output = verify(released.folder / "exchange")
    assert code == 0, output
    assert output.count("log of ") == len(released.homes)
    assert "approved by reviewer-1, reviewer-2, released to regulator, bank-a by 3 nodes" in output


def test_the_recipient_finds_the_latest_release(released: Consortium) -> None:
    opened = open_latest(released.homes["regulator"], released.signed("regulator"), clock.now())
    assert {result.name for result in opened.results} == {plan.name for plan in released.agreement.analyses}


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def first(exchange: Path, pattern: str) -> Path:
    """The first file of the pattern; of partial tiles the widest, for the others are not read any more."""
    found = [path for path in exchange.glob(pattern) if path.is_file()]
    return min(found, key=lambda path: (-int(path.name) if path.parent.name.endswith(".p") else 0, path))


@pytest.mark.parametrize(
    ("pattern", "change", "code", "words"),
    [
        ("log/node-1/tile/entries/000.p/*", flip, 73, "node-1"),
        ("log/bank-a/checkpoint", flip, 30, "bank-a"),
        ("decisions/*/reviewer-1/approve", flip, 81, "reviewer-1"),
        ("decisions/*/reviewer-2/approve", Path.unlink, 81, "reviewer-2"),
        ("signatures/*/bank-c", flip, 30, "bank-c"),
        ("blobs/agreement/*/*", flip, 73, "agreement"),
        ("evidence/*/node-2", flip, 30, "node-2"),
        ("releases/*/regulator/node-0", flip, 30, "node-0"),
        ("releases/*/regulator/node-0", Path.unlink, 70, "not by node-0"),
        ("blobs/sealed/node-2/*", flip, 73, "sealed"),
        ("blobs/sealed/node-1/*", Path.unlink, 91, "node-1"),
        ("opened/*/regulator", flip, 30, "regulator"),
        ("blobs/manifest/bank-d/*", flip, 91, "bank-d"),
        ("receipts/*/node-1", flip, 30, "node-1"),
        ("receipts/*/node-1", Path.unlink, 91, "node-1 has not taken in submission"),
    ],
)
def test_one_change_is_named(
    released: Consortium, tmp_path: Path, pattern: str, change: Callable[[Path], None], code: int, words: str
) -> None:
    exchange = tmp_path / "exchange"
    shutil.copytree(released.folder / "exchange", exchange)
    change(first(exchange, pattern))
    found_code, output = verify(exchange)
    assert (found_code, words in output) == (code, True), output


def test_owners_account_for_their_rows(released: Consortium) -> None:
    home = released.homes["bank-b"]
    (name,) = home.exchange.list(("blobs", "manifest", "bank-b"))
    account = {"read": 1000, "opted-out": 0, "incomplete": 0, "left-behind": 0, "shared": 1000}
    for counts, code in ((account, 0), (account | {"opted-out": 7}, 73)):
        home.log.append("shares-submitted", refs={"manifest": str(Ref(*name[1:]))}, counts=counts)
        publish(home.log, home.exchange)
        found, output = verify(released.folder / "exchange")
        assert found == code, output
    assert "the log of bank-b accounts for other rows than it submitted for bank-b/loans" in output


def test_a_report_says_which_rows_were_left_out(released: Consortium) -> None:
    """As far as owners' logs tell; who did not say anything of its rows is not mentioned."""
    home = released.homes["bank-c"]
    (name,) = home.exchange.list(("blobs", "manifest", "bank-c"))
    account = {"read": 1015, "opted-out": 12, "incomplete": 3, "left-behind": 0, "shared": 1000}
    home.log.append("shares-submitted", refs={"manifest": str(Ref(*name[1:]))}, counts=account)
    publish(home.log, home.exchange)
    opened = open_latest(released.homes["bank-a"], released.signed("bank-a"), clock.now())
    told = (
        "Rows handed in under loans: bank-a 1,000, bank-b 1,000, bank-c 1,000 and bank-d 1,000.",
        "bank-c left out, before it handed anything in, rows: 12 whose people opted out and 3 with an empty cell.",
    )
    for result in opened.results:
        assert result.assumptions[-2:] == told
    assert all(line in opened.page.read_text() for line in told)


def test_a_report_says_what_was_rejected(released: Consortium) -> None:
    reader = released.homes["regulator"]
    (draft,) = drafts(reader.exchange, released.signed("regulator"))
    output = draft.evidence.outputs["total-exposure"]
    measured = replace(output, measures={**output.measures, "rejected-bank-d": 7})
    evidence = replace(draft.evidence, outputs={**draft.evidence.outputs, "total-exposure": measured})
    plan, changed = released.agreement.planned("total-exposure"), replace(draft, evidence=evidence)
    told = [Rests(reader.exchange, each).on(plan) for each in (draft, changed)]
    line = "Out of the agreed ranges, and counted for nothing: 7 of bank-d."
    assert [line in lines for lines in told] == [False, True]
