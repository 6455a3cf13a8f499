"""The disclosure rules, each stated once: a field of `Rules` with its descriptor.

Names and defaults are those of ACRO/SACRO where they have the rule. The schema of policies, what is read from YAML,
which of two settings is stricter, the prose of agreements and the table of the docs derive from the descriptors. Knows
the rules, not how they are enforced on shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from functools import cache
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from counterfoil.canonical import Json

Setting: TypeAlias = "int | bool | Fraction"

Statistic: TypeAlias = Literal["counts", "sums", "correlations"]
"""Kinds of released statistic that rules tell apart: tables of frequencies and of magnitudes, and moments."""

Subject: TypeAlias = Literal["rows", "contributions", "model", "column", "rounding", "release", "report"]
"""What a rule looks at: who is in a cell, what makes up its sum, a model, a column; or what is not judged at all."""

Words: TypeAlias = "Callable[[Rules], str]"

T = TypeVar("T", bound="int | Fraction")

_ROUNDED: Final = (
    "while they are secret-shared, so that what is read of them is off by half of that at most. Which cells are hidden "
    "goes by exact ones. Sums of rounded numbers can narrow down what a single one stands for."
)

_FINEST: Final = 10_000
"""Shares and ratios have at most four decimal places, so that they are compared exactly on shares."""

_EVERY: Final[frozenset[Statistic]] = frozenset({"counts", "sums", "correlations"})
_TABLES: Final[frozenset[Statistic]] = frozenset({"counts", "sums"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that a policy may set.

    `off` is the setting that turns it off; None for a rule that is always on, or that says how others work. `stricter`
    picks the stricter of two settings. `called_for` are the statistics that nothing may release without keeping the
    rule; a rule about whole releases is called for by none. `means` is its line in the schema. `hides`, `rounds` and
    `refuses` say to those who sign, while the rule is in force, when a cell is hidden, what is rounded, and when a
    release is refused.
    """

    default: Setting
    subject: Subject
    means: str
    off: Setting | None = None
    off_means: str = "off"
    stricter: Literal["higher", "lower"] = "higher"
    called_for: frozenset[Statistic] = frozenset()
    bounds: Mapping[str, int] = field(default_factory=dict)
    hides: Words | None = None
    rounds: Words | None = None
    refuses: Words | None = None
    name: str = ""

    def strictest(self, *settings: Setting) -> Setting:
        """Return the strictest of these settings."""
        return min(settings) if self.stricter == "lower" else max(settings)

    def in_force(self, rules: Rules) -> bool:
        """Return whether the rules have it turned on; False for one that cannot be turned off."""
        return self.off is not None and getattr(rules, self.name) != self.off

    def read(self, given: Any) -> Setting:
        """Return the setting that a policy gives. Raises: ValueError saying what is wrong with it, and the remedy."""
        if not isinstance(self.default, Fraction):
            return cast(Setting, given)
        share = Fraction(str(given))
        if share.denominator > _FINEST:
            raise ValueError("has more than four decimal places; round it")
        return share

    def schema(self) -> dict[str, Json]:
        """Return what a policy may set it to, as JSON Schema."""
        kind = next(name for of, name in _KINDS.items() if isinstance(self.default, of))
        return {"type": kind, **self.bounds, "description": f"{self.means}; {self._usually()}"}

    def _usually(self) -> str:
        """Return what it is where a policy does not name it, and what turns it off."""
        if self.default == self.off and not isinstance(self.default, bool):
            return f"{written(self.default)}, {self.off_means}, by default"
        turned = "" if self.off is None or isinstance(self.off, bool) else f", {written(self.off)} turns it off"
        return f"{written(self.default)} by default{turned}"


_KINDS: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", Fraction: "number"}


def written(setting: Setting) -> str:
    """Return the setting as a policy writes it."""
    return str(setting).lower() if isinstance(setting, bool) else f"{float(setting):g}"


def _rule(default: T, subject: Subject, means: str, **facts: Any) -> T:
    """Return the field of a rule."""
    stated = Rule(default, subject, means, **facts)
    return field(default=default, metadata={"rule": stated})


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):g} %"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a cell of a result, and a release as a whole, must satisfy: one field a rule."""

    safe_threshold: int = _rule(
        10, "rows", "rows behind a cell, at least",
        bounds={"minimum": 2, "maximum": 1_000_000},
        hides=lambda rules: f"it stands on fewer than {rules.safe_threshold} rows",
    )  # fmt: skip
    safe_owners: int = _rule(
        3, "rows", "owners with rows in a cell, at least", off=1, called_for=_EVERY,
        bounds={"minimum": 1, "maximum": 64},
        hides=lambda rules: f"rows of fewer than {rules.safe_owners} owners are in it",
    )  # fmt: skip
    safe_other_rows: int = _rule(
        0, "rows",
        "rows in a cell beside those of any one owner, at least: what is left for an owner who takes its own away, "
        "made-up ones among them",
        off=0, called_for=_EVERY, bounds={"minimum": 0, "maximum": 1_000_000},
        hides=lambda rules: (
            f"it has fewer than {rules.safe_other_rows} rows beside those of some owner, who can take its own away"
        ),
    )  # fmt: skip
    safe_nk_n: int = _rule(
        2, "contributions", "how many of the largest contributions safe_nk_k is about",
        bounds={"minimum": 1, "maximum": 8},
    )  # fmt: skip
    safe_nk_k: Fraction = _rule(  # noqa: RUF009
        Fraction(9, 10), "contributions",
        "the share of a sum that its safe_nk_n largest contributions make up, at most",
        off=Fraction(1), stricter="lower", called_for=frozenset({"sums"}),
        bounds={"exclusiveMinimum": 0, "maximum": 1},
        hides=lambda rules: (
            f"its {rules.safe_nk_n} largest contributions make up more than {_percent(rules.safe_nk_k)} of its sum"
        ),
    )  # fmt: skip
    safe_pratio_p: Fraction = _rule(  # noqa: RUF009
        Fraction(1, 10), "contributions",
        "all contributions but the two largest, as a share of the largest, at least",
        off=Fraction(0), called_for=frozenset({"sums"}), bounds={"minimum": 0, "maximum": 1},
        hides=lambda rules: (
            "all its contributions but the two largest make up less than "
            f"{_percent(rules.safe_pratio_p)} of the largest"
        ),
    )  # fmt: skip
    zeros_are_disclosive: bool = _rule(
        True, "rows", "empty cells, and sums of nothing but zeros, are hidden", off=False, called_for=_TABLES,
        hides=lambda _: "it is empty, or a sum of nothing but zeros",
    )  # fmt: skip
    full_cells_are_disclosive: bool = _rule(
        True, "rows",
        "cells that hold all rows of their line, or whose rows are all at one bound of the column, are hidden",
        off=False, called_for=_TABLES,
        hides=lambda _: "it holds all rows of its line, or all its rows are at one bound of the column",
    )  # fmt: skip
    safe_dof_threshold: int = _rule(
        10, "model", "rows beyond the columns of a correlation, or the coefficients of a regression, at least", off=0,
        called_for=frozenset({"correlations"}), bounds={"minimum": 0, "maximum": 1_000_000},
        hides=lambda rules: (
            f"it is a correlation, or a regression, with fewer than {rules.safe_dof_threshold} rows beyond its columns"
        ),
    )  # fmt: skip
    check_missing_values: bool = _rule(
        False, "column", "no result rests on a column with empty cells", off=False, called_for=_EVERY
    )
    safe_round_counts: int = _rule(
        1, "rounding", "counts are rounded to the nearest multiple of it", off=1, off_means="no rounding",
        called_for=_EVERY, bounds={"minimum": 1, "maximum": 1000},
        rounds=lambda rules: (
            f"Exact counts are rounded to the nearest multiple of {rules.safe_round_counts:,} {_ROUNDED}"
        ),
    )  # fmt: skip
    safe_round_sums: int = _rule(
        1, "rounding", "sums are rounded to the nearest multiple of it, in the unit of what is summed", off=1,
        off_means="no rounding", called_for=frozenset({"sums"}), bounds={"minimum": 1, "maximum": 1_000_000},
        rounds=lambda rules: f"Exact sums are rounded to the nearest multiple of {rules.safe_round_sums:,} {_ROUNDED}",
    )  # fmt: skip
    safe_difference: int = _rule(
        10, "release",
        "persons who must have changed in a cell, in what a line hides, and in a table, since each earlier release of "
        "it, at least, beside any one owner's",
        off=1, bounds={"minimum": 1, "maximum": 64},
        hides=lambda rules: (
            f"since an earlier release of the table fewer than {rules.safe_difference} persons changed in it, or came "
            "or left, beside any one owner's; or what changed dominates the change"
        ),
    )  # fmt: skip
    safe_rows_per_number: int = _rule(
        2, "release", "rows for each exact number that is known of them by all remembered releases, at least", off=0,
        bounds={"minimum": 0, "maximum": 1_000_000},
        refuses=lambda rules: (
            f"with it there would be an exact number known for fewer than {rules.safe_rows_per_number} rows each, "
            "counting all releases of the same tables that the nodes remember"
        ),
    )  # fmt: skip
    safe_interval: int = _rule(
        10, "report",
        "what `counterfoil attack release` must find left open: of a count so many persons, of a sum so many percent",
        bounds={"minimum": 1, "maximum": 100},
    )  # fmt: skip
    noise_instead_of_refusal: bool = _rule(
        False, "release",
        "exact analyses with 'noiseInstead' are noised, and charged, where their table waits because fewer persons "
        "than safe_difference changed",
        stricter="lower",
    )  # fmt: skip
    count_by_rule: bool = _rule(False, "report", "reviewers learn how many cells each rule hides", stricter="lower")

    def stricter(self, other: Rules) -> Rules:
        """Return, rule by rule, the stricter of the two."""
        picked: dict[str, Any] = {
            name: rule.strictest(getattr(self, name), getattr(other, name)) for name, rule in RULES.items()
        }
        return Rules(**picked)

    def of_noised(self) -> Rules:
        """Return the rules for a noised result: the threshold, on its noised counts.

        Noise protects every row by itself, and what is hidden by exact numbers would tell about them.
        """
        kept: dict[str, Any] = {"zeros_are_disclosive": True, "safe_threshold": self.safe_threshold}
        return Rules(**{**OFF, **kept})

    @property
    def in_force(self) -> frozenset[str]:
        """The rules that are not turned off; of a dominance rule, its k."""
        return _in_force(self)

    def describe(self) -> Iterator[str]:
        """Say in plain words when the rules in force have a cell hidden."""
        return self._said(lambda rule: rule.hides)

    def describe_rounding(self) -> Iterator[str]:
        """Say in plain words what is rounded, and to what; nothing without a base."""
        return self._said(lambda rule: rule.rounds)

    def describe_releases(self) -> Iterator[str]:
        """Say in plain words when the rules in force have a whole release refused."""
        return self._said(lambda rule: rule.refuses)

    def facts(self) -> dict[str, Json]:
        """Return the rules as plain JSON values."""
        values = {name: getattr(self, name) for name in RULES}
        return {name: float(value) if isinstance(value, Fraction) else value for name, value in values.items()}

    def _said(self, words: Callable[[Rule], Words | None]) -> Iterator[str]:
        for rule in RULES.values():
            if (say := words(rule)) and (rule.off is None or rule.in_force(self)):
                yield say(self)


@cache
def _in_force(rules: Rules) -> frozenset[str]:
    return frozenset(name for name, rule in RULES.items() if rule.in_force(rules))


RULES: Final[Mapping[str, Rule]] = {each.name: replace(each.metadata["rule"], name=each.name) for each in fields(Rules)}
"""By their names, in the order in which agreements are explained."""

OFF: Final[Mapping[str, Setting]] = {name: rule.off for name, rule in RULES.items() if rule.off is not None}
"""The setting that turns a rule off. The threshold itself is always on."""

RENAMED: Final[Mapping[str, tuple[str, ...]]] = {"safe_round_base": ("safe_round_counts", "safe_round_sums")}
"""What a rule of earlier policies is read as, where it is all of these."""

WITHOUT_ANALYSIS: Final[Mapping[str, str]] = {"survival_safe_threshold": "survival curves"}
"""Rules that output checkers know about statistics that no analysis here releases: they would protect nothing."""


def named(subject: Subject) -> frozenset[str]:
    """Return the names of all rules that look at this."""
    return frozenset(name for name, rule in RULES.items() if rule.subject == subject)


def called_for(statistic: Statistic) -> frozenset[str]:
    """Return the names of the rules that nothing may release this statistic without keeping."""
    return frozenset(name for name, rule in RULES.items() if statistic in rule.called_for)


def schema() -> Mapping[str, Mapping[str, Json]]:
    """Return what the rules put into JSON schemas: by schema, the values at JSON pointers."""
    foreign: Mapping[str, Json] = {
        "survival_safe_threshold": {
            "type": "integer",
            "minimum": 0,
            "maximum": 1_000_000,
            "description": "people at risk at each step of a survival curve, at least: refused, because no analysis "
            "releases survival curves",
            "examples": [10],
        },
        "safe_round_base": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "description": "an earlier name, read as safe_round_counts and safe_round_sums; name these",
            "examples": [5],
        },
    }
    return {
        "policy": {
            "/properties/rules/properties": {
                **{name: {**rule.schema(), **_example(rule)} for name, rule in RULES.items()},
                **foreign,
            }
        }
    }


def _example(rule: Rule) -> Mapping[str, Json]:
    """Show how a rule is written, by its default."""
    default = rule.default
    return {"examples": [float(default) if isinstance(default, Fraction) else default]}


def table() -> list[dict[str, str]]:
    """Return the rules as the rows of a table for people."""
    return [
        {
            "rule": name,
            "default": written(rule.default),
            "off": "" if rule.off is None else written(rule.off),
            "stricter": rule.stricter,
            "about": ", ".join(sorted(rule.called_for)) or rule.subject,
            "means": rule.means,
        }
        for name, rule in RULES.items()
    ]
