"""Sample noise for differential privacy that nobody knows and nobody can bias (PROTOCOLS 11).

Sampled from secret random words by comparisons with public thresholds. The words belong to the job, not to the attempt:
a retry adds the same noise to the same output, and no output shares its noise with another. Probabilities are computed
with 60 decimal digits and rounded once, to 2^-64; nothing here is a float. Every sample costs the same and takes the
same steps.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction
from typing import Final

import numpy as np

from counterfoil.errors import RangeError, ShapeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.compare import constant_slices, less_than_public
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import U64, Arith, Words, stack_bits

DIGITS: Final = 60
#: what is cut off or rounded away has probability about 2^-SECURITY
SECURITY: Final = 64
#: the widest Gaussian; its table grows with sigma
MAX_SIGMA: Final = 512


def discrete_laplace(p: Protocol, output: str, size: int, scale: Fraction | int) -> Arith:
    """Draw independent secret samples for one output, each k with probability ~ exp(-|k| / scale).

    The distance of a sample from that law is at most (2·l + 2)·2^-64, l = `laplace_digits(scale)`: add (1 + e^eps)
    times that to delta. |k| <= 2^l - 1, see `laplace_bound`.

    Shapes: the result (size,).
    Cost: 8 rounds; 2·l·(77 / 138) B.
    Reveals: nothing, to any node.
    Raises: ShapeError; RangeError; IntegrityError if the output has its noise already.
    Source: Dwork et al. (EUROCRYPT 2006), Champion, shelat, Ullman (CCS 2019); PROTOCOLS 11. A sample is the difference
        of two geometric ones, whose binary digits are independent.
    """
    _check_size(size)
    digits = laplace_digits(scale)
    # 1 (no message). A random word for each digit of two geometric numbers.
    words = p.noise_bits(output, 64, 2 * digits, size)
    # 2 (6 rounds). Digit i is 1 with probability p_i = a^(2^i) / (1 + a^(2^i)), a = e^(-1 / scale).
    thresholds = constant_slices(np.tile(_laplace_thresholds(scale, digits), 2))
    digit = less_than_public(p, words, thresholds)
    # 3 (two rounds, then local). The first number minus the second.
    weights = U64(1) << np.arange(digits, dtype=U64)
    return (b2a(p, digit) * np.concatenate([weights, np.negative(weights)])[:, np.newaxis]).sum(axis=0)


def laplace_digits(scale: Fraction | int) -> int:
    """Return the binary digits that a geometric number fits in but for 2^-64: ceil(log2(64 · ln 2 · scale)).

    Raises: RangeError unless the scale is above 0 and below 2^48.
    """
    if not 0 < scale < 1 << 48:
        raise RangeError("discrete Laplace: the scale is not above 0 and below 2^48")
    with localcontext(prec=DIGITS):
        reach = (SECURITY * Decimal(2).ln() * _decimal(scale)).to_integral_value(ROUND_CEILING)
    return max(1, (int(reach) - 1).bit_length())


def laplace_bound(scale: Fraction | int) -> Bound:
    """Bound a sample of `discrete_laplace`."""
    return Bound.symmetric((1 << laplace_digits(scale)) - 1)


def laplace_distance(scale: Fraction | int) -> Fraction:
    """Bound the total variation distance of a sample's law from discrete Laplace."""
    return Fraction(2 * laplace_digits(scale) + 2, 1 << SECURITY)


def laplace_quantile(scale: Fraction | int, beyond: Fraction) -> int:
    """Find the smallest t that |sample| passes with probability `beyond` at most.

    It passes t with probability 2·a^(t + 1) / (1 + a), a = e^(-1/scale).
    """
    with localcontext(prec=DIGITS):
        alpha = (-1 / _decimal(scale)).exp()
        reach = ((_decimal(beyond) * (1 + alpha) / 2).ln() / alpha.ln()).to_integral_value(ROUND_CEILING)
    return max(0, int(reach) - 1)


def discrete_gaussian(p: Protocol, output: str, size: int, sigma: Fraction | int) -> Arith:
    """Draw independent secret samples for one output, each k with probability ~ exp(-k² / (2·sigma²)).

    The distance of a sample from that law is at most (t + 1)·2^-64, t = `gaussian_reach(sigma)`: see `discrete_laplace`
    for what that means. |k| <= t.

    Shapes: the result (size,).
    Cost: 9 rounds; t·(77 / 138) + 56 / 96 B.
    Reveals: nothing, to any node.
    Raises: ShapeError; RangeError; IntegrityError if the output has its noise already.
    Source: PROTOCOLS 11: one random word against the cumulative distribution of |k|; the sign is one more bit.
    """
    _check_size(size)
    reach = gaussian_reach(sigma)
    # 1 (no message). One random word and one random sign a sample.
    drawn = p.noise_bits(output, 65, size)
    word, sign = drawn[:64].reshape(64, 1), drawn[64:]
    # 2 (6 rounds). |k| >= j unless the word is under the threshold of j - 1.
    words = word.map(lambda part: np.broadcast_to(part, (64, reach, part.shape[-1])))
    under = less_than_public(p, words, constant_slices(_gaussian_thresholds(sigma, reach)))
    # 3 (two rounds). As numbers: |k| is the count of thresholds that the word is not under.
    number = b2a(p, stack_bits([p.invert(under), sign]))
    magnitude, negative = number[:reach].sum(axis=0), number[reach]
    # 4 (one round). |k| or -|k|.
    return magnitude - p.multiply(negative, magnitude) * 2


def gaussian_reach(sigma: Fraction | int) -> int:
    """Return a magnitude that all but 2^-64 of the samples stay under: ceil(sqrt(2·65·ln 2) · sigma) + 1.

    Raises: RangeError unless sigma is above 0 and at most MAX_SIGMA.
    """
    if not 0 < sigma <= MAX_SIGMA:
        raise RangeError(f"discrete Gaussian: sigma is not above 0 and at most {MAX_SIGMA}")
    with localcontext(prec=DIGITS):
        factor = (2 * (SECURITY + 1) * Decimal(2).ln()).sqrt()
        return int((factor * _decimal(sigma)).to_integral_value(ROUND_CEILING)) + 1


def gaussian_bound(sigma: Fraction | int) -> Bound:
    """Bound a sample of `discrete_gaussian`."""
    return Bound.symmetric(gaussian_reach(sigma))


def gaussian_distance(sigma: Fraction | int) -> Fraction:
    """Bound the total variation distance of a sample's law from discrete Gaussian."""
    return Fraction(gaussian_reach(sigma) + 1, 1 << SECURITY)


def gaussian_quantile(sigma: Fraction | int, beyond: Fraction) -> int:
    """Find the smallest t that |sample| passes with probability `beyond` at most."""
    under = _gaussian_thresholds(sigma, gaussian_reach(sigma))
    return int(np.searchsorted(under, U64(math.ceil((1 - beyond) * 2**64))))


def _laplace_thresholds(scale: Fraction | int, digits: int) -> Words:
    """Compute floor(p_i · 2^64) for each digit."""
    with localcontext(prec=DIGITS):
        powers = [(-(1 << i) / _decimal(scale)).exp() for i in range(digits)]
        return np.array([int(power / (1 + power) * 2**64) for power in powers], dtype=U64)


def _gaussian_thresholds(sigma: Fraction | int, reach: int) -> Words:
    """Compute floor(P[|k| <= j] · 2^64) for j = 0..reach - 1, capped at the largest word."""
    with localcontext(prec=DIGITS):
        spread = 2 * _decimal(sigma) ** 2
        weights = [(1 if j == 0 else 2) * (-(j * j) / spread).exp() for j in range(reach + 1)]
        total, below, thresholds = sum(weights), Decimal(0), []
        for weight in weights[:-1]:
            below += weight
            thresholds.append(min(int(below / total * 2**64), 2**64 - 1))
    return np.array(thresholds, dtype=U64)


def _decimal(value: Fraction | int) -> Decimal:
    exact = Fraction(value)
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def _check_size(size: int) -> None:
    if size < 1:
        raise ShapeError(f"noise: {size} samples")
