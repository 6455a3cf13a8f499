"""Print on the terminal, in one way: what is printed was made visible before, and nothing in it is read as markup.

A text that somebody else wrote cannot clear the screen, turn a line around, or make a line that looks like ours: every
call prints whole lines, and a line break within one is a blank. Knows nothing of what is printed.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from counterfoil.texts import line, named, one_line, visible

if TYPE_CHECKING:
    from rich.console import Console


def say(*lines: str, aside: bool = False) -> None:
    """Print the lines; with `aside`, on standard error."""
    for each in lines:
        typer.echo(_encodable(line(each), sys.stderr if aside else sys.stdout), err=aside, color=False)


def say_json(value: Any) -> None:
    """Print plain values as JSON, for tools; a character that nobody would see is escaped."""
    written = json.dumps(value, ensure_ascii=False, indent=2)
    if visible(written) != written or _encodable(written, sys.stdout) != written:
        written = json.dumps(value, indent=2)
    typer.echo(written, color=False)


def complain(error: object) -> None:
    """Print an error, a line a problem."""
    say(*(f"error: {each}" for each in str(error).split("\n")), aside=True)


def ask(question: str) -> None:
    """Ask for a confirmation and go on only if it is given. Raises: typer.Abort."""
    typer.confirm(_encodable(line(question), sys.stdout), abort=True)


def show_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as wide as the terminal. A line break within a cell stays."""
    from rich.table import Column, Table  # noqa: PLC0415 (most commands print no table)
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(*(Column(Text(each)) for each in head))
    for row in rows:
        drawn.add_row(*(Text("\n".join(map(one_line, cell.split("\n")))) for cell in row))
    console().print(drawn)


def answer(question: str) -> str:
    """Ask the question and return the line that is typed. Raises: EOFError where nobody can."""
    say(question)
    if typed := sys.stdin.readline():
        return typed.strip()
    raise EOFError


def can_answer() -> bool:
    """Return whether answers can come: from a terminal, a pipe or a file, but from nothing that is closed or empty."""
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # closed, or no file at all
        return False
    return sys.stdin.isatty() or not stat.S_ISCHR(kind)


def console() -> Console:
    """Create a Rich console that reads no markup, no emoji codes and no numbers in what it prints."""
    from rich.console import Console  # noqa: PLC0415 (most commands print no table)

    return Console(markup=False, emoji=False, highlight=False)


def _encodable(text: str, stream: Any) -> str:
    """Replace by its name what the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return named(text, {index for index, letter in enumerate(text) if not _has(encoding, letter)})
    return text


def _has(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
