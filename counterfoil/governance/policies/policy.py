"""Disclosure policies: what may leave the joint computation, by rules that output checkers know.

A policy that does not name a rule has its default. Knows what a policy's file says, and takes the rules as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache, reduce
from typing import Any

from counterfoil.canonical import digest
from counterfoil.errors import AgreementError
from counterfoil.governance.documents import Problems, parse_day, read_document
from counterfoil.governance.policies.rules import RENAMED, RULES, WITHOUT_ANALYSIS, Rules


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules that an agreement adopts; `digest` is SHA-256 of the file's bytes, `hints` what to change in it."""

    id: str
    version: str
    title: str
    rules: Rules
    review_by: date | None
    digest: str
    source: str
    hints: tuple[str, ...]
    raw: bytes = field(repr=False)


@lru_cache(maxsize=64)
def parse_policy(raw: bytes, source: str) -> Policy:
    """Return the policy that the bytes write. Raises: AgreementError with file and line; DocumentError if not YAML."""
    document = read_document(raw, source, "policy", AgreementError)
    problems = Problems(document, AgreementError)
    value = document.value
    hints = tuple(_hints(value["rules"], problems))
    stated = {new: value["rules"][old] for old, names in RENAMED.items() if old in value["rules"] for new in names}
    stated |= {name: setting for name, setting in value["rules"].items() if name not in RENAMED}
    given = {name: setting for name, setting in stated.items() if name not in WITHOUT_ANALYSIS}
    for name in sorted(set(stated) - set(given)):
        problems.add(
            ("rules", name),
            f"no analysis releases {WITHOUT_ANALYSIS[name]}, so there is nothing that {name} could be held against; "
            "remove it",
        )
    rules = Rules(**{name: _setting(name, setting, problems) for name, setting in given.items()})
    if rules.full_cells_are_disclosive and not rules.zeros_are_disclosive:
        problems.add(
            ("rules", "zeros_are_disclosive"),
            "zeros around a hidden cell show that it is full; hide zeros, or set full_cells_are_disclosive to false",
        )
    if rules.safe_round_counts > 2 * rules.safe_threshold:
        old = next((old for old in RENAMED if old in value["rules"]), "safe_round_counts")
        problems.add(
            ("rules", old),
            f"counts of {rules.safe_threshold} would be rounded to 0; "
            f"lower it to {2 * rules.safe_threshold} or less, or raise safe_threshold",
        )
    review_by = parse_day(value["reviewBy"], ("reviewBy",), problems) if "reviewBy" in value else None
    problems.raise_if_any()
    return Policy(value["id"], value["version"], value["title"], rules, review_by, digest(raw), source, hints, raw)


def strictest(policies: Iterable[Policy], minimum_counts: Iterable[int]) -> Rules:
    """Return the rules that satisfy all policies (at least one) and all minimum counts of contracts."""
    rules = reduce(Rules.stricter, (policy.rules for policy in policies))
    return replace(rules, safe_threshold=max(rules.safe_threshold, *minimum_counts))


def _hints(given: Mapping[str, Any], problems: Problems) -> Iterator[str]:
    """Say of each rule under an earlier name what it is read as; one that has both names is a problem."""
    for old, names in RENAMED.items():
        if old not in given:
            continue
        if both := [name for name in names if name in given]:
            problems.add(
                ("rules", old), f"is an earlier name of {' and '.join(names)}, and {both[0]} is set, too; remove it"
            )
        yield f"{old} is read as {' and '.join(names)}; name these in the next version of the policy"


def _setting(name: str, given: Any, problems: Problems) -> Any:
    try:
        return RULES[name].read(given)
    except ValueError as error:
        problems.add(("rules", name), str(error))
        return RULES[name].default
