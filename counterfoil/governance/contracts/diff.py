"""What changed between two versions of a data contract, and whom each change breaks.

It compares what contracts say, not how they are laid out. Knows no agreement: whatever the change, an agreement binds
the old file by its digest, and goes on with it until all its parties sign for the new one. Where only descriptions
differ nobody need: those are the word of the contract's owners alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from counterfoil.canonical import Json
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.expectations.declared import Expectation
from counterfoil.governance.contracts.forms.written import Server, Written
from counterfoil.governance.contracts.key_domain import key_domains, place_of
from counterfoil.governance.contracts.quality import QualityRule
from counterfoil.governance.contracts.signatures import meaning
from counterfoil.governance.contracts.values import Bound

Broken: TypeAlias = Literal["owners", "analyses", "protection"]

MEANINGS: dict[Broken, str] = {
    "owners": "tables that satisfied the old contract may be refused",
    "analyses": "plans may be refused, or their results read differently",
    "protection": "the people in the tables are less protected, or on another ground",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change: where, what, and whom it breaks."""

    place: str
    text: str
    breaks: tuple[Broken, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes from `old` to `new`, in the order of the contracts."""

    old: Contract
    new: Contract
    changes: tuple[Change, ...]

    @property
    def broken(self) -> tuple[Broken, ...]:
        """Whom any change breaks."""
        return tuple(who for who in MEANINGS if any(who in change.breaks for change in self.changes))

    @property
    def sign_again(self) -> bool:
        """Whether agreements on the old contract need new signatures to use the new one: whenever a byte differs."""
        return self.old.digest != self.new.digest

    @property
    def only_descriptions(self) -> bool:
        """Whether nothing but `description` texts and layout differ, so that agreements on the old contract go on."""
        return self.sign_again and meaning(self.old) == meaning(self.new)

    @property
    def least_version(self) -> str:
        """The lowest version that tells readers enough: major for a break, minor for a change, patch for words."""
        major, minor, patch = _parts(self.old.version)
        if not self.sign_again:
            return self.old.version
        if self.broken:
            return f"{major + 1}.0.0"
        return f"{major}.{minor + 1}.0" if self.changes else f"{major}.{minor}.{patch + 1}"

    @property
    def version_suffices(self) -> bool:
        return _parts(self.new.version) >= _parts(self.least_version)

    def facts(self) -> dict[str, Json]:
        """Return the same as plain JSON values."""
        return {
            "old": {"id": self.old.id, "version": self.old.version, "sha256": self.old.digest},
            "new": {"id": self.new.id, "version": self.new.version, "sha256": self.new.digest},
            "changes": [
                {"place": change.place, "text": change.text, "breaks": change.breaks} for change in self.changes
            ],
            "breaks": self.broken,
            "sign_again": self.sign_again,
            "only_descriptions": self.only_descriptions,
            "least_version": self.least_version,
        }


def compare(old: Contract, new: Contract) -> Comparison:
    """Return every change from one contract to the other."""
    rules = (*_rules(old.quality, new.quality), *_expectations(old.expectations, new.expectations))
    return Comparison(old, new, (*_terms(old, new), *_columns(old, new), *rules))


def _terms(old: Contract, new: Contract) -> Iterator[Change]:
    gained_key = set(new.primary_key) - set(old.primary_key)
    narrower_key = new.primary_key and (not old.primary_key or not gained_key)
    was, becomes = old.demands, new.demands
    rows: list[tuple[str, object, object, tuple[Broken, ...]]] = [
        ("id", old.id, new.id, ("analyses",)),
        ("status", old.status, new.status, () if new.status == "active" else ("analyses",)),
        ("purpose", old.purpose, new.purpose, ("protection",)),
        ("table", old.table, new.table, ()),
        ("primary key", old.primary_key, new.primary_key, ("owners",) if narrower_key else ()),
        ("lawful basis", old.lawful_basis, new.lawful_basis, ("protection",)),
        ("minimum count", *_weaker(old.minimum_count, new.minimum_count, new.minimum_count < old.minimum_count)),
        (
            "retention in days",
            *_weaker(old.retention_days, new.retention_days, new.retention_days > old.retention_days),
        ),
        ("last day", *_weaker(old.expires, new.expires, new.expires > old.expires)),
        ("review date", old.review_by, new.review_by, ()),
        ("k", *_demand(was.k, becomes.k, becomes.k < was.k)),
        ("l", *_demand(was.diversity, becomes.diversity, becomes.diversity < was.diversity)),
        ("t", *_demand(was.closeness, becomes.closeness, becomes.closeness > was.closeness)),
        ("rows left behind", *_demand(was.left_behind, becomes.left_behind, becomes.left_behind > was.left_behind)),
        ("sample", was.sample, becomes.sample, ("analyses", "protection")),
        *_privacy(old, new),
    ]
    for name, before, after, breaks in rows:
        yield from _changed("contract", name, before, after, breaks)
    yield from _changed("contract", "former spelling of keys", _former(old), _former(new), ("analyses",))
    if new.id == old.id and place_of(new, key_domains(old)[0].name) is None:
        text = (
            "keys are spelt anew: add formerKeySpelling, or nodes refuse it while they remember releases by the old one"
        )
        yield Change("contract", text, ("analyses",))
    yield from _allowed("contract", old.allowed_analyses, new.allowed_analyses)
    were, are = ({server.name: server for server in contract.servers} for contract in (old, new))
    for name in sorted(were.keys() | are.keys()):
        yield from _changed(f"server {name}", "files", _in_files(were.get(name)), _in_files(are.get(name)), ("owners",))


def _in_files(server: Server | None) -> str:
    """Name what the files of a server say in their own way, or its database."""
    if server is None:
        return ""
    if server.database:
        return f"{server.database.table} of {server.database.url('data')}"
    written = server.written
    usual = Written().json()
    return ", ".join(f"{name} {each!r}" for name, each in written.json().items() if each != usual[name]) or "as usual"


def _former(contract: Contract) -> tuple[str, ...]:
    return tuple(
        " and ".join(f"{name} {spelling}" for name, spelling in each.items()) for each in contract.former_spellings
    )


def _privacy(old: Contract, new: Contract) -> Iterator[tuple[str, object, object, tuple[Broken, ...]]]:
    """Any change of whom noise protects changes how much there is, and may leave people with less."""
    whom, budget = (old.person, new.person), (old.privacy_cap, new.privacy_cap)
    yield "rows of one person", *whom, ("owners", "analyses", "protection")
    yield "kind of table", old.kind, new.kind, ("owners", "analyses", "protection")
    yield "not about persons", old.not_about_persons, new.not_about_persons, ("analyses", "protection")
    yield "privacy budget", *budget, ("analyses", "protection")


def _weaker(old: object, new: object, weaker: bool) -> tuple[object, object, tuple[Broken, ...]]:
    return old, new, ("protection",) if weaker else ("analyses",)


def _demand(old: object, new: object, weaker: bool) -> tuple[object, object, tuple[Broken, ...]]:
    return old, new, ("protection",) if weaker else ("owners",)


def _columns(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = ({column.name: column for column in contract.columns} for contract in (old, new))
    for name in before:
        if name not in after:
            yield Change(f"column {name}", "is removed", ("analyses",))
        else:
            yield from _column(before[name], after[name], old, new)
    for name in after:
        if name not in before:
            yield Change(f"column {name}", "is new", ("owners",))


def _column(old: Column, new: Column, before: Contract, after: Contract) -> Iterator[Change]:
    role: dict[str, tuple[Broken, ...]] = {old.role: ("protection",), new.role: ("analyses",)}
    rows: list[tuple[str, object, object, tuple[Broken, ...]]] = [
        ("type", old.type, new.type, ("owners", "analyses")),
        ("role", old.role, new.role, role.get("identifier", ())),
        ("required", old.required, new.required, ("owners",) if new.required else ()),
        ("unique", old.unique, new.unique, ("owners",) if new.unique else ()),
        ("foreign key", _foreign(before, old.name), _foreign(after, old.name), ("owners",)),
        ("minimum", *_stricter(old.minimum, new.minimum, _above(new.minimum, old.minimum))),
        ("maximum", *_stricter(old.maximum, new.maximum, _above(old.maximum, new.maximum))),
        ("categories", *_stricter(old.categories, new.categories, not set(old.categories) <= set(new.categories))),
        ("spellings of categories", *_spelt(old, new)),
        ("resolution", *_stricter(old.resolution, new.resolution, new.resolution < old.resolution)),
        ("pattern", old.pattern, new.pattern, ("owners",) if new.pattern else ()),
        ("name in files", old.physical_name, new.physical_name, ("owners",)),
        ("form of days in files", old.day_format, new.day_format, ("owners",)),
        ("unit", old.unit, new.unit, ("analyses",)),
        ("shown as", _display(old), _display(new), ()),
        ("purpose", old.purpose, new.purpose, ("protection",)),
        ("pseudonym", old.pseudonym, new.pseudonym, ("analyses", "protection")),
        ("spelling of keys", str(old.key_spelling), str(new.key_spelling), ("analyses",)),
        (
            "not from",
            old.not_from,
            new.not_from,
            ("analyses",) if set(old.not_from) <= set(new.not_from) else ("protection",),
        ),
        ("missing values", str(old.missing), str(new.missing), ("analyses",)),
        ("tells who opted out", old.opt_out, new.opt_out, ("analyses", "protection")),
        ("generalisation", _coarser(old), _coarser(new), ("analyses", "protection")),
    ]
    for name, was, becomes, breaks in rows:
        yield from _changed(f"column {old.name}", name, was, becomes, breaks)
    if (old.allowed_analyses, new.allowed_analyses) != (before.allowed_analyses, after.allowed_analyses):
        yield from _allowed(f"column {old.name}", old.allowed_analyses, new.allowed_analyses)


def _stricter(old: object, new: object, stricter: bool) -> tuple[object, object, tuple[Broken, ...]]:
    """Judge a change of what the encoding rests on: it breaks analyses, and a stricter one owners, too."""
    return old, new, ("owners", "analyses") if stricter else ("analyses",)


def _spelt(old: Column, new: Column) -> tuple[object, object, tuple[Broken, ...]]:
    """Judge what is read as which category: a spelling that is read otherwise, or no longer, breaks owners."""
    was, becomes = (
        tuple(f"{spelling} -> {name}" for spelling, name in sorted(each.category_spellings.items()))
        for each in (old, new)
    )
    return was, becomes, () if set(was) <= set(becomes) else ("owners",)


def _above(one: Bound | None, other: Bound | None) -> bool:
    """Tell whether the first limit, as a lower one, excludes values that the other lets in."""
    return one is not None and (type(one) is not type(other) or one > other)  # type: ignore[operator]


def _display(column: Column) -> str | None:
    return f"{column.display.unit}, of {column.display.divisor:,} each" if column.display else None


def _coarser(column: Column) -> str | None:
    return column.generalise.describe(column.resolution) if column.generalise else None


def _foreign(contract: Contract, column: str) -> str | None:
    found = (each for each in contract.references if each.column == column)
    return next((f"{each.file}#{each.table}.{each.target}" for each in found), None)


def _rules(old: Sequence[QualityRule], new: Sequence[QualityRule]) -> Iterator[Change]:
    before, after = ({(rule.name, rule.columns): rule for rule in rules} for rules in (old, new))
    for key, rule in before.items():
        if key not in after:
            yield Change(f"rule {rule.name!r}", "is removed", ("analyses",) if rule.metric == "rowCount" else ())
        elif (wrote := _says(rule)) != (writes := _says(after[key])):
            bounds: tuple[Broken, ...] = ("analyses",) if rule.metric == "rowCount" else ()
            yield Change(f"rule {rule.name!r}", f"{wrote} becomes {writes}", ("owners", *bounds))
    for key, rule in after.items():
        if key not in before:
            yield Change(f"rule {rule.name!r}", f"is new: {_says(rule)}", ("owners",))


def _expectations(old: Sequence[Expectation], new: Sequence[Expectation]) -> Iterator[Change]:
    for each in old:
        if each not in new:
            yield Change(f"rule {each.name!r}", f"{each} is removed")
    for each in new:
        if each not in old:
            yield Change(f"rule {each.name!r}", f"is new: {each}", ("owners",))


def _says(rule: QualityRule) -> str:
    values = [*rule.valid_values, *rule.missing_values, *([rule.pattern] if rule.pattern else [])]
    limits = " to ".join(map(str, rule.limits))
    return f"{rule.metric} {rule.operator} {limits} {rule.unit}" + (f" of {_shown(values)}" if values else "")


def _allowed(at: str, old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    for name in sorted(set(old) - set(new)):
        yield Change(at, f"no longer allows {name}", ("analyses",))
    for name in sorted(set(new) - set(old)):
        yield Change(at, f"now allows {name}", ("protection",))


def _changed(at: str, name: str, old: object, new: object, breaks: tuple[Broken, ...]) -> Iterator[Change]:
    if old != new:
        yield Change(at, f"{name} {_shown(old)} becomes {_shown(new)}", breaks)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
