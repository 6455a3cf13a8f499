"""Adopt a contract that others wrote by the same standard: keep what it says, and ask for what it lacks.

Where a person must write, it says `FILL-IN`, which nobody can sign; a table may answer some of it, as for a first
draft. Knows no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from counterfoil.canonical import Yaml, load_yaml
from counterfoil.data.checking.expectation_rules import can_check
from counterfoil.data.drafting.draft import RARE, column_bounds, most_rows
from counterfoil.data.drafting.profile import ColumnProfile, Profile
from counterfoil.data.reading.cells import split
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.expectations.declared import read_rules
from counterfoil.governance.contracts.quality import column_rules, is_expectation, table_rules
from counterfoil.governance.contracts.standard.conformance import conform, slug
from counterfoil.governance.contracts.standard.odcs import decimal_places
from counterfoil.governance.documents import FILL_IN, Path, Problems, check_shape
from counterfoil.governance.writing import Comments, comments_of, write_yaml

_SCHEMA = "yaml-language-server: $schema=../schema/contract.schema.json"
_TERMS: Mapping[str, str] = {
    "lawfulBasis": "consent, contract, legal-obligation, vital-interests, public-task or legitimate-interests",
    "minimumCount": "a cell of a result rests on so many rows or more, like 10",
    "retention": "nodes keep shares for so many days at most, like 30",
    "expires": "the contract's last day, like 2028-12-31, in quotation marks",
    "allowedAnalyses": "what you allow: total, mean_by_group, histogram, correlation, ...",
}
_PEOPLE = (
    "If rows are about people, say who is protected: the columns that tell a person, and how many rows one may have.",
    "- {property: rowsPerPerson, value: {columns: [...], most: 1}}",
    "- {property: kAnonymity, value: 3}",
)
_ORDER = (
    *("apiVersion", "kind", "id", "name", "version", "status", "domain", "dataProduct", "tenant", "tags"),
    *("contractCreatedTs", "description", "schema", "team", "support", "authoritativeDefinitions", "slaProperties"),
)
_COLUMN_ORDER = ("id", "name", "businessName", "description", "logicalType", "physicalName", "physicalType")
_LAST = ("logicalTypeOptions", "relationships", "quality", "customProperties")
_UPPER = ("mustBe", "mustBeBetween", "mustBeLessThan", "mustBeLessOrEqualTo")
_UNLESS = "not for an identifier or a key"


@dataclass(frozen=True, slots=True)
class Adopted:
    """The adopted contract, `text`; `left_out` says what of the original is not in it, or read otherwise.

    `lost` are the lines of comments that have no place in it, `unseen` the columns that the table does not have.
    """

    text: str
    table: str
    left_out: tuple[str, ...]
    lost: tuple[int, ...]
    unseen: tuple[str, ...]


def adopt(raw: bytes, source: str, table: str = "", seen: Profile | None = None) -> Adopted:
    """Write the contract for one table of the original, meant for `contracts/data`.

    Raises: DocumentError; ContractError, which names the tables, where there are several and none is chosen.
    """
    document = load_yaml(raw, source)
    found = conform(document, table)
    if len(found.tables) > 1 and not table:
        raise ContractError(
            f"{document.where(('schema',))}: has {len(found.tables)} tables; choose one: "
            + " or ".join(f"--table {name}" for name in found.tables)
        )
    check_shape(found.document, "contract", Problems(found.document, ContractError))
    found = conform(document, table, FILL_IN)
    writing = _Adopting(found.document.value, seen)
    value = writing.contract(several=len(found.tables) > 1)
    old = comments_of(raw.decode("utf-8"), document)
    kept = _carry(old, found.document, writing)
    lost = tuple(sorted(line for path, lines in old.lines.items() if path not in kept for line in lines))
    writing.notes.above[()] = [
        _SCHEMA,
        f"Adopted from a contract of ODCS {_told(document.value, 'apiVersion')}, with the id",
        f"{_told(document.value, 'id')} and the version {_told(document.value, 'version')}.",
        f"Nobody can sign it while {FILL_IN} is in it: counterfoil contract lint says what belongs there.",
    ]
    left = [text for _, text in sorted(found.unused)] + writing.left
    return Adopted(
        write_yaml(value, writing.notes), value["schema"][0]["name"], tuple(left), lost, tuple(writing.unseen)
    )


class _Adopting:
    def __init__(self, value: dict[str, Any], seen: Profile | None) -> None:
        self._value, self._seen = value, seen
        self.notes = Comments()
        self.left: list[str] = []
        self.unseen: list[str] = []
        self.thinned: list[Path] = []  # lists of which entries were left out here, so that places in them moved

    def contract(self, *, several: bool) -> dict[str, Any]:
        value = dict(self._value)
        (table,) = value["schema"]
        if several:
            value["id"] = f"{value['id'][:40]}-{slug(table['name'])}"[:64].strip("-")
        value["status"] = "draft"
        at: Path = ("schema", 0)
        columns = [
            self._column(dict(item), (*at, "properties", index)) for index, item in enumerate(table["properties"])
        ]
        rules = self._table_rules(table, [each["name"] for each in columns])
        named = {name: each for name, each in table.items() if name not in ("quality", "properties")}
        value["schema"] = [{"logicalType": "object", **named, "quality": rules, "properties": columns}]
        value["schema"][0] = {"name": named["name"], **value["schema"][0]}
        terms = list(value.get("customProperties", []))
        there = {each.get("property") for each in terms}
        for name, hint in _TERMS.items():
            if name not in there:
                self.notes.beside[("customProperties", len(terms))] = hint
                terms.append({"property": name, "value": [FILL_IN] if name == "allowedAnalyses" else FILL_IN})
        if "rowsPerPerson" not in there:
            self.notes.below[("customProperties",)] = list(_PEOPLE)
        rest = {name: each for name, each in value.items() if name not in (*_ORDER, "customProperties")}
        ordered = {name: value[name] for name in _ORDER if value.get(name) not in (None, [], {})}
        return {**ordered, **rest, "customProperties": terms}

    def _column(self, item: dict[str, Any], path: Path) -> dict[str, Any]:
        seen, kind = self._profile(item), item["logicalType"]
        own = {each.get("property"): each.get("value") for each in item["customProperties"]}
        entries, below = list(item["customProperties"]), []
        if item.pop("examples", []):
            self.left.append(f"column {item['name']}: examples are cells of a table, and not carried over")
        if seen and not seen.empty:
            item["required"] = True
        if "privacyRole" not in own:
            self.notes.beside[(*path, "customProperties", len(entries))] = _role(item, kind)
            entries.append({"property": "privacyRole", "value": FILL_IN})
        if "purpose" not in own and not (item.get("unique") or item.get("primaryKey")):
            self.notes.beside[(*path, "customProperties", len(entries))] = _UNLESS
            entries.append({"property": "purpose", "value": FILL_IN})
        elif "purpose" not in own:
            below.append(f'- {{property: purpose, value: "..."}}  # {_UNLESS}')
        places = own.get("resolution")
        if kind == "number" and places is None:
            places = self._places(item, seen)
            entries.append({"property": "resolution", "value": places})
        if kind == "timestamp" and places is None and seen and split(seen.kind)[0] == kind:
            entries.append({"property": "resolution", "value": split(seen.kind)[1]})
        if kind in ("integer", "number", "date", "timestamp"):
            self._bound(item, path, seen)
        if kind == "string" and "categories" not in own:
            if categories := _categories(item, seen):
                entries.append({"property": "categories", "value": categories})
            else:
                below.append(f"- {{property: categories, value: [...]}}  # {_UNLESS}")
        below += _choices(item, kind)
        if below:
            self.notes.below[(*path, "customProperties")] = below
        item["customProperties"] = entries
        item["quality"] = self._column_rules(item, path, places)
        ordered = {name: item[name] for name in _COLUMN_ORDER if name in item}
        middle = {name: each for name, each in item.items() if name not in (*_COLUMN_ORDER, *_LAST)}
        last = {name: item[name] for name in _LAST if item.get(name) not in (None, [], {}) or name == _LAST[-1]}
        return {**ordered, **middle, **last}

    def _bound(self, item: dict[str, Any], path: Path, seen: ColumnProfile | None) -> None:
        """Ask for the ends that the column's values may have, unless the contract or the table says them."""
        bounds = item.get("logicalTypeOptions", {})
        if not {"minimum", "maximum"} <= set(bounds):
            fits = seen is not None and split(seen.kind)[0] in (item["logicalType"], "integer")
            known = column_bounds(seen) if seen and fits else None
            low, high = known or (FILL_IN, FILL_IN)
            item["logicalTypeOptions"] = {"minimum": low, "maximum": high, **bounds}
            if known is None:
                self.notes.beside[(*path, "logicalTypeOptions")] = f"public; {_UNLESS}"

    def _places(self, item: Mapping[str, Any], seen: ColumnProfile | None) -> Any:
        if seen and split(seen.kind)[0] in ("number", "integer"):
            return split(seen.kind)[1]
        return places if (places := decimal_places(str(item.get("physicalType", "")))) is not None else FILL_IN

    def _profile(self, item: Mapping[str, Any]) -> ColumnProfile | None:
        if self._seen is None:
            return None
        wanted = {str(item[name]).casefold() for name in ("physicalName", "name") if name in item}
        for column in self._seen.columns:
            if column.name.casefold() in wanted:
                return column
        self.unseen.append(item["name"])
        return None

    def _column_rules(self, item: Mapping[str, Any], path: Path, places: Any) -> list[Any]:
        kept: list[Any] = []
        resolution = places if isinstance(places, int) else 9
        shape = Column(item["name"], item["logicalType"], "identifier", "", resolution=resolution)
        for rule in item.get("quality", []):
            problems = Problems(_NOWHERE, ContractError)
            if is_expectation(rule):
                self._keep(rule, path, problems, kept, bool(list(read_rules([rule], [shape], shape, (), problems))))
                continue
            made = column_rules({"name": item["name"], "quality": [rule]}, (), problems)
            self._keep(rule, path, problems, kept, all(can_check(each, shape) for each in made))
        return kept

    def _table_rules(self, table: Mapping[str, Any], names: list[str]) -> list[Any]:
        kept: list[Any] = []
        shapes = [Column(each["name"], each["logicalType"], "identifier", "") for each in table["properties"]]
        for rule in table.get("quality", []):
            problems = Problems(_NOWHERE, ContractError)
            if is_expectation(rule):
                good = bool(list(read_rules([rule], shapes, None, (), problems)))
                self._keep(rule, ("schema", 0), problems, kept, good)
                continue
            made = table_rules({"quality": [rule]}, names, (), problems)
            good = all(can_check(each, None) for each in made)
            self._keep(rule, ("schema", 0), problems, kept, good)
        if not any(rule.get("metric") == "rowCount" and set(_UPPER) & set(rule) for rule in kept):
            high = most_rows(self._seen.rows) if self._seen else FILL_IN
            if self._seen is None:
                self.notes.beside[("schema", 0, "quality", len(kept))] = "so many rows one owner may bring at most"
            kept.append({"name": "a plausible number of rows", "metric": "rowCount", "mustBeBetween": [1, high]})
        return kept

    def _keep(self, rule: Any, path: Path, problems: Problems, kept: list[Any], checkable: bool) -> None:
        try:
            problems.raise_if_any()
        except ContractError:
            checkable = False
        if checkable:
            kept.append(rule)
            return
        self.thinned.append((*path, "quality"))
        name = rule.get("name", rule.get("metric"))
        self.left.append(f"the quality rule {name!r} cannot be checked here")


_NOWHERE = load_yaml(b"{}", "")


def _told(value: Mapping[str, Any], name: str) -> str:
    return re.sub(r"\s+", " ", str(value.get(name, "(none)")))[:80]


def _choices(item: Mapping[str, Any], kind: str) -> Iterator[str]:
    """Yield what else may be said of a column, as lines to take the `#` from."""
    if not item.get("required"):
        yield "- {property: missing, value: leave-out}  # else a table with an empty cell is refused"
    if item.get("unique") and kind in ("string", "integer"):
        yield "- {property: pseudonym, value: agreement}  # for a key of people that tables are joined by"


def _role(item: Mapping[str, Any], kind: str) -> str:
    roles = "identifier (stays here), key, quasi, sensitive, measure or time"
    if item.get("primaryKey") or item.get("unique"):
        return f"{roles}; perhaps identifier: no two rows share it"
    likely = {"date": "time", "timestamp": "time", "number": "measure", "integer": "measure"}.get(kind)
    return f"{roles}; perhaps {likely}" if likely else roles


def _categories(item: Mapping[str, Any], seen: ColumnProfile | None) -> list[str]:
    for rule in item.get("quality", []):
        values = rule.get("arguments", {}).get("validValues", [])
        if rule.get("metric") == "invalidValues" and rule.get("mustBe") == 0 and values:
            texts = [each for each in values if isinstance(each, str)]
            return texts if len(texts) == len(values) else []
    return sorted(text for text, count in seen.counts.items() if count >= RARE) if seen else []


def _carry(old: Comments, read: Yaml, writing: _Adopting) -> set[Path]:
    """Copy the original's comments to what is still there, and return the places, in the file, of those copied."""
    kept, new = set(), writing.notes
    for path in _paths(read.value, ()):
        there = read.in_file(path)
        if there not in old.lines or any(path[: len(each)] == each for each in writing.thinned):
            continue
        kept.add(there)
        if there in old.above:
            new.above.setdefault(path, []).extend(old.above[there])
        if there in old.beside:
            told = new.beside.get(path)
            new.beside[path] = f"{old.beside[there]}; {told}" if told else old.beside[there]
    return kept


def _paths(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from _paths(each, (*path, key))
