"""Damage for parsers: bytes that were nearly good. Knows bytes, YAML and JSON, and no parser.

Half of it is blind. The other half changes one value of a document and writes it out properly again, so that it is not
stopped at the first check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import yaml

from counterfoil.canonical import jcs
from counterfoil.errors import DocumentError

MOST = 1 << 20  # bytes of a damaged input
WORDS: Sequence[bytes] = (
    *(
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\r\n",
        b"\n",
        b"\n\n",
        b"\t",
        b" ",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xe2\x80\xae",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"'",
        b":",
        b",",
        b"- ",
        b"? ",
        b"#",
        b"|",
        b">",
        b"&a ",
        b"*a",
        b"!!x ",
        b"%",
        b"<<: ",
    ),
    *(b"---\n", b"...\n", b"~", b"null", b"true", b"no", b"0x1F", b"1e999", b"-0", b".5", b"9007199254740993", b"NaN"),
    *(b"2027-02-30", b"9999-12-31", b"0000-00-00", b"../", b"%00", b"(a+)+$", b"[" * 100, b"9" * 5000, b"a" * 70_000),
)
VALUES: Sequence[Any] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2**31,
        2**53 - 1,
        -(2**53) + 1,
        0.1,
        -1e300,
        1e-300,
        "",
        " ",
        "x",
        "\u0000",
        "\u202e",
    ),
    *(
        "x" * 5000,
        "no",
        "../../etc",
        "2027-02-30",
        "1e3",
        "-1",
        "9" * 40,
        "(a+)+$",
        "[",
        [],
        {},
        [[]],
        {"": None},
        ["x", "x"],
    ),
    *([None] * 300, {"type": "object"}, "0" * 64, "2026-11-23T06:00:00Z", "2026-11-23T25:00:00Z", "+1", "\ud83d\ude00"),
)


def damage(seeds: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One of the seeds, changed in one to four places."""
    raw = seeds[rng.integers(len(seeds))]
    for _ in range(rng.integers(1, 5)):
        ways = WAYS if rng.random() < 0.5 else (_revalued,)
        raw = ways[rng.integers(len(ways))](raw, seeds, rng)[:MOST]
    return raw


def _flipped(raw: bytes, _: Sequence[bytes], rng: np.random.Generator) -> bytes:
    at = rng.integers(len(raw)) if raw else 0
    return raw[:at] + bytes(byte ^ (1 << rng.integers(8)) for byte in raw[at : at + 1]) + raw[at + 1 :]


def _cut(raw: bytes, _: Sequence[bytes], rng: np.random.Generator) -> bytes:
    first, last = np.sort(rng.integers(0, len(raw) + 1, 2))
    return raw[:first] if rng.random() < 0.2 else raw[:first] + raw[last:]


def _repeated(raw: bytes, _: Sequence[bytes], rng: np.random.Generator) -> bytes:
    first = rng.integers(0, len(raw) + 1)
    last = first + rng.integers(0, 64)
    return raw[:last] + raw[first:last] * int(rng.choice([1, 2, 50, 3000])) + raw[last:]


def _worded(raw: bytes, _: Sequence[bytes], rng: np.random.Generator) -> bytes:
    at = rng.integers(0, len(raw) + 1)
    return raw[:at] + WORDS[rng.integers(len(WORDS))] + raw[at + rng.integers(0, 3) :]


def _spliced(raw: bytes, seeds: Sequence[bytes], rng: np.random.Generator) -> bytes:
    other = seeds[rng.integers(len(seeds))]
    return raw[: rng.integers(0, len(raw) + 1)] + other[rng.integers(0, len(other) + 1) :]


def _shuffled(raw: bytes, _: Sequence[bytes], rng: np.random.Generator) -> bytes:
    lines = raw.splitlines(keepends=True)
    if len(lines) < 2:
        return raw
    one, other = rng.integers(0, len(lines), 2)
    lines[one], lines[other] = lines[other], b" " * rng.integers(0, 4) + lines[one]
    return b"".join(lines)


def _revalued(raw: bytes, seeds: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One value anywhere in the document is another one, or gone, or stands twice; the document is well-formed."""
    value, write = _loaded(raw)
    if write is None:
        return _worded(raw, seeds, rng)
    places = list(_places(value))
    if not places:
        return raw
    holder, key = places[rng.integers(len(places))]
    match rng.integers(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case 1:
            holder[f"{key}x"] = holder[key]
        case _:
            holder[key] = VALUES[rng.integers(len(VALUES))]
    try:
        return write(value)
    except (DocumentError, ValueError, RecursionError):
        return raw


def _loaded(raw: bytes) -> tuple[Any, Callable[[Any], bytes] | None]:
    """The document, and how it is written: canonical JSON, or YAML."""
    try:
        return json.loads(raw), jcs
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.safe_load(raw), lambda value: yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError):
        return None, None


def _places(value: Any) -> Any:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


WAYS = (_flipped, _cut, _repeated, _worded, _spliced, _shuffled)
