"""The core expectations of Great Expectations by name, with their arguments and the columns that they suit.

Stated here, so that who only reads or signs a contract needs no Great Expectations; a test compares it with the
registry of the installed one. Of an argument's kind a `!` says that it is needed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Suits: TypeAlias = Literal["any", "ordered", "numbers", "texts", "numbers or texts"]

TYPES: Final[Mapping[Suits, tuple[str, ...]]] = {
    "any": ("integer", "number", "string", "date", "timestamp", "boolean"),
    "ordered": ("integer", "number", "date", "timestamp"),
    "numbers": ("integer", "number"),
    "texts": ("string",),
    "numbers or texts": ("integer", "number", "string"),
}

_COLUMN = {"column": "column!"}
_PAIR = {"column_A": "column!", "column_B": "column!"}
_SEVERAL = {"column_list": "columns!"}
_MOSTLY = {"mostly": "share"}
_STRICT = {"strict_min": "flag", "strict_max": "flag"}
_VALUES = {"min_value": "value", "max_value": "value", **_STRICT}
_NUMBERS = {"min_value": "number", "max_value": "number", **_STRICT}
_COUNTS = {"min_value": "count", "max_value": "count", **_STRICT}
_ROWS = {"min_value": "count", "max_value": "count", **_STRICT}
_PAIR_GAPS = {"ignore_row_if": "both_values_are_missing|either_value_is_missing|neither"}
_GAPS = {"ignore_row_if": "all_values_are_missing|any_value_is_missing|never"}
_ON = {"match_on": "any|all"}
_ESCAPE = {"escape": "character"}


@dataclass(frozen=True, slots=True)
class Form:
    """How an expectation is written: the columns that it suits, and its arguments by name with their kinds."""

    name: str
    suits: Suits
    kinds: Mapping[str, str]

    @property
    def needed(self) -> tuple[str, ...]:
        """The arguments that cannot be left out."""
        return tuple(name for name, kind in self.kinds.items() if kind.endswith("!"))

    def kind(self, argument: str) -> str:
        """Return the kind of an argument."""
        return self.kinds[argument].rstrip("!")

    @property
    def one_column(self) -> bool:
        """Whether it is about one column, so that it may be written at that column."""
        return "column" in self.kinds


def _form(name: str, suits: Suits, *kinds: Mapping[str, str]) -> Form:
    found = {argument: kind for each in kinds for argument, kind in each.items()}
    return Form(f"expect_{name}", suits, MappingProxyType(found))


def _map(name: str, suits: Suits, *kinds: Mapping[str, str]) -> Form:
    return _form(name, suits, _COLUMN, _MOSTLY, *kinds)


_FORMS = (
    _form("column_distinct_values_to_be_in_set", "any", _COLUMN, {"value_set": "values!"}),
    _form("column_distinct_values_to_contain_set", "any", _COLUMN, {"value_set": "values!"}),
    _form("column_distinct_values_to_equal_set", "any", _COLUMN, {"value_set": "values!"}),
    _form(
        "column_kl_divergence_to_be_less_than",
        "numbers or texts",
        _COLUMN,
        {"partition_object": "partition", "threshold": "number", "internal_weight_holdout": "share"},
        {"tail_weight_holdout": "share", "bucketize_data": "flag", "min_value": "number", "max_value": "number"},
    ),
    _form("column_max_to_be_between", "ordered", _COLUMN, _VALUES),
    _form("column_mean_to_be_between", "numbers", _COLUMN, _NUMBERS),
    _form("column_median_to_be_between", "numbers", _COLUMN, _NUMBERS),
    _form("column_min_to_be_between", "ordered", _COLUMN, _VALUES),
    _form("column_most_common_value_to_be_in_set", "any", _COLUMN, {"value_set": "values!", "ties_okay": "flag"}),
    _form("column_pair_values_a_to_be_greater_than_b", "ordered", _PAIR, _MOSTLY, {"or_equal": "flag"}, _PAIR_GAPS),
    _form("column_pair_values_to_be_equal", "any", _PAIR, _MOSTLY, _PAIR_GAPS),
    _form("column_pair_values_to_be_in_set", "any", _PAIR, _MOSTLY, {"value_pairs_set": "pairs!"}, _PAIR_GAPS),
    _form("column_proportion_of_non_null_values_to_be_between", "any", _COLUMN, _NUMBERS),
    _form("column_proportion_of_unique_values_to_be_between", "any", _COLUMN, _NUMBERS),
    _form(
        "column_quantile_values_to_be_between",
        "numbers",
        _COLUMN,
        {"quantile_ranges": "quantiles!", "allow_relative_error": "flag"},
    ),
    _form("column_stdev_to_be_between", "numbers", _COLUMN, _NUMBERS),
    _form("column_sum_to_be_between", "numbers", _COLUMN, _NUMBERS),
    _form("column_to_exist", "any", _COLUMN, {"column_index": "count"}),
    _form("column_type_to_be", "any", _COLUMN, {"type_": "type!"}),
    _form("column_unique_value_count_to_be_between", "any", _COLUMN, _COUNTS),
    _map("column_value_lengths_to_be_between", "texts", _COUNTS),
    _map("column_value_lengths_to_equal", "texts", {"value": "count!"}),
    _map("column_value_z_scores_to_be_less_than", "numbers", {"threshold": "number!", "double_sided": "flag!"}),
    _map("column_values_to_be_between", "ordered", _VALUES),
    _map("column_values_to_be_dateutil_parseable", "texts"),
    _map("column_values_to_be_decreasing", "ordered", {"strictly": "flag"}),
    _map("column_values_to_be_in_set", "any", {"value_set": "values!"}),
    _map("column_values_to_be_in_type_list", "any", {"type_list": "types"}),
    _map("column_values_to_be_increasing", "ordered", {"strictly": "flag"}),
    _map("column_values_to_be_json_parseable", "texts"),
    _map("column_values_to_be_null", "any"),
    _map("column_values_to_be_of_type", "any", {"type_": "type!"}),
    _map("column_values_to_be_unique", "any"),
    _map("column_values_to_match_json_schema", "texts", {"json_schema": "schema!"}),
    _map("column_values_to_match_like_pattern", "texts", {"like_pattern": "like!"}, _ESCAPE),
    _map("column_values_to_match_like_pattern_list", "texts", {"like_pattern_list": "likes!"}, _ON, _ESCAPE),
    _map("column_values_to_match_regex", "texts", {"regex": "regex"}),
    _map("column_values_to_match_regex_list", "texts", {"regex_list": "regexes!"}, _ON),
    _map("column_values_to_match_strftime_format", "texts", {"strftime_format": "text!"}),
    _map("column_values_to_not_be_in_set", "any", {"value_set": "values!"}),
    _map("column_values_to_not_be_null", "any"),
    _map("column_values_to_not_be_outliers", "numbers", {"method": "iqr|std", "multiplier": "number"}),
    _map("column_values_to_not_match_like_pattern", "texts", {"like_pattern": "like!"}, _ESCAPE),
    _map("column_values_to_not_match_like_pattern_list", "texts", {"like_pattern_list": "likes!"}, _ESCAPE),
    _map("column_values_to_not_match_regex", "texts", {"regex": "regex!"}),
    _map("column_values_to_not_match_regex_list", "texts", {"regex_list": "regexes!"}),
    _form("compound_columns_to_be_unique", "any", _SEVERAL, _MOSTLY, _GAPS),
    _form("multicolumn_sum_to_equal", "numbers", _SEVERAL, _MOSTLY, {"sum_total": "number!"}, _GAPS),
    _form("multicolumn_values_to_be_equal", "any", _SEVERAL, _MOSTLY, _GAPS),
    _form("select_column_values_to_be_unique_within_record", "any", _SEVERAL, _MOSTLY, _GAPS),
    _form("table_column_count_to_be_between", "any", {"min_value": "count", "max_value": "count"}),
    _form("table_column_count_to_equal", "any", {"value": "count!"}),
    _form("table_columns_to_match_ordered_list", "any", {"column_list": "names"}),
    _form("table_columns_to_match_set", "any", {"column_set": "names", "exact_match": "flag"}),
    _form("table_row_count_to_be_between", "any", _ROWS),
    _form("table_row_count_to_equal", "any", {"value": "count!"}),
)
FORMS: Final[Mapping[str, Form]] = MappingProxyType({form.name: form for form in _FORMS})

REFUSED: Final[Mapping[str, str]] = {
    "expect_query_results_to_match_comparison": "it runs SQL, on a second source of data",
    "expect_table_row_count_to_equal_other_table": "it needs a second table",
    "unexpected_rows_expectation": "it runs SQL that a document brings",
}
"""Core expectations that no document may ask for, and why."""

FORBIDDEN: Final[Mapping[str, str]] = {
    "row_condition": "it is code; write an expectation that holds on all rows",
    "condition_parser": "it is for row_condition, which is code; remove it",
    "windows": "it needs the results of earlier runs, which nobody keeps; remove it",
    "batch_id": "there is one table; remove it",
    "result_format": "what is told to whom is not for a contract to say; remove it",
    "catch_exceptions": "it changes nothing here; remove it",
}
"""Arguments of any expectation that no document may give."""


def squashed(name: str) -> str:
    """Strip what differs between a name's spellings: `expect_x_to_y`, `ExpectXToY`, `minValue`, `min_value`."""
    return name.replace("_", "").replace("-", "").lower()


_BY_NAME = {squashed(name): name for name in (*FORMS, *REFUSED)}


def find(name: str) -> str | None:
    """Return the expectation that a name in any of its spellings means."""
    return _BY_NAME.get(squashed(name))


def near(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` when one of the names is close in any spelling, else nothing."""
    by_name = {squashed(each): each for each in names}
    close = difflib.get_close_matches(squashed(name), list(by_name), n=1)
    return f"; did you mean {by_name[close[0]]!r}?" if close else ""
