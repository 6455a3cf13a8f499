"""Merge the drafts that owners made of their own tables into one contract that suits them all.

The first draft is widened by the others, and what is said of it is the first's where it says anything. Nothing is
narrowed, and no cell is read. Knows no file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

from counterfoil.data.drafting.drafted import Draft, is_blank, own_properties, read_drafts
from counterfoil.data.drafting.join import conflicts, join, scaled
from counterfoil.data.drafting.profile import ColumnProfile, Profile
from counterfoil.data.reading.cells import split
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.key_spelling import look
from counterfoil.governance.contracts.values import time_of, written
from counterfoil.governance.documents import Path
from counterfoil.governance.writing import comments_of, write_yaml

_SEEN: Final = re.compile(r"(no cell empty|\d+ % empty); ")
_TEXTS: Final = ("purpose",)
"""What is said for people: the first draft's words stay."""

_WIDENED: Final = ("categories", "resolution", "emptySpellings")
_FACTS: Final = ("primaryKey", "relationships")


Note: TypeAlias = Callable[[str, Callable[[ColumnProfile], bool]], None]
"""Note that something was widened, by the drafts whose column is so."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged draft, `text`, and lines on what was widened, and on what somebody has to look at."""

    text: str
    widened: tuple[str, ...]
    to_see: tuple[str, ...]


@dataclass(slots=True)
class _Merging:
    drafts: Sequence[Draft]
    widened: list[str] = field(default_factory=list)
    to_see: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def of(self, tells: Callable[[Draft], bool]) -> str:
        """Name the drafts but the first of which this holds."""
        return ", ".join(each.name for each in self.drafts[1:] if tells(each))


def merge(files: Sequence[tuple[bytes, str]]) -> Merged:
    """Merge drafts of one table, each with the name of its file; a contract that is complete is one, too.

    Raises: ContractError, a line for each thing that cannot be widened, with its file, line and field; DocumentError
        for what is no YAML.
    """
    drafts = read_drafts(files)
    first = drafts[0]
    work = _Merging(drafts)
    named = [(each.name, each.profile) for each in drafts]
    for each in conflicts(named):
        draft = drafts[each.at]
        work.refused.append(f"{draft.where(each.column)}: {each.text}; write it alike in all tables, and draft anew")
    value = dict(first.document.value)
    value["customProperties"] = _agreed(work, None, "contract", ("customProperties",))
    for column in first.profile.columns:
        held = [each for each in drafts if each.index(column.name) is not None]
        _agree(work, held, column.name)
    if work.refused:
        raise ContractError("\n".join(work.refused))
    _fit(drafts)
    joined = join([each.profile for each in drafts])
    items = [
        _column(work, item, old, new)
        for item, old, new in zip(first.columns, first.profile.columns, joined.columns, strict=True)
    ]
    table = value["schema"][0]
    value["schema"] = [{**table, "properties": items}]
    _rules(work, value["schema"][0])
    _forms(work)
    comments = comments_of(first.raw.decode("utf-8"), first.document)
    comments.above = {path: [line for line in lines if not _SEEN.match(line)] for path, lines in comments.above.items()}
    comments.above.setdefault((next(iter(value)),), []).append(
        f"Widened by {', '.join(each.name for each in drafts[1:])}."
    )
    return Merged(write_yaml(value, comments), tuple(work.widened), tuple(work.to_see))


def _agree(work: _Merging, held: Sequence[Draft], name: str) -> None:
    """Take over what another says of a column and the first does not, and refuse where two say otherwise."""
    first = work.drafts[0]
    item = first.item(name)
    own = _agreed(work, name, f"column {name}", ("properties",), held)
    item["customProperties"] = own
    for other in held[1:]:
        theirs = other.item(name)
        for fact in _FACTS:
            if theirs.get(fact, False) != item.get(fact, False):
                work.refused.append(f"{other.where(name)}: {fact} of column {name} is not as in {first.name}; "
                                    "agree on one")  # fmt: skip
        if "description" in theirs and not item.get("description"):
            item["description"] = theirs["description"]
            work.widened.append(f"column {name}: description as in {other.name}")


def _agreed(
    work: _Merging, column: str | None, what: str, at: Path, held: Sequence[Draft] | None = None
) -> list[dict[str, Any]]:
    first, *others = held or work.drafts
    mine = _properties(first, column)
    known = {each["property"]: each["value"] for each in mine if not is_blank(each)}
    for other in others:
        for each in _properties(other, column):
            name, value = each["property"], each["value"]
            if is_blank(each) or name in _WIDENED:
                continue
            if name not in known:
                known[name] = value
                mine = [one for one in mine if one["property"] != name] + [each]
                work.widened.append(f"{what}: {name} as in {other.name}")
            elif known[name] != value and name not in _TEXTS:
                place = other.where(column) if column else other.document.where(at)
                work.refused.append(
                    f"{place}: {name} of the {what} is not as in {work.drafts[0].name}; agree on one, and write it in "
                    "both"
                )
    return mine


def _properties(draft: Draft, column: str | None) -> list[dict[str, Any]]:
    of = draft.document.value if column is None else draft.item(column)
    return list(of.get("customProperties", []))


def _fit(drafts: Sequence[Draft]) -> None:
    """Give a column of texts that names no categories those of the others: what it may be is said by them alone."""
    for name in [each.name for each in drafts[0].profile.columns]:
        said = Counter[str]()
        for draft in drafts:
            said += draft.seen(name).counts
        for draft in drafts:
            column = draft.seen(name)
            if said and not column.counts:
                at = draft.profile.columns.index(column)
                whole = list(draft.profile.columns)
                whole[at] = ColumnProfile(name, column.kind, column.empty, column.different, None, None, said,
                                          column.shape, column.header, column.stand_ins)  # fmt: skip
                draft.profile = Profile(draft.profile.rows, tuple(whole))


def _column(work: _Merging, item: dict[str, Any], old: ColumnProfile, new: ColumnProfile) -> dict[str, Any]:
    """Write the first draft's column as wide as the joined one, noting each difference."""
    name, base = old.name, scaled(old, new.kind)
    (was, digits), (kind, places) = split(old.kind), split(new.kind)

    def note(what: str, tells: Callable[[ColumnProfile], bool]) -> None:
        by = work.of(lambda draft: tells(draft.seen(name)))
        work.widened.append(f"column {name}: {what} ({by})")

    item = dict(item)
    options = dict(item.get("logicalTypeOptions", {}))
    own = own_properties(item)
    if was != kind:
        item["logicalType"] = kind
        note(f"{was} becomes {kind}", lambda each: split(each.kind)[0] == kind)
    if places != digits:
        own["resolution"] = places
        note(f"{digits} decimal places become {places}", lambda each: split(each.kind)[1] == places)
    for end, side in (("minimum", "lowest"), ("maximum", "highest")):
        before, after = getattr(base, side), getattr(new, side)
        if before != after:
            told = options.get(end, "none")
            options[end] = _bound(after, new.kind)
            note(f"{end} {told} becomes {options[end]}", partial(_reaches, kind=new.kind, side=side, end=after))
    _texts(work, name, own, new, note)
    if old.shape != new.shape:
        options.pop("pattern", None)
        if new.shape and not own.get("categories"):
            options["pattern"] = new.shape
        told = f"becomes {new.shape}" if "pattern" in options else "is left out"
        note(f"pattern {old.shape or 'none'} {told}", lambda each: each.shape != old.shape)
    _given_up(item, old, new, note)
    if options or "logicalTypeOptions" in item:
        item["logicalTypeOptions"] = options
    there = {each["property"]: each for each in item["customProperties"]}
    item["customProperties"] = [{**there.get(key, {"property": key}), "value": each} for key, each in own.items()]
    return item


def _texts(work: _Merging, name: str, own: dict[str, Any], new: ColumnProfile, note: Note) -> None:
    """Gather the texts that cells may be, and those that count as empty."""
    mine = list(own.get("categories", []))
    read = {each for spellings in own.get("categorySpellings", {}).values() for each in spellings}
    if gained := [each for each in new.counts if each not in mine and each not in read]:
        own["categories"] = sorted([*mine, *gained]) if mine == sorted(mine) else [*mine, *sorted(gained)]
        note(f"categories gain {', '.join(sorted(gained))}", lambda each: bool(set(gained) & set(each.counts)))
    if own.get("categories"):
        _alike(work, name, own["categories"])
        if lacking := [each.name for each in work.drafts if not _said(each, name)]:
            work.to_see.append(
                f"column {name}: {', '.join(lacking)} names no categories; see that its table has no others"
            )
    known = list(own.get("emptySpellings", []))
    if spelt := [each for each in new.stand_ins if each not in known]:
        own["emptySpellings"] = [*known, *spelt]
        note(f"emptySpellings gain {', '.join(spelt)}", lambda each: bool(set(spelt) & set(each.stand_ins)))


def _given_up(item: dict[str, Any], old: ColumnProfile, new: ColumnProfile, note: Note) -> None:
    """Give up what does not hold of every owner's cells."""
    if new.empty and not old.empty:
        item.pop("required")
        note("cells may be empty", lambda each: bool(each.empty))
    if old.different > new.different:
        item.pop("unique")
        note("cells may repeat", lambda each: each.different < old.different)


def _reaches(column: ColumnProfile, kind: str, side: str, end: Any) -> bool:
    return bool(getattr(scaled(column, kind), side) == end)


def _said(draft: Draft, name: str) -> bool:
    return "categories" in own_properties(draft.item(name))


def _bound(units: Any, kind: str) -> Any:
    name, places = split(kind)
    if isinstance(units, date):
        return units.isoformat()
    if name == "timestamp":
        return written(time_of(units, places))
    value = Decimal(units).scaleb(-places)
    return int(value) if value == int(value) else float(value)


def _alike(work: _Merging, name: str, categories: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for each in categories:
        earlier = seen.setdefault(look(each), each)
        if earlier != each:
            work.to_see.append(
                f"column {name}: {each!r} looks like {earlier!r}; keep one, and the other under 'categorySpellings'"
            )


def _rules(work: _Merging, table: dict[str, Any]) -> None:
    """Let an owner bring as many rows as any draft does; say which rules the other drafts have for themselves."""
    first, *others = [_quality(each) for each in work.drafts]
    table["quality"] = rules = [dict(each) for each in table["quality"]]
    for rule in rules:
        theirs = [each for other in others for each in other if _rows(rule) and _rows(each)]
        if not theirs:
            continue
        low, high = _rows(rule)
        wide = [min([low, *(_rows(each)[0] for each in theirs)]), max([high, *(_rows(each)[1] for each in theirs)])]
        if wide != [low, high]:
            rule["mustBeBetween"] = wide
            work.widened.append(f"table: rows from {low} to {high} become {wide[0]} to {wide[1]}")
    for draft, other in zip(work.drafts[1:], others, strict=True):
        if more := [each for each in other if each not in first and not _rows(each)]:
            named = ", ".join(str(each.get("name", each.get("metric", each.get("type")))) for each in more)
            work.to_see.append(f"quality rules of {draft.name} alone are left out: {named}")


def _quality(draft: Draft) -> list[dict[str, Any]]:
    """Return the rules of the table and of its columns."""
    return [*draft.document.value["schema"][0]["quality"], *(r for c in draft.columns for r in c.get("quality", []))]


def _rows(rule: Mapping[str, Any]) -> list[Any]:
    between = rule.get("mustBeBetween")
    return list(between) if rule.get("metric") == "rowCount" and between else []


def _forms(work: _Merging) -> None:
    """Say whose files are written in another way than the first, and which columns are in one draft alone."""
    first, *others = work.drafts
    mine = {each["name"] for each in first.columns}
    for other in others:
        if more := [each["name"] for each in other.columns if each["name"] not in mine]:
            work.to_see.append(f"columns of {other.name} alone are left out: {', '.join(more)}")
        differ = [
            f"column {each['name']}"
            for each in other.columns
            if each["name"] in mine and _form(each) != _form(first.item(each["name"]))
        ]
        if other.document.value.get("servers", []) != first.document.value.get("servers", []):
            differ.insert(0, "servers")
        if differ:
            work.to_see.append(
                f"{other.name} says otherwise how files are written ({', '.join(differ)}); add it under 'servers', "
                "as a server named as the party whose files these are"
            )


def _form(item: Mapping[str, Any]) -> tuple[str, str]:
    name = item["name"]
    return item.get("physicalName", name), item.get("logicalTypeOptions", {}).get("format", "")
