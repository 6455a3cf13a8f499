"""The smallest case there is: four balances, one total. Nodes add what they hold, and any two of them have it all."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from counterfoil.mpc.suites.input import accept, split
from counterfoil.mpc.suites.replicated import components
from counterfoil_prefect.synthetic_data.answers import FIRST_CASE

TOTAL = 17_500


@pytest.mark.parametrize("n", [3, 4])
def test_the_total_is_right_whichever_nodes_open_it(n: int) -> None:
    sums: list[dict[int, int]] = [dict.fromkeys(components(n, node), 0) for node in range(n)]
    for bank, balance in FIRST_CASE.items():
        submission = split(np.array([balance], np.uint64), n, bank)
        for node in range(n):
            parts = accept(submission.envelopes[node], submission.commitments, bank, n=n, node=node, size=1)
            for j, part in zip(components(n, node), parts, strict=True):
                sums[node][j] = (sums[node][j] + int(part[0])) % (1 << 64)
    for one, other in combinations(range(n), 2):
        held = {**sums[one], **sums[other]}
        assert all(sums[one][j] == sums[other][j] for j in set(sums[one]) & set(sums[other]))
        assert sorted(held) == list(range(n))
        assert sum(held.values()) % (1 << 64) == TOTAL


def test_no_node_has_it_alone() -> None:
    """What one node holds of the same balances is different every time, and never adds up to the total."""
    seen = set()
    for _ in range(50):
        submission = split(np.array([sum(FIRST_CASE.values())], np.uint64), 3, "all")
        parts = accept(submission.envelopes[0], submission.commitments, "all", n=3, node=0, size=1)
        seen.add(sum(int(part[0]) for part in parts) % (1 << 64))
    assert len(seen) == 50
    assert TOTAL not in seen
