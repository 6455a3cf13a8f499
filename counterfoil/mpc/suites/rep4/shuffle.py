"""Shuffle secretly in rep4: four passes, each in an order that one party does not know.

Source: Laur, Willemson & Zhang 2011 for the passes; PROTOCOLS 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.protocol import Permutation
from counterfoil.mpc.ring.shares import Arith, Words
from counterfoil.mpc.runtime.party import Party
from counterfoil.mpc.runtime.prss import inverse
from counterfoil.mpc.suites.rep4.joint import Joint, settle
from counterfoil.mpc.suites.replicated import by_component, components, rows_of


def shuffle(party: Party, columns: Sequence[Arith]) -> tuple[list[Arith], Permutation]:
    """Shuffle all columns' rows into one fresh order, the composition of four.

    Shapes: every column is (n,).
    Cost: 4 rounds; 96 B per row and column, and 12 digests a column.
    Reveals: nothing to one malicious party; each lacks one of the four orders.
    Raises: CheatingDetected.
    """
    permutation = Permutation(rows_of(columns), tuple(party.next_op() for _ in range(party.n)))
    return _passes(party, columns, permutation, range(4), undo=False), permutation


def unshuffle(party: Party, columns: Sequence[Arith], permutation: Permutation) -> list[Arith]:
    """Undo `shuffle` on other columns, under fresh masks.

    Shapes, Cost, Reveals: as `shuffle`.
    Raises: CheatingDetected; ShapeError unless the columns have as many rows.
    """
    rows_of(columns, permutation.size)
    return _passes(party, columns, permutation, reversed(range(4)), undo=True)


def _passes(
    party: Party, columns: Sequence[Arith], permutation: Permutation, order: Iterable[int], *, undo: bool
) -> list[Arith]:
    result = list(columns)
    for j in order:
        if party.index == j:
            result = _receive(party, len(result), permutation.size)
        else:
            pi = party.keys[j].perm.draw(permutation.ops[j], permutation.size)
            result = _permute(party, j, result, inverse(pi) if undo else pi)
    return result


def _permute(party: Party, j: int, columns: Sequence[Arith], pi: NDArray[np.int64]) -> list[Arith]:
    """Run pass j at the three parties that know pi_j."""
    group = components(4, j)
    result, messages = [], []
    for column in columns:
        # 1 (local). y_c = pi(x_c) + zeta_c, where the four zeta, all from K_j, sum up to zero.
        draw = party.keys[j].mask.draw(party.next_op(), 3 * column.size)
        zeta = {c: draw.into(np.empty(column.size, np.uint64)) for c in group}
        zeta[j] = np.negative(sum(zeta[c] for c in group))
        y: dict[int, Words] = {c: x[pi] + zeta[c] for c, x in by_component(party, column.parts).items()}
        # 2 (one round). P_j gets each component but its own from the two others that hold it.
        for c in group:
            message = _to_excluded(party, j, c, column.size)
            if c != party.index:
                message.tell(y[c])
            messages.append(message)
        result.append(Arith(tuple(y.values())))
    settle(party, messages)
    return result


def _receive(party: Party, columns: int, size: int) -> list[Arith]:
    """Run pass j at P_j, which learns nothing: its new components are masked by a key that it does not hold."""
    messages = []
    for _ in range(columns):
        party.next_op()
        messages.append([_to_excluded(party, party.index, c, size) for c in components(4, party.index)])
    settle(party, [message for column in messages for message in column])
    return [Arith(tuple(message.words for message in column)) for column in messages]


def _to_excluded(party: Party, j: int, c: int, size: int) -> Joint:
    s, t = (holder for holder in components(4, j) if holder != c)
    return Joint(party, s, t, j, size)
