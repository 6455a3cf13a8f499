"""Say in words what a plan does, step by step: where, with which rows and columns, at what cost, and what it opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal

from counterfoil.mpc.suites.plain import Cost
from counterfoil.relations.algebra import (
    Attach,
    By,
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
)
from counterfoil.relations.cost import Estimate
from counterfoil.relations.expressions import AtOwner, Constant, Expression, Operation, Ref, Steps
from counterfoil.relations.run import shown

_SIGNS: Final = {"add": "+", "multiply": "*", "less": "<", "equal": "=", "and": "and", "or": "or"}
_JOINS: Final = {
    "inner": "join rows",
    "keep many": "join all rows with those that have the same key",
    "keep one": "join rows, and keep those of the unique side that have no partner,",
    "semi": "keep rows that have a partner",
    "anti": "keep rows that have no partner",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One step: `rows` is public, how many of them count is secret; `opens` says how often what is opened."""

    where: Literal["owners", "nodes"]
    what: str
    rows: int
    columns: tuple[str, ...]
    cost: Cost
    opens: Mapping[str, int]


def explain(plan: Plan, estimate: Estimate) -> tuple[Line, ...]:
    """Explain a plan with its estimate in a suite."""
    lines = [
        Line(
            "owners" if isinstance(step.relation, Scan) else "nodes",
            described(step.relation),
            step.rows,
            _names(step.relation.columns),
            step.cost,
            step.opened,
        )
        for step in estimate.steps
    ]
    last = Cost(
        estimate.total.rounds - sum(line.cost.rounds for line in lines),
        estimate.total.sent_bytes - sum(line.cost.sent_bytes for line in lines),
    )
    what = "hand over: " + ", ".join(output.name for output in plan.outputs)
    return (*lines, Line("nodes", what, lines[-1].rows, _names(shown(plan)), last, {}))


def described(relation: Relation) -> str:
    """Say what a relation does with its sources."""
    match relation:
        case Scan():
            return f"share {relation.table}: " + ", ".join(column.sql for column in relation.computed)
        case Filter():
            return f"keep rows where {written(relation.condition)}"
        case Project():
            made = [f"{written(value)} as {ref.name}" for ref, value in relation.computed if ref != value]
            return "compute " + ", ".join(made)
        case UnionAll():
            return f"put {len(relation.sources)} tables one under the other"
        case Join():
            keys = " and ".join(f"{a.name} = {b.name}" for a, b in relation.keys)
            checked = ", after a check that keys of one side are unique" if relation.checked else ""
            return f"{_JOINS[relation.kind]} by {keys}{checked}"
        case Attach():
            return "put the one row of a table beside each row"
        case Group():
            return _group(relation)
        case Window():
            functions = ", ".join(_called(each.function, each.argument) for each in relation.functions)
            return f"compute {functions} over rows{_by(relation.partition)}{_order(relation.order)}"
        case Limit():
            return f"keep the first {relation.count} rows{_order(relation.order)}"


def written(expression: Expression) -> str:
    """Write an expression as SQL does."""
    match expression:
        case Ref():
            return expression.name
        case Constant():
            return _constant(expression)
        case Steps():
            return f"a function of {written(expression.argument)} in {len(expression.starts)} steps"
        case AtOwner():
            return expression.sql.replace("{}", written(expression.arguments[0]), 1)
        case Operation(operator="not" | "is null", arguments=(inner,)):
            return f"not {written(inner)}" if expression.operator == "not" else f"{written(inner)} is null"
        case Operation(operator="case"):
            *branches, otherwise = map(written, expression.arguments)
            cases = "".join(f" when {a} then {b}" for a, b in zip(branches[::2], branches[1::2], strict=True))
            return f"case{cases} else {otherwise} end"
        case Operation():
            return "(" + f" {_SIGNS[expression.operator]} ".join(map(written, expression.arguments)) + ")"


def _constant(constant: Constant) -> str:
    kind, value = constant.type, constant.value
    if value is None:
        return "null"
    match kind.kind:
        case "category":
            return f"'{kind.categories[value]}'"
        case "date":
            return f"date '{date(1970, 1, 1) + timedelta(days=value)}'"
        case "boolean":
            return "true" if value else "false"
        case _:
            return str(Decimal(value).scaleb(-kind.scale))


def _group(group: Group) -> str:
    measures = ", ".join(_called(each.function, each.argument) for each in group.measures)
    place = ", a place for each of their values" if group.blocks else ""
    return (f"group rows{_by(group.keys)}{place}" if group.keys else "take all rows together") + (
        f", with {measures}" if measures else ""
    )


def _called(function: str, argument: Ref | None) -> str:
    if function == "distinct":
        return f"count(distinct {argument.name if argument else '*'})"
    return f"{function}({argument.name if argument else '*' if function == 'count' else ''})"


def _by(keys: Iterable[Ref]) -> str:
    names = ", ".join(key.name for key in keys)
    return f" by {names}" if names else ""


def _order(order: Iterable[By]) -> str:
    names = ", ".join(by.ref.name + (" from the top" if by.descending else "") for by in order)
    return f" in the order of {names}" if names else ""


def _names(refs: Iterable[Ref]) -> tuple[str, ...]:
    return tuple(ref.name for ref in refs)
