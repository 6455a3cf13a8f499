"""Join the profiles of tables of several owners, so that a contract drafted from it suits them all.

Ends are moved outward, texts gathered, and what holds at one owner alone is given up. Knows no file and no contract.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final

from counterfoil.data.drafting.profile import ColumnProfile, Profile
from counterfoil.data.reading.cells import split
from counterfoil.governance.documents import did_you_mean

_NUMBERS: Final = {"integer", "number"}
_RUN: Final = re.compile(r"(\[[A-Za-z0-9-]+\]|\\.|[^\\\[\](){}.*+?|^$])(?:\{(\d+)(?:,(\d+))?\})?")


@dataclass(frozen=True, slots=True)
class Conflict:
    """What keeps the table `at` from being joined with the first one, in one column."""

    at: int
    column: str
    text: str


def conflicts(seen: Sequence[tuple[str, Profile]]) -> Iterator[Conflict]:
    """Yield all that keeps the tables, each with what it is called, from being joined."""
    (first, one), *others = seen
    for at, (_, other) in enumerate(others, 1):
        there = {each.name: each for each in other.columns}
        for column in one.columns:
            if column.name not in there:
                hint = did_you_mean(column.name, [name for name in there if name not in _names(one)])
                yield Conflict(at, column.name, f"has no column {column.name}, which {first} has{hint}")
                continue
            kinds = [split(each.kind)[0] for each in (there[column.name], column)]
            if len({*kinds}) > 1 and not {*kinds} <= _NUMBERS:
                yield Conflict(at, column.name, f"column {column.name} is {kinds[0]}, and {kinds[1]} in {first}")


def join(seen: Sequence[Profile]) -> Profile:
    """Join tables that have no conflicts, in the columns of the first."""
    by_name = [{each.name: each for each in found.columns} for found in seen]
    columns = [_column([found[each.name] for found in by_name]) for each in seen[0].columns]
    rows = max(found.rows for found in seen)
    unique = {
        each.name
        for each in columns
        if all(found[each.name].different == whole.rows for found, whole in zip(by_name, seen, strict=True))
    }
    widest = (
        replace(each, different=rows if each.name in unique else min(each.different, rows - 1)) for each in columns
    )
    return Profile(rows, tuple(widest))


def scaled(column: ColumnProfile, kind: str) -> ColumnProfile:
    """Return the column as one of a kind that has as many decimal places, or more."""
    name, places = split(kind)
    if name not in ("number", "timestamp") or kind == column.kind:
        return column
    factor = 10 ** (places - split(column.kind)[1])
    low, high = column.lowest, column.highest
    if high is not None:  # the last moment of a second is the last of its milliseconds
        high = (high + 1) * factor - 1 if name == "timestamp" else high * factor
    return replace(column, kind=kind, lowest=None if low is None else low * factor, highest=high)


def _names(profile: Profile) -> set[str]:
    return {each.name for each in profile.columns}


def _column(columns: Sequence[ColumnProfile]) -> ColumnProfile:
    names = {split(each.kind)[0] for each in columns}
    finest = max(columns, key=lambda each: split(each.kind)[1]).kind
    kind = f"number:{split(finest)[1]}" if names & _NUMBERS and "number" in names else finest
    return reduce(_wider, (scaled(each, kind) for each in columns))


def _wider(one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    few = bool(one.counts) and bool(other.counts)
    return replace(
        one,
        empty=max(one.empty, other.empty),
        different=max(one.different, other.different),
        lowest=min((end for end in (one.lowest, other.lowest) if end is not None), default=None),
        highest=max((end for end in (one.highest, other.highest) if end is not None), default=None),
        counts=Counter(one.counts) + Counter(other.counts) if few else Counter(),
        shape=_shape(one.shape, other.shape),
        stand_ins=tuple(dict.fromkeys((*one.stand_ins, *other.stand_ins))),
        advice=one.advice or other.advice,
    )


def _shape(one: str | None, other: str | None) -> str | None:
    """Return a pattern that the texts of both match: they may differ in how long each run of characters is."""
    if one == other:
        return one
    runs = [_runs(each) for each in (one, other) if each is not None]
    if len(runs) < 2 or not all(runs) or [each[0] for each in runs[0]] != [each[0] for each in runs[1]]:
        return None
    text = ""
    for (letter, low, high), (_, least, most) in zip(*runs, strict=True):
        few, many = min(low, least), max(high, most)
        text += letter + ("" if (few, many) == (1, 1) else f"{{{few}}}" if few == many else f"{{{few},{many}}}")
    return f"^{text}$"


def _runs(shape: str) -> list[tuple[str, int, int]]:
    """Split a pattern into its characters with how often they follow one another; none where it has more to say."""
    inner, found, at = shape.removeprefix("^").removesuffix("$"), [], 0
    while at < len(inner):
        run: Any = _RUN.match(inner, at)
        if run is None:
            return []
        low = int(run[2] or 1)
        found.append((run[1], low, int(run[3] or low)))
        at = run.end()
    return found
