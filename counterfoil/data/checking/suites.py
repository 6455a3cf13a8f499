"""Suites of Great Expectations as files: what a contract asks for as one, and one's expectations for a contract.

A suite is data, JSON, in the form of version 1 or before. Nothing here needs Great Expectations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from counterfoil.canonical import Yaml, load_yaml
from counterfoil.data.checking.expectation_rules import PATTERN, Rule, compile_rules
from counterfoil.errors import ContractError, DocumentError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.expectations.catalogue import FORMS, find
from counterfoil.governance.contracts.expectations.declared import Expectation, read_rules
from counterfoil.governance.contracts.values import written
from counterfoil.governance.documents import Problems
from counterfoil.governance.writing import comments_of, write_yaml

_OF_TYPE: Final = "ExpectColumnValuesToBeOfType"
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """A suite, and the titles of the rules that no suite expresses."""

    text: str
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """A contract with a suite's expectations: how many came, how many it had, and what was left out, and why."""

    text: str
    added: int
    known: int
    left_out: tuple[str, ...]


def export_suite(contract: Contract) -> Exported:
    """Write all that the contract asks of a table as a suite, in the units and spellings of the contract.

    Types are left to whoever reads the table: what they are called differs between libraries.
    """
    found, left_out = [], []
    for rule in compile_rules(contract):
        if rule.expectation == _OF_TYPE:
            continue
        kwargs = _kwargs(rule, contract)
        if kwargs is None:
            left_out.append(rule.title)
        else:
            found.append(_entry(rule.name, find(rule.expectation) or "", kwargs))
    found += [_entry(each.name, each.type, each.arguments) for each in contract.expectations]
    suite = {
        "name": f"{contract.id}-{contract.version}",
        "expectations": found,
        "meta": {"contract": {"id": contract.id, "version": contract.version, "sha256": contract.digest}},
    }
    return Exported(json.dumps(suite, indent=2, ensure_ascii=False) + "\n", tuple(left_out))


def import_suite(raw: bytes, source: str, contract_raw: bytes, contract_source: str) -> Imported:
    """Add to a contract the expectations of a suite that it does not have.

    Raises: DocumentError when the file is no suite; ContractError when the contract is not right.
    """
    entries = _entries(raw, source)
    contract = parse_contract(contract_raw, contract_source)
    document = load_yaml(contract_raw, contract_source)
    value: dict[str, Any] = document.value
    had = {
        (find(each["type"]), _key(each["kwargs"])) for each in json.loads(export_suite(contract).text)["expectations"]
    }
    by_name = {column.name: column for column in contract.columns}
    added, known, left_out = 0, 0, []
    for number, entry in enumerate(entries):
        rule = _rule(entry)
        try:
            made = _read(rule, by_name, Yaml(f"{source}: expectation {number + 1}", rule, {}))
        except ContractError as error:
            left_out += str(error).split("\n")
            continue
        if (made.type, _key(made.arguments)) in had:
            known += 1
            continue
        had.add((made.type, _key(made.arguments)))
        _place(value, made).append(rule)
        added += 1
    text = write_yaml(value, comments_of(contract_raw.decode("utf-8"), document))
    parse_contract(text.encode(), contract_source)
    return Imported(text, added, known, tuple(left_out))


def _entry(name: str, type_: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": type_, "kwargs": dict(kwargs), "meta": {"name": name}}


def _kwargs(rule: Rule, contract: Contract) -> dict[str, Any] | None:
    """Return the rule's arguments as a suite writes them; None where it tolerates what no suite can say."""
    made = dict(rule.arguments)
    tolerance = rule.tolerance
    if tolerance and tolerance.limit:
        if not tolerance.percent or tolerance.strict:
            return None
        made["mostly"] = float(1 - tolerance.limit / 100)
    if rule.expectation == PATTERN:
        made["regex"] = rf"\A(?:{made['regex']})\Z"
    elif len(rule.columns) == 1:
        column = contract.column(rule.columns[0])
        made = {name: _plain(each, column) if name in _VALUES else each for name, each in made.items()}
    return {name: each for name, each in made.items() if each is not None}


_VALUES: Final = ("min_value", "max_value", "value_set")


def _plain(value: Any, column: Column) -> Any:
    if isinstance(value, list):
        return [_plain(each, column) for each in value]
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, int) and not isinstance(value, bool) and column.type in ("number", "timestamp"):
        bound = column.value(value)
        if isinstance(bound, Decimal):
            return int(bound) if bound == int(bound) else float(bound)
        return written(bound)
    return value.isoformat() if isinstance(value, date) else value


def _entries(raw: bytes, source: str) -> list[dict[str, Any]]:
    try:
        suite = json.loads(raw) if len(raw) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        suite = None
    entries = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise DocumentError(f"{source}: is no suite of Great Expectations: JSON with a list 'expectations', up to 1 MB")
    return entries


def _rule(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry as a quality rule of the standard."""
    type_ = entry.get("type", entry.get("expectation_type"))
    name = (entry.get("meta") or {}).get("name") if isinstance(entry.get("meta"), dict) else None
    given = entry.get("kwargs") if isinstance(entry.get("kwargs"), dict) else {}
    kwargs = {key: each for key, each in (given or {}).items() if key not in ("batch_id", "result_format")}
    rule: dict[str, Any] = {"name": name} if isinstance(name, str) and 0 < len(name) <= 200 else {}
    return {
        **rule,
        "type": "custom",
        "engine": "greatExpectations",
        "implementation": {"type": type_, "kwargs": kwargs},
    }


def _read(rule: dict[str, Any], columns: Mapping[str, Column], document: Yaml) -> Expectation:
    """Return the expectation. Raises: ContractError, a line for each thing that is wrong."""
    problems = Problems(document, ContractError)
    found = list(read_rules([rule], list(columns.values()), None, (), problems))
    problems.raise_if_any()
    return found[0]


def _place(value: dict[str, Any], made: Expectation) -> list[Any]:
    """Return the list of rules that the expectation belongs to: its column's, or the table's."""
    table = value["schema"][0]
    of = table
    if FORMS[made.type].one_column:
        of = next(each for each in table["properties"] if each["name"] == made.columns[0])
    rules: list[Any] = of.setdefault("quality", [])
    return rules


def _key(arguments: Mapping[str, Any]) -> str:
    return json.dumps({name: _number(each) for name, each in arguments.items()}, sort_keys=True, default=str)


def _number(value: Any) -> Any:
    if isinstance(value, list):
        return [_number(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
