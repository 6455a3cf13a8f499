"""A document as the YAML that people edit, with comments at their places; and the comments of one that people wrote.

Knows no document's meaning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from counterfoil.canonical import Yaml
from counterfoil.governance.documents import Path

_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./()-]+)*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
_FLOW = ("customProperties", "quality", "logicalTypeOptions", "value", "arguments")


@dataclass(slots=True)
class Comments:
    """Lines above a path, beside it, and below what it holds, without their `#`; `lines` numbers them in a file."""

    above: dict[Path, list[str]] = field(default_factory=dict)
    beside: dict[Path, str] = field(default_factory=dict)
    below: dict[Path, list[str]] = field(default_factory=dict)
    lines: dict[Path, list[int]] = field(default_factory=dict)

    def within(self, path: Path) -> bool:
        """Tell whether one is at something that the path holds."""
        places = (*self.above, *self.beside, *self.below)
        return any(len(place) > len(path) and place[: len(path)] == path for place in places)


def comments_of(text: str, document: Yaml) -> Comments:
    """Find the comments of a document, each at what is in its line, or else in the next line that has something."""
    outermost: dict[int, Path] = {}
    for path, line in document.lines.items():
        if path and (line not in outermost or len(path) < len(outermost[line])):
            outermost[line] = path
    lines, found = sorted(outermost), Comments()
    for line, comment, alone in _comments(text):
        if alone:
            following = next((each for each in lines if each > line), None)
            at = outermost[following] if following else ()
            found.above.setdefault(at, []).append(comment)
        else:
            at = outermost.get(line, ())
            found.beside[at] = comment
        found.lines.setdefault(at, []).append(line)
    return found


def write_yaml(value: Mapping[str, Any], comments: Comments) -> str:
    """Write the document in block style, one entry a line where that is short."""
    lines = [f"# {line}".rstrip() for line in comments.above.get((), [])]
    lines += _mapping(value, (), 0, comments)
    return "\n".join([*lines, ""])


def _mapping(value: Mapping[str, Any], path: Path, indent: int, comments: Comments) -> list[str]:
    lines = []
    for name, each in value.items():
        at, pad = (*path, name), " " * indent
        lines += [f"{pad}# {line}".rstrip() for line in comments.above.get(at, [])]
        beside = f"  # {comments.beside[at]}" if at in comments.beside else ""
        if _is_short(each, at, indent + len(name) + 2, comments):
            lines.append(f"{pad}{_scalar(name)}: {_flow(each)}{beside}")
        else:
            lines.append(f"{pad}{_scalar(name)}:{beside}")
            inner = _list if isinstance(each, list) else _mapping
            lines += inner(each, at, indent + 2, comments)
        lines += [f"{pad}  # {line}" for line in comments.below.get(at, [])]
    return lines


def _list(value: list[Any], path: Path, indent: int, comments: Comments) -> list[str]:
    lines = []
    for index, each in enumerate(value):
        at, pad = (*path, index), " " * indent
        lines += [f"{pad}# {line}".rstrip() for line in comments.above.get(at, [])]
        beside = f"  # {comments.beside[at]}" if at in comments.beside else ""
        if _is_short(each, at, indent + 2, comments):
            lines.append(f"{pad}- {_flow(each)}{beside}")
        else:
            inner = (_list if isinstance(each, list) else _mapping)(each, at, indent + 2, comments)
            first = next(number for number, line in enumerate(inner) if not line.lstrip().startswith("#"))
            lines += [line[2:] for line in inner[:first]]
            lines.append(f"{pad}- {inner[first].lstrip()}{beside}")
            lines += inner[first + 1 :]
        lines += [f"{pad}  # {line}" for line in comments.below.get(at, [])]
    return lines


def _is_short(value: Any, path: Path, used: int, comments: Comments) -> bool:
    if not isinstance(value, dict | list) or not value:
        return True
    held = value.values() if isinstance(value, dict) else value
    flat = all(not isinstance(each, dict) and (not isinstance(each, list) or isinstance(value, dict)) for each in held)
    named = isinstance(value, list) or any(part in _FLOW for part in path[-2:])
    return flat and named and not comments.within(path) and used + len(_flow(value)) <= _WIDTH


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(name)}: {_flow(each)}" for name, each in value.items()) + "}"
    return f"[{', '.join(map(_flow, value))}]" if isinstance(value, list) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS and len(value) < _WIDTH:
        return value
    return json.dumps(value, ensure_ascii=False)


def _comments(text: str) -> list[tuple[int, str, bool]]:
    """Line (from 1), words, and whether the comment has the line for itself."""
    inside = [
        (token.start_mark.index, token.end_mark.index)
        for token in yaml.scan(text, Loader=yaml.SafeLoader)
        if isinstance(token, yaml.ScalarToken)
    ]
    found, start, passed = [], 0, 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        while passed < len(inside) and inside[passed][1] <= start:
            passed += 1
        for match in re.finditer(r"(?:^|(?<=\s))#", line):
            at = start + match.start()
            if not any(begin <= at < end for begin, end in inside[passed : passed + len(line)]):
                found.append((number, line[match.end() :].strip(), not line[: match.start()].strip()))
                break
        start += len(line)
    return found
