"""Flags in concluded statistics: columns of two values, whose joint table is judged as if it was released.

A coefficient of a flag says what the rows that have it are like, and two flags that differ in one row say it of that
row. So all flags of a statistic are cut into one table, each cell of which has nobody, or enough persons of enough
owners. If one has not, only the first flag stays, if its own two cells have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.disclosure.declaration import Declaration
from counterfoil.disclosure.tables.layout import rows_per_person
from counterfoil.errors import PlanError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.compare import is_zero, msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.truncate import trunc_exact
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

MOST: Final = 4
"""So many flags of a statistic at most: with more, some cell of their table is sure to have few rows."""


def flags_of(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns that have two values, in the order of the plan."""
    return tuple(each for each in columns if each.bounds and each.bounds[1] - each.bounds[0] == 1)


def by_person(contract: Contract) -> bool:
    """Return whether a person may have several rows, so that persons are counted, and not rows."""
    return rows_per_person(contract) > 1


def check_flags(analyses: Mapping[str, Declaration]) -> None:
    """Check that the flags of a contract's exact coefficients can be judged together.

    Raises: PlanError when there are more than MOST of them in one statistic, or two statistics have others.
    """
    first: dict[str, tuple[str, tuple[str, ...]]] = {}
    for name, analysis in analyses.items():
        if analysis.planned.privacy is not None or "correlations" not in analysis.statistics:
            continue
        contract = analysis.contract
        found = tuple(each.name for each in flags_of([contract.column(each) for each in analysis.planned.columns]))
        if len(found) > MOST:
            raise PlanError(
                f"{name}: {len(found)} columns of two values ({', '.join(found)}), and with more than {MOST} some of "
                "their combinations have few rows; leave some out, or let it take noise"
            )
        other, known = first.setdefault(contract.id, (name, found)) if found else (name, found)
        if known != found:
            raise PlanError(
                f"{other} and {name} have other columns of two values, or in another order: {', '.join(known)} and "
                f"{', '.join(found)}. What differs between two of them could be one row; list the same in both, in one "
                "order, or let one of them take noise"
            )


def check_told_apart(analyses: Mapping[str, Declaration]) -> None:
    """Check of any two models of a contract that one tells rows apart by all columns of the other.

    Its joint cells are judged, so what two of their categories differ in is, too.

    Raises: PlanError when neither does.
    """
    models = [(name, each) for name, each in analyses.items() if each.told_apart()]
    for (one, first), (other, second) in combinations(models, 2):
        mine, theirs = first.told_apart(), second.told_apart()
        if first.contract.id == second.contract.id and not (mine <= theirs or theirs <= mine):
            raise PlanError(
                f"{one} and {other} tell rows apart by other columns: {', '.join(sorted(mine))} and "
                f"{', '.join(sorted(theirs))}. What differs between their categories could be one row, and neither "
                f"is judged by it; add {', '.join(sorted(mine - theirs))} to the formula of {other}, or drop one"
            )


def cells_of(flags: Sequence[NDArray[np.int64]], persons: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Return 1 for the cell of the flags' table that each row is in, at its owner; none for that of no flag.

    Where persons may have several rows, `persons` numbers that of each row: then only one row of each person is counted
    in each cell, that of no flag among them, since it does not follow from the number of rows.

    Shapes: flags of 0 and 1 (rows,); the result (rows, 2^k - 1), or (rows, 2^k).
    """
    size = 1 << len(flags)
    cell = np.stack(flags, axis=1) @ (1 << np.arange(len(flags)))
    cells: NDArray[np.int64] = (cell[:, np.newaxis] == np.arange(size)).astype(np.int64)
    if persons is None:
        return cells[:, 1:]
    counted = np.zeros(cell.size, np.int64)
    counted[np.unique(persons * size + cell, return_index=True)[1]] = 1
    return cells * counted[:, np.newaxis]


def from_sums(p: Protocol, counts: Sequence[Arith], sums: Sequence[Arith], frac_bits: int) -> list[Arith]:
    """Count the rows that have a flag at each owner, from sums of 1 where it is set and -1 where not.

    Shapes: counts and sums, over 2^frac_bits, (); the result (1,) each.
    Cost: 10 rounds; 152.4 / 256.75 B each at most.
    Reveals: nothing.
    """
    twice = [(rows * (1 << frac_bits) + total).reshape(1) for rows, total in zip(counts, sums, strict=True)]
    found = trunc_exact(p, concat(twice), frac_bits + 1)
    return [found[at : at + 1] for at in range(len(twice))]


def judged(p: Protocol, rules: Rules, cells: Sequence[Arith], rows: Sequence[Arith]) -> Arith:
    """Judge the flags' table: 1 if its first flag may stay, else 0; and 1 if all may.

    Shapes: by owner, cells (2^k - 1,) of counts and rows (), or cells (2^k,) of persons; the result (2,).
    Cost: 29 rounds at most, with fewer than 64 owners.
    Reveals: nothing.
    """
    own = concat([_table(*each) for each in zip(cells, rows, strict=True)])
    owners, size = own.shape
    # The two cells of the first flag, with those of the whole table.
    own = concat([own[:, ::2].sum(axis=1).reshape(owners, 1), own[:, 1::2].sum(axis=1).reshape(owners, 1), own], axis=1)
    every, wide = own.sum(axis=0), size + 2
    # 1 (10 rounds). Who has rows in it; has anybody; are they too few, of all or without any one owner?
    others = every.reshape(1, wide).broadcast_to((owners, wide)) - own
    asked = [
        p.add_public(own, -1),
        p.add_public(concat([every, every]), np.repeat([-1, -rules.safe_threshold], wide)).reshape(2, wide),
        p.add_public(others, -rules.safe_other_rows),
    ]
    negative = b2a(p, msb(p, concat(asked).reshape(-1))).reshape(2 * owners + 2, wide)
    here, empty, few = p.add_public(-negative[:owners].sum(axis=0), owners), negative[owners], negative[owners + 1 :]
    # 2 (at most 8 rounds). Are they of too few owners?
    too_few = b2a(p, msb(p, p.add_public(here, -rules.safe_owners), owners.bit_length() + 8))
    # 3 (at most 6 rounds, then one). Does it break a rule, and has anybody?
    fine = b2a(p, is_zero(p, few.sum(axis=0) + too_few, (owners + 2).bit_length()))
    breaks = p.multiply(p.add_public(-fine, 1), p.add_public(-empty, 1))
    # 4 (at most 6 rounds). Does none?
    broken = concat([breaks[:2].sum().reshape(1), breaks[2:].sum().reshape(1)])
    return b2a(p, is_zero(p, broken, wide.bit_length()))


def column_tests(p: Protocol, verdict: Arith, columns: Sequence[Column]) -> Arith:
    """Return for each column of the statistic a number that is not negative where it may stay. Local.

    Shapes: verdict (2,), as `judged` gives it; the result that of the columns.
    """
    known = {each.name: min(at, 1) for at, each in enumerate(flags_of(columns))}
    always = p.constant(np.ones(1, np.int64))
    place = np.array([known.get(each.name, 2) for each in columns], np.intp)
    return p.add_public(concat([verdict, always])[place], -1)


def _table(cells: Arith, rows: Arith) -> Arith:
    """Put the cell of no flag before the others: the rest of an owner's rows. Shapes: the result (1, 2^k)."""
    if cells.size > 1 and not cells.size & (cells.size - 1):
        return cells.reshape(1, cells.size)
    return concat([(rows - cells.sum()).reshape(1), cells]).reshape(1, cells.size + 1)
