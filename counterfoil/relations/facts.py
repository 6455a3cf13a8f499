"""Tell what is known of relations without their rows: in which columns no two rows agree, what follows from what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TypeAlias

from counterfoil.relations.algebra import Attach, Filter, Group, Join, Limit, Project, Relation, Scan, UnionAll, Window
from counterfoil.relations.expressions import Ref, numbers

Columns: TypeAlias = frozenset[int]
"""Columns by number."""


@cache
def unique(relation: Relation) -> Mapping[Columns, bool]:
    """Map each known set of columns in which no two rows agree to whether the plan proves that.

    Else a contract says so.
    """
    match relation:
        case Scan():
            return dict.fromkeys(relation.unique, False)
        case Filter() | Window() | Limit() | Attach():
            return unique(relation.source)
        case Project():
            renamed = {value.number: ref.number for ref, value in reversed(relation.computed) if isinstance(value, Ref)}
            return {
                frozenset(renamed[number] for number in columns): proved
                for columns, proved in unique(relation.source).items()
                if columns <= renamed.keys()
            }
        case Group():
            return {frozenset(key.number for key in relation.keys): True}
        case Join(kind="keep one") | UnionAll():
            return {}
        case Join():
            return _unique_of_join(relation)


def _unique_of_join(join: Join) -> Mapping[Columns, bool]:
    found = dict(unique(join.many))
    if (
        join.kind == "inner"
        and (proved := unique_within(join.many, (many.number for _, many in join.keys))) is not None
    ):
        # Each row of either side has one partner at most.
        found |= {columns: known and proved for columns, known in unique(join.one).items()}
    return found


def unique_within(relation: Relation, columns: Iterable[int]) -> bool | None:
    """Say whether no two rows agree in these columns: None if nobody knows, False if a contract says so alone."""
    given = frozenset(columns)
    known = [proved for each, proved in unique(relation).items() if each <= given]
    return any(known) if known else None


def one_row(relation: Relation) -> bool:
    """Say whether a relation has one row, which counts whatever is in its tables."""
    match relation:
        case Group(keys=()):
            return True
        case Project() | Window() | Attach():
            return one_row(relation.source)
        case _:
            return False


@cache
def dependencies(relation: Relation) -> frozenset[tuple[Columns, Columns]]:
    """Return pairs (a, b): rows that agree in all columns of a agree in all of b."""
    match relation:
        case Scan() | UnionAll():
            # A contract's word that a column is unique is checked by a join alone.
            return frozenset()
        case Filter() | Window() | Limit():
            return dependencies(relation.source)
        case Project():
            computed = {(numbers(value), frozenset({ref.number})) for ref, value in relation.computed}
            back = {
                (frozenset({ref.number}), frozenset({value.number}))
                for ref, value in relation.computed
                if isinstance(value, Ref)
            }
            return dependencies(relation.source) | computed | back
        case Group():
            keys = frozenset(key.number for key in relation.keys)
            return dependencies(relation.source) | {(keys, _numbers(relation.columns))}
        case Attach():
            return dependencies(relation.source) | {(frozenset(), _numbers(ref for ref, _ in relation.made))}
        case Join():
            return _dependencies_of_join(relation)


def _dependencies_of_join(join: Join) -> frozenset[tuple[Columns, Columns]]:
    if join.kind in ("semi", "anti"):
        return dependencies(join.many)
    many = frozenset(b.number for _, b in join.keys)
    if join.kind == "keep many":
        return dependencies(join.many) | {(many, _numbers(ref for ref, _ in join.made))}
    if join.kind == "keep one":
        return dependencies(join.one)
    same = {(frozenset({a.number}), frozenset({b.number})) for a, b in join.keys}
    back = {(b, a) for a, b in same}
    return dependencies(join.one) | dependencies(join.many) | same | back | {(many, _numbers(join.one.columns))}


def determined(relation: Relation, columns: Iterable[int]) -> Columns:
    """Return all columns in which rows agree that agree in these."""
    found, known = frozenset(columns), dependencies(relation)
    while True:
        more = found.union(*(after for before, after in known if before <= found))
        if more == found:
            return found
        found = more


def fewest(relation: Relation, keys: Iterable[Ref]) -> tuple[Ref, ...]:
    """Drop the keys that follow from the others."""
    kept = list(dict.fromkeys(keys))
    for key in reversed(list(kept)):
        others = [each for each in kept if each is not key]
        if key.number in determined(relation, (each.number for each in others)):
            kept = others
    return tuple(kept)


def _numbers(refs: Iterable[Ref]) -> Columns:
    return frozenset(ref.number for ref in refs)
