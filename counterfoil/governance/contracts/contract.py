"""Data contracts: ODCS v3.1 files whose every field is understood, or refused with its line and what to change.

A contract says what a table holds, within which public bounds, and for which analyses it may be used. What its columns
say is read elsewhere. Knows no table, no file but its own, no party.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from counterfoil.canonical import Yaml, digest, load_yaml
from counterfoil.clock import reckoned
from counterfoil.errors import ContractError, ExpiredError
from counterfoil.governance.contracts.column import Column, Reference, read_column, references
from counterfoil.governance.contracts.custom_properties import custom_properties, path_of
from counterfoil.governance.contracts.expectations.declared import Expectation, read_expectations
from counterfoil.governance.contracts.forms.databases import Database
from counterfoil.governance.contracts.forms.written import Server, Written, read_servers, written_by
from counterfoil.governance.contracts.key_spelling import Spellings, key_spelling
from counterfoil.governance.contracts.minimisation import Demands, demands
from counterfoil.governance.contracts.quality import QualityRule, column_rules, table_rules
from counterfoil.governance.documents import Path, Problems, check_shape, did_you_mean, parse_day, repeated
from counterfoil.governance.policies.privacy import Cap, Person, read_cap, read_person

TableKind: TypeAlias = Literal["stock", "events"]


@dataclass(frozen=True, slots=True)
class Contract:
    """A data contract that was read and found to be consistent; `digest` is SHA-256 of the file's bytes.

    `person` says whom noise protects, one row where it says nothing; `privacy_cap` binds every recipient, whatever the
    agreement. By `former_spellings` keys were spelt in releases that others are still compared with. A table of the
    kind `stock` is the same rows from period to period, of which some change; one of `events` is new rows each time.
    """

    id: str
    name: str
    version: str
    status: str
    digest: str
    table: str
    servers: tuple[Server, ...]
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    quality: tuple[QualityRule, ...]
    expectations: tuple[Expectation, ...]
    references: tuple[Reference, ...]
    purpose: str
    lawful_basis: str
    allowed_analyses: tuple[str, ...]
    minimum_count: int
    demands: Demands
    kind: TableKind
    person: Person | None
    not_about_persons: bool
    former_spellings: tuple[Spellings, ...]
    privacy_cap: Cap | None
    retention_days: int
    expires: date
    review_by: date | None
    source: str
    raw: bytes = field(repr=False)

    def column(self, name: str) -> Column:
        """Return the column of that name. Raises: ContractError."""
        for column in self.columns:
            if column.name == name:
                return column
        names = [column.name for column in self.columns]
        raise ContractError(f"{self.source}: no column {name!r}{did_you_mean(name, names)}")

    def database(self, party: str) -> Database | None:
        """Return the database of its own that the party keeps the table in, if the contract names one."""
        return next((server.database for server in self.servers if server.name == party), None)

    def written(self, party: str = "") -> Written:
        """Return how the party's files write the table."""
        headers = {column.name: column.physical_name for column in self.columns if column.physical_name}
        days = {column.name: column.day_format for column in self.columns if column.day_format}
        return written_by(self.servers, party, headers, days)

    @property
    def opt_out(self) -> Column | None:
        """The column that tells whose rows stay at their owner because they opted out."""
        return next((column for column in self.columns if column.opt_out), None)

    @property
    def unit(self) -> tuple[str, ...]:
        """The columns that tell apart whom rows are about: persons, or what else the primary key numbers.

        Empty where every row is counted for itself.
        """
        return self.person.columns if self.person else self.primary_key

    @property
    def counts_persons(self) -> bool:
        """Whether it is known how many persons a number is about, so that exact ones can be judged."""
        return bool(self.unit) or self.not_about_persons

    def shared(self) -> Contract:
        """Return the contract of what leaves an owner: the same file, with the columns as they leave."""
        return replace(self, columns=tuple(column.shared() for column in self.columns))

    @property
    def most_rows(self) -> int:
        """The largest number of rows that the rules for `rowCount` let one owner bring: a public bound for sums."""
        return _most_rows(self.quality) or 0

    @property
    def fewest_rows(self) -> int:
        """The smallest number of rows that the rules for `rowCount` let one owner bring; 1 where they say nothing."""
        return max(_fewest_rows(self.quality), 1)

    def check_current(self, today: date) -> None:
        """Refuse when the contract's last day is over. Raises: ExpiredError."""
        if today > self.expires:
            raise ExpiredError(
                f"{self.source}: contract {self.id} ended on {self.expires}; agree on a new version{reckoned(today)}"
            )


@lru_cache(maxsize=64)
def parse_contract(raw: bytes, source: str) -> Contract:
    """Return the contract that the bytes write. `source` names them in messages.

    Raises: ContractError with `file:line: path: rule; what to change`, one line a problem; DocumentError if not YAML.
    """
    document = load_yaml(raw, source)
    return read_contract(document, raw, Problems(document, ContractError))


def read_contract(document: Yaml, raw: bytes, problems: Problems) -> Contract:
    """Return the contract that the document writes, whose file has these bytes; what is wrong joins the problems.

    Raises: ContractError.
    """
    check_shape(document, "contract", problems)
    value = document.value
    table, at = value["schema"][0], ("schema", 0)
    own = custom_properties(value, (), problems)
    for name in ("lawfulBasis", "minimumCount", "retention", "expires", "allowedAnalyses"):
        if name not in own:
            problems.add(("customProperties",), f"the property {name!r} is missing; add '- property: {name}'")
    allowed = tuple(own.get("allowedAnalyses", ()))
    columns = tuple(
        read_column(item, (*at, "properties", index), allowed, problems)
        for index, item in enumerate(table["properties"])
    )
    names = [column.name for column in columns]
    for index in repeated(names):
        problems.add((*at, "properties", index, "name"), f"the column {names[index]!r} is there twice; keep one")
    _check_headers(columns, at, problems)
    servers = read_servers(value.get("servers", ()), table.get("physicalName", table["name"]), names, problems)
    if len(table["properties"]) and not any(column.role in ("measure", "sensitive", "quasi") for column in columns):
        problems.add((*at, "properties"), "no column has the role measure, sensitive or quasi: nothing to analyse")
    for index in [index for index, column in enumerate(columns) if column.opt_out][1:]:
        problems.add((*at, "properties", index), "a second column with 'optOut'; one column tells who opted out")
    quality = table_rules(table, names, at, problems)
    if _most_rows(quality) is None:
        problems.add(at, "the table needs a rowCount rule with an upper limit, like mustBeBetween: [1, 100000]")
    foreign_keys: tuple[Reference, ...] = ()
    for index, item in enumerate(table["properties"]):
        quality += column_rules(item, (*at, "properties", index), problems)
        foreign_keys += references(item, (*at, "properties", index), problems)
    expectations = read_expectations(table, columns, at, problems)
    person = None
    if "rowsPerPerson" in own:
        required = {column.name: column.required for column in columns}
        person = read_person(own["rowsPerPerson"], required, path_of(value, (), "rowsPerPerson"), problems)
    not_about_persons = own.get("notAboutPersons", False)
    if person is not None and not_about_persons:
        problems.add(
            path_of(value, (), "notAboutPersons"), "'rowsPerPerson' says whom the rows are about; keep one of the two"
        )
    expires = parse_day(own.get("expires", "9999-12-31"), path_of(value, (), "expires"), problems)
    review_by = parse_day(own["reviewBy"], path_of(value, (), "reviewBy"), problems) if "reviewBy" in own else None
    if review_by and expires < review_by < date.max:
        problems.add(path_of(value, (), "reviewBy"), f"the contract has ended by then, on {expires}; review it before")
    former = _former(own.get("formerKeySpelling", ()), columns, path_of(value, (), "formerKeySpelling"), problems)
    problems.raise_if_any()
    return Contract(
        id=value["id"],
        name=value.get("name", value["id"]),
        version=value["version"],
        status=value["status"],
        digest=digest(raw),
        table=table["name"],
        servers=servers,
        columns=columns,
        primary_key=tuple(item["name"] for item in table["properties"] if item.get("primaryKey")),
        quality=quality,
        expectations=expectations,
        references=foreign_keys,
        purpose=value["description"]["purpose"],
        lawful_basis=own["lawfulBasis"],
        allowed_analyses=allowed,
        minimum_count=own["minimumCount"],
        demands=demands(own),
        kind=own.get("tableKind", "stock"),
        person=person,
        not_about_persons=not_about_persons,
        former_spellings=former,
        privacy_cap=read_cap(own["privacyBudget"]) if "privacyBudget" in own else None,
        retention_days=own["retention"],
        expires=expires,
        review_by=review_by,
        source=document.source,
        raw=raw,
    )


def _check_headers(columns: Sequence[Column], at: Path, problems: Problems) -> None:
    """Note columns that would be read from the same column of a file."""
    headers = [column.physical_name or column.name for column in columns]
    for index in repeated(headers):
        if columns[index].physical_name or columns[headers.index(headers[index])].physical_name:
            problems.add(
                (*at, "properties", index),
                f"column {columns[headers.index(headers[index])].name!r} is called {headers[index]!r} in files, too; "
                "give each its own physicalName",
            )


def _former(
    value: Sequence[Mapping[str, Mapping[str, Any]]], columns: Sequence[Column], path: Path, problems: Problems
) -> tuple[Spellings, ...]:
    """Earlier spellings of the contract's keys; what is wrong with them is added to the problems."""
    keys = {column.name: column.key_spelling for column in columns if column.type == "string" and column.role == "key"}
    found = []
    for index, item in enumerate(value):
        for name in item:
            if name not in keys:
                problems.add(
                    (*path, index, name), f"no key of type string is called {name!r}{did_you_mean(name, keys)}"
                )
        former = {name: key_spelling(each) for name, each in item.items()}
        if all(keys.get(name) == each for name, each in former.items()):
            problems.add((*path, index), "is how keys are spelt now; write how they were spelt before, or remove it")
        found.append(former)
    return tuple(found)


def _most_rows(quality: Iterable[QualityRule]) -> int | None:
    """Return the smallest upper limit of the rules for rowCount, if any has one."""
    inclusive = {"mustBe": 0, "mustBeBetween": 0, "mustBeLessOrEqualTo": 0, "mustBeLessThan": 1}
    limits = [
        math.ceil(rule.limits[-1]) - inclusive[rule.operator]
        for rule in quality
        if rule.metric == "rowCount" and rule.operator in inclusive
    ]
    return min(limits, default=None)


def _fewest_rows(quality: Iterable[QualityRule]) -> int:
    """Return the largest lower limit of the rules for rowCount, 0 if none has one."""
    inclusive = {"mustBe": 0, "mustBeBetween": 0, "mustBeGreaterOrEqualTo": 0, "mustBeGreaterThan": 1}
    limits = [
        math.floor(rule.limits[0]) + inclusive[rule.operator]
        for rule in quality
        if rule.metric == "rowCount" and rule.operator in inclusive
    ]
    return max(limits, default=0)
