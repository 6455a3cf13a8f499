"""Documents checked against a schema, with complaints that a person can act on.

YAML that people write is reported as `file:line: path: what is wrong; what to change`, all problems at once. JSON that
machines sign must be in canonical form and match its schema exactly. Knows no document's meaning.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from typing import Any, Final, TypeAlias, TypeVar

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from counterfoil.canonical import Json, Yaml, jcs, load_yaml
from counterfoil.errors import CounterfoilError, DocumentError
from counterfoil.texts import check_texts

Path: TypeAlias = tuple[str | int, ...]
Moment = TypeVar("Moment", date, datetime)

_TYPES = {
    "object": "a mapping (key: value)",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}
FILL_IN = "FILL-IN"
"""Stands in a document where a person must write; as a value it is refused everywhere."""

_FILLED: Mapping[str | int | None, str] = {
    "privacyRole": "one of identifier, quasi, sensitive, measure, key, time",
    "purpose": "what it is needed for, in a sentence",
    "description": "what a cell of the column says, in a sentence",
    "minimum": "the lowest value that a cell may have, which is public",
    "maximum": "the highest value that a cell may have, which is public",
    "resolution": "the number of decimal places",
    "mustBeBetween": "the largest number of rows that one owner may bring",
    "mustBeLessOrEqualTo": "the largest number of rows that one owner may bring",
    "lawfulBasis": "one of consent, contract, legal-obligation, vital-interests, public-task, legitimate-interests",
    "minimumCount": "how many rows a released cell must stand on, like 10",
    "retention": "for how many days nodes may keep shares, like 30",
    "expires": "the contract's last day, YYYY-MM-DD",
    "allowedAnalyses": "an analysis that you allow, like total",
}
YEARS: Final = range(2000, 3000)
"""Of what is signed: days can be added to every such moment, and each has one way to be written."""

_SHOWN = 60
_MOST = 25


class Problems:
    """What is wrong in one document, found in one go and raised together in the order of the file."""

    def __init__(self, document: Yaml, error: type[DocumentError], most: int = _MOST) -> None:
        self._document = document
        self._error = error
        self._most = most
        self._found: set[tuple[int, str]] = set()
        self._kinds: set[type[CounterfoilError]] = set()

    def add(self, path: Sequence[str | int], text: str, kind: type[CounterfoilError] | None = None) -> None:
        """Note that the text holds at the path; `kind` is its class, if that is not the document's."""
        self._found.add((self._document.line(path), f"{self.where(path)}: {text}"))
        self._kinds.add(kind or self._error)

    def take(self, line: int, text: str) -> None:
        """Note what was found elsewhere, with its place, about that line."""
        self._found.add((line, text))
        self._kinds.add(self._error)

    def where(self, path: Sequence[str | int]) -> str:
        """`file:line: path`, for what is noticed after the document was read."""
        return self._document.where(path)

    def raise_if_any(self) -> None:
        """Raise the class that all problems have, or else the document's, one line a problem, if there are any."""
        if self._found:
            lines = [text for _, text in sorted(self._found)]
            more = [f"... and {len(lines) - self._most} more"] if len(lines) > self._most else []
            kind = self._error if len(self._kinds) > 1 else next(iter(self._kinds))
            raise kind("\n".join(lines[: self._most] + more))


def read_document(raw: bytes, source: str, schema: str, error: type[DocumentError]) -> Yaml:
    """Read the YAML document, whose shape is that of the schema.

    Raises: DocumentError, or the given subclass when it is YAML but not of that shape.
    """
    document = load_yaml(raw, source)
    check_shape(document, schema, Problems(document, error))
    return document


def check_shape(document: Yaml, schema: str, problems: Problems) -> None:
    """Check that the document has the schema's shape, and raise all problems, those noted before among them.

    Where `FILL_IN` is left, that is the problem, and what belongs there is said.
    """
    shapeless = False
    for path in _blanks(document.value, ()):
        shapeless = True
        problems.add(path, f"is still to be filled in; write {_wanted(path, document.value)} in place of {FILL_IN}")
    for found in _validator(schema).iter_errors(document.value):
        if found.instance != FILL_IN:
            shapeless = True
            for path, text in _explain(found):
                problems.add(path, text)
    if shapeless:
        problems.raise_if_any()


def part_problem(value: Any, schema: str, pointer: str) -> str | None:
    """Return what keeps a value from having the shape of one part of the schema; None if nothing does."""
    return next((text for _, text in _complaints(_part(schema, pointer), value)), None)


def form_problems(value: Any, form: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """List what keeps a value from having the form, a JSON Schema by itself, with the paths below the value."""
    return list(_complaints(_STRICT(form), value))


def read_json(payload: bytes, what: str, schema: str) -> dict[str, Any]:
    """Read a signed JSON document of exactly the schema's shape, whose bytes are its canonical form.

    Raises: DocumentError; TextError.
    """
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        raise DocumentError(f"{what}: not JSON") from None
    if not isinstance(value, dict) or jcs(value) != payload:
        raise DocumentError(f"{what}: not in canonical form (RFC 8785)")
    check_texts(value, what)
    for path, text in _complaints(_validator(schema), value):
        where = ".".join(str(part)[:_SHOWN] for part in path)
        raise DocumentError(f"{what}: {where or '(document)'}: {text}")
    return value


def schema_text(name: str) -> bytes:
    """Return the JSON Schema of a kind of document, as editors take it."""
    return resources.files(__package__).joinpath("schema", f"{name}.schema.json").read_bytes()


def repeated(values: Iterable[Any]) -> list[int]:
    """Return the positions of values that stood before."""
    seen: set[Any] = set()
    again = []
    for index, value in enumerate(values):
        if value in seen:
            again.append(index)
        seen.add(value)
    return again


def parse_day(text: str, path: Path, problems: Problems) -> date:
    """Parse the day that the text writes as YYYY-MM-DD; what is no day is noted."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems.add(path, f"{text} is not a day of the calendar")
        return date.max


def write_time(moment: datetime) -> str:
    """Write the moment in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: str) -> datetime:
    """Return the moment that `write_time` wrote, in one of YEARS. Raises: DocumentError."""
    try:
        return _in_years(datetime.fromisoformat(text))
    except ValueError:
        raise DocumentError(f"{text} is not a time of the calendar, from {YEARS[0]} to {YEARS[-1]}") from None


def read_day(text: str) -> date:
    """Return the day that the text writes as YYYY-MM-DD, in one of YEARS. Raises: DocumentError."""
    try:
        return _in_years(date.fromisoformat(text))
    except ValueError:
        raise DocumentError(
            f"{text[:_SHOWN]} is not a day of the calendar, YYYY-MM-DD, from {YEARS[0]} to {YEARS[-1]}"
        ) from None


def _in_years(moment: Moment) -> Moment:
    if moment.year not in YEARS:
        raise ValueError(moment.year)
    return moment


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`; did you mean 'x'?` when one of the words is close, else nothing."""
    near = nearest(word, words)
    return f"; did you mean {near!r}?" if near is not None else ""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the one of the words that is closest, if one is close."""
    return next(iter(difflib.get_close_matches(word, list(words), n=1)), None)


def shown(value: Json) -> str:
    """Return the value as a message may carry it: short."""
    if isinstance(value, Mapping | list):
        return _TYPES["object" if isinstance(value, Mapping) else "array"]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


def _named(key: str) -> str:
    """Return the key as a message may carry it: short."""
    return repr(key) if len(key) <= _SHOWN else f"{key[:_SHOWN]!r}... ({len(key)} characters)"


def _one_line_pattern(_: Validator, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """JSON Schema's `pattern`, where `$` is the end of the text and never a line break before it."""
    if isinstance(value, str) and ("\n" in value or not re.search(pattern, value)):
        yield ValidationError("pattern")


_STRICT: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    validators={"pattern": _one_line_pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _checker, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


@cache
def _validator(name: str) -> Validator:
    return _STRICT(json.loads(schema_text(name)))


@cache
def _part(name: str, pointer: str) -> Validator:
    whole: Any = json.loads(schema_text(name))
    part = whole
    for step in pointer.split("/")[1:]:
        part = part[step]
    return _STRICT({**part, "$defs": whole["$defs"]})


def _blanks(value: Any, path: Path) -> Iterator[Path]:
    if value == FILL_IN:
        yield path
    elif isinstance(value, Mapping | list):
        for key, each in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _blanks(each, (*path, key))


def _wanted(path: Path, value: Any) -> str:
    """Return what belongs at a path, as far as its names tell."""
    if path == ("description", "purpose"):
        return "what the parties want to learn from the table, in a sentence"
    names: list[str | int | None] = list(path)
    for part in path:
        if isinstance(value, Mapping):
            names.append(value.get("property"))
        value = value[part]
    return next((_FILLED[name] for name in reversed(names) if name in _FILLED), "what it asks for")


def _complaints(validator: Validator, value: Any) -> Iterator[tuple[Path, str]]:
    for found in validator.iter_errors(value):
        yield from _explain(found)


def _explain(found: ValidationError) -> list[tuple[Path, str]]:
    path: Path = tuple(found.absolute_path)
    schema: Any = found.schema
    rule = str(found.validator)
    wanted: Any = found.validator_value
    value: Any = found.instance
    if rule == "additionalProperties":
        known = sorted(schema.get("properties", {}))
        extra = [key for key in value if key not in known]
        return [
            (
                (*path, key),
                f"the field {_named(key)} is not known here{did_you_mean(key, known)}; known: {', '.join(known)}",
            )
            for key in extra
        ]
    if rule == "required":
        # What is there under a misspelt name is said to be unknown, with the right one.
        known = sorted(schema.get("properties", {}))
        meant = {nearest(key, known) for key in value if key not in known} if _is_closed(schema) else set()
        absent = [key for key in wanted if key not in value and key not in meant]
        asked = {key: schema.get("properties", {}).get(key, {}).get("description", "it") for key in absent}
        return [(path, f"the field {key!r} is missing; add {asked[key]}") for key in absent]
    return [(path, _sentence(rule, wanted, value, schema))]


def _is_closed(schema: Mapping[str, Any]) -> bool:
    return schema.get("additionalProperties") is False


def _near(value: Any, wanted: Sequence[Any]) -> str:
    return did_you_mean(str(value), [each for each in wanted if isinstance(each, str)])


def _sentence(rule: str, wanted: Any, value: Any, schema: Mapping[str, Any]) -> str:
    hint = f" ({schema['description']})" if "description" in schema else ""
    sentences: dict[str, Callable[[], str]] = {
        "type": lambda: f"must be {_kind(wanted)}, is {shown(value)}{hint}",
        "enum": lambda: f"must be one of {', '.join(map(str, wanted))}, is {shown(value)}{_near(value, wanted)}",
        "const": lambda: f"must be {shown(wanted)}, is {shown(value)}",
        "pattern": lambda: f"{shown(value)} is not written as asked{hint}",
        "minimum": lambda: f"must be at least {wanted}, is {shown(value)}",
        "exclusiveMinimum": lambda: f"must be more than {wanted}, is {shown(value)}",
        "maximum": lambda: f"must be at most {wanted}, is {shown(value)}",
        "minItems": lambda: f"needs at least {wanted} entries, has {len(value)}",
        "maxItems": lambda: f"may have {wanted} entries, has {len(value)}; split it",
        "minLength": lambda: "must not be empty; write it out",
        "maxLength": lambda: f"may have {wanted} characters, has {len(value)}",
        "uniqueItems": lambda: "holds the same entry twice; keep one",
        "minProperties": lambda: f"needs at least {wanted} entries",
        "maxProperties": lambda: f"may have {wanted} entries, has {len(value)}",
    }
    return sentences[rule]() if rule in sentences else f"does not fit the rule {rule!r}{hint}"


def _kind(wanted: str | list[str]) -> str:
    return " or ".join(_TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted))
