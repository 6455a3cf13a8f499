"""What is printed: nothing that a terminal would obey, nothing that Rich would read as markup, a line a call."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
import typer

from counterfoil.terminal import answer, ask, complain, say, say_json, show_table

HOSTILE = "\x1b[2J\x1b[H[red]fine[/red] :smile: \u202egood\nsigned by all\r\x9b8m"
SHOWN = "[U+001B][2J[U+001B][H[red]fine[/red] :smile: [U+202E]good signed by all[U+000D U+009B]8m"


def test_a_line_stays_a_line_and_says_what_hides_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    say("  one", HOSTILE)
    say("two", aside=True)
    assert capsys.readouterr() == (f"  one\n{SHOWN}\n", "two\n")


def test_an_error_is_a_line_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    complain(ValueError("a.yaml:3: x\na.yaml:4: \x1b[8m"))
    assert capsys.readouterr().err == "error: a.yaml:3: x\nerror: a.yaml:4: [U+001B][8m\n"


def test_a_name_that_is_no_text_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    say(b"tab\xffle.csv".decode("utf-8", "surrogateescape"))
    assert capsys.readouterr().out == "tab[U+DCFF]le.csv\n"


def test_blanks_push_nothing_out_of_sight(capsys: pytest.CaptureFixture[str]) -> None:
    say("quorum 1" + " " * 4000 + "quorum 3" + "\u00a0" * 4000 + "!")
    assert capsys.readouterr().out == "quorum 1 quorum 3 !\n"


def test_a_table_reads_no_markup(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show_table(("[b]column[/b]", "purpose"), [("[link=http://evil.example]a[/link]\nbusiness name", HOSTILE)])
    out = capsys.readouterr().out
    for words in ("[b]column[/b]", "[link=http://evil.example]a[/link]", "[red]fine[/red] :smile: [U+202E]good"):
        assert words in out
    assert "\x1b" not in out and "\u202e" not in out


def test_json_for_tools_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for value in ({"a": "Zürich 👍"}, {"a": HOSTILE, "b": "\udcff"}):
        say_json(value)
        out = capsys.readouterr().out
        assert json.loads(out) == value
        assert all(letter.isprintable() or letter == "\n" for letter in out)


def test_a_question_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    with pytest.raises(typer.Abort):
        ask(HOSTILE)
    assert SHOWN in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert answer("Approve?") == "yes"
    with pytest.raises(EOFError):
        answer("Approve?")


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "[U+2264] 5 [U+1F44D]"), ("latin-1", "[U+2264] 5 [U+1F44D]")]
)
def test_what_the_terminal_cannot_write_is_named(encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: Any = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", written)
    say("≤ 5 👍")
    written.flush()
    assert written.buffer.getvalue().decode(encoding) == f"{shown}\n"
