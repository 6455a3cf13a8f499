"""A contract of the standard read as one of ours: what nothing here uses is left out, what is missing is asked for.

Spelling that differs between v3.0 and v3.1 becomes that of v3.1. What neither we nor the standard know stays, for the
rules to refuse. Knows shapes, not what a contract's terms mean; signs and runs read contracts without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterfoil.canonical import Yaml
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.standard.columns import read_column
from counterfoil.governance.contracts.standard.odcs import OURS, VERSIONS, own_properties, statuses
from counterfoil.governance.contracts.standard.quality_rules import read_rules
from counterfoil.governance.contracts.standard.source import GONE, Source, compact, once
from counterfoil.governance.documents import Path, did_you_mean, part_problem, shown

_PARTS = {"support": "support", "slaProperties": "sla", "authoritativeDefinitions": "definition"}
_PLAIN = ("name", "domain", "dataProduct", "tenant", "tags", "contractCreatedTs")


@dataclass(frozen=True, slots=True)
class Conformed:
    """A contract as it was read.

    `document` is what our rules can read; `unused` says what was left out or read otherwise, `needed` what no joint
    analysis can do without, both as (line, words). `tables` are the names of all tables of the file.
    """

    document: Yaml
    unused: tuple[tuple[int, str], ...]
    needed: tuple[tuple[int, str], ...]
    tables: tuple[str, ...]


def conform(document: Yaml, table: str = "", blank: str = "(to be said)") -> Conformed:
    """Read the document with one of its tables, the first unless told; `blank` is written where a person must write.

    Raises: ContractError when there is no mapping, or no table of that name, to read.
    """
    return _Reading(document, blank).contract(table)


class _Reading(Source):
    def contract(self, table: str) -> Conformed:
        value = self.document.value
        tables = value.get("schema") if isinstance(value, dict) else None
        if not (isinstance(value, dict) and isinstance(tables, list) and tables):
            what = "the field 'schema' is missing; list the table there, with its columns as properties"
            if not isinstance(value, dict):
                what = f"must be a mapping (key: value), is {shown(value)}"
            elif tables is not None:
                what = "must be a list with a table, which has its columns as properties"
            raise ContractError(f"{self.document.where(('schema',) if tables is not None else ())}: {what}")
        if not all(isinstance(each, dict) for each in tables):
            raise ContractError(f"{self.document.where(('schema',))}: must be a list of mappings, one a table")
        names = tuple(str(each.get("name", f"number {number}")) for number, each in enumerate(tables, 1))
        at = self._choose(names, table)
        given = self.fields(value, (), "contract")
        self._head(given)
        self._about(given)
        self._servers(given)
        given["schema"] = [self._table(tables[at], ("schema", at))]
        given["customProperties"] = self.properties(given, (), "contract")
        moved: dict[Path, Path] = {("schema", 0): ("schema", at)} if at else {}
        kept = compact(given, (), (), moved)
        return Conformed(Yaml(self.document.source, kept, self.document.lines, moved), self.unused, self.needed, names)

    def _choose(self, names: Sequence[str], table: str) -> int:
        if table:
            if table not in names:
                hint = did_you_mean(table, names)
                raise ContractError(
                    f"{self.document.where(('schema',))}: no table {table!r}{hint}; there are {', '.join(names)}"
                )
            return list(names).index(table)
        if len(names) > 1:
            self.need(
                ("schema",),
                f"may have 1 entries, has {len(names)}: {', '.join(names)}; a joint analysis is about one table a "
                f"contract: counterfoil contract adopt {self.document.source} --table {names[0]} --out FILE",
            )
        return 0

    def _head(self, given: dict[str, Any]) -> None:
        version = given.get("apiVersion")
        if version not in VERSIONS:
            self.need(("apiVersion",), f"must be one of {', '.join(VERSIONS)}, is {shown(version)}")
        elif version != OURS:
            self.leave("apiVersion", ("apiVersion",), f"{version} is read as {OURS}")
        given["apiVersion"] = OURS
        if "kind" not in given:
            if self.lacks(given, "contract", "kind"):
                self.leave("kind", (), "the field 'kind' is missing; 'DataContract' is assumed")
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
            if self.lacks(given, "contract", name):
                self.need((), f"the field {name!r} is missing; add '{name}: {suggestion}'")
        elif problem := part_problem(given[name], "contract", pointer):
            self.need((name,), f"{problem}; write '{name}: {suggestion}'")
        else:
            return
        given[name] = suggestion

    def _about(self, given: dict[str, Any]) -> None:
        """Read what the contract says about itself for people; nothing here depends on it, but for its purpose."""
        described = given.get("description")
        if isinstance(described, dict):
            given["description"] = self.fields(described, ("description",), "description")
        elif described is not None:
            self.need(("description",), "must be a mapping; write it as 'purpose:' below it")
            given["description"] = {"purpose": described} if isinstance(described, str) else {}
        described = given.setdefault("description", {})
        if "purpose" not in described:
            wanted = "what the parties want to learn from the table, in a sentence"
            if self.lacks(described, "description", "purpose"):
                self.need(("description",), f"the field 'purpose' is missing; add {wanted}")
            described["purpose"] = self.blank
        if isinstance(team := given.get("team"), list):
            self.leave("team", ("team",), f"v3.0's list is read as {OURS}'s members")
            given["team"] = {"members": team}
        if isinstance(team := given.get("team"), dict):
            base = ("team", "members") if isinstance(self.document.value["team"], dict) else ("team",)
            team = self.fields(team, ("team",), "team")
            if isinstance(team.get("members"), list):
                team["members"] = self.entries(team["members"], base, "member")
            given["team"] = team
        for name, kind in _PARTS.items():
            if isinstance(given.get(name), list):
                given[name] = self.entries(given[name], (name,), kind)
        for name in (*_PLAIN, *_PARTS, "team"):
            if isinstance(given.get(name), list) and name == "tags":
                given[name] = once(given[name])
            if name in given and self.foreign and part_problem(given[name], "contract", f"/properties/{name}"):
                self.leave(name, (name,))
                del given[name]

    def _servers(self, given: dict[str, Any]) -> None:
        """Read how files write the table; where others keep theirs is nothing to us."""
        servers = given.get("servers")
        if self.foreign and servers is not None and not _say_how_written(servers):
            self.leave("servers", ("servers",), "'servers' of the standard is not used here")
            del given["servers"]
        elif isinstance(servers, list) and all(isinstance(each, dict) for each in servers):
            given["servers"] = self.entries(servers, ("servers",), "server")
            for index, each in enumerate(given["servers"]):
                if "customProperties" in each:
                    each["customProperties"] = self.properties(each, ("servers", index), "server")

    def _table(self, table: Mapping[str, Any], path: Path) -> dict[str, Any]:
        given = self.fields(table, path, "table")
        if given.get("physicalType", "table") != "table":
            self.leave("physicalType", (*path, "physicalType"), f"a {given.pop('physicalType')} is read as a table")
        if given.get("logicalType") == "blob":
            self.need((*path, "logicalType"), "a joint analysis needs a table with columns, not a blob")
            given["logicalType"] = "object"
        self.name(given, path, "table", set())
        if "tags" in given:
            given["tags"] = once(given["tags"])
        columns, taken = given.get("properties"), set[str]()
        if not isinstance(columns, list) or not columns:
            self.need(path, "the field 'properties' is missing; list the table's columns there")
            columns = []
        given["properties"] = [
            read_column(self, item, (*path, "properties", index), taken) if isinstance(item, dict) else item
            for index, item in enumerate(columns)
        ]
        if columns and all(item is GONE for item in given["properties"]):
            self.need((*path, "properties"), "no column that a flat table can hold is left; add one")
        given["quality"] = read_rules(self, given, path, of_column=False)
        return given


def slug(text: str) -> str:
    """Spell the text as an id of ours: small letters, digits, and hyphens for what is neither."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "-", text)
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:63].strip("-")


def _say_how_written(servers: Any) -> bool:
    """Tell whether a server has a property that only ours have, as in a draft: how files are written."""
    own = own_properties("server")
    held = [each.get("customProperties") for each in servers] if _are_mappings(servers) else []
    return any(item.get("property") in own for items in held if _are_mappings(items) for item in items)


def _are_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)
