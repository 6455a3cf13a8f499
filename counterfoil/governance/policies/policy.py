"""Disclosure policies: what may leave the joint computation, by rules that output checkers know.

Names and defaults are those of ACRO/SACRO where they have the rule; a policy that does not name a rule has its default.
Knows the rules, not how they are enforced on shares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from fractions import Fraction
from functools import reduce
from typing import Any, Final, Literal, TypeAlias

from counterfoil.canonical import Json, digest
from counterfoil.errors import AgreementError
from counterfoil.governance.documents import Problems, parse_day, read_document

Setting: TypeAlias = "int | bool | Fraction"

Statistic: TypeAlias = Literal["counts", "sums", "correlations"]
"""Kinds of released statistic that rules tell apart: tables of frequencies and of magnitudes, and moments."""

_FINEST: Final = 10_000
"""Shares and ratios have at most four decimal places, so that they are compared exactly on shares."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a cell of a result must satisfy, rule by rule. Each has a value that turns it off (`OFF`).

    `safe_threshold`: rows behind a cell, at least. `safe_nk_n`, `safe_nk_k`: the n largest contributions make up the
    share k of a sum, at most. `safe_pratio_p`: all but the two largest contributions make up the share p of the
    largest, at least. `safe_dof_threshold`: rows beyond the columns of a correlation, at least. `zeros_are_disclosive`:
    empty cells and sums of nothing but zeros are hidden. `full_cells_are_disclosive`: so are cells that hold all rows
    of their line, or whose rows are all at one bound of their column. `safe_owners`: owners with rows in a cell, at
    least. `safe_other_rows`: rows in a cell beside those of any one owner, at least. `check_missing_values`: no result
    rests on a column with empty cells. `safe_round_base`: counts and sums leave as multiples of it, the nearest ones.
    `safe_difference`: rows in which an owner's part of a release may differ from that of an earlier one, at least,
    unless in none. `safe_rows_per_number`: rows for each exact number that is known of them, by all releases that nodes
    remember, at least. `noise_instead_of_refusal`: a release that differs too little is not refused if all that is
    exact in it can take noise instead. `count_by_rule`: reviewers learn how many cells each rule hides, not only how
    many are hidden.
    """

    safe_threshold: int = 10
    safe_nk_n: int = 2
    safe_nk_k: Fraction = Fraction(9, 10)
    safe_pratio_p: Fraction = Fraction(1, 10)
    safe_dof_threshold: int = 10
    zeros_are_disclosive: bool = True
    full_cells_are_disclosive: bool = True
    safe_owners: int = 3
    safe_other_rows: int = 0
    check_missing_values: bool = False
    safe_round_base: int = 1
    safe_difference: int = 10
    safe_rows_per_number: int = 2
    noise_instead_of_refusal: bool = False
    count_by_rule: bool = False

    def stricter(self, other: Rules) -> Rules:
        """Rule by rule the stricter of the two."""
        return Rules(
            **{
                name: min(pair) if name in _LOWER_IS_STRICTER else max(pair)
                for name, pair in ((name, (getattr(self, name), getattr(other, name))) for name in NAMES)
            }
        )

    def of_noised(self) -> Rules:
        """The rules for a noised result: the threshold, on its noised counts.

        Noise protects every row by itself, and what is hidden by exact numbers would tell about them.
        """
        kept: dict[str, Any] = {"zeros_are_disclosive": True, "safe_threshold": self.safe_threshold}
        return Rules(**{**OFF, **kept})

    @property
    def in_force(self) -> frozenset[str]:
        """The rules that are not turned off; of a dominance rule, its k."""
        return frozenset(name for name in OFF if getattr(self, name) != OFF[name])

    def describe(self) -> Iterator[str]:
        """The rules in force that decide over cells, in plain words: when a cell is hidden."""
        yield f"it stands on fewer than {self.safe_threshold} rows"
        if self.safe_owners > 1:
            yield f"rows of fewer than {self.safe_owners} owners are in it"
        if self.safe_other_rows:
            yield f"it has fewer than {self.safe_other_rows} rows beside those of some owner, who can take its own away"
        if self.safe_nk_k < 1:
            share = float(100 * self.safe_nk_k)
            yield f"its {self.safe_nk_n} largest contributions make up more than {share:g} % of its sum"
        if self.safe_pratio_p > 0:
            share = float(100 * self.safe_pratio_p)
            yield f"all its contributions but the two largest make up less than {share:g} % of the largest"
        if self.zeros_are_disclosive:
            yield "it is empty, or a sum of nothing but zeros"
        if self.full_cells_are_disclosive:
            yield "it holds all rows of its line, or all its rows are at one bound of the column"
        if self.safe_dof_threshold:
            yield f"it is a correlation with fewer than {self.safe_dof_threshold} rows beyond its columns"

    def describe_rounding(self) -> Iterator[str]:
        """What is rounded, and to what, in plain words; nothing without a base."""
        if self.safe_round_base > 1:
            yield (
                f"Exact counts and sums are rounded to the nearest multiple of {self.safe_round_base} while they are "
                f"secret-shared, so that what is read of them is off by half of that at most. Which "
                "cells are hidden goes by exact counts. Sums of rounded numbers can narrow down what a single one "
                "stands for."
            )

    def describe_releases(self) -> Iterator[str]:
        """The rules in force that decide over whole releases, in plain words: when one is refused."""
        if self.safe_difference > 1:
            yield (
                f"the rows of an owner differ from those of an earlier release on the same contract, but in fewer than "
                f"{self.safe_difference}"
            )
        if self.safe_rows_per_number:
            yield (
                f"with it there would be an exact number known for fewer than {self.safe_rows_per_number} rows each, "
                "counting all releases on the same contract that the nodes remember"
            )

    def facts(self) -> dict[str, Json]:
        """The rules as plain JSON values."""
        values = {name: getattr(self, name) for name in NAMES}
        return {name: float(value) if isinstance(value, Fraction) else value for name, value in values.items()}


NAMES: Final = tuple(rule.name for rule in fields(Rules))

OFF: Final[Mapping[str, Setting]] = {
    "safe_nk_k": Fraction(1),
    "safe_pratio_p": Fraction(0),
    "safe_dof_threshold": 0,
    "zeros_are_disclosive": False,
    "full_cells_are_disclosive": False,
    "safe_owners": 1,
    "safe_other_rows": 0,
    "check_missing_values": False,
    "safe_round_base": 1,
    "safe_difference": 1,
    "safe_rows_per_number": 0,
}
"""The value that turns a rule off. The threshold itself is always on."""

CALLED_FOR: Final[Mapping[str, frozenset[Statistic]]] = {
    "safe_nk_k": frozenset({"sums"}),
    "safe_pratio_p": frozenset({"sums"}),
    "safe_dof_threshold": frozenset({"correlations"}),
    "zeros_are_disclosive": frozenset({"counts", "sums"}),
    "full_cells_are_disclosive": frozenset({"counts", "sums"}),
    "safe_owners": frozenset({"counts", "sums", "correlations"}),
    "safe_other_rows": frozenset({"counts", "sums", "correlations"}),
    "check_missing_values": frozenset({"counts", "sums", "correlations"}),
    "safe_round_base": frozenset({"counts", "sums", "correlations"}),
    "safe_difference": frozenset(),
    "safe_rows_per_number": frozenset(),
}
"""The kinds of statistic that each rule is about; the threshold is about all, and whole releases are about none."""

WITHOUT_ANALYSIS: Final[Mapping[str, str]] = {"survival_safe_threshold": "survival curves"}
"""Rules that output checkers know about statistics that no analysis here releases: they would protect nothing."""

_LOWER_IS_STRICTER: Final = frozenset({"safe_nk_k", "noise_instead_of_refusal", "count_by_rule"})


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules that an agreement adopts; `digest` is SHA-256 of the file's bytes."""

    id: str
    version: str
    title: str
    rules: Rules
    review_by: date | None
    digest: str
    source: str
    raw: bytes = field(repr=False)


def parse_policy(raw: bytes, source: str) -> Policy:
    """The policy that the bytes write. Raises: AgreementError with file and line; DocumentError if not YAML."""
    document = read_document(raw, source, "policy", AgreementError)
    problems = Problems(document, AgreementError)
    value = document.value
    given = {name: setting for name, setting in value["rules"].items() if name not in WITHOUT_ANALYSIS}
    for name in sorted(set(value["rules"]) - set(given)):
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
    if rules.safe_round_base > 2 * rules.safe_threshold:
        problems.add(
            ("rules", "safe_round_base"),
            f"counts of {rules.safe_threshold} would be rounded to 0; "
            f"lower it to {2 * rules.safe_threshold} or less, or raise safe_threshold",
        )
    review_by = parse_day(value["reviewBy"], ("reviewBy",), problems) if "reviewBy" in value else None
    problems.raise_if_any()
    return Policy(value["id"], value["version"], value["title"], rules, review_by, digest(raw), source, raw)


def strictest(policies: Iterable[Policy], minimum_counts: Iterable[int]) -> Rules:
    """The rules that satisfy all policies (at least one) and all minimum counts of contracts."""
    rules = reduce(Rules.stricter, (policy.rules for policy in policies))
    return replace(rules, safe_threshold=max(rules.safe_threshold, *minimum_counts))


def _setting(name: str, given: Any, problems: Problems) -> Any:
    if name not in ("safe_nk_k", "safe_pratio_p"):
        return given
    share = Fraction(str(given))
    if share.denominator > _FINEST:
        problems.add(("rules", name), "has more than four decimal places; round it")
    return share
