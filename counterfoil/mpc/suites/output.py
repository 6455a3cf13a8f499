"""Recombine a release at its recipient: every node's copies are compared before they are added up (PROTOCOLS 6.5).

Knows nothing of seals or signatures, nor of who may receive what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from counterfoil.errors import TamperedError
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.suites.replicated import components


def recombine(copies: Sequence[Mapping[int, Words]], add: Callable[[Words, Words], Words] = np.add) -> Words:
    """Add up what each node (by index) released, by component, after comparing the copies. `add` is XOR for bits.

    Raises: TamperedError if a node's components are not those it holds, or if copies differ; where a majority of the
        holders agrees, it names the node that does not.
    """
    n = len(copies)
    for node, released in enumerate(copies):
        if set(released) != set(components(n, node)):
            raise TamperedError(f"node {node} released components {sorted(released)}, not those it holds")
    total: Words | None = None
    for j in range(n):
        holders = [node for node in range(n) if j in copies[node]]
        agreed = _agreed([copies[node][j] for node in holders], holders, j)
        total = agreed if total is None else add(total, agreed)
    assert total is not None  # n > 0  # noqa: S101
    return total


def _agreed(found: Sequence[Words], holders: Sequence[int], j: int) -> Words:
    forms = [(copy.shape, copy.tobytes()) for copy in found]
    form, votes = Counter(forms).most_common(1)[0]
    if votes == len(forms):
        return found[0]
    odd = [node for node, other in zip(holders, forms, strict=True) if other != form]
    blamed = f"node {odd[0]} differs" if 2 * votes > len(forms) else f"nodes {', '.join(map(str, holders))} differ"
    raise TamperedError(f"component {j} of the release: {blamed}; nothing of it may be used")
