"""Apply secret permutations to rows, through one shuffle and one opening each (PROTOCOLS 8).

A permutation is a column of destinations: row i goes to place sigma_i. What is opened is sigma in a fresh uniform order
that nobody knows, hence a uniform permutation whatever sigma is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.circuits.core.preconditions import check_columns
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat

SHUFFLED: Final = "shuffled permutation"
"""Ledger label: a uniform permutation, independent of all data."""


def bit_permutation(p: Protocol, bit: Arith) -> Arith:
    """Compute destinations that move rows with bit 0 before rows with bit 1, in order within each.

    Shapes: bit (n,), each 0 or 1; the result (n,).
    Cost: 1 round; 24 / 48 B.
    Reveals: nothing.
    Raises: ShapeError.
    Source: Hamada et al. (ePrint 2014/121); PROTOCOLS 8, bitperm.
    """
    check_columns("bit_permutation", [bit])
    # 1 (local). s0: how many zeros up to here; s1: all zeros, and how many ones up to here.
    s0 = p.add_public(-bit, 1).cumsum()
    s1 = bit.cumsum() + s0[-1:].broadcast_to(bit.shape)
    # 2 (one round). s0 or s1 by the bit, counted from 0.
    return p.add_public(s0 + p.multiply(bit, s1 - s0), -1)


def apply(p: Protocol, sigma: Arith, columns: Sequence[Arith]) -> list[Arith]:
    """Permute the columns: row i goes to place sigma_i.

    Shapes: sigma and every column (n,).
    Cost: 4 / 5 rounds; 48·(c + 1) + 24 / 96·(c + 1) + 32 B for c columns.
    Reveals: one uniform permutation.
    Raises: ShapeError; IntegrityError if sigma is no permutation.
    Source: Chida et al. (ePrint 2019/695); PROTOCOLS 8, apply.
    """
    check_columns("apply", [sigma, *columns])
    # 1 (3 / 4 rounds). All rows in one secret order.
    (shuffled, *moved), _ = p.shuffle([sigma, *columns])
    # 2 (one round). Where each of them goes.
    order = inverse(p.open_permutation(shuffled, SHUFFLED))
    return [column[order] for column in moved]


def apply_inverse(p: Protocol, sigma: Arith, columns: Sequence[Arith]) -> list[Arith]:
    """Undo `apply`: the row at place sigma_i goes to i.

    Shapes: sigma and every column (n,).
    Cost: 7 / 9 rounds; 48·(c + 1) + 24 / 96·(c + 1) + 32 B for c columns.
    Reveals: one uniform permutation.
    Raises: ShapeError; IntegrityError if sigma is no permutation.
    Source: as `apply`.
    """
    check_columns("apply_inverse", [sigma, *columns])
    # 1 (3 / 4 rounds, then one). sigma in a secret order, opened.
    (shuffled,), permutation = p.shuffle([sigma])
    tau = p.open_permutation(shuffled, SHUFFLED)
    # 2 (3 / 4 rounds). Gather, and undo the secret order.
    return p.unshuffle([column[tau] for column in columns], permutation)


def inverse(permutation: NDArray[np.int64]) -> NDArray[np.int64]:
    """Invert a public permutation."""
    inverted = np.empty_like(permutation)
    inverted[permutation] = np.arange(permutation.size)
    return inverted


def compact(p: Protocol, flag: Arith, columns: Sequence[Arith]) -> tuple[list[Arith], Arith]:
    """Move the flagged rows first, in their order, then the others; return the columns and the destinations.

    Shapes: flag (n,), each 0 or 1; every column (n,).
    Cost: 5 / 6 rounds; 48·(c + 2) / 96·(c + 1) + 80 B for c columns.
    Reveals: one uniform permutation.
    Raises: ShapeError.
    Source: PROTOCOLS 9, compact.
    """
    check_columns("compact", [flag, *columns])
    sigma = bit_permutation(p, p.add_public(-flag, 1))
    return apply(p, sigma, columns), sigma


def shift_down(column: Arith) -> Arith:
    """Replace each row by its predecessor; zero for the first. Local."""
    return concat([column[:1] - column[:1], column[:-1]])
