"""Conclude a linear model on shares, and say what came of it: a fit, or the first thing that there is none for."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from fractions import Fraction
from typing import Final

from counterfoil.mpc.circuits.core.compare import is_zero, msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.ranked import cut, multiplied
from counterfoil.mpc.circuits.numeric.regression import Moments, regress
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat


class Outcome(IntEnum):
    """What came of a model, in the order in which it is asked."""

    TOO_FEW_ROWS = 0
    CONSTANT = 1
    DEPENDENT = 2
    DETERMINED = 3
    TOO_LARGE = 4
    FITTED = 5


_ASKED: Final = 5


def concluded(p: Protocol, moments: Moments, steps: Sequence[Fraction], *, intercept: bool) -> dict[str, Arith]:
    """Fit the last column by the others; of what has no fit all numbers are 0, and `outcome` says why.

    Shapes: `outcome`, `residual` and `explained` (); `varies` (w + 1,); `estimate` and `error` for each coefficient.
    Cost: that of `regress`, then 10 rounds for the signs of all tests, an equality, and four rounds of products.
    Reveals: nothing.
    """
    found = regress(p, moments, steps, intercept=intercept)
    parameters = len(moments.middles) - (not intercept)
    rows = p.add_public(moments.count.value, -(parameters + 1))
    asked = [rows, p.add_public(found.varies, -1), found.solved, found.left, found.sized]
    # 1. Which tests fail, and whether any of a kind does.
    signs = cut(b2a(p, msb(p, concat(asked))), [each.size for each in asked])
    failed = concat([each.sum().reshape(1) for each in signs])
    most = max(each.size for each in asked)
    passed = b2a(p, is_zero(p, failed, most.bit_length()))
    # 2. What passes with all that is asked before it; their number is the outcome.
    so_far = [passed[:1]]
    for at in range(1, _ASKED):
        so_far.append(p.multiply(so_far[-1], passed[at : at + 1]))
    fits = so_far[-1]
    kept = slice(parameters)  # without an intercept there is nothing to say of it
    numbers = [found.estimate.value[kept], found.error.value[kept], found.residual.value, found.explained.value]
    estimate, error, residual, explained = multiplied(p, [(each, fits.broadcast_to(each.shape)) for each in numbers])
    outcome: Arith = concat(so_far).sum()
    return {
        "outcome": outcome,
        "varies": found.varies,
        "estimate": estimate,
        "error": error,
        "residual": residual.reshape(),
        "explained": explained.reshape(),
    }
