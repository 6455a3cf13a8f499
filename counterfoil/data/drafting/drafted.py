"""Read the drafts of one table that several owners made, as the profiles that they would be made from.

What a person has still to write is left out. Knows no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.canonical import Yaml, load_yaml
from counterfoil.data.drafting.profile import ColumnProfile, Profile
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.values import read_bound, ticks
from counterfoil.governance.documents import FILL_IN, Path, Problems, part_problem

_TABLE: Final = ("schema", 0)


@dataclass(slots=True)
class Draft:
    """A draft as it was read."""

    document: Yaml
    raw: bytes
    columns: list[dict[str, Any]]
    profile: Profile

    @property
    def name(self) -> str:
        return self.document.source

    def index(self, column: str) -> int | None:
        return next((at for at, each in enumerate(self.columns) if each["name"] == column), None)

    def item(self, column: str) -> dict[str, Any]:
        """Return what the draft says of the column, which it has."""
        return next(each for each in self.columns if each["name"] == column)

    def seen(self, column: str) -> ColumnProfile:
        """Return the profile of the column, which the draft has."""
        return next(each for each in self.profile.columns if each.name == column)

    def where(self, column: str) -> str:
        at = self.index(column)
        return self.document.where((*_TABLE, "properties") if at is None else (*_TABLE, "properties", at))


def read_drafts(files: Sequence[tuple[bytes, str]]) -> list[Draft]:
    """Read the drafts. Raises: ContractError, naming all that is wrong in any of them; DocumentError."""
    wrong, found = [], []
    for raw, source in files:
        document = load_yaml(raw, source)
        problems = Problems(document, ContractError)
        try:
            columns = _columns(document, problems)
            profile = Profile(2, tuple(_profile(item, at, problems) for at, item in enumerate(columns)))
            problems.raise_if_any()
        except ContractError as error:
            wrong.append(str(error))
        else:
            found.append(Draft(document, raw, columns, profile))
    if wrong:
        raise ContractError("\n".join(wrong))
    return found


def _columns(document: Yaml, problems: Problems) -> list[dict[str, Any]]:
    """Return the columns, without what is still to be filled in; each has the form that a contract's columns have."""
    value = document.value
    tables = value.get("schema") if isinstance(value, dict) else None
    if not (isinstance(tables, list) and len(tables) == 1 and isinstance(tables[0], dict)):
        problems.add(("schema",), "is no contract with one table; draft one: counterfoil contract new")
        problems.raise_if_any()
        return []
    columns, items = tables[0].get("properties"), []
    if not (isinstance(columns, list) and columns):
        problems.add((*_TABLE, "properties"), "the table has no columns; draft it anew: counterfoil contract new")
    for at, item in enumerate(columns if isinstance(columns, list) else []):
        path: Path = (*_TABLE, "properties", at)
        known = _filled(item)
        filler = {"description": "-", "customProperties": []}
        if problem := part_problem({**filler, **known} if known else item, "contract", "/$defs/property"):
            problems.add(path, problem)
        else:
            items.append(known)
    own, rules = value.setdefault("customProperties", []), tables[0].setdefault("quality", [])
    own = [each for each in own if not is_blank(each)] if isinstance(own, list) else own
    if problem := part_problem(own, "contract", "/$defs/contractProperties"):
        problems.add(("customProperties",), problem)
    if problem := part_problem(rules, "contract", "/$defs/quality"):
        problems.add((*_TABLE, "quality"), problem)
    problems.raise_if_any()
    return items


def is_blank(value: Any) -> bool:
    return isinstance(value, dict) and value.get("value") in (FILL_IN, [FILL_IN])


def _filled(item: Any) -> dict[str, Any]:
    """Return what a column says, without what a person has still to write."""
    if not isinstance(item, dict):
        return {}
    kept = {name: each for name, each in item.items() if each != FILL_IN}
    for name in ("customProperties", "logicalTypeOptions"):
        each = kept.get(name)
        if isinstance(each, list):
            kept[name] = [one for one in each if not is_blank(one)]
        elif isinstance(each, dict):
            kept[name] = {key: one for key, one in each.items() if one != FILL_IN}
    return kept


def own_properties(item: Mapping[str, Any]) -> dict[str, Any]:
    return {each["property"]: each["value"] for each in item.get("customProperties", [])}


def _profile(item: Mapping[str, Any], at: int, problems: Problems) -> ColumnProfile:
    """Return the column as the profile that its draft would be made from."""
    own, options, kind = own_properties(item), item.get("logicalTypeOptions", {}), item["logicalType"]
    places = own.get("resolution", 0)
    low, high = (
        _units(kind, places, read_bound(kind, options.get(end), (*_TABLE, "properties", at), problems))
        for end in ("minimum", "maximum")
    )
    return ColumnProfile(
        name=item["name"],
        kind=f"{kind}:{places}" if kind in ("number", "timestamp") else kind,
        empty=0 if item.get("required") else 1,
        different=2 if item.get("unique") else 1,
        lowest=low,
        highest=high,
        counts=Counter(own.get("categories", ())),
        shape=options.get("pattern"),
        header=item.get("physicalName", ""),
        stand_ins=tuple(own.get("emptySpellings", ())),
    )


def _units(kind: str, places: int, bound: Any) -> Any:
    if bound is None or kind == "date":
        return bound
    return ticks(bound, places) if kind == "timestamp" else int(bound * 10**places)
