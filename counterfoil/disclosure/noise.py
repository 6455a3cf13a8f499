"""Noise for differential privacy on shared results: how much, from the plan alone, and where it is added.

Neighbours are tables of as many rows, in which the rows of one person (see the contract) are put in place of others:
the number of rows is public, so what they must not tell is what is in them. All parameters are whole numbers and
fractions. Knows no analysis but by how far one row moves its results.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction
from typing import Final

from counterfoil.errors import RangeError
from counterfoil.governance.cumulative.accounting import Loss
from counterfoil.governance.policies.privacy import Privacy
from counterfoil.mpc.circuits.core import noise
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.truncate import trunc_exact
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith

CONFIDENCE: Final = Fraction(95, 100)
"""How often a noised number's interval holds the exact one."""

WIDEST_SIGMA: Final = 256
"""Gaussian noise wider than this is sampled in coarser units, into which the value is rounded first."""

_MOST_BITS: Final = 50


@dataclass(frozen=True, slots=True)
class Moves:
    """How far one row in place of another moves an array of shared results.

    `l1` and `l2_squared` are the sum of its cells' changes and of their squares, over at most `cells` cells, of which
    the array has `size`; no cell passes `reach` in magnitude. An array that does not move takes no noise.
    """

    l1: int
    l2_squared: int
    cells: int
    size: int
    reach: int

    def by(self, rows: int) -> Moves:
        """Return the same for so many rows at once, which may all move the same cells."""
        cells = min(self.cells * rows, self.size)
        return Moves(self.l1 * rows, self.l2_squared * rows * rows, cells, self.size, self.reach)


class Noise(ABC):
    """The noise of every cell of one array; `unit` is what its samples count in, 2^k."""

    unit: int = 1

    @abstractmethod
    def sample(self, p: Protocol, output: str, size: int) -> Arith:
        """Draw secret samples for one output, in units."""

    @property
    @abstractmethod
    def bound(self) -> Bound:
        """What no sample passes, in units."""

    @property
    @abstractmethod
    def distance(self) -> Fraction:
        """How far one sample is from its law, in total variation."""

    @abstractmethod
    def _quantile(self, beyond: Fraction) -> int:
        """Return the smallest magnitude, in units, that a sample passes with probability `beyond` at most."""

    def half_width(self, confidence: Fraction = CONFIDENCE) -> int:
        """Return what the noised number is within of the exact one, so often at least."""
        return self._quantile(1 - confidence) * self.unit + self.unit // 2

    def add(self, p: Protocol, value: Arith, output: str) -> Arith:
        """Return the value, rounded to units if these are coarser than 1, plus noise.

        Shapes: value and the result agree.
        Cost: that of the samples; 10 rounds and at most 152.4 / 256.75 B more where units are coarser.
        Reveals: nothing.
        """
        flat = value.reshape(-1)
        if self.unit > 1:
            flat = trunc_exact(p, flat, self.unit.bit_length() - 1)
        noised = flat + self.sample(p, output, flat.size)
        return p.add_public(noised * self.unit, self.unit // 2).reshape(*value.shape)


@dataclass(frozen=True, slots=True)
class Laplace(Noise):
    """Discrete Laplace noise, of standard deviation about sqrt(2) · scale."""

    scale: Fraction

    def sample(self, p: Protocol, output: str, size: int) -> Arith:
        return noise.discrete_laplace(p, output, size, self.scale)

    @property
    def bound(self) -> Bound:
        return noise.laplace_bound(self.scale)

    @property
    def distance(self) -> Fraction:
        return noise.laplace_distance(self.scale)

    def _quantile(self, beyond: Fraction) -> int:
        return noise.laplace_quantile(self.scale, beyond)


@dataclass(frozen=True, slots=True)
class Gaussian(Noise):
    """Discrete Gaussian noise of standard deviation sigma, in units."""

    sigma: Fraction
    unit: int = 1

    def sample(self, p: Protocol, output: str, size: int) -> Arith:
        return noise.discrete_gaussian(p, output, size, self.sigma)

    @property
    def bound(self) -> Bound:
        return noise.gaussian_bound(self.sigma)

    @property
    def distance(self) -> Fraction:
        return noise.gaussian_distance(self.sigma)

    def _quantile(self, beyond: Fraction) -> int:
        return noise.gaussian_quantile(self.sigma, beyond)


@dataclass(frozen=True, slots=True)
class PlanNoise:
    """The noise of one plan's arrays by name, and what a recipient of them is charged."""

    arrays: Mapping[str, Noise]
    loss: Loss

    def half_width(self, array: str, confidence: Fraction = CONFIDENCE) -> int:
        """Return the same as `Noise.half_width`; 0 for an array without noise."""
        return self.arrays[array].half_width(confidence) if array in self.arrays else 0

    def add(self, p: Protocol, plan: str, values: Mapping[str, Arith]) -> dict[str, Arith]:
        """Add independent noise to every cell of the arrays that take any."""
        return {
            name: self.arrays[name].add(p, value, f"{plan}--{name}") if name in self.arrays else value
            for name, value in values.items()
        }


def plan_noise(privacy: Privacy, moves: Mapping[str, Moves], rows: int) -> PlanNoise:
    """Return the noise that makes a plan private for persons of so many rows, shared out equally among its arrays.

    Raises: RangeError where a noised value could wrap, or the noise would be too wide to sample.
    """
    moving = {name: each.by(rows) for name, each in moves.items() if each.l1}
    if privacy.mechanism == "laplace":
        share = Fraction(privacy.epsilon) / len(moving)
        arrays: dict[str, Noise] = {name: Laplace(each.l1 / share) for name, each in moving.items()}
    else:
        arrays = {name: _gaussian(each, privacy.rho / len(moving)) for name, each in moving.items()}
    for name, each in arrays.items():
        _check_range(moving[name], each)
    distance = sum((each.distance * moving[name].size for name, each in arrays.items()), Fraction(0))
    return PlanNoise(arrays, Loss(privacy.pure, privacy.rho, _ceiling(distance)))


def _gaussian(moves: Moves, rho: Decimal) -> Gaussian:
    """Return discrete Gaussian noise under which the array is rho-zCDP.

    Source: Canonne, Kamath, Steinke (NeurIPS 2020): sensitivity² / (2·sigma²), for vectors of whole numbers.
    """
    for bits in range(_MOST_BITS):
        with localcontext(prec=60, rounding=ROUND_CEILING):
            sensitivity = Decimal(moves.l2_squared).sqrt() / (1 << bits)
            if bits:  # rounding moves each cell that moves by one more unit
                sensitivity += Decimal(moves.cells).sqrt()
            sigma = (sensitivity / (2 * rho).sqrt()).quantize(Decimal("1e-6"))
        if sigma <= WIDEST_SIGMA:
            return Gaussian(Fraction(sigma), 1 << bits)
    raise RangeError(f"Gaussian noise wider than 2^{_MOST_BITS} cannot be added; ask for a larger epsilon")


def _check_range(moves: Moves, added: Noise) -> None:
    """Check that the noised value is sure to stay below 2^62. Raises: RangeError."""
    _ = Bound.symmetric(moves.reach + added.unit) + added.bound.times(added.unit)


def _ceiling(value: Fraction) -> Decimal:
    with localcontext(prec=4, rounding=ROUND_CEILING):
        return Decimal(value.numerator) / Decimal(value.denominator)
