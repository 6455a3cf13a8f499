"""Shuffle secretly in rep3: three passes, each in an order that one party does not know.

Source: Laur, Willemson & Zhang 2011; Asharov et al. 2022 (ePrint 2022/1595) §3.2; PROTOCOLS 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.protocol import Permutation
from counterfoil.mpc.ring.shares import Arith, Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.runtime.prss import inverse
from counterfoil.mpc.suites.replicated import rows_of
from counterfoil.mpc.transport.base import Kind


def shuffle(party: Party, columns: Sequence[Arith]) -> tuple[list[Arith], Permutation]:
    """Shuffle all columns' rows into one fresh order, the composition of three.

    Shapes: every column is (n,).
    Cost: 3 rounds; 48 B per row and column.
    Reveals: nothing to one semi-honest party; each lacks one of the three orders.
    """
    permutation = Permutation(rows_of(columns), tuple(party.next_op() for _ in range(party.n)))
    return _passes(party, columns, permutation, range(3), undo=False), permutation


def unshuffle(party: Party, columns: Sequence[Arith], permutation: Permutation) -> list[Arith]:
    """Undo `shuffle` on other columns, under fresh masks.

    Shapes, Cost, Reveals: as `shuffle`.
    Raises: ShapeError unless the columns have as many rows.
    """
    rows_of(columns, permutation.size)
    return _passes(party, columns, permutation, reversed(range(3)), undo=True)


def _passes(
    party: Party, columns: Sequence[Arith], permutation: Permutation, order: Iterable[int], *, undo: bool
) -> list[Arith]:
    result = list(columns)
    for j in order:
        if party.index == (j + 1) % 3:
            result = [_renew(party, j, column) for column in result]
        else:
            pi = party.keys[j].perm.draw(permutation.ops[j], permutation.size)
            result = _permute(party, j, result, inverse(pi) if undo else pi)
        party.rounds += 1
    return result


def _permute(party: Party, j: int, columns: Sequence[Arith], pi: NDArray[np.int64]) -> list[Arith]:
    """Run pass j at P_j and P_{j-1}, who know pi_j."""
    first = party.index == j
    other = party.links[party.peer(-1 if first else 1)]
    mine = []
    for column in columns:
        op = party.next_op()
        # 1 (local). P_j permutes x_j + x_{j+1} and takes y_{j+1} = F(K_{j+1}) off; P_{j-1} permutes x_{j-1} and
        #   takes y_{j-1} = F(K_{j-1}) off. Both masks are known to P_{j+1} as well.
        plain = column.parts[0] + column.parts[1] if first else column.parts[0]
        kept = party.keys[party.peer(1) if first else party.index].mask.words(op, column.size)
        masked = plain[pi] - kept
        # 2 (one round). They exchange what is left.
        other.send(Kind.DATA, op, masked)
        mine.append((op, masked, kept))
    result = []
    for op, masked, kept in mine:
        # 3 (local). y_j is the sum of both.
        y_j: Words = other.incoming(op, np.empty_like(masked)).finish() + masked
        result.append(Arith((y_j, kept) if first else (kept, y_j)))
    return result


def _renew(party: Party, j: int, column: Arith) -> Arith:
    """Run pass j at P_{j+1}, who learns nothing: its new components are the two masks."""
    op = party.next_op()
    return Arith(tuple(party.keys[(j + k) % 3].mask.words(op, column.size) for k in (1, 2)))
