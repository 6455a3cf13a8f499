"""Run a plan on shares: every relation once, sources first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from counterfoil.mpc.protocol import Protocol
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
    sources,
    walk,
)
from counterfoil.relations.expressions import Ref
from counterfoil.relations.operators.blocks import group_in_blocks
from counterfoil.relations.operators.deliver import deliver
from counterfoil.relations.operators.group import group, total
from counterfoil.relations.operators.join import join
from counterfoil.relations.operators.limit import first
from counterfoil.relations.operators.rows import attach, compute, keep, stack
from counterfoil.relations.operators.table import Table
from counterfoil.relations.operators.window import window


def run(
    p: Protocol, plan: Plan, tables: Mapping[Scan, Table], note: Callable[[Relation], None] = lambda _: None
) -> Table:
    """Compute a plan's result on shares of its tables, ready for who will see it; `note` is told of each step done.

    The result has the columns that the plan shows; rows that do not count are all 0.

    Shapes: as many rows as the plan's capacity.
    Cost: as `cost.estimate` says.
    Reveals: what the plan's operators declare: nothing but uniform permutations, comparisons after a shuffle, and that
        keys are unique where that was to be checked.
    Raises: DuplicateKeyError.
    """
    done: dict[Relation, Table] = {}
    left = list(walk(plan.root))
    uses = {each: sum(each in sources(other) for other in left) for each in left}
    for relation in left:
        done[relation] = _apply(p, relation, [done[each] for each in sources(relation)], tables)
        note(relation)
        for each in sources(relation):
            uses[each] -= 1
            if not uses[each]:
                done[each] = done[each].only(())
    return deliver(p, done[plan.root], shown(plan), shuffled=_places_tell(plan.root))


def shown(plan: Plan) -> list[Ref]:
    """Return the columns of a plan's result."""
    outputs = (ref for output in plan.outputs for ref in (output.value, output.divisor) if ref is not None)
    return list({ref.number: ref for ref in outputs}.values())


def _apply(p: Protocol, relation: Relation, given: list[Table], tables: Mapping[Scan, Table]) -> Table:
    match relation:
        case Scan():
            return tables[relation].only(relation.columns)
        case Filter():
            return keep(p, given[0], relation)
        case Project():
            return compute(p, given[0], relation)
        case UnionAll():
            return stack(p, given, relation)
        case Attach():
            return attach(p, given[0], given[1], relation)
        case Join():
            return join(p, given[0], given[1], relation)
        case Group(keys=()):
            return total(p, given[0], relation)
        case Group(blocks=True):
            return group_in_blocks(p, given[0], relation)
        case Group():
            return group(p, given[0], relation)
        case Window():
            return window(p, given[0], relation)
        case Limit():
            return first(p, given[0], relation)


def _places_tell(relation: Relation) -> bool:
    """Say whether places of rows tell of rows that do not count.

    Groups come one after the other, and so do the first rows of an order.
    """
    while isinstance(relation, Project | Attach):
        relation = relation.source
    return not isinstance(relation, Group | Limit)
