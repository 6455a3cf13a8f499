"""A contract of the standard while it is read: what is left out of it, and what it lacks."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from counterfoil.canonical import Yaml
from counterfoil.governance.contracts.standard.odcs import FIELDS, own_properties, used
from counterfoil.governance.contracts.standard.plain_name import plain_name
from counterfoil.governance.documents import Path, nearest, part_problem

GONE: Final = object()
"""Marks in a list what was left out, so that those behind it keep their place until the end."""


class Source:
    """A contract of the standard, and notes on it; `blank` is written where a person must write.

    `foreign` says that nobody wrote any of what only our contracts have.
    """

    def __init__(self, document: Yaml, blank: str) -> None:
        self.document, self.blank = document, blank
        self.foreign = _is_foreign(document.value)
        self._unused: dict[tuple[str, str], list[Path]] = {}
        self._needed: dict[tuple[int, str], None] = {}

    def need(self, path: Path, text: str) -> None:
        """Note what no joint analysis can do without."""
        self._needed[(self.document.line(path), f"{self.document.where(path)}: {text}")] = None

    def leave(self, what: str, path: Path, text: str = "of the standard, but not used here") -> None:
        """Note what is left out, or read otherwise."""
        self._unused.setdefault((what, text), []).append(path)

    def lacks(self, given: Mapping[str, Any], kind: str, name: str) -> bool:
        """Tell whether there is no such field, nor one that is no field of the standard and is meant to be it."""
        known = {*FIELDS[kind], *used(kind)}
        return name not in given and all(nearest(each, known) != name for each in given if each not in known)

    def fields(self, value: Mapping[str, Any], path: Path, kind: str) -> dict[str, Any]:
        """Keep the fields that are ours, and those that are nobody's; drop empty ones."""
        given = {}
        for name, item in value.items():
            if name in used(kind) or name not in FIELDS[kind]:
                if item is not None and item != "":
                    given[name] = item
            elif (kind, name) not in (("rule", "rule"), ("rule", "validValues")) and item not in (None, [], {}):
                self.leave(f"{kind} {name}", (*path, name), f"{name!r} of the standard is not used here")
        return given

    def entries(self, items: Sequence[Any], path: Path, kind: str) -> list[Any]:
        """Keep of each entry the fields that are ours, and those that are nobody's."""
        return [
            self.fields(item, (*path, index), kind) if isinstance(item, dict) else item
            for index, item in enumerate(items)
        ]

    def properties(self, given: Mapping[str, Any], path: Path, kind: str) -> list[Any]:
        """Keep the custom properties that are ours, and those that may be meant to be."""
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
            if known and not (self.foreign and part_problem(_without_id(item), "contract", pointer)):
                kept.append(_without_id(item))
            elif near and not self.foreign and not known:
                kept.append(item)
            else:
                self.leave(f"custom property {name}", at, f"the custom property {name!r} means nothing here")
                kept.append(GONE)
        return kept

    def name(self, given: dict[str, Any], path: Path, what: str, taken: set[str]) -> None:
        """Spell a name as ours are, unlike those that are taken, and note how to write it."""
        name = given.get("name")
        if name is None:
            if self.lacks(given, what, "name"):
                self.need(path, f"the field 'name' is missing; add the {what}'s name")
            name = given.get("physicalName", what)
        problem = part_problem(name, "contract", "/$defs/colname")
        in_file = given.get("physicalName", name) if what == "column" else name
        spelt = plain_name(str(in_file)) if problem else str(name)  # as the header of a file is read
        if problem:
            spelt = next(each for each in (spelt, *(f"{spelt[:60]}_{n}" for n in range(2, 999))) if each not in taken)
            also = "" if "physicalName" in given else f" and 'physicalName: {name}'"
            self.need((*path, "name"), f"{problem}; write 'name: {spelt}'{also}")
            given.setdefault("physicalName", str(name))
        taken.add(spelt)
        given["name"] = spelt

    @property
    def unused(self) -> tuple[tuple[int, str], ...]:
        """What was left out, one a kind of thing: the line of the first, and words that say how many there are."""
        return tuple(
            (
                self.document.line(paths[0]),
                f"{self.document.where(paths[0])}: {text}" + (f" ({len(paths)} of them)" if len(paths) > 1 else ""),
            )
            for (_, text), paths in self._unused.items()
        )

    @property
    def needed(self) -> tuple[tuple[int, str], ...]:
        """What has to be added, as line and words."""
        return tuple(self._needed)


def compact(value: Any, new: Path, old: Path, moved: dict[Path, Path]) -> Any:
    """Drop what is gone from the value; note in `moved` which paths are others in the file."""
    if isinstance(value, dict):
        return {name: compact(each, (*new, name), (*old, name), moved) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    for index, each in enumerate(value):
        if each is not GONE:
            here = (*new, len(kept))
            there = moved.get(here, (*old, index))
            if here != there:
                moved[here] = there
            kept.append(compact(each, here, there, moved))
    return kept


def once(values: Any) -> Any:
    """Drop the repeated ones of a list of texts."""
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        return values
    return list(dict.fromkeys(values))


def _is_foreign(value: Any) -> bool:
    """Tell whether nobody wrote any of what only our contracts have: a column's role, a lawful basis."""
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
