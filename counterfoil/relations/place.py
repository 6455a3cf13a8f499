"""Place the parts of a plan: what only owners can compute becomes a column that they share.

Functions of texts run at the owner, who alone has the texts; the nodes have codes of them at most. Everything else runs
at the nodes. No row stays behind at its owner, so that what is placed there shows in no number of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from counterfoil.relations.algebra import (
    Attach,
    Filter,
    Join,
    OwnerColumn,
    Plan,
    Project,
    Relation,
    Scan,
    UnionAll,
    walk,
)
from counterfoil.relations.expressions import AtOwner, Expression, Ref, rebuilt, refs


def placed(plan: Plan) -> Plan:
    """Move functions of texts to the owners of these."""
    scans = [each for each in walk(plan.root) if isinstance(each, Scan)]
    columns = {each.ref.number: each for scan in scans for each in scan.computed}
    wanted = list(dict.fromkeys(each for relation in walk(plan.root) for each in _at_owner(relation)))
    number = max((ref.number for relation in walk(plan.root) for ref in relation.columns), default=0)
    made = {
        each: OwnerColumn(Ref(number + i, _sql(each, columns).strip("()"), each.type), _sql(each, columns))
        for i, each in enumerate(wanted, 1)
    }

    def moved(expression: Expression) -> Expression | None:
        return made[expression].ref if isinstance(expression, AtOwner) else None

    def shared(scan: Scan) -> Scan:
        own = {ref.number for ref in scan.columns}
        more = tuple(column for each, column in made.items() if {ref.number for ref in refs(each)} <= own)
        return replace(scan, computed=(*scan.computed, *more))

    return replace(plan, root=_changed(plan.root, moved, shared))


def _at_owner(relation: Relation) -> list[AtOwner]:
    """Return the functions that a relation needs of owners, the outermost of nested ones."""
    found: list[AtOwner] = []

    def note(expression: Expression) -> Expression | None:
        if isinstance(expression, AtOwner):
            found.append(expression)
            return expression
        return None

    if isinstance(relation, Filter):
        rebuilt(relation.condition, note)
    elif isinstance(relation, Project):
        for _, expression in relation.computed:
            rebuilt(expression, note)
    return found


def _sql(expression: Expression, columns: dict[int, OwnerColumn]) -> str:
    if isinstance(expression, AtOwner):
        return expression.sql.replace("{}", _sql(expression.arguments[0], columns), 1)
    (ref,) = refs(expression)
    return columns[ref.number].sql


def _changed(
    relation: Relation, moved: Callable[[Expression], Expression | None], shared: Callable[[Scan], Scan]
) -> Relation:
    match relation:
        case Scan():
            return shared(relation)
        case UnionAll():
            return replace(relation, sources=tuple(_changed(each, moved, shared) for each in relation.sources))
        case Join():
            one, many = (_changed(each, moved, shared) for each in (relation.one, relation.many))
            return replace(relation, one=one, many=many)
        case Attach():
            source, single = (_changed(each, moved, shared) for each in (relation.source, relation.single))
            return replace(relation, source=source, single=single)
        case Filter():
            condition = rebuilt(relation.condition, moved)
            return replace(relation, source=_changed(relation.source, moved, shared), condition=condition)
        case Project():
            computed = tuple((ref, rebuilt(expression, moved)) for ref, expression in relation.computed)
            return replace(relation, source=_changed(relation.source, moved, shared), computed=computed)
        case _:
            return replace(relation, source=_changed(relation.source, moved, shared))
