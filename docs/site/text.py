"""Markdown from plain text and from docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

SECTIONS = "Shapes|Cost|Reveals|Raises|Source|Args|Returns|Yields|Example|Examples"
_SECTION = re.compile(rf"^((?:{SECTIONS})(?:, (?:{SECTIONS}))*):[ ]*", flags=re.MULTILINE)
_CODE = re.compile(r"(``.+?``|`[^`]+`)", flags=re.DOTALL)
_SIGNS = re.compile(r"[\\*_<>\[\]{}#|$%~&]")
_BULLET = re.compile(r"^(\s*)\\\*(?= )", flags=re.MULTILINE)


def escape(text: str) -> str:
    """Plain text as Markdown that shows it as it is. Code between backticks stays code."""
    parts = _CODE.split(text)
    parts[::2] = [_SIGNS.sub(r"\\\g<0>", part) for part in parts[::2]]
    return _BULLET.sub(r"\1*", "".join(parts))


def cell(text: str) -> str:
    """Plain text for a cell of a table: on one line, with its bars escaped, in code, too."""
    parts = _CODE.split(" ".join(text.split()))
    parts[::2] = [_SIGNS.sub(r"\\\g<0>", part) for part in parts[::2]]
    parts[1::2] = [part.replace("|", "\\|") for part in parts[1::2]]
    return "".join(parts)


def code(text: object) -> str:
    """Text as code for a cell of a table."""
    return f"`{str(text).replace('|', chr(92) + '|')}`" if str(text) else ""


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table. Cells are Markdown."""
    headings = list(headings)
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def said(docstring: str | None) -> str:
    """Turn a docstring into Markdown, its sections as paragraphs of their own."""
    text = escape(inspect.cleandoc(docstring or ""))
    return _SECTION.sub(r"\n**\1.** ", text).strip() + "\n"


def toctree(pages: Iterable[str], *options: str) -> str:
    """List the pages below this one for the navigation: their titles alone, since headings make it slow and long."""
    lines = ["```{toctree}", ":titlesonly:", *(f":{option}" for option in options), *pages, "```"]
    return "\n" + "\n".join(lines) + "\n"
