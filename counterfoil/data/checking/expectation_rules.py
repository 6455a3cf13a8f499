"""Compile every rule of a data contract to one expectation, by name and arguments; nothing is left out silently.

Pure: neither a table nor Great Expectations is needed to know whether a contract can be checked. Numbers are counted in
their last decimal place, as tables hold them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from counterfoil.errors import (
    ContractError,
    DataError,
    DuplicateKeyError,
    MissingColumnError,
    MissingValueError,
    OutOfBoundsError,
    QualityRuleError,
    UnknownCategoryError,
    WrongTypeError,
)
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.key_spelling import visible
from counterfoil.governance.contracts.quality import QualityRule
from counterfoil.governance.contracts.values import read_time, ticks, written

PATTERN = "ExpectColumnValuesToMatchRegex"
_DTYPES = {
    "integer": "int64",
    "number": "int64",
    "string": "str",
    "date": "datetime64",
    "timestamp": "int64",
    "boolean": "bool",
}
_PYTHON = {"integer": int, "string": str, "boolean": bool}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The number of rows that may break a rule: up to `limit` rows or percent of the rows, or fewer if `strict`."""

    limit: Fraction = Fraction(0)
    percent: bool = False
    strict: bool = False

    def rows(self, total: int) -> int:
        """Compute the largest number of bad rows that is still allowed."""
        limit = self.limit * total / 100 if self.percent else self.limit
        return max(math.ceil(limit) - 1, 0) if self.strict else math.floor(limit)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: the error it raises, the remedy, and the expectation that checks it."""

    error: type[DataError]
    columns: tuple[str, ...]
    name: str
    remedy: str
    expectation: str
    arguments: Mapping[str, Any]
    tolerance: Tolerance | None = field(default=None)

    @property
    def title(self) -> str:
        """The rule's name with its columns."""
        return f"{', '.join(self.columns) or 'table'}: {self.name}"


def compile_rules(contract: Contract) -> tuple[Rule, ...]:
    """Compile all rules of the contract: columns, types, required, bounds, categories, patterns, keys, quality.

    Raises: ContractError for quality rules that no expectation expresses, one line a rule.
    """
    rules = [rule for column in contract.columns for rule in _of_column(column)]
    if len(contract.primary_key) > 1:
        rules.append(_unique(contract.primary_key, "primary key", DuplicateKeyError))
    refused = []
    for quality in contract.quality:
        try:
            rules += _of_quality(quality, contract.column(quality.columns[0]) if quality.columns else None)
        except ContractError as error:
            refused.append(str(error))
    if refused:
        raise ContractError("\n".join(refused))
    return tuple(rules)


def _of_column(column: Column) -> Iterator[Rule]:
    def rule(error: type[DataError], name: str, remedy: str, expectation: str, **arguments: Any) -> Rule:
        return Rule(error, (column.name,), name, remedy, expectation, {"column": column.name, **arguments})

    yield rule(MissingColumnError, "present", "add the column", "ExpectColumnToExist")
    yield rule(
        WrongTypeError,
        f"type {column.type}",
        f"write values of type {column.type}",
        "ExpectColumnValuesToBeOfType",
        type_=_DTYPES[column.type],
    )
    if column.required:
        yield rule(MissingValueError, "required", "fill the empty cells", "ExpectColumnValuesToNotBeNull")
    if column.minimum is not None and column.maximum is not None:
        low, high = _cell(column, column.minimum), _cell(column, column.maximum)
        yield rule(
            OutOfBoundsError,
            f"from {written(column.minimum)} to {written(column.maximum)}",
            "correct these cells, or agree on a contract with wider bounds",
            "ExpectColumnValuesToBeBetween",
            min_value=low,
            max_value=high,
        )
    if column.categories:
        yield rule(
            UnknownCategoryError,
            f"one of the contract's {len(column.categories)} categories",
            "use the contract's spelling, or agree on a contract that names the category, or declares the spelling in "
            "the column's 'categorySpellings'",
            "ExpectColumnValuesToBeInSet",
            value_set=list(column.categories),
        )
    if column.pattern is not None:
        yield rule(
            QualityRuleError,
            "written by the contract's pattern",
            "write these cells by the pattern, which describes a whole cell, line ends and blanks included",
            PATTERN,
            regex=column.pattern,
        )
    if column.unique:
        yield _unique((column.name,), "unique", DuplicateKeyError)


def can_check(quality: QualityRule, column: Column | None) -> bool:
    """Return whether an expectation expresses the rule, which is of this column or of the table."""
    try:
        return bool(list(_of_quality(quality, column)))
    except ContractError:
        return False


def _of_quality(quality: QualityRule, of: Column | None) -> Iterator[Rule]:
    def rule(expectation: str, **arguments: Any) -> Rule:
        remedy = f"correct the rows that count as {quality.metric}"
        column = {"column": quality.columns[0]}
        return Rule(
            QualityRuleError, quality.columns, quality.name, remedy, expectation, {**column, **arguments}, tolerance
        )

    if quality.metric == "rowCount":
        low, high = _row_counts(quality)
        yield Rule(
            QualityRuleError,
            (),
            quality.name,
            f"the contract asks for {_interval(low, high)} rows; check the export",
            "ExpectTableRowCountToBeBetween",
            {"min_value": low, "max_value": high},
        )
        return
    tolerance = _tolerance(quality)
    if quality.metric == "duplicateValues":
        yield _unique(quality.columns, quality.name, QualityRuleError, tolerance)
        return
    if quality.metric == "nullValues":
        yield rule("ExpectColumnValuesToNotBeNull")
    elif quality.metric == "missingValues":
        stand_ins = _cells(quality, [value for value in quality.missing_values if value not in (None, "")], of)
        if stand_ins and len(stand_ins) < len(quality.missing_values) and tolerance != Tolerance():
            raise _refused(quality, "empty cells and stand-ins together are checked with mustBe: 0 only")
        if len(stand_ins) < len(quality.missing_values):
            yield rule("ExpectColumnValuesToNotBeNull")
        if stand_ins:
            yield rule("ExpectColumnValuesToNotBeInSet", value_set=stand_ins)
    elif quality.pattern is not None:
        yield rule(PATTERN, regex=quality.pattern)
    else:
        yield rule("ExpectColumnValuesToBeInSet", value_set=_cells(quality, quality.valid_values, of))


def _unique(columns: tuple[str, ...], name: str, error: type[DataError], tolerance: Tolerance | None = None) -> Rule:
    remedy = "keep one row of those that share the value"
    if len(columns) == 1:
        return Rule(error, columns, name, remedy, "ExpectColumnValuesToBeUnique", {"column": columns[0]}, tolerance)
    arguments = {"column_list": list(columns)}
    return Rule(error, columns, name, remedy, "ExpectCompoundColumnsToBeUnique", arguments, tolerance)


def _cell(column: Column, value: Any) -> Any:
    """Convert a value that the contract writes to the form that the table's frame holds.

    Raises: ValueError when it is not of the column's type.
    """
    if column.type == "date":
        return datetime.combine(value if isinstance(value, date) else date.fromisoformat(value), time())
    if column.type == "timestamp":
        moment = value if isinstance(value, datetime) else read_time(value)
        if moment is None:
            raise ValueError
        return ticks(moment, column.resolution)
    if column.type == "number":
        return int(Decimal(str(value)) * 10**column.resolution)
    if type(value) is not _PYTHON[column.type]:
        raise ValueError
    return visible(value) if isinstance(value, str) else value


def _cells(quality: QualityRule, values: Sequence[Any], column: Column | None) -> list[Any]:
    try:
        return [_cell(column, value) for value in values] if column else []
    except (ValueError, TypeError, ArithmeticError):
        raise _refused(quality, f"write its values as the column's type, {column.type if column else 'none'}") from None


def _tolerance(quality: QualityRule) -> Tolerance:
    low, high = quality.limits[0], quality.limits[-1]
    percent, strict = quality.unit == "percent", quality.operator == "mustBeLessThan"
    within = quality.operator in ("mustBeLessThan", "mustBeLessOrEqualTo")
    if within or (quality.operator in ("mustBe", "mustBeBetween") and low == 0):
        if strict and high == 0:
            raise _refused(quality, "nothing is less than 0; use mustBe: 0")
        return Tolerance(Fraction(str(high)), percent, strict)
    raise _refused(quality, "use mustBe: 0, mustBeLessThan, mustBeLessOrEqualTo or mustBeBetween from 0 instead")


def _row_counts(quality: QualityRule) -> tuple[int | None, int | None]:
    low, high = Fraction(str(quality.limits[0])), Fraction(str(quality.limits[-1]))
    counts = {
        "mustBe": (math.ceil(low), math.floor(high)),
        "mustBeBetween": (math.ceil(low), math.floor(high)),
        "mustBeGreaterThan": (math.floor(low) + 1, None),
        "mustBeGreaterOrEqualTo": (math.ceil(low), None),
        "mustBeLessThan": (None, math.ceil(high) - 1),
        "mustBeLessOrEqualTo": (None, math.floor(high)),
    }
    if quality.operator not in counts:
        raise _refused(quality, "use mustBeBetween, or a lower or an upper limit")
    return counts[quality.operator]


def _interval(low: int | None, high: int | None) -> str:
    if low == high:
        return str(low)
    return " and ".join([f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None))


def _refused(quality: QualityRule, remedy: str) -> ContractError:
    return ContractError(
        f"{quality.place}: the rule {quality.name!r}, {quality.metric} with {quality.operator}, cannot be checked; "
        f"{remedy}"
    )
