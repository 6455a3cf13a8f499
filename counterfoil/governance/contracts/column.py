"""Columns of a data contract: what a cell may be, what it may be used for, and how it leaves its owner.

Bounds are public and are what ranges inside the joint computation are derived from. Knows no table and no other column.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from counterfoil.governance.contracts.categories import check_categories, read_spellings
from counterfoil.governance.contracts.custom_properties import custom_properties, path_of
from counterfoil.governance.contracts.empty_cells import REFUSED, Missing, missing
from counterfoil.governance.contracts.forms.days import WHAT, day_pattern
from counterfoil.governance.contracts.forms.display import Display, read_display
from counterfoil.governance.contracts.forms.written import minutes
from counterfoil.governance.contracts.key_spelling import AS_WRITTEN, KeySpelling, key_spelling
from counterfoil.governance.contracts.minimisation import Generalisation, generalisation
from counterfoil.governance.contracts.quality import check_pattern
from counterfoil.governance.contracts.values import EPOCH, Bound, read_bound, ticks, time_of, written
from counterfoil.governance.documents import Path, Problems, did_you_mean

ColumnType: TypeAlias = Literal["integer", "number", "string", "date", "timestamp", "boolean"]
PrivacyRole: TypeAlias = Literal["identifier", "quasi", "sensitive", "measure", "key", "time"]

MOST = 10**18 - 1
"""The largest number that a cell can hold, with its decimal places: of 18 digits."""

LARGEST = 1 << 61
"""Bounds beyond this cannot be checked on shares (PROTOCOLS 3.5)."""

TIME_PLACES = (0, 3, 6)
"""Of a timestamp: seconds, milliseconds, microseconds."""

PSEUDONYM_BITS = 60
"""So few that every pseudonym can be shared; two of n keys meet with a probability below n² / 2^61."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, its privacy role, its public bounds, and what it may be used for.

    `minimum` and `maximum` are in the column's own unit (int, Decimal or date); `bounds` are integers in units of
    10^-resolution, the form in which the column is shared.
    `opt_out` marks the column that tells who opted out. Of a timestamp without a zone of its own, `zone` says how many
    minutes it is ahead of UTC; None where every cell says its own, and `says_zone` where the column itself tells.
    `empty_spellings` are cells that count as empty, `category_spellings` those that are read as a category. In files it
    is called `physical_name`, and writes days in the form `day_format`, if these are not empty. People are shown its
    numbers in the unit of `display`, if there is one.
    """

    name: str
    type: ColumnType
    role: PrivacyRole
    description: str
    purpose: str | None = None
    required: bool = False
    unique: bool = False
    minimum: Bound | None = None
    maximum: Bound | None = None
    categories: tuple[str, ...] = ()
    resolution: int = 0
    unit: str = ""
    pattern: str | None = None
    allowed_analyses: tuple[str, ...] = ()
    generalise: Generalisation | None = None
    pseudonym: bool = False
    missing: Missing = REFUSED
    opt_out: bool = False
    key_spelling: KeySpelling = AS_WRITTEN
    business_name: str = ""
    not_from: tuple[str, ...] = ()
    zone: int | None = 0
    says_zone: bool = False
    empty_spellings: tuple[str, ...] = ()
    category_spellings: Mapping[str, str] = field(default_factory=dict, hash=False)
    physical_name: str = ""
    day_format: str = ""
    display: Display | None = None

    @property
    def bounds(self) -> tuple[int, int] | None:
        """Lowest and highest encoded value, or None where the contract declares no bounds.

        Categories count from 0 in the contract's order, booleans are 0 and 1, dates are days since 1970-01-01,
        timestamps units of 10^-resolution seconds.
        """
        if self.categories:
            return 0, len(self.categories) - 1
        if self.type == "boolean":
            return 0, 1
        if self.minimum is None or self.maximum is None:
            return None
        return self.units(self.minimum), self.units(self.maximum)

    def cell(self, value: Bound | str | bool | None) -> int | str | bool | date | None:
        """Return a value of the contract as a table holds it: a number or time as a count of its last decimal place."""
        return self.units(value) if isinstance(value, Decimal | datetime) else value

    def units(self, value: Bound) -> int:
        """Return how many units of the last decimal place, days or ticks a value in the column's own unit is."""
        if isinstance(value, datetime):
            return ticks(value, self.resolution)
        if isinstance(value, date):
            return (value - EPOCH.date()).days
        return int(value * 10**self.resolution)

    def value(self, units: int) -> Bound:
        """Return what so many units stand for, as the contract would write it."""
        if self.type == "date":
            return EPOCH.date() + timedelta(days=units)
        if self.type == "timestamp":
            return time_of(units, self.resolution)
        return Decimal(units).scaleb(-self.resolution) if self.type == "number" else units

    def shared(self) -> Column:
        """Return the column as it leaves its owner: with the domain that its cells have then."""
        if self.pseudonym:
            most = (1 << PSEUDONYM_BITS) - 1
            return replace(self, type="integer", minimum=0, maximum=most, pattern=None, pseudonym=False)
        if self.generalise is None:
            return self
        if self.categories:
            kept = dict.fromkeys(category[: self.generalise.prefix] for category in self.categories)
            return replace(self, categories=tuple(kept), category_spellings={}, pattern=None, generalise=None)
        low, high = self.generalise.coarsen(np.array(self.bounds, np.int64)).tolist()
        return replace(self, minimum=self.value(low), maximum=self.value(high), generalise=None)


def read_column(item: Mapping[str, Any], path: Path, allowed: tuple[str, ...], problems: Problems) -> Column:
    """Return the column that the contract's entry at this path describes, with what is wrong among the problems.

    `allowed` are the analyses that the whole contract allows; none means all.
    """
    own = custom_properties(item, path, problems)
    options = item.get("logicalTypeOptions", {})
    role = own.get("privacyRole")
    if role is None:
        problems.add(
            path, f"the property 'privacyRole' is missing; say which of {', '.join(get_args(PrivacyRole))} it is"
        )
    if role not in ("identifier", "key") and "purpose" not in own:
        problems.add(path, "the property 'purpose' is missing; say what the column is needed for, or drop the column")
    for name in own.get("allowedAnalyses", ()):
        if allowed and name not in allowed:
            hint = did_you_mean(name, allowed)
            problems.add(
                path_of(item, path, "allowedAnalyses"), f"the contract does not allow the analysis {name!r}{hint}"
            )
    if "pattern" in options:
        check_pattern(options["pattern"], (*path, "logicalTypeOptions", "pattern"), problems)
    if "format" in options and day_pattern(options["format"]) is None:
        problems.add((*path, "logicalTypeOptions", "format"), f"must be {WHAT}")
    if item.get("primaryKey") and not item.get("required"):
        problems.add((*path, "primaryKey"), "a primary key is never empty; add 'required: true'")
    _check_fit(item, own, path, problems)
    column = Column(
        name=item["name"],
        type=item["logicalType"],
        role=role or "identifier",
        description=item["description"],
        business_name=item.get("businessName", ""),
        purpose=own.get("purpose"),
        required=item.get("required", False),
        unique=item.get("unique", False),
        minimum=read_bound(
            item["logicalType"], options.get("minimum"), (*path, "logicalTypeOptions", "minimum"), problems
        ),
        maximum=read_bound(
            item["logicalType"], options.get("maximum"), (*path, "logicalTypeOptions", "maximum"), problems
        ),
        categories=tuple(unicodedata.normalize("NFC", each) for each in own.get("categories", ())),
        resolution=own.get("resolution", 0),
        unit=own.get("unit", ""),
        pattern=options.get("pattern"),
        allowed_analyses=tuple(own.get("allowedAnalyses", allowed)),
        pseudonym="pseudonym" in own,
        opt_out="optOut" in own,
        key_spelling=key_spelling(own["keySpelling"]) if "keySpelling" in own else AS_WRITTEN,
        not_from=tuple(own.get("notFrom", ())),
        zone=None if options.get("timezone") else minutes(options.get("defaultTimezone", "UTC")),
        says_zone="defaultTimezone" in options or bool(options.get("timezone")),
        empty_spellings=tuple(own.get("emptySpellings", ())),
        physical_name=item.get("physicalName", ""),
        day_format=options.get("format", ""),
        display=read_display(own["display"]) if "display" in own else None,
    )
    _check_bounds(column, path, problems)
    check_categories(column.categories, path_of(item, path, "categories"), problems)
    if "categorySpellings" in own:
        at = path_of(item, path, "categorySpellings")
        known = read_spellings(own["categorySpellings"], column.categories, column.empty_spellings, at, problems)
        column = replace(column, category_spellings=known)
    if "missing" in own or "replacement" in own:
        column = replace(column, missing=missing(column, own, partial(path_of, item, path), problems))
    if "generalise" in own:
        return _generalised(column, own["generalise"], path_of(item, path, "generalise"), problems)
    return column


def _generalised(column: Column, value: Mapping[str, Any], path: Path, problems: Problems) -> Column:
    if column.role in ("identifier", "key"):
        problems.add(path, f"a column with the role {column.role} is not shared as it is; remove 'generalise'")
    if column.bounds is None:
        return column
    found = generalisation(value, column.type, column.resolution, path, problems)
    if column.categories and found:
        check_categories(column.categories, path, problems, found.prefix)
    return replace(column, generalise=found)


def _check_fit(item: Mapping[str, Any], own: Mapping[str, Any], path: Path, problems: Problems) -> None:
    """Note where the properties do not go with the column's type or role."""
    kind, role = item["logicalType"], own.get("privacyRole")
    at = partial(path_of, item, path)
    if "categories" in own and kind != "string":
        problems.add(at("categories"), f"categories are for columns of type string, not {kind}; give bounds instead")
    if "resolution" in own and kind not in ("number", "timestamp"):
        problems.add(at("resolution"), f"resolution is for columns of type number or timestamp, not {kind}; remove it")
    if kind == "timestamp" and own.get("resolution", 0) not in TIME_PLACES:
        problems.add(at("resolution"), "a timestamp has 0, 3 or 6 decimal places of a second; choose one")
    if kind == "number" and "resolution" not in own:
        problems.add(path, "a column of type number needs 'resolution', its decimal places")
    if "display" in own and kind not in ("integer", "number"):
        problems.add(at("display"), f"display is for columns of type integer or number, not {kind}; remove it")
    if "pseudonym" in own and (role != "key" or kind not in ("string", "integer")):
        problems.add(
            at("pseudonym"), "pseudonyms are for columns with the role key, of type string or integer; remove it"
        )
    if "keySpelling" in own and (role not in ("key", "identifier") or kind != "string"):
        problems.add(
            at("keySpelling"), "is for keys and identifiers of type string, which tell people apart; remove it"
        )
    if "optOut" in own and (kind != "boolean" or role != "identifier" or not item.get("required")):
        problems.add(
            at("optOut"),
            "who opted out is told by a required column of type boolean with the role identifier; make it so",
        )
    if role == "measure" and kind in ("string", "date", "timestamp"):
        problems.add(at("privacyRole"), f"a measure is integer, number or boolean, not {kind}; change one")
    if role == "time" and kind not in ("date", "timestamp"):
        problems.add(at("privacyRole"), f"a column with the role time is of type date or timestamp, not {kind}")
    if role == "identifier" and "categories" in own:
        problems.add(at("categories"), "an identifier has no categories; change the role to quasi, or remove them")


def _check_bounds(column: Column, path: Path, problems: Problems) -> None:
    """Note unless a column that can be shared has public bounds that the ring can check."""
    bounds = column.bounds
    if bounds and bounds[0] > bounds[1]:
        problems.add((*path, "logicalTypeOptions"), "minimum is above maximum; swap them")
    elif (column.minimum is None) != (column.maximum is None):
        problems.add((*path, "logicalTypeOptions"), "minimum and maximum come together; add the other one")
    elif bounds is None and column.role not in ("identifier", "key"):
        wanted = "'categories'" if column.type == "string" else "logicalTypeOptions with minimum and maximum"
        problems.add(path, f"a column with the role {column.role} needs public bounds; add {wanted}")
    if column.type in ("integer", "number") and bounds and max(map(abs, bounds)) > MOST:
        problems.add(
            (*path, "logicalTypeOptions"),
            "no cell has more than 18 digits, decimal places included; narrow the bounds to "
            f"{written(column.value(-MOST))} and {written(column.value(MOST))}, or closer",
        )
    elif bounds and max(map(abs, bounds)) > LARGEST:
        problems.add((*path, "logicalTypeOptions"), "bounds beyond 2^61 units cannot be checked on shares; narrow them")
    for side in ("minimum", "maximum"):
        value = getattr(column, side)
        if isinstance(value, Decimal | datetime) and column.value(column.units(value)) != value:
            problems.add((*path, "logicalTypeOptions", side), f"has more than {column.resolution} decimal places")


@dataclass(frozen=True, slots=True)
class Reference:
    """The values of `column` are among those of a unique column of another contract, as is written at `place`."""

    column: str
    file: str
    table: str
    target: str
    place: str


def references(column: Mapping[str, Any], path: Path, problems: Problems) -> tuple[Reference, ...]:
    """Return the foreign keys that stand at a column."""
    found = []
    for index, item in enumerate(column.get("relationships", [])):
        file, _, name = item["to"].partition("#")
        table, _, target = name.partition(".")
        place = problems.where((*path, "relationships", index, "to"))
        found.append(Reference(column["name"], file, table, target, place))
    return tuple(found)
