"""Split an owner's values and check what each node gets of them (PROTOCOLS 3).

Works for both suites. Knows nothing of manifests, seals or signatures: an envelope here is what governance seals, and
commitments are what it puts into the signed manifest.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from counterfoil.canonical import bind
from counterfoil.errors import TamperedError
from counterfoil.mpc.ring.chunks import flat
from counterfoil.mpc.ring.shares import U64, Words
from counterfoil.mpc.runtime.prss import KEY_BYTES, expand
from counterfoil.mpc.suites.replicated import components
from counterfoil.secret import Secret

_SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True, repr=False)
class Submission(Secret):
    """A split vector: what goes sealed to each node, and what is public."""

    envelopes: tuple[bytes, ...]
    commitments: tuple[bytes, ...]


def split(values: Words, n: int, submission_id: str) -> Submission:
    """Split the vector into n components that add up to it; all but the last one are 32-byte seeds.

    An envelope is, for each component that its node holds and in the node's order, a salt and then the seed or the
    words. Any n-1 components are uniform and independent of the values.
    """
    values = flat(values)
    seeds = [os.urandom(KEY_BYTES) for _ in range(n - 1)]
    salts = [os.urandom(_SALT_BYTES) for _ in range(n)]
    last = values.copy()
    commitments = []
    for j, seed in enumerate(seeds):
        component = expand(seed, values.size)
        last -= component
        commitments.append(_commit(submission_id, j, salts[j], component))
    commitments.append(_commit(submission_id, n - 1, salts[-1], last))
    sent = [salt + content for salt, content in zip(salts, [*seeds, last.tobytes()], strict=True)]
    envelopes = (b"".join(sent[j] for j in components(n, node)) for node in range(n))
    return Submission(tuple(envelopes), tuple(commitments))


def longest_envelope(n: int, size: int) -> int:
    """Return the size in bytes of the longest envelope of a vector of `size` words."""
    return max(sum(_lengths(n, node, size)) for node in range(n))


def accept(
    envelope: bytes, commitments: Sequence[bytes], submission_id: str, *, n: int, node: int, size: int
) -> tuple[Words, ...]:
    """Unpack this node's components of a vector of `size` words, each checked against its public commitment.

    Raises: TamperedError if the envelope is not of that size or a component is not what was committed to.
    """
    held, parts, lengths = components(n, node), [], _lengths(n, node, size)
    if len(commitments) != n or len(envelope) != sum(lengths):
        raise TamperedError(f"submission {submission_id}: the envelope is not one of {size} words for node {node}")
    rest = memoryview(envelope)
    for j, length in zip(held, lengths, strict=True):
        salt, content = bytes(rest[:_SALT_BYTES]), rest[_SALT_BYTES:length]
        rest = rest[length:]
        part = expand(bytes(content), size) if j < n - 1 else np.frombuffer(content, dtype=U64)
        if not hmac.compare_digest(_commit(submission_id, j, salt, part), commitments[j]):
            raise TamperedError(f"submission {submission_id}: component {j} is not the one committed to; resubmit")
        parts.append(part)
    return tuple(parts)


def _lengths(n: int, node: int, size: int) -> list[int]:
    """List, for each component that the node holds, the length of a salt and a seed, or a salt and the words."""
    return [_SALT_BYTES + (KEY_BYTES if j < n - 1 else 8 * size) for j in components(n, node)]


def _commit(submission_id: str, j: int, salt: bytes, component: Words) -> bytes:
    return bind("mpc/commit/1", submission_id.encode(), bytes([j]), salt, component.tobytes())
