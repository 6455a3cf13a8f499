"""A recipient opens: every text is shown, what is interrupted is opened again, and paper is no condition."""

from __future__ import annotations

import html
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pypdf import PdfReader

from counterfoil.audit.event import Event
from counterfoil.crypto.keys import PublicKeys
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.releases.receipt import fetched
from counterfoil.governance.review.airlock import decide
from counterfoil.home import Home
from tests.lib.consortium import Consortium, found, today

pytestmark = pytest.mark.slow

TITLE = "Überblick 北京银行 👩\u200d⚕\ufe0f"
COMMENT = "Looks fine 👍\nملف دقيق, Łódź"
FILES = {"report.html", "report.json", "datapackage.json", "total-exposure.csv", "total-exposure.parquet"}


def one_total(contracts: Path) -> None:
    """One analysis, under a title that no font of ours has all letters of."""
    file = contracts / "agreements" / "exposure.agreement.yaml"
    terms = yaml.safe_load(file.read_text())
    terms["analyses"] = [plan for plan in terms["analyses"] if plan["name"] == "total-exposure"]
    file.write_text(yaml.safe_dump({**terms, "title": TITLE}, sort_keys=False, allow_unicode=True))


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found(tmp_path_factory.mktemp("opening"), 1000, edit=one_total)


@pytest.fixture(scope="module")
def evidence(banks: Consortium) -> str:
    """Of a released draft, which reviewers approved with remarks."""
    submissions = [banks.hand_in(owner, banks.table(owner)) for owner in banks.agreement.owners]
    digest = banks.analyse(submissions)[0].digest
    for reviewer in ("reviewer-1", "reviewer-2"):
        home = banks.homes[reviewer]
        draft = load_draft(home.exchange, banks.signed(reviewer), digest)
        decide(draft, "approve", comment=COMMENT, keys=home.keys, exchange=home.exchange, now=today())
    banks.release(digest)
    return digest


class Recipient:
    """A recipient, each of whose commands is a process of its own, which may die where it is told to."""

    def __init__(self, banks: Consortium, party: str, evidence: str) -> None:
        self.path, self.ref, self.evidence, self.period = banks.homes[party].path, banks.ref, evidence, banks.period
        self.job = load_draft(banks.homes[party].exchange, banks.signed(party), evidence).evidence.job
        self.party = party

    def run(
        self, *words: str, at: str = "", call: int = 1, ends: str = "os._exit(9)"
    ) -> subprocess.CompletedProcess[str]:
        script = f"""
import importlib, os, sys
from counterfoil.cli import app
if {at!r}:
    module, _, name = {at!r}.partition(":")
    module = importlib.import_module(module)
    real, calls = getattr(module, name), []
    def dying(*given, **named):
        calls.append(1)
        if len(calls) == {call}:
            {ends}
        return real(*given, **named)
    setattr(module, name, dying)
app(sys.argv[1:])
"""
        command = [sys.executable, "-c", script, *words, "--home", str(self.path)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def open(self, at: str = "", call: int = 1, ends: str = "os._exit(9)") -> subprocess.CompletedProcess[str]:
        return self.run("open", str(self.ref), at=at, call=call, ends=ends)

    @property
    def folder(self) -> Path:
        return self.path / "reports" / self.job

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()

    def opened(self) -> int:
        """How often its log says that it has opened this."""
        events = [Event.parse(entry) for entry in Home.open(self.path).log.entries()]
        return sum(event.type == "release-opened" for event in events)

    def receipt(self) -> bytes | None:
        home = Home.open(self.path)
        key: PublicKeys = home.keys.public
        found = fetched(home.exchange, self.evidence, key)
        return found.pack() if found else None


def test_what_is_interrupted_is_opened_again_to_the_same_end(banks: Consortium, evidence: str) -> None:
    reader = Recipient(banks, "regulator", evidence)

    assert reader.open(at="counterfoil.files:write_file", call=3).returncode == 9  # some files are written
    assert (reader.files(), reader.opened(), reader.receipt()) == (set(), 0, None)

    assert (
        reader.open(at="counterfoil.roles.recipient.opening:_note").returncode == 9
    )  # all are, and nothing is said of it
    assert (reader.files(), reader.opened(), reader.receipt()) == (FILES, 0, None)
    first = {name: (reader.folder / name).read_bytes() for name in FILES - {"report.html"}}

    assert reader.open(at="counterfoil.roles.recipient.opening:sign_receipt").returncode == 9
    assert (reader.files(), reader.opened(), reader.receipt()) == (FILES, 1, None)

    assert reader.open(at="counterfoil.report.pages.pdf:pdf").returncode == 9  # the typesetter dies with its process
    assert (reader.files(), reader.opened()) == (FILES, 2)
    assert (receipt := reader.receipt()) is not None
    assert "There is no <code>report.pdf</code>: it was not set yet" in (reader.folder / "report.html").read_text()

    done = reader.open()
    assert done.returncode == 0, done.stderr
    assert reader.files() == {*FILES, "report.pdf"}
    assert {name: (reader.folder / name).read_bytes() for name in first} == first
    assert reader.receipt() == receipt


def test_paper_that_cannot_be_set_takes_nothing_else_and_the_page_says_how_to_have_it(
    banks: Consortium, evidence: str
) -> None:
    reader = Recipient(banks, "bank-a", evidence)
    failing = "raise type('PanicException', (BaseException,), {})('index out of bounds')"
    done = reader.open(at="counterfoil.report.pages.pdf:pdf", ends=failing)
    assert done.returncode == 0, done.stderr
    assert "not on paper: setting it ended in PanicException" in done.stderr and "on paper: /" not in done.stdout
    assert (reader.files(), reader.opened()) == (FILES, 1) and reader.receipt()
    page = (reader.folder / "report.html").read_text()
    assert "There is no <code>report.pdf</code>: setting it ended in PanicException" in page
    (command,) = re.findall(r"To make it: <code>(.*?)</code>", page)
    assert f"To try again: {html.unescape(command)}" in done.stderr
    name, *words = shlex.split(html.unescape(command))
    assert name == "counterfoil"
    assert reader.run(*words).returncode == 0
    assert reader.files() == {*FILES, "report.pdf"}
    assert "There is no" not in (reader.folder / "report.html").read_text()
    assert done.stdout.count("report: ") == 1 and done.stdout.rstrip().endswith(str(reader.folder / "report.html"))


def test_every_letter_is_on_the_page_and_on_paper_or_named_there(banks: Consortium, evidence: str) -> None:
    reader = Recipient(banks, "regulator", evidence)
    assert reader.open().returncode == 0
    page = html.unescape((reader.folder / "report.html").read_text())
    assert TITLE in page and COMMENT in page
    told = json.loads((reader.folder / "report.json").read_text())
    assert (told["title"], told["approvals"][0]["comment"]) == (TITLE, COMMENT)
    paper = PdfReader(io.BytesIO((reader.folder / "report.pdf").read_bytes()))
    text = re.sub(r"\s+", "", " ".join(sheet.extract_text() for sheet in paper.pages))
    assert "Überblick[U+5317U+4EACU+94F6U+884C][U+1F469U+200DU+2695U+FE0F]" in text
    assert "Looksfine[U+1F44D]" in text and "Łódź" in text and "ملف" in text.replace("\u202b", "")
    assert paper.metadata is not None and "[U+5317" in str(paper.metadata.title)
