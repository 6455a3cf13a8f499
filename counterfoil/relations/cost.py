"""Say what a plan will cost and open before anybody runs it: its operators in plain, on made-up tables of its sizes.

Rounds, bytes and openings follow from public sizes alone, so that the plain run counts what the nodes will send. Only
the levels of comparisons of a sort after a shuffle vary by chance, within a bound that is declared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.circuits.tables.join import UNIQUE
from counterfoil.mpc.circuits.tables.order import most_levels
from counterfoil.mpc.circuits.tables.permute import SHUFFLED
from counterfoil.mpc.circuits.tables.sort import COMPARED
from counterfoil.mpc.protocol import Permutation
from counterfoil.mpc.ring.shares import Arith, Bits
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.suites.plain import Cost, Plain, price
from counterfoil.relations.algebra import Plan, Relation, Scan, capacity, walk
from counterfoil.relations.operators.table import Cell, Table
from counterfoil.relations.run import run

_PURPOSES = {
    SHUFFLED: "an order of rows that was drawn at random and says nothing of them",
    COMPARED: "which of two rows comes first, after a shuffle by which that says nothing of them",
    UNIQUE: "that no two rows of one side of a join have the same key; else the job ends",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a plan: the rows that it makes, of how many columns, and what it costs and opens."""

    relation: Relation
    rows: int
    columns: int
    cost: Cost
    opened: Counter[str]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan costs in one suite, step by step and at last handing over, and what it may open."""

    steps: tuple[Step, ...]
    total: Cost
    declared: tuple[Declared, ...]


def estimate(plan: Plan, suite: str) -> Estimate:
    """Estimate the cost of a plan in a suite.

    Raises: RangeError, ShapeError when the plan cannot run.
    """
    p = _Sizes()
    tables = {each: _made_up(p, each) for each in walk(plan.root) if isinstance(each, Scan)}
    found: list[Step] = []
    calls, opened = 0, Counter[str]()

    def note(relation: Relation) -> None:
        nonlocal calls, opened
        cost = price(p.calls[calls:], suite)
        found.append(Step(relation, capacity(relation), len(relation.columns), cost, p.opened - opened))
        calls, opened = len(p.calls), Counter(p.opened)

    run(p, plan, tables, note)
    total = price(p.calls, suite)
    declared = (
        Declared(label, most, _PURPOSES[label], varies=label == COMPARED) for label, most in sorted(p.most().items())
    )
    return Estimate(tuple(found), total, tuple(declared))


def _made_up(p: Plain, scan: Scan) -> Table:
    """Return a table of a scan's shape."""
    zeros = p.constant(np.zeros(scan.rows, np.int64))
    return Table({ref.number: Cell(zeros, zeros if ref.type.nullable else None) for ref in scan.columns}, scan.rows)


class _Sizes(Plain):
    """Counts openings, and lets checks pass, which made-up rows would not."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: Counter[str] = Counter()
        self._sorts: list[int] = []
        self._shuffled = 0

    def most(self) -> dict[str, int]:
        """Return how often each label is opened at most."""
        bound = sum(map(most_levels, self._sorts))
        return {label: bound if label == COMPARED else count for label, count in self.opened.items()}

    def shuffle(self, columns: Sequence[Arith]) -> tuple[list[Arith], Permutation]:
        self._shuffled = len(columns[0])
        return super().shuffle(columns)

    def open_bits(self, x: Bits, label: str) -> NDArray[np.bool_]:
        self.opened[label] += 1
        if label == COMPARED and self._shuffled:  # the first level of a sort
            self._sorts.append(self._shuffled)
            self._shuffled = 0
        found = super().open_bits(x, label)
        return np.ones_like(found) if label == UNIQUE else found

    def open_permutation(self, x: Arith, label: str) -> NDArray[np.int64]:
        self.opened[label] += 1
        return super().open_permutation(x, label)
