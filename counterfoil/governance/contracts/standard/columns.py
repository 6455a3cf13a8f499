"""A column of the standard, read as one of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from counterfoil.governance.contracts.standard.odcs import column_types, type_of
from counterfoil.governance.contracts.standard.options import inclusive, instants
from counterfoil.governance.contracts.standard.quality_rules import read_rules
from counterfoil.governance.contracts.standard.source import GONE, Source, once
from counterfoil.governance.documents import Path, part_problem

_STANDARD_TYPES = ("string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean")


def read_column(source: Source, item: Mapping[str, Any], path: Path, taken: set[str]) -> Any:
    """Read a column whose name must be none that is taken; one that no flat table can hold is gone."""
    kind = _kind(source, item, path)
    if kind not in column_types() and kind in _STANDARD_TYPES:
        why = (
            "a flat table cannot hold it; export what is in it as columns of their own"
            if kind in ("object", "array")
            else f"no analysis takes a {kind}; export the day as a column of type date"
        )
        source.leave(f"column of type {kind}", path, f"a column of type {kind} is left out: {why}")
        return GONE
    given = source.fields(item, path, "column")
    given["logicalType"] = kind
    source.name(given, path, "column", taken)
    if "description" not in given:
        like = f", like {given['businessName']!r}" if isinstance(given.get("businessName"), str) else ""
        if source.lacks(given, "column", "description"):
            source.need(
                path, f"the field 'description' is missing; add what a cell of the column says, in a sentence{like}"
            )
        given["description"] = given["businessName"] if like else source.blank
    if "logicalTypeOptions" in given:
        options, notes = inclusive(given["logicalTypeOptions"], kind, source.foreign)
        if kind == "timestamp" and source.foreign:
            options, notes = instants(options, _takes)
        for name, words in notes:
            source.leave(f"option {name}", (*path, "logicalTypeOptions", name), words)
        given["logicalTypeOptions"] = options
        if not options:
            del given["logicalTypeOptions"]
    if given.get("primaryKey") is True and given.get("required") is not True and source.foreign:
        source.leave("primaryKey", (*path, "primaryKey"), "a primary key is read as required, too: it is never empty")
        given["required"] = True
    if "examples" in given and part_problem(given["examples"], "contract", "/$defs/property/properties/examples"):
        source.leave("examples", (*path, "examples"))
        del given["examples"]
    if "tags" in given:
        given["tags"] = once(given["tags"])
    given["quality"] = read_rules(source, given, path, of_column=True)
    given["relationships"] = _relationships(source, given, path)
    given["customProperties"] = source.properties(given, path, "column")
    return {name: value for name, value in given.items() if value != [] or name == "customProperties"}


def _kind(source: Source, item: Mapping[str, Any], path: Path) -> str:
    said, physical = item.get("logicalType"), item.get("physicalType")
    if said is None:
        guess = type_of(physical) if isinstance(physical, str) else None
        if guess is None:
            types = ", ".join(sorted(column_types()))
            if source.lacks(item, "column", "logicalType"):
                source.need(path, f"the field 'logicalType' is missing; write one of {types}")
            return "string"
        if source.lacks(item, "column", "logicalType"):
            source.leave("logicalType", path, f"the field 'logicalType' is missing; {physical} is read as {guess}")
        return guess
    options = item.get("logicalTypeOptions")
    style = options.get("format") if isinstance(options, dict) else None
    if said == "date" and isinstance(style, str) and re.search("[HhKk]", style):
        return "timestamp" if re.search("[yu]", style) else "time"
    return str(said)


def _relationships(source: Source, given: Mapping[str, Any], path: Path) -> list[Any]:
    items = given.get("relationships", [])
    if not isinstance(items, list):
        return [items]
    kept: list[Any] = []
    for index, item in enumerate(items):
        at = (*path, "relationships", index)
        to = item.get("to") if isinstance(item, dict) else None
        if isinstance(item, dict) and (isinstance(to, list) or (isinstance(to, str) and "#" not in to)):
            source.leave("relationships", at, "a foreign key without the contract's file is not followed here")
            kept.append(GONE)
        else:
            kept.append(source.fields(item, at, "relationship") if isinstance(item, dict) else item)
    return kept


def _takes(name: str, value: Any) -> bool:
    """Tell whether a column of timestamps may have that option here."""
    column = {"name": "a", "logicalType": "timestamp", "description": "a", "customProperties": []}
    return part_problem({**column, "logicalTypeOptions": {name: value}}, "contract", "/$defs/property") is None
