"""JSON that machines sign: each kind made by its own schema, and spoilt in every way that a stranger might try.

Beside the schema's own fields, each of which is once absent and once empty, all kinds have the same defects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import resources
from typing import Any

import numpy as np

from counterfoil.audit.event import Event
from counterfoil.canonical import jcs
from counterfoil.data.synthetic.spelling import Spelling
from counterfoil.errors import DocumentError
from counterfoil.governance.documents import read_json
from counterfoil.governance.jobs.evidence import Evidence
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.governance.releases.release import Release
from counterfoil.governance.retention.erasure import Erasure
from counterfoil.governance.review.decisions import Comment, Decision
from tests.corpus import Bad

KINDS = {
    "manifest": 5,
    "evidence": 6,
    "decision": 6,
    "comment": 4,
    "release": 5,
    "erasure": 4,
    "receipt": 4,
    "withdrawal": 3,
    "reaffirmation": 4,
    "catalogue": 7,
}
"""Signed kinds, and how many fields each has at least."""

UNPACK: Mapping[str, Callable[[bytes], object]] = {
    "manifest": Manifest.unpack,
    "evidence": Evidence.unpack,
    "decision": Decision.unpack,
    "comment": Comment.unpack,
    "release": Release.unpack,
    "erasure": Erasure.unpack,
}

# name: (the good statement's bytes become, words of the complaint)
ANY_JSON: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "no bytes": (lambda _: b"", "not JSON"),
    "cut off": (lambda raw: raw[:-1], "not JSON"),
    "cut in half": (lambda raw: raw[: len(raw) // 2], "not JSON"),
    "twice": (lambda raw: raw + raw, "not JSON"),
    "a line more": (lambda raw: raw + b"\n", "not in canonical form"),
    "a blank more": (lambda raw: raw.replace(b":", b": ", 1), "not in canonical form"),
    "a key twice": (lambda raw: raw.replace(b"{", b'{"format":"x",', 1), "not in canonical form"),
    "keys in another order": (
        lambda raw: json.dumps(dict(reversed(json.loads(raw).items()))).encode(),
        "not in canonical",
    ),
    "an escape too many": (lambda raw: raw[:2] + b"\\u%04x" % raw[2] + raw[3:], "not in canonical form"),
    "a byte order mark": (lambda raw: b"\xef\xbb\xbf" + raw, "not in canonical form"),
    "UTF-16": (lambda raw: raw.decode().encode("utf-16"), "not in canonical form"),
    "Latin-1": (lambda raw: raw[:-1] + b',"z":"\xe9"}', "not JSON"),
    "a NUL": (lambda raw: b"\x00" + raw, "not JSON"),
    "a list": (lambda raw: b"[" + raw + b"]", "not in canonical form"),
    "a number": (lambda _: b"17", "not in canonical form"),
    "a text": (lambda _: b'"manifest"', "not in canonical form"),
    "null": (lambda _: b"null", "not in canonical form"),
    "nested deeper than any stack": (lambda _: b"[" * 100_000, "not JSON"),
    "no number": (lambda raw: raw[:-1] + b',"z":NaN}', "canonical"),
    "a number without end": (lambda raw: raw[:-1] + b',"z":1e999}', "canonical"),
    "a number of 5,000 digits": (lambda raw: raw[:-1] + b',"z":' + b"9" * 5_000 + b"}", "not JSON"),
    "a number beyond 2^53": (lambda raw: raw[:-1] + b',"z":9007199254740993}', "canonical"),
    "half a surrogate pair": (lambda raw: raw[:-1] + b',"z":"\\ud800"}', "canonical"),
    "a key with half a surrogate pair": (lambda raw: raw[:-1] + b',"z\\ud800":1}', "canonical"),
    "a field that nobody knows": (lambda raw: with_field(raw, "zebra", 1), "the field 'zebra' is not known here"),
    "a field without end": (lambda raw: with_field(raw, "z" * 70_000, 1), "(70000 characters) is not known here"),
    "another format": (lambda raw: with_field(raw, "format", "counterfoil/other/1"), "format: must be"),
    "the next format": (lambda raw: with_field(raw, "format", "counterfoil/manifest/2"), "format: must be"),
    "an empty object": (lambda _: b"{}", "is missing"),
}


def with_field(raw: bytes, name: str, value: Any) -> bytes:
    return jcs({**json.loads(raw), name: value})


def without_field(raw: bytes, name: str) -> bytes:
    return jcs({key: value for key, value in json.loads(raw).items() if key != name})


def good(kind: str) -> bytes:
    """A statement of the kind, as its schema describes it."""
    schema = resources.files("counterfoil.governance").joinpath("schema", f"{kind}.schema.json").read_text("utf-8")
    whole = json.loads(schema)
    sample = _sample(whole, whole)
    sample["format"] = whole["properties"]["format"].get("enum", [sample["format"]])[-1]  # the present one
    return jcs(sample)


def _sample(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _sample(whole["$defs"][schema["$ref"].rsplit("/", 1)[-1]], whole)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type")
    match kinds[-1] if isinstance(kinds, list) else kinds:  # the last of several is the present form
        case "object":
            value = {name: _sample(schema["properties"][name], whole) for name in schema.get("required", ())}
            for name in "abcdef"[: max(0, schema.get("minProperties", 0) - len(value))]:
                value[name] = _sample(schema["additionalProperties"], whole)
            return value
        case "array":
            return [_sample(schema["items"], whole)] * schema.get("minItems", 0)
        case "string" if "pattern" in schema:
            return _moment(Spelling(schema["pattern"]).draw(np.random.default_rng(1), 1)[0])
        case "string":
            return "a" * schema.get("minLength", 1)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    raise AssertionError(schema)


def _moment(text: str) -> str:
    """The text, unless it is written like a time: then one that the calendar has."""
    return "2026-11-23T06:00:00Z" if len(text) == 20 and text.endswith("Z") else text


def read(kind: str) -> Callable[[bytes], object]:
    return UNPACK.get(kind) or partial(read_json, what=kind, schema=kind)


EVENT = Event(0, "done", "bank-a", "2026-11-23T06:00:00Z", None, "0" * 64).leaf()


def bad() -> Iterator[Bad]:
    """Every bad statement, and every bad entry of a log."""
    for kind in KINDS:
        raw = good(kind)
        for name, (spoil, words) in ANY_JSON.items():
            yield Bad(f"{kind}: {name}", spoil(raw), read(kind), DocumentError, words)
        for field in json.loads(raw):
            yield Bad(
                f"{kind}: no {field}", without_field(raw, field), read(kind), DocumentError, f"'{field}' is missing"
            )
            yield Bad(
                f"{kind}: {field} null", with_field(raw, field, None), read(kind), DocumentError, f"{field}: must be"
            )
    for name, (spoil, _) in ANY_JSON.items():
        yield Bad(f"log entry: {name}", spoil(EVENT), Event.parse, DocumentError, "")
    for field in json.loads(EVENT):
        yield Bad(f"log entry: no {field}", without_field(EVENT, field), Event.parse, DocumentError, "a log entry")
