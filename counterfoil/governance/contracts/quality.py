"""The quality rules of a contract: ODCS v3.1's library metrics, each with one operator.

Knows the rules' shape and where each metric may stand. Running them on a table is the data room's work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from counterfoil.governance.contracts.pattern import PatternError, whole_cell
from counterfoil.governance.documents import Path, Problems, did_you_mean

Metric: TypeAlias = Literal["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"]
Operator: TypeAlias = Literal[
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
]
Scalar: TypeAlias = "str | int | float | bool | None"

_ARGUMENTS: Mapping[str, Sequence[str]] = {
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
}


@dataclass(frozen=True, slots=True)
class QualityRule:
    """`metric` of the columns, counted in `unit`, compared with `limits` by `operator`.

    `columns` is empty for rowCount, one name for a column's rule, several for duplicates of a combination. `limits`
    has two numbers (both included) for the two `Between` operators, else one. `place` says where the rule is written.
    """

    name: str
    metric: Metric
    columns: tuple[str, ...]
    operator: Operator
    limits: tuple[int | float, ...]
    place: str
    unit: Literal["rows", "percent"] = "rows"
    missing_values: tuple[Scalar, ...] = ()
    valid_values: tuple[Scalar, ...] = ()
    pattern: str | None = None

    def holds(self, measured: int | float) -> bool:
        """Tell whether the measured number of rows (or percent of them) satisfies the rule."""
        low, high = self.limits[0], self.limits[-1]
        return {
            "mustBe": measured == low,
            "mustNotBe": measured != low,
            "mustBeGreaterThan": measured > low,
            "mustBeGreaterOrEqualTo": measured >= low,
            "mustBeLessThan": measured < low,
            "mustBeLessOrEqualTo": measured <= low,
            "mustBeBetween": low <= measured <= high,
            "mustNotBeBetween": not low <= measured <= high,
        }[self.operator]


def column_rules(column: Mapping[str, Any], path: Path, problems: Problems) -> tuple[QualityRule, ...]:
    """Return the rules that stand at a column; what is wrong with them is added to the problems."""
    rules = []
    for index, rule in enumerate(column.get("quality", [])):
        at = (*path, "quality", index)
        if not _is_metric(rule, at, problems):
            continue
        if rule["metric"] == "rowCount":
            problems.add((*at, "metric"), "rowCount is a rule of the table; move it up to schema[0].quality")
        if "properties" in rule.get("arguments", {}):
            problems.add((*at, "arguments"), "'properties' is for duplicateValues of the table; remove it here")
        _check_arguments(rule, at, problems)
        rules.append(_rule(rule, (column["name"],), at, problems))
    return tuple(rules)


def table_rules(
    table: Mapping[str, Any], columns: Sequence[str], path: Path, problems: Problems
) -> tuple[QualityRule, ...]:
    """Return the rules that stand at the table; what is wrong with them is added to the problems."""
    rules = []
    for index, rule in enumerate(table.get("quality", [])):
        at = (*path, "quality", index)
        if not _is_metric(rule, at, problems):
            continue
        named = tuple(rule.get("arguments", {}).get("properties", ()))
        if rule["metric"] not in ("rowCount", "duplicateValues"):
            problems.add((*at, "metric"), f"{rule['metric']} is a rule of one column; move it to that column")
        elif rule["metric"] == "duplicateValues" and not named:
            problems.add(at, "duplicateValues of the table needs arguments: properties: [two or more columns]")
        elif rule["metric"] == "rowCount":
            _check_arguments(rule, at, problems)
            if rule.get("unit") == "percent":
                problems.add((*at, "unit"), "a row count is in rows, not in percent")
        for name in named:
            if name not in columns:
                problems.add((*at, "arguments", "properties"), f"no column {name!r}{did_you_mean(name, columns)}")
        rules.append(_rule(rule, named, at, problems))
    return tuple(rules)


def check_pattern(pattern: str, path: Path, problems: Problems) -> None:
    """Note a problem unless the pattern is a regular expression that one pass over a cell can check."""
    try:
        whole_cell(pattern)
    except PatternError as error:
        problems.add(path, str(error))


def is_expectation(rule: Mapping[str, Any]) -> bool:
    """Return whether the rule is for an engine to check (`expectations`), and no metric of the standard's library."""
    return "engine" in rule or "implementation" in rule or rule.get("type") == "custom"


def _is_metric(rule: Mapping[str, Any], path: Path, problems: Problems) -> bool:
    if is_expectation(rule):
        return False
    if "metric" not in rule:
        problems.add(path, "the field 'metric' is missing; add it, or 'engine' and 'implementation' of an expectation")
    return "metric" in rule


def _check_arguments(rule: Mapping[str, Any], path: Path, problems: Problems) -> None:
    given, allowed = set(rule.get("arguments", {})) - {"properties"}, _ARGUMENTS.get(rule["metric"], ())
    if allowed and len(given & set(allowed)) != 1:
        problems.add(path, f"{rule['metric']} needs exactly one of the arguments {', '.join(allowed)}")
    for name in sorted(given - set(allowed)):
        problems.add((*path, "arguments", name), f"{rule['metric']} has no argument {name!r}; remove it")


def _rule(rule: Mapping[str, Any], columns: tuple[str, ...], path: Path, problems: Problems) -> QualityRule:
    operators: list[Operator] = [operator for operator in get_args(Operator) if operator in rule]
    if len(operators) != 1:
        problems.add(path, f"needs exactly one operator (mustBe, mustBeLessThan, ...), has {len(operators)}")
    operator: Operator = operators[0] if operators else "mustBe"
    value = rule.get(operator, 0)
    limits = tuple(value) if isinstance(value, list) else (value,)
    unit = rule.get("unit", "rows")
    if limits[0] > limits[-1]:
        problems.add((*path, operator), "the first number must not be above the second; swap them")
    if unit == "percent" and not all(0 <= limit <= 100 for limit in limits):
        problems.add((*path, operator), "a percentage is from 0 to 100")
    if unit == "rows" and any(limit < 0 for limit in limits):
        problems.add((*path, operator), "a number of rows is not negative")
    arguments = rule.get("arguments", {})
    if "pattern" in arguments:
        check_pattern(arguments["pattern"], (*path, "arguments", "pattern"), problems)
    return QualityRule(
        name=rule.get("name", f"{rule['metric']} of {', '.join(columns) or 'the table'}"),
        metric=rule["metric"],
        columns=columns,
        operator=operator,
        limits=limits,
        place=problems.where(path),
        unit=unit,
        missing_values=tuple(arguments.get("missingValues", ())),
        valid_values=tuple(arguments.get("validValues", ())),
        pattern=arguments.get("pattern"),
    )
