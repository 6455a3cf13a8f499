"""Merge neighbouring bins until each may leave, from the first on, on shares: where merged bins end stays shared.

A bin is wanted of several tables at once, such as events and censorings of each group, and ends where each of these has
enough persons, of enough owners. What is left after the last end joins the bin before it, so every person is in one.
"""

from __future__ import annotations

import numpy as np

from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.compare import is_zero, msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, concat


def merged_ends(p: Protocol, own: Arith, rules: Rules) -> tuple[Arith, Arith]:
    """Mark the last bin of each merged bin; and return 1 if not even all bins together may leave, else 0.

    Whether bins may leave only grows as they are joined: a cell without anybody is never enough, also where empty cells
    may be told.

    Shapes: own (owners, tables, bins), how many persons of each owner are in each; the results (bins,) and (1,).
    Cost: 35 rounds at most, and one for each bin; a comparison for each two bins, table and owner.
    Reveals: nothing.
    """
    bins = own.shape[2]
    passed = _enough(p, own, rules)
    # 2 (a round for each bin). `open_at` is 1 at the bin that the one which is not ended yet begins with.
    open_at = p.constant(np.eye(1, bins + 1, dtype=U64).reshape(-1))
    ends = []
    for last in range(bins):
        ended = p.multiply(open_at[: last + 1], passed[last])
        ends.append(ended.sum().reshape(1))
        nothing = p.constant(np.zeros(bins - last - 1, U64))
        open_at = open_at - concat([ended, p.constant(np.zeros(bins - last, U64))])
        open_at = open_at + concat([p.constant(np.zeros(last + 1, U64)), ends[-1], nothing])
    # 3 (local). What is left, from a bin after the first on, has the end before it move to the last bin.
    left = open_at[1:bins]
    moved = concat([-left, left.sum().reshape(1)]) if bins > 1 else p.constant(np.zeros(1, U64))
    return concat(ends) + moved, open_at[:1]


def _enough(p: Protocol, own: Arith, rules: Rules) -> list[Arith]:
    """Return for each last bin, and each first one up to it, 1 where all tables have enough in the bins between them.

    Shapes: the result, by last bin, (last + 1,).
    """
    owners, tables, bins = own.shape
    before = [p.constant(np.zeros((owners, tables, 1), U64))]
    for at in range(bins):
        before.append(before[-1] + own[:, :, at : at + 1])
    until = concat(before, axis=2)
    first, last = (np.array(each) for each in zip(*((i, j) for j in range(bins) for i in range(j + 1)), strict=True))
    between = until[:, :, last + 1] - until[:, :, first]
    spans = first.size
    every = between.sum(axis=0)
    # 1 (10 rounds). Too few persons, or too few beside some owner's; and which owners have nobody.
    asked = []
    if rules.safe_threshold > 1 or rules.zeros_are_disclosive:
        asked.append(p.add_public(every, -rules.safe_threshold).reshape(1, tables, spans))
    if rules.safe_other_rows:
        others = every.reshape(1, tables, spans).broadcast_to(between.shape) - between
        asked.append(p.add_public(others, -rules.safe_other_rows))
    if rules.safe_owners > 1:
        absent = b2a(p, is_zero(p, between.reshape(-1))).reshape(*between.shape).sum(axis=0)
        asked.append(p.add_public(-absent, owners - rules.safe_owners).reshape(1, tables, spans))
    if not asked:
        return [p.constant(np.ones(j + 1, U64)) for j in range(bins)]
    few = b2a(p, msb(p, concat([each.reshape(-1) for each in asked])))
    failed = few.reshape(-1, spans).sum(axis=0)
    most = sum(each.size for each in asked) // spans
    passed = b2a(p, is_zero(p, failed, most.bit_length()))
    starts = np.cumsum([0, *range(1, bins + 1)])
    return [passed[starts[j] : starts[j + 1]] for j in range(bins)]
