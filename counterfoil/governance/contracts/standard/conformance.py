"""A contract of the standard read as one of ours: what nothing here uses is left out, what is missing is asked for.

Spelling that differs between v3.0 and v3.1 becomes that of v3.1. What neither we nor the standard know stays, for the
rules to refuse. Knows shapes, not what a contract's terms mean; signs and runs read contracts without it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.canonical import Yaml
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.standard.odcs import (
    FIELDS,
    METRICS,
    OPERATORS,
    OURS,
    VERSIONS,
    column_types,
    own_properties,
    statuses,
    type_of,
    used,
)
from counterfoil.governance.contracts.standard.options import inclusive, instants
from counterfoil.governance.contracts.standard.plain_name import plain_name
from counterfoil.governance.documents import Path, did_you_mean, part_problem, shown

GONE: Final = object()
"""Stands in a list for what was left out, so that those behind it keep their place until the end."""

_STANDARD_TYPES = ("string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean")
_PARTS = {"support": "support", "slaProperties": "sla", "authoritativeDefinitions": "definition"}
_PLAIN = ("name", "domain", "dataProduct", "tenant", "tags", "contractCreatedTs")


@dataclass(frozen=True, slots=True)
class Conformed:
    """`document` is what our rules can read; `unused` says what was left out or read otherwise, `needed` what no joint
    analysis can do without, both as (line, words). `tables` are the names of all tables of the file."""

    document: Yaml
    unused: tuple[tuple[int, str], ...]
    needed: tuple[tuple[int, str], ...]
    tables: tuple[str, ...]


def conform(document: Yaml, table: str = "", blank: str = "(to be said)") -> Conformed:
    """The document with one of its tables, the first unless told; `blank` stands where a person must write.

    Raises: ContractError when there is no mapping, or no table of that name, to read.
    """
    return _Reading(document, blank).contract(table)


class _Reading:
    def __init__(self, document: Yaml, blank: str) -> None:
        self._document, self._blank = document, blank
        self._unused: dict[tuple[str, str], list[Path]] = {}
        self._needed: dict[tuple[int, str], None] = {}
        self._foreign = _is_foreign(document.value)

    def contract(self, table: str) -> Conformed:
        value = self._document.value
        tables = value.get("schema") if isinstance(value, dict) else None
        if not (isinstance(value, dict) and isinstance(tables, list) and tables):
            what = "the field 'schema' is missing; list the table there, with its columns as properties"
            if not isinstance(value, dict):
                what = f"must be a mapping (key: value), is {shown(value)}"
            elif tables is not None:
                what = "must be a list with a table, which has its columns as properties"
            raise ContractError(f"{self._document.where(('schema',) if tables is not None else ())}: {what}")
        if not all(isinstance(each, dict) for each in tables):
            raise ContractError(f"{self._document.where(('schema',))}: must be a list of mappings, one a table")
        names = tuple(str(each.get("name", f"number {number}")) for number, each in enumerate(tables, 1))
        at = self._choose(names, table)
        given = self._fields(value, (), "contract")
        self._head(given)
        self._about(given)
        given["schema"] = [self._table(tables[at], ("schema", at))]
        given["customProperties"] = self._properties(given, (), "contract")
        moved: dict[Path, Path] = {("schema", 0): ("schema", at)} if at else {}
        kept = _compact(given, (), (), moved)
        return Conformed(
            Yaml(self._document.source, kept, self._document.lines, moved), self._notes(), tuple(self._needed), names
        )

    def _choose(self, names: Sequence[str], table: str) -> int:
        if table:
            if table not in names:
                hint = did_you_mean(table, names)
                raise ContractError(
                    f"{self._document.where(('schema',))}: no table {table!r}{hint}; there are {', '.join(names)}"
                )
            return list(names).index(table)
        if len(names) > 1:
            self._need(
                ("schema",),
                f"may have 1 entries, has {len(names)}: {', '.join(names)}; a joint analysis is about one table a "
                f"contract: counterfoil contract adopt {self._document.source} --table {names[0]} --out FILE",
            )
        return 0

    def _head(self, given: dict[str, Any]) -> None:
        version = given.get("apiVersion")
        if version not in VERSIONS:
            self._need(("apiVersion",), f"must be one of {', '.join(VERSIONS)}, is {shown(version)}")
        elif version != OURS:
            self._leave("apiVersion", ("apiVersion",), f"{version} is read as {OURS}")
        given["apiVersion"] = OURS
        if "kind" not in given:
            self._leave("kind", (), "the field 'kind' is missing; 'DataContract' is assumed")
            given["kind"] = "DataContract"
        self._scalar(given, "id", "/$defs/ident", slug(str(given.get("id", given.get("name", "")))) or "contract")
        numbers = re.match(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?", str(given.get("version", "1")))
        self._scalar(
            given,
            "version",
            "/$defs/semver",
            ".".join(str(int(part or 0)) for part in numbers.groups()) if numbers else "1.0.0",
        )
        said = str(given.get("status", "")).lower()
        self._scalar(given, "status", "/properties/status", said if said in statuses() else "draft")

    def _scalar(self, given: dict[str, Any], name: str, pointer: str, suggestion: str) -> None:
        if name not in given:
            self._need((), f"the field {name!r} is missing; add '{name}: {suggestion}'")
        elif problem := part_problem(given[name], "contract", pointer):
            self._need((name,), f"{problem}; write '{name}: {suggestion}'")
        else:
            return
        given[name] = suggestion

    def _about(self, given: dict[str, Any]) -> None:
        """What the contract says about itself for people: nothing here depends on it, but for its purpose."""
        described = given.get("description")
        if isinstance(described, dict):
            given["description"] = self._fields(described, ("description",), "description")
        elif described is not None:
            self._need(("description",), "must be a mapping; write it as 'purpose:' below it")
            given["description"] = {"purpose": described} if isinstance(described, str) else {}
        described = given.setdefault("description", {})
        if "purpose" not in described:
            wanted = "what the parties want to learn from the table, in a sentence"
            self._need(("description",), f"the field 'purpose' is missing; add {wanted}")
            described["purpose"] = self._blank
        if isinstance(team := given.get("team"), list):
            self._leave("team", ("team",), f"v3.0's list is read as {OURS}'s members")
            given["team"] = {"members": team}
        if isinstance(team := given.get("team"), dict):
            base = ("team", "members") if isinstance(self._document.value["team"], dict) else ("team",)
            team = self._fields(team, ("team",), "team")
            if isinstance(team.get("members"), list):
                team["members"] = self._entries(team["members"], base, "member")
            given["team"] = team
        for name, kind in _PARTS.items():
            if isinstance(given.get(name), list):
                given[name] = self._entries(given[name], (name,), kind)
        for name in (*_PLAIN, *_PARTS, "team"):
            if isinstance(given.get(name), list) and name == "tags":
                given[name] = _once(given[name])
            if name in given and self._foreign and part_problem(given[name], "contract", f"/properties/{name}"):
                self._leave(name, (name,))
                del given[name]

    def _table(self, table: Mapping[str, Any], path: Path) -> dict[str, Any]:
        given = self._fields(table, path, "table")
        if given.get("physicalType", "table") != "table":
            self._leave("physicalType", (*path, "physicalType"), f"a {given.pop('physicalType')} is read as a table")
        if given.get("logicalType") == "blob":
            self._need((*path, "logicalType"), "a joint analysis needs a table with columns, not a blob")
            given["logicalType"] = "object"
        self._name(given, path, "table", set())
        if "tags" in given:
            given["tags"] = _once(given["tags"])
        columns, taken = given.get("properties"), set[str]()
        if not isinstance(columns, list) or not columns:
            self._need(path, "the field 'properties' is missing; list the table's columns there")
            columns = []
        given["properties"] = [
            self._column(item, (*path, "properties", index), taken) if isinstance(item, dict) else item
            for index, item in enumerate(columns)
        ]
        if columns and all(item is GONE for item in given["properties"]):
            self._need((*path, "properties"), "no column that a flat table can hold is left; add one")
        given["quality"] = self._quality(given, path, of_column=False)
        return given

    def _column(self, item: Mapping[str, Any], path: Path, taken: set[str]) -> Any:
        kind = self._kind(item, path)
        if kind not in column_types() and kind in _STANDARD_TYPES:
            why = (
                "a flat table cannot hold it; export what is in it as columns of their own"
                if kind in ("object", "array")
                else f"no analysis takes a {kind}; export the day as a column of type date"
            )
            self._leave(f"column of type {kind}", path, f"a column of type {kind} is left out: {why}")
            return GONE
        given = self._fields(item, path, "column")
        given["logicalType"] = kind
        self._name(given, path, "column", taken)
        if "description" not in given:
            like = f", like {given['businessName']!r}" if isinstance(given.get("businessName"), str) else ""
            self._need(
                path, f"the field 'description' is missing; add what a cell of the column says, in a sentence{like}"
            )
            given["description"] = given["businessName"] if like else self._blank
        if "logicalTypeOptions" in given:
            options, notes = inclusive(given["logicalTypeOptions"], kind, self._foreign)
            if kind == "timestamp" and self._foreign:
                options, notes = instants(options, _takes)
            for name, words in notes:
                self._leave(f"option {name}", (*path, "logicalTypeOptions", name), words)
            given["logicalTypeOptions"] = options
            if not options:
                del given["logicalTypeOptions"]
        if given.get("primaryKey") is True and given.get("required") is not True and self._foreign:
            self._leave(
                "primaryKey", (*path, "primaryKey"), "a primary key is read as required, too: it is never empty"
            )
            given["required"] = True
        if "examples" in given and part_problem(given["examples"], "contract", "/$defs/property/properties/examples"):
            self._leave("examples", (*path, "examples"))
            del given["examples"]
        if "tags" in given:
            given["tags"] = _once(given["tags"])
        given["quality"] = self._quality(given, path, of_column=True)
        given["relationships"] = self._relationships(given, path)
        given["customProperties"] = self._properties(given, path, "column")
        return {name: value for name, value in given.items() if value != [] or name == "customProperties"}

    def _kind(self, item: Mapping[str, Any], path: Path) -> str:
        said, physical = item.get("logicalType"), item.get("physicalType")
        if said is None:
            guess = type_of(physical) if isinstance(physical, str) else None
            if guess is None:
                types = ", ".join(sorted(column_types()))
                self._need(path, f"the field 'logicalType' is missing; write one of {types}")
                return "string"
            self._leave("logicalType", path, f"the field 'logicalType' is missing; {physical} is read as {guess}")
            return guess
        options = item.get("logicalTypeOptions")
        style = options.get("format") if isinstance(options, dict) else None
        if said == "date" and isinstance(style, str) and re.search("[HhKk]", style):
            return "timestamp" if re.search("[yu]", style) else "time"
        return str(said)

    def _name(self, given: dict[str, Any], path: Path, what: str, taken: set[str]) -> None:
        name = given.get("name")
        if name is None:
            self._need(path, f"the field 'name' is missing; add the {what}'s name")
            name = given.get("physicalName", what)
        problem = part_problem(name, "contract", "/$defs/colname")
        in_file = given.get("physicalName", name) if what == "column" else name
        spelt = plain_name(str(in_file)) if problem else str(name)  # as the header of a file is read
        if problem:
            spelt = next(each for each in (spelt, *(f"{spelt[:60]}_{n}" for n in range(2, 999))) if each not in taken)
            also = "" if "physicalName" in given else f" and 'physicalName: {name}'"
            self._need((*path, "name"), f"{problem}; write 'name: {spelt}'{also}")
            given.setdefault("physicalName", str(name))
        taken.add(spelt)
        given["name"] = spelt

    def _quality(self, given: Mapping[str, Any], path: Path, *, of_column: bool) -> list[Any]:
        rules = given.get("quality", [])
        if not isinstance(rules, list):
            return [rules]
        return [self._rule(rule, (*path, "quality", index), of_column) for index, rule in enumerate(rules)]

    def _rule(self, rule: Any, path: Path, of_column: bool) -> Any:
        if not isinstance(rule, dict):
            return rule
        kind = rule.get("type", "library")
        if kind in ("sql", "text", "custom"):
            self._leave(f"rule {kind}", path, f"a quality rule of type {kind} is checked by nothing here")
            return GONE
        said = rule.get("metric", rule.get("rule"))
        known = METRICS.get(str(said))
        if known is None and self._foreign:
            self._leave("rule unknown", path, "a quality rule that is none of the standard's metrics is not checked")
            return GONE
        given = self._fields(rule, path, "rule")
        given.pop("rule", None)
        if known:
            given["metric"] = known
            if known != said or "metric" not in rule:
                self._leave("metric", path, f"v3.0's rule {said} is read as the metric {known}")
            if "validValues" in rule and "arguments" not in rule:
                given["arguments"] = {"validValues": rule["validValues"]}
                given.pop("validValues", None)
            if said in ("validValues", "nullCheck", "uniqueCheck", "unique") and not any(o in rule for o in OPERATORS):
                given["mustBe"] = 0
        if given.get("unit") in ("%", "percentage"):
            given["unit"] = "percent"
        elif given.get("unit") in ("row", "records", "count", ""):
            given["unit"] = "rows"
        fit = part_problem(given, "contract", "/$defs/quality/items") is None
        if self._foreign and not (fit and (known == "rowCount") != of_column and _operators(given) == 1):
            self._leave("rule", path, "a quality rule of this form is not checked here")
            return GONE
        return given

    def _relationships(self, given: Mapping[str, Any], path: Path) -> list[Any]:
        items = given.get("relationships", [])
        if not isinstance(items, list):
            return [items]
        kept: list[Any] = []
        for index, item in enumerate(items):
            at = (*path, "relationships", index)
            to = item.get("to") if isinstance(item, dict) else None
            if isinstance(item, dict) and (isinstance(to, list) or (isinstance(to, str) and "#" not in to)):
                self._leave("relationships", at, "a foreign key without the contract's file is not followed here")
                kept.append(GONE)
            else:
                kept.append(self._fields(item, at, "relationship") if isinstance(item, dict) else item)
        return kept

    def _properties(self, given: Mapping[str, Any], path: Path, kind: str) -> list[Any]:
        items = given.get("customProperties", [])
        if not isinstance(items, list):
            return [items]
        kept: list[Any] = []
        for index, item in enumerate(items):
            at, name = (*path, "customProperties", index), item.get("property") if isinstance(item, dict) else None
            if not isinstance(name, str):
                kept.append(item)
                continue
            pointer = f"/$defs/{kind}Properties/items"
            known = name in own_properties(kind)
            near = difflib.get_close_matches(name, own_properties(kind), 1, 0.8)
            if known and not (self._foreign and part_problem(_without_id(item), "contract", pointer)):
                kept.append(_without_id(item))
            elif near and not self._foreign and not known:
                kept.append(item)
            else:
                self._leave(f"custom property {name}", at, f"the custom property {name!r} means nothing here")
                kept.append(GONE)
        return kept

    def _entries(self, items: Sequence[Any], path: Path, kind: str) -> list[Any]:
        return [
            self._fields(item, (*path, index), kind) if isinstance(item, dict) else item
            for index, item in enumerate(items)
        ]

    def _fields(self, value: Mapping[str, Any], path: Path, kind: str) -> dict[str, Any]:
        """The fields that are ours, and those that are nobody's; nothing stands for nothing."""
        given = {}
        for name, item in value.items():
            if name in used(kind) or name not in FIELDS[kind]:
                if item is not None and item != "":
                    given[name] = item
            elif (kind, name) not in (("rule", "rule"), ("rule", "validValues")) and item not in (None, [], {}):
                self._leave(f"{kind} {name}", (*path, name), f"{name!r} of the standard is not used here")
        return given

    def _need(self, path: Path, text: str) -> None:
        self._needed[(self._document.line(path), f"{self._document.where(path)}: {text}")] = None

    def _leave(self, what: str, path: Path, text: str = "of the standard, but not used here") -> None:
        self._unused.setdefault((what, text), []).append(path)

    def _notes(self) -> tuple[tuple[int, str], ...]:
        """One a kind of thing, with the place of the first and how many there are."""
        return tuple(
            (
                self._document.line(paths[0]),
                f"{self._document.where(paths[0])}: {text}" + (f" ({len(paths)} of them)" if len(paths) > 1 else ""),
            )
            for (_, text), paths in self._unused.items()
        )


def slug(text: str) -> str:
    """The text as an id of ours: small letters, digits, and hyphens for what is neither."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "-", text)
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:63].strip("-")


def _takes(name: str, value: Any) -> bool:
    """Whether a column of timestamps may have that option here."""
    column = {"name": "a", "logicalType": "timestamp", "description": "a", "customProperties": []}
    return part_problem({**column, "logicalTypeOptions": {name: value}}, "contract", "/$defs/property") is None


def _is_foreign(value: Any) -> bool:
    """Whether nobody wrote any of what only our contracts have: a column's role, a lawful basis."""
    seen = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            seen.append(node.get("property"))
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(value)
    return "privacyRole" not in seen and "lawfulBasis" not in seen


def _without_id(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("id", "vendor")}


def _operators(rule: Mapping[str, Any]) -> int:
    return sum(operator in rule for operator in OPERATORS)


def _once(values: Any) -> Any:
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        return values
    return list(dict.fromkeys(values))


def _compact(value: Any, new: Path, old: Path, moved: dict[Path, Path]) -> Any:
    """The value without what is gone; `moved` learns which paths are others in the file."""
    if isinstance(value, dict):
        return {name: _compact(each, (*new, name), (*old, name), moved) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    for index, each in enumerate(value):
        if each is not GONE:
            here = (*new, len(kept))
            there = moved.get(here, (*old, index))
            if here != there:
                moved[here] = there
            kept.append(_compact(each, here, there, moved))
    return kept
