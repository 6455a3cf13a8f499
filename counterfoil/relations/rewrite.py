"""Put relations together in a good order, and carry no column further than it is needed.

Joins need a side without repeated keys; of those that have one, the smallest come first. Conditions on one relation
apply before it is joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import TypeAlias

from counterfoil.errors import ViewJoinError
from counterfoil.relations.algebra import (
    Attach,
    Filter,
    Group,
    Join,
    Limit,
    Plan,
    Project,
    Relation,
    Scan,
    UnionAll,
    Window,
    capacity,
    sources,
    walk,
)
from counterfoil.relations.expressions import Expression, Operation, Ref, conjuncts, disjuncts, numbers
from counterfoil.relations.facts import one_row, unique_within
from counterfoil.relations.operations import Operations
from counterfoil.relations.syntax import Place

_Keys: TypeAlias = tuple[tuple[Ref, Ref], ...]
"""Columns of both sides of a join that are equal."""

# --- joins ---------------------------------------------------------------------------------------------------------


def joined(relations: Sequence[Relation], conditions: Iterable[Expression], at: Place) -> Relation:
    """Join relations by equality of columns, with these conditions, each of which must be true.

    A relation of one row needs no key.

    Raises: ViewJoinError.
    """
    make = Operations(at)
    left = [each for condition in conditions for each in _common(condition, make)]
    singles = [each for each in relations if one_row(each)]
    several = [each for each in relations if each not in singles] or [singles.pop(0)]
    parts: list[Relation] = []
    for relation in several:
        own = [each for each in left if numbers(each) <= _numbers(relation)]
        left = [each for each in left if each not in own]
        parts.append(filtered(relation, own, make))
    while len(parts) > 1:
        one, many, keys, checked = _next(parts, left, at)
        left = [each for each in left if _pair(each, one, many) not in keys]
        made: Relation = Join("inner", one, many, keys, checked)
        ready = [each for each in left if numbers(each) <= _numbers(made)]
        left = [each for each in left if each not in ready]
        parts = [*(each for each in parts if each is not one and each is not many), filtered(made, ready, make)]
    whole = parts[0]
    for single in singles:
        whole = Attach(whole, single, tuple((ref, ref) for ref in single.columns))
    return filtered(whole, left, make)


def filtered(relation: Relation, conditions: Sequence[Expression], make: Operations) -> Relation:
    """Keep the rows for which all conditions are true."""
    return Filter(relation, make.both(*conditions)) if conditions else relation


def _next(
    parts: Sequence[Relation], conditions: Sequence[Expression], at: Place
) -> tuple[Relation, Relation, _Keys, bool]:
    """Choose the next two relations to join: of those that can be, the two with the fewest rows."""
    found: list[tuple[tuple[int, int, int], Relation, Relation, _Keys, bool]] = []
    connected = False
    for one, many in permutations(parts, 2):
        pairs = [pair for each in conditions if (pair := _pair(each, one, many)) is not None]
        connected = connected or bool(pairs)
        if (unique := unique_side(one, pairs)) is not None:
            found.append(((capacity(one) + capacity(many), capacity(many), len(found)), one, many, *unique))
    if found:
        _, one, many, keys, proved = min(found, key=lambda each: each[0])
        return one, many, keys, not proved
    if not connected:
        raise ViewJoinError(f"{at}: tables are listed without an equality that joins them; write on a.key = b.key")
    raise ViewJoinError(
        f"{at}: neither side of a join has a unique key by its contract; join on a unique column, or group one side by "
        "the key first"
    )


def unique_side(one: Relation, pairs: Sequence[tuple[Ref, Ref]]) -> tuple[_Keys, bool] | None:
    """Choose the fewest pairs of columns by which no two rows of `one` agree, and say whether the plan proves that."""
    kept = tuple(dict.fromkeys(pairs))
    proved = unique_within(one, (a.number for a, _ in kept))
    if proved is None:
        return None
    for pair in kept:
        fewer = tuple(each for each in kept if each != pair)
        if unique_within(one, (a.number for a, _ in fewer)) is not None and fewer:
            kept = fewer
    return kept, bool(unique_within(one, (a.number for a, _ in kept)))


def _pair(condition: Expression, one: Relation, many: Relation) -> tuple[Ref, Ref] | None:
    """Return the columns, of `one` and of `many`, that a condition says are equal."""
    if isinstance(condition, Operation) and condition.operator == "equal":
        a, b = condition.arguments
        for x, y in ((a, b), (b, a)):
            if isinstance(x, Ref) and isinstance(y, Ref) and x in one.columns and y in many.columns:
                return x, y
    return None


def _common(condition: Expression, make: Operations) -> list[Expression]:
    """Split a condition into what must all be true; of alternatives, take out what they have in common."""
    found: list[Expression] = []
    for each in conjuncts(condition):
        branches = [list(conjuncts(branch)) for branch in disjuncts(each)]
        if len(branches) == 1:
            found.append(each)
            continue
        shared = [part for part in branches[0] if all(part in branch for branch in branches[1:])]
        rest = [make.both(*(part for part in branch if part not in shared)) for branch in branches]
        found += [*shared, *conjuncts(make.either(*rest))]
    return found


def _numbers(relation: Relation) -> frozenset[int]:
    return _of(relation.columns)


# --- columns -------------------------------------------------------------------------------------------------------


def pruned(plan: Plan) -> Plan:
    """Leave out what nothing further needs; what several relations need of one stays in it for all of them."""
    outputs = (ref for output in plan.outputs for ref in (output.value, output.divisor) if ref is not None)
    order = list(walk(plan.root))
    wanted: dict[Relation, frozenset[int]] = dict.fromkeys(order, frozenset())
    wanted[plan.root] = _of(outputs)
    for relation in reversed(order):
        for source, numbers_of in zip(sources(relation), _needed(relation, wanted[relation]), strict=True):
            wanted[source] |= numbers_of
    made: dict[Relation, Relation] = {}
    for relation in order:
        made[relation] = _kept(relation, wanted[relation], [made[each] for each in sources(relation)])
    return replace(plan, root=made[plan.root])


def _needed(relation: Relation, wanted: frozenset[int]) -> list[frozenset[int]]:
    """Return the columns that a relation needs of each of its sources."""
    match relation:
        case Scan():
            return []
        case Filter():
            return [wanted | numbers(relation.condition)]
        case Project():
            # What an owner computes in the place of an expression further up goes through untouched.
            through = wanted - _of(relation.columns)
            return [through | numbers(*(value for ref, value in relation.computed if ref.number in wanted))]
        case UnionAll():
            return [
                _of(inner for ref, inner in zip(relation.columns, refs, strict=True) if ref.number in wanted)
                for refs in relation.inner
            ]
        case Join():
            inside = wanted | _of(inner for ref, inner in relation.made if ref.number in wanted)
            one, many = (_of(side) for side in zip(*relation.keys, strict=True))
            return [inside & _within(relation.one) | one, inside & _within(relation.many) | many]
        case Attach():
            single = _of(inner for ref, inner in relation.made if ref.number in wanted)
            return [wanted & _within(relation.source), single]
        case Group():
            arguments = (each.argument for each in relation.measures if each.ref.number in wanted)
            carried = _of(each for each in relation.carried if each.number in wanted)
            return [carried | _of([*relation.keys, *(each for each in arguments if each is not None)])]
        case Window():
            functions = [each for each in relation.functions if each.ref.number in wanted]
            if not functions:
                return [wanted]
            arguments = (each.argument for each in functions)
            by = [*relation.partition, *(each.ref for each in relation.order)]
            return [wanted & _within(relation.source) | _of([*by, *(each for each in arguments if each is not None)])]
        case Limit():
            return [wanted | _of(by.ref for by in relation.order)]


def _kept(relation: Relation, wanted: frozenset[int], given: list[Relation]) -> Relation:
    """Return the relation on what is left of its sources, with what is wanted of it."""
    match relation:
        case Scan():
            return replace(relation, computed=tuple(each for each in relation.computed if each.ref.number in wanted))
        case Project():
            through = tuple((ref, ref) for ref in given[0].columns if ref.number in wanted - _of(relation.columns))
            computed = tuple((ref, value) for ref, value in relation.computed if ref.number in wanted)
            return given[0] if all(ref == value for ref, value in computed) else Project(given[0], computed + through)
        case UnionAll():
            places = [i for i, ref in enumerate(relation.columns) if ref.number in wanted]
            inner = tuple(tuple(refs[i] for i in places) for refs in relation.inner)
            return UnionAll(tuple(given), inner, tuple(relation.columns[i] for i in places))
        case Join():
            made = tuple((ref, inner) for ref, inner in relation.made if ref.number in wanted)
            return replace(relation, one=given[0], many=given[1], made=made)
        case Attach():
            made = tuple((ref, inner) for ref, inner in relation.made if ref.number in wanted)
            return Attach(given[0], given[1], made) if made else given[0]
        case Group():
            measures = tuple(each for each in relation.measures if each.ref.number in wanted)
            carried = tuple(each for each in relation.carried if each.number in wanted)
            return replace(relation, source=given[0], carried=carried, measures=measures)
        case Window():
            functions = tuple(each for each in relation.functions if each.ref.number in wanted)
            return replace(relation, source=given[0], functions=functions) if functions else given[0]
        case _:
            return replace(relation, source=given[0])


def _within(relation: Relation) -> frozenset[int]:
    """Return the columns of a relation, and what is shared of the tables under it."""
    scans = (each for each in walk(relation) if isinstance(each, Scan))
    return _of(relation.columns) | _of(ref for scan in scans for ref in scan.columns)


def _of(refs: Iterable[Ref]) -> frozenset[int]:
    return frozenset(ref.number for ref in refs)
