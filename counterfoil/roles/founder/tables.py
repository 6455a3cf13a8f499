"""Profile the tables that owners have, and put the profiles of one contract's files together.

What one owner's file shows is widened by what the others' show, so that a contract drafted from it suits them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from counterfoil.data.drafting.draft import found_out
from counterfoil.data.drafting.profile import ColumnProfile, Profile, profile
from counterfoil.data.reading.cells import split
from counterfoil.errors import DocumentError
from counterfoil.roles.founder.choices import TableFile

_NUMBERS = ("integer", "number")


def profiles(files: Iterable[TableFile]) -> dict[str, Profile]:
    """Profile every file, on this machine alone; return what those of each contract have in common.

    Raises: UnreadableTableError; DocumentError when two files of a contract cannot be of one table.
    """
    found: dict[str, list[tuple[str, Profile]]] = {}
    for file in files:
        said = f"{file.owner}: {file.path.name}"
        found.setdefault(file.contract, []).append((said, profile(file.path, said)))
    return {contract: _joined(seen) for contract, seen in found.items()}


def _joined(seen: Sequence[tuple[str, Profile]]) -> Profile:
    (first, one), *others = seen
    for name, other in others:
        if found_out(other.written) != found_out(one.written):
            how = "; ".join(f"{file} with {_told(each)}" for file, each in ((first, one), (name, other)))
            raise DocumentError(
                f"files of one contract are written in different ways: {how}. Save them alike, or draft the contract "
                "with `counterfoil contract new` and say under its servers how each party's files are written"
            )
        lacking = [each.name for each in one.columns if each.name not in {has.name for has in other.columns}]
        if lacking:
            raise DocumentError(
                f"{name}: has no column {', '.join(lacking)}, which {first} has; give the files the same columns, or "
                "call those of another table by another name"
            )
    by_name = [(name, {each.name: each for each in found.columns}) for name, found in seen]
    columns = tuple(_column(each.name, by_name) for each in one.columns)
    rows = max(found.rows for _, found in seen)
    unique = {
        each.name
        for each in one.columns
        if all(found[each.name].different == whole.rows for (_, found), (_, whole) in zip(by_name, seen, strict=True))
    }
    return replace(
        one,
        rows=rows,
        columns=tuple(
            replace(each, different=rows if each.name in unique else min(each.different, rows - 1)) for each in columns
        ),
    )


def _told(seen: Profile) -> str:
    found = found_out(seen.written)
    return ", ".join(f"{what} {how!r}" for what, how in found.items()) or "commas and points, in UTF-8"


def _column(name: str, seen: Sequence[tuple[str, Mapping[str, ColumnProfile]]]) -> ColumnProfile:
    kinds = {split(found[name].kind)[0] for _, found in seen}
    if len(kinds) > 1 and not kinds <= set(_NUMBERS):
        told = ", ".join(f"{split(found[name].kind)[0]} in {where}" for where, found in seen)
        raise DocumentError(f"column {name}: {told}; write it alike in all files")
    places = max(split(found[name].kind)[1] for _, found in seen)
    return reduce(_wider, (_scaled(found[name], places, kinds) for _, found in seen))


def _scaled(column: ColumnProfile, places: int, kinds: set[str]) -> ColumnProfile:
    """Return the column with as many decimal places as the others of its name have."""
    if not kinds <= set(_NUMBERS) or "number" not in kinds:
        return column
    factor = 10 ** (places - split(column.kind)[1])
    ends = [None if end is None else end * factor for end in (column.lowest, column.highest)]
    return replace(column, kind=f"number:{places}", lowest=ends[0], highest=ends[1])


def _wider(one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    few = bool(one.counts) and bool(other.counts)
    return replace(
        one,
        empty=max(one.empty, other.empty),
        different=max(one.different, other.different),
        lowest=min((end for end in (one.lowest, other.lowest) if end is not None), default=None),
        highest=max((end for end in (one.highest, other.highest) if end is not None), default=None),
        counts=Counter(one.counts) + Counter(other.counts) if few else Counter(),
        shape=one.shape if one.shape == other.shape else None,
        stand_ins=tuple(dict.fromkeys((*one.stand_ins, *other.stand_ins))),
        advice=one.advice or other.advice,
    )
