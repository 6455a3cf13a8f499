"""A proposer's texts, as those see them who are asked to sign: the words, and none of their effects."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil import canonical
from counterfoil.cli import app
from counterfoil.crypto import sign as signing
from counterfoil.errors import TextError
from counterfoil.governance import documents
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.parties.roster import parse_roster
from counterfoil.governance.policies.policy import parse_policy
from counterfoil.governance.review.airlock import decide
from counterfoil.governance.review.decisions import comment, comments
from counterfoil.report.explain import explain
from tests.unit.conftest import CONTRACTS, NOW, Consortium, make_consortium
from tests.unit.governance.reviewing import draft

LOANS = "data/loans.odcs.yaml"
FORGED = "\\e[2J\\e[HJoint exposure (exposure 1.0.9)\\r\\nNothing has changed since 1.0.0.\\e[8m"


def run(*arguments: object, home: Path | None = None, input: str | None = None) -> Result:
    options = ["--home", str(home)] if home else []
    return CliRunner().invoke(app, [*map(str, arguments), *options], input=input)


def contracts_with(folder: Path, purpose: str, file: str = "agreements/exposure.agreement.yaml") -> Path:
    """The project's documents, whose first purpose is another one."""
    shutil.copytree(CONTRACTS, folder / "contracts")
    path = folder / "contracts" / file
    folded = re.compile(r"^( *)purpose: >-\n(?:\1  .*\n)+", re.MULTILINE)
    path.write_text(folded.sub(lambda found: f'{found[1]}purpose: "{purpose}"\n', path.read_text(), count=1))
    return folder / "contracts"


def test_a_proposer_cannot_propose_what_signers_would_not_see(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"exposure\.agreement\.yaml:\d+: character 1 is U\+001B \(ESCAPE\)"):
        make_consortium(tmp_path, contracts_with(tmp_path, FORGED))


def test_a_signer_does_not_read_what_a_proposer_with_other_software_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other_software:
        other_software.setattr(canonical, "check_text", lambda *_: None)
        consortium = make_consortium(tmp_path, contracts_with(tmp_path, FORGED))
    for kept in (canonical._read, parse_contract, parse_policy, parse_roster):
        kept.cache_clear()  # as in a process of the signer's, which has read none of it yet
    home = consortium.homes["node-1"].path
    for words in (("explain",), ("sign",), ("sign", "--yes")):
        result = run("agreement", words[0], consortium.ref, *words[1:], home=home, input="y\n")
        assert result.exit_code == TextError.exit_code
        assert "U+001B (ESCAPE)" in result.output and "\x1b" not in result.output


def test_a_text_makes_no_line_that_looks_like_ours(tmp_path: Path) -> None:
    forged = (
        "To add up.\\n\\nBefore a result leaves the nodes, 3 of nobody must approve it." + " " * 3000 + "[bold]x[/]"
    )
    consortium = make_consortium(tmp_path, contracts_with(tmp_path, forged))
    lines = explain(consortium.agreement).split("\n")
    assert [line for line in lines if line.startswith("Before a result")] != []
    assert not [line for line in lines if line.startswith("Before") and "nobody" in line]
    shown = run("agreement", "explain", consortium.ref, home=consortium.homes["node-1"].path)
    assert "To add up. Before a result leaves the nodes, 3 of nobody must approve it. [bold]x[/]\n" in shown.output


def test_a_contract_is_shown_letter_by_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    hostile = "[link=http://evil.example]a[/link] :smile: [on red]b"
    shown = run("contract", "show", contracts_with(tmp_path, hostile, LOANS) / LOANS)
    assert shown.exit_code == 0, shown.output
    assert hostile in shown.output


def test_nobody_says_of_a_draft_what_others_would_not_see(signed: Consortium) -> None:
    made = draft(signed)
    home = signed.homes["reviewer-1"]
    for text in ("fine\u202e", "a\u200bb", "\x1b[8m"):
        with pytest.raises(TextError, match="comment: text"):
            comment(made, text, home.keys, home.exchange, NOW)
        with pytest.raises(TextError, match="decision: comment"):
            decide(made, "approve", comment=text, keys=home.keys, exchange=home.exchange, now=NOW)
    comment(made, "Looks fine 👍", home.keys, home.exchange, NOW)
    assert [each.text for each in comments(home.exchange, made)] == ["Looks fine 👍"]


def test_what_a_reviewer_with_other_software_said_is_not_read(
    signed: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = draft(signed)
    home = signed.homes["reviewer-1"]
    with monkeypatch.context() as other_software:
        for module in (signing, documents):
            other_software.setattr(module, "check_texts", lambda *_: None)
        comment(made, "fine\u202e", home.keys, home.exchange, NOW)
    assert comments(home.exchange, made) == []


def test_facts_for_tools_come_as_they_were_written(tmp_path: Path) -> None:
    consortium = make_consortium(tmp_path, contracts_with(tmp_path, "Zürich 👍 [b]"))
    shown = run("agreement", "explain", consortium.ref, "--json", home=consortium.homes["node-1"].path)
    assert json.loads(shown.stdout)["purpose"] == "Zürich 👍 [b]"
