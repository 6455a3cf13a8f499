"""Encode what is hashed or signed in one byte form, and read what people write in one safe way.

Knows ids, references, JCS (RFC 8785) and YAML. Knows nothing of what a document means.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

import rfc8785
import yaml

from counterfoil.errors import DocumentError
from counterfoil.texts import check_seen, check_text

Json: TypeAlias = "None | bool | int | float | str | Sequence[Json] | Mapping[str, Json]"

MAX_YAML_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_KEY = 200

_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def check_id(text: str, what: str = "id") -> str:
    """Check that the text is an id: 1 to 64 of a-z, 0-9 and inner hyphens, so that it can name a file; return it.

    Raises: DocumentError.
    """
    if not isinstance(text, str) or not _ID.match(text):
        shown = text if isinstance(text, str) and len(text) <= 80 and text.isprintable() else "(not shown)"
        raise DocumentError(f"{what} {shown!r}: use 1 to 64 of a-z, 0-9 and hyphens between them")
    return text


def digest(data: bytes | memoryview) -> str:
    """Compute the SHA-256, in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def jcs(value: Json) -> bytes:
    """Encode by the JSON Canonicalization Scheme (RFC 8785). Integers beyond 2^53-1 must be strings.

    Raises: DocumentError.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeEncodeError) as error:
        raise DocumentError(f"cannot be written as canonical JSON: {type(error).__name__}") from None


def bind(tag: str, *fields: bytes) -> bytes:
    """Hash a domain tag and length-prefixed fields by SHA-256: no two lists of fields share an encoding."""
    hasher = hashlib.sha256()
    for each in (tag.encode("ascii"), *fields):
        hasher.update(len(each).to_bytes(8, "little"))
        hasher.update(each)
    return hasher.digest()


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A reference, which Prefect may see: a thing's kind, its owner, and the SHA-256 of its bytes."""

    kind: str
    owner: str
    digest: str

    def __post_init__(self) -> None:
        check_id(self.kind, "kind of reference")
        check_id(self.owner, "owner of reference")
        if not isinstance(self.digest, str) or not _DIGEST.match(self.digest):
            raise DocumentError("the digest of a reference must be 64 lower-case hex digits")

    def __str__(self) -> str:
        return f"{self.kind}:{self.owner}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Parse a reference that is written `kind:owner:digest`. Raises: DocumentError."""
        parts = text.split(":") if isinstance(text, str) and len(text) < 256 else []
        if len(parts) != 3:
            raise DocumentError("a reference is written kind:owner:digest")
        return cls(*parts)


# --- YAML -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Yaml:
    """A YAML document as plain values, with the line (from 1) of every path in it.

    Where entries of lists were left out after reading, `moved` gives the paths that those behind them have in the file.
    """

    source: str
    value: Any
    lines: Mapping[tuple[str | int, ...], int]
    moved: Mapping[tuple[str | int, ...], tuple[str | int, ...]] = field(default_factory=dict)

    def in_file(self, path: Sequence[str | int]) -> tuple[str | int, ...]:
        """Return the path as the file has it."""
        at = tuple(path)
        longest = next((end for end in range(len(at), 0, -1) if at[:end] in self.moved), None)
        return at if longest is None else self.moved[at[:longest]] + at[longest:]

    def line(self, path: Sequence[str | int]) -> int:
        """Return the line of the path, or of the nearest parent that the file has."""
        at = self.in_file(path)
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 1)

    def where(self, path: Sequence[str | int]) -> str:
        """Write a place the way messages name it: `file:line: a.b[2]`."""
        text = ""
        for part in self.in_file(path):
            text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
        return f"{self.source}:{self.line(path)}: {text or '(document)'}"


def load_yaml(raw: bytes, source: str) -> Yaml:
    """Parse a YAML document that people wrote, as plain values alone.

    No tags, anchors, aliases, merge keys or duplicate keys; `yes`, `no`, `on` and `off` are text; dates stay text. No
    text, key or comment has a character that those who read the file would not see.

    Raises: DocumentError, TextError, with file and line.
    """
    value, lines = _read(raw, source)
    return Yaml(source, _fresh(value), lines)


@lru_cache(maxsize=32)  # an agreement, its roster and its contracts are read again by every step
def _read(raw: bytes, source: str) -> tuple[Any, Mapping[tuple[str | int, ...], int]]:
    """Parse the document as plain values, with the line of every path."""
    if len(raw) > MAX_YAML_BYTES:
        raise DocumentError(f"{source}: {len(raw)} bytes; a document may have {MAX_YAML_BYTES}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{source}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from None
    try:
        nodes = list(_compose(text, source))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        remedy = "; indent with spaces, not with tabs" if "\\t" in str(error.problem) else ""
        raise DocumentError(f"{source}:{line}: not valid YAML: {error.problem}{remedy}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(
            f"{source}:{line}: not valid YAML: U+{ord(text[error.position]):04X} is a character that no file may hold"
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DocumentError(f"{source}: not valid YAML ({type(error).__name__})") from None
    if len(nodes) != 1 or nodes[0] is None:
        raise DocumentError(f"{source}: exactly one YAML document is expected")
    for number, written in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        check_seen(written.removesuffix("\r"), f"{source}:{number}")
    lines: dict[tuple[str | int, ...], int] = {}
    return _plain(nodes[0], (), lines, source), MappingProxyType(lines)


def _fresh(value: Any) -> Any:
    """Copy plain values, so that whoever changes them changes no other reader's."""
    if isinstance(value, dict):
        return {key: _fresh(item) for key, item in value.items()}
    return [_fresh(item) for item in value] if isinstance(value, list) else value


class _Loader(yaml.SafeLoader):
    """SafeLoader whose scalars are null, bool, int, float or text by the JSON-like core rules only.

    It refuses what a file may not have at the event that brings it, before a node is made of that.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own table)

    def __init__(self, text: str, source: str) -> None:
        super().__init__(text)
        self._source, self._nested = source, 0

    def get_event(self) -> yaml.Event | None:
        event: yaml.Event | None = super().get_event()  # type: ignore[no-untyped-call]
        where = f"{self._source}:{event.start_mark.line + 1 if event and event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DocumentError(f"{where}: anchors and aliases are not allowed; write the value out")
        if getattr(event, "tag", None):
            raise DocumentError(f"{where}: tags (!...) are not allowed; write plain values")
        self._nested += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if self._nested > MAX_DEPTH:
            raise DocumentError(f"{where}: nested deeper than {MAX_DEPTH} levels")
        return event


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|)\Z", ["~", "n", ""]),
    ("bool", r"(?:true|false)\Z", list("tf")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,18})\Z", list("-+0123456789")),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?\Z", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _compose(text: str, source: str) -> Iterator[yaml.Node | None]:
    loader = _Loader(text, source)
    while loader.check_node():
        yield loader.get_node()


def _plain(node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], source: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise DocumentError(f"{source}:{line}: a key must be plain text")
            key = key_node.value
            check_text(key, f"{source}:{line}: a key")
            if len(key) > MAX_KEY:
                raise DocumentError(f"{source}:{line}: a key of {len(key)} characters; a key may have {MAX_KEY}")
            if key == "<<":
                raise DocumentError(f"{source}:{line}: merge keys are not allowed; write the values out")
            if key in result:
                raise DocumentError(f"{source}:{line}: the key {key!r} is there twice; keep one")
            lines[(*path, key)] = line
            result[key] = _plain(value_node, (*path, key), lines, source)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), lines, source) for index, item in enumerate(node.value)]
    return _scalar(node, source)


def _scalar(node: yaml.Node, source: str) -> None | bool | int | float | str:
    kind, text = node.tag.rsplit(":", 1)[-1], str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text == "true"
    if kind == "int":
        return int(text)
    if kind == "float":
        number = float(text)
        if not math.isfinite(number):
            raise DocumentError(f"{source}:{node.start_mark.line + 1}: the number is too large")
        return number
    check_text(text, f"{source}:{node.start_mark.line + 1}")
    return text
