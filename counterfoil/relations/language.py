"""List what the language of views has: operators and functions, and what to write in the place of others.

The names on the left are those of the parts that the parser's library tells apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from counterfoil.relations.syntax import AggregateName

CALLS: Final[Mapping[str, str]] = {
    "Add": "+",
    "Sub": "-",
    "Mul": "*",
    "Div": "/",
    "Neg": "negate",
    "And": "and",
    "Or": "or",
    "Not": "not",
    "EQ": "=",
    "NEQ": "<>",
    "LT": "<",
    "LTE": "<=",
    "GT": ">",
    "GTE": ">=",
    "Between": "between",
    "Like": "like",
    "Substring": "substring",
    "Coalesce": "coalesce",
    "Nullif": "nullif",
    "Abs": "abs",
    "Greatest": "greatest",
    "Least": "least",
    "Year": "year",
    "Quarter": "quarter",
    "Month": "month",
}
"""Operators and functions of values in one row."""

DATE_PARTS: Final = ("year", "quarter", "month")
"""What `extract` takes out of a date."""

AGGREGATES: Final[Mapping[str, AggregateName]] = {
    "Count": "count",
    "Sum": "sum",
    "Avg": "avg",
    "Min": "min",
    "Max": "max",
}
"""Functions of many rows."""

RANKS: Final[Mapping[str, str]] = {"RowNumber": "row_number", "Rank": "rank", "Lag": "lag"}
"""Functions over a window, beside sum, count and avg."""

INSTEAD: Final[Mapping[str, str]] = {
    "Lateral": "join a grouped query by its key",
    "ILike": "give the column one spelling in the owner's table, and write LIKE",
    "Except": "write WHERE NOT EXISTS (...)",
    "Intersect": "write WHERE EXISTS (...)",
    "Offset": "leave it out; a limit is from the first row on",
    "Qualify": "select from the query, and write WHERE",
    "Filter": "aggregate a CASE",
    "Rollup": "group in several queries, and put them together with UNION ALL",
    "Cube": "group in several queries, and put them together with UNION ALL",
    "Cast": "give the column its type in the contract",
    "TryCast": "give the column its type in the contract",
}
"""What to write in the place of what views do not have, where that is no column of the owner's table."""
