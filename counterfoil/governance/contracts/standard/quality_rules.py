"""Quality rules of the standard, read as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.governance.contracts.expectations.catalogue import squashed
from counterfoil.governance.contracts.standard.odcs import METRICS, OPERATORS
from counterfoil.governance.contracts.standard.source import GONE, Source
from counterfoil.governance.documents import Path, part_problem


def read_rules(source: Source, given: Mapping[str, Any], path: Path, *, of_column: bool) -> list[Any]:
    """Read the quality rules of a column or a table; what is checked by nothing here is left out."""
    rules = given.get("quality", [])
    if not isinstance(rules, list):
        return [rules]
    return [_rule(source, rule, (*path, "quality", index), of_column) for index, rule in enumerate(rules)]


def _rule(source: Source, rule: Any, path: Path, of_column: bool) -> Any:
    if not isinstance(rule, dict):
        return rule
    kind = rule.get("type", "library")
    if kind == "custom" and squashed(str(rule.get("engine", ""))) == "greatexpectations":
        return source.fields(rule, path, "rule")
    if kind in ("sql", "text", "custom"):
        source.leave(f"rule {kind}", path, f"a quality rule of type {kind} is checked by nothing here")
        return GONE
    said = rule.get("metric", rule.get("rule"))
    known = METRICS.get(str(said))
    if known is None and source.foreign:
        source.leave("rule unknown", path, "a quality rule that is none of the standard's metrics is not checked")
        return GONE
    given = source.fields(rule, path, "rule")
    given.pop("rule", None)
    if known:
        given["metric"] = known
        if known != said or "metric" not in rule:
            source.leave("metric", path, f"v3.0's rule {said} is read as the metric {known}")
        if "validValues" in rule and "arguments" not in rule:
            given["arguments"] = {"validValues": rule["validValues"]}
            given.pop("validValues", None)
        if said in ("validValues", "nullCheck", "uniqueCheck", "unique") and not any(o in rule for o in OPERATORS):
            given["mustBe"] = 0
    if given.get("unit") in ("%", "percentage"):
        given["unit"] = "percent"
    elif given.get("unit") in ("row", "records", "count", ""):
        given["unit"] = "rows"
    fit = part_problem(given, "contract", "/$defs/quality/items") is None
    if source.foreign and not (fit and (known == "rowCount") != of_column and _operators(given) == 1):
        source.leave("rule", path, "a quality rule of this form is not checked here")
        return GONE
    return given


def _operators(rule: Mapping[str, Any]) -> int:
    return sum(operator in rule for operator in OPERATORS)
