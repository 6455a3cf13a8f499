"""What an analysis declares of its releases, from the signed plan alone: arrays, cells, margins, roundings and bounds.

Rules, suppression, rounding and attackers go by this, and know no analysis.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.data.encode import columns_of
from counterfoil.disclosure.features import Feature, Filter, followed, of_one_unit
from counterfoil.disclosure.noise import PlanNoise
from counterfoil.errors import RangeError
from counterfoil.governance.agreements.agreement import Agreement, Planned
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.policies.rules import Rules, Statistic
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.rounding import check_roundable
from counterfoil.mpc.ring.shares import Arith

Opened: TypeAlias = Mapping[str, NDArray[np.int64]]
"""Released arrays by name, in plain, as a recipient or an attacker has them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan must survive: how many owners hand in, how many rows each may bring, and the disclosure rules.

    `who` names the owners, in the order in which their parts come.
    """

    owners: int
    rows: int
    rules: Rules = field(default_factory=Rules)
    who: tuple[str, ...] = ()

    @classmethod
    def of(cls, agreement: Agreement, contract: str) -> Limits:
        """Return the limits that the signed documents set for the contract of that name."""
        who = agreement.owners_under(contract)
        return cls(len(who), agreement.contracts[contract].most_rows, agreement.rules, who)

    @property
    def total_rows(self) -> int:
        return self.owners * self.rows


@dataclass(frozen=True, slots=True)
class Input:
    """One array that every owner hands in: integers in [low, high], scaled by 2^frac_bits.

    Shapes: `shape`, preceded by the owner's number of rows if `per_row`.
    """

    name: str
    shape: tuple[int, ...]
    low: int
    high: int
    frac_bits: int = 0
    per_row: bool = False

    def shape_for(self, rows: int) -> tuple[int, ...]:
        """Return the array's shape at an owner of so many rows."""
        return (rows, *self.shape) if self.per_row else self.shape


@dataclass(frozen=True, slots=True)
class Output:
    """One released array: its name, shape and scale."""

    name: str
    shape: tuple[int, ...]
    frac_bits: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """Between what a sum over all rows is, or the correlation of its two factors where it is a `coefficient`."""

    feature: Feature
    low: float
    high: float
    coefficient: bool = False


@dataclass(frozen=True, slots=True)
class Cells:
    """Shared results that stand or fall together, and the tests that each of them must pass to leave.

    `tests` holds for each rule numbers that are not negative where a cell satisfies it, and at most 2^62 in size.
    `outside` counts the rows that are in no cell, where there may be any: with the number of all rows, cells give it.

    Shapes: the shape of `count` is a prefix of every value's shape; tests are (t, *shape of `count`).
    """

    count: Arith
    values: Mapping[str, Arith]
    tests: Mapping[str, Arith] = field(default_factory=dict)
    outside: Arith | None = None


class Declaration(ABC):
    """One planned analysis as far as its releases go, which everybody works out from what was signed."""

    key: ClassVar[str]
    #: which kinds of statistic it releases, and which disclosure rules it enforces on them
    statistics: ClassVar[frozenset[Statistic]]
    enforces: ClassVar[frozenset[str]]

    planned: Planned
    contract: Contract
    limits: Limits
    rules: Rules
    noise: PlanNoise | None

    @abstractmethod
    def outputs(self) -> tuple[Output, ...]:
        """List the arrays that are released, `safe` (1 where a cell was not suppressed) among them."""

    @abstractmethod
    def own_features(self) -> tuple[Feature, ...]:
        """List the sums over its rows that its exact results determine, or are concluded from; none where it is noised.

        That its results are functions of these is tested on random and planted tables (`tests/unit/analyses`).
        """

    def features(self) -> tuple[Feature, ...]:
        """List the same as sums over all rows, in the cells that its filters cut, and what follows from these."""
        by = tuple(each.column for each in self.filters)
        own = [Feature(each.factors, (*each.by, *by)) for each in self.own_features()]
        return (*own, *followed(self.contract, own))

    @property
    def compared(self) -> int | None:
        """The least value with which a sum of all its rows passes, where its result says that alone; else None."""
        return None

    def made_of(self) -> Sequence[Sequence[Feature]]:
        """List the features that the results in each of its cells go by: one list for all, or one for each cell.

        A cell is hidden where one of its features may not leave.
        """
        return (self.features(),)

    def own_axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        """Return the columns that its table of counts is cut by, in the order of its cells, with the parts of each.

        None where no exact counts are released, so that nothing adds up.
        """
        return None

    def told_apart(self) -> frozenset[str]:
        """Name the columns that a model tells rows apart by, whose joint cells are among its features."""
        return frozenset()

    @property
    def once(self) -> bool:
        """Whether its exact results leave once in an agreement's term, since no rule judges what changed in them."""
        return False

    @property
    def alone(self) -> tuple[str, ...]:
        """The columns that no other exact result of the contract may rest on: it would narrow down what this tells."""
        return ()

    @property
    def whole_from(self) -> int | None:
        """How many of its table's first axes tell apart what leaves by itself; None where each cell does.

        Along the others cells leave together or not at all, as where something is concluded from all of them: then it
        is a function of a table that could be shown.
        """
        return None

    @property
    def filters(self) -> tuple[Filter, ...]:
        """What tells which rows it is about: none where it is about all."""
        return tuple(Filter.of(self.contract.column(each.column), each) for each in self.planned.where)

    def axes(self) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
        """Return the columns that rows are cut by so that its table is a part of all: its filters', then its own."""
        own = self.own_axes()
        return None if own is None else (*((each.column, each.parts) for each in self.filters), *own)

    def cells(self) -> NDArray[np.int64]:
        """Return the places of what it releases, in the order of its arrays, among all cells of its axes in C order."""
        inner = math.prod(next(output.shape for output in self.outputs() if output.name == "safe"))
        first = 0
        for each in self.filters:
            first = first * len(each.parts) + each.chosen
        return first * math.prod(len(parts) for _, parts in self.own_axes() or ()) + np.arange(inner)

    def sums_in_cells(self) -> Mapping[str, tuple[str, ...]]:
        """Name, by released array, the factors of the sum that it has of each cell of its axes, in whole units.

        Those that attackers reckon with; what else its arrays say is in `told`.
        """
        return {"count": ()}

    def own_edges(self) -> Mapping[str, tuple[int, ...]]:
        """Give, for columns that its table cuts into bins, the encoded values between which these are.

        The last bin has both of its ends; what is in no bin is in a part of its own, after them.
        """
        return {}

    def edges(self) -> Mapping[str, tuple[int, ...]]:
        """Give the same, and the ends of its filters."""
        return {each.column: each.edges for each in self.filters if each.edges} | dict(self.own_edges())

    def told(self, opened: Opened) -> Iterable[Told]:
        """Say what follows for its features from what was released and shown, where its arrays are not these sums."""
        return ()

    def numbers(self) -> int:
        """Count the exact numbers about the rows that are released."""
        if self.planned.privacy is not None:
            return 0
        return sum(math.prod(output.shape) for output in self.outputs() if output.name != "safe")

    # --- rounding -------------------------------------------------------------------------------------------------

    def counted(self) -> Mapping[str, Bound]:
        """Return the released arrays of counts and sums, which a policy may ask to round, with their bounds."""
        return {}

    def scale(self, array: str) -> int:
        """Return how many units of a released array make one of what it is about: 100 where it counts hundredths."""
        return 1

    def step(self, array: str) -> int:
        """Return what the numbers of a released array are multiples of, in their own unit."""
        return self.rules.safe_round_counts if array == "count" else self.rules.safe_round_sums

    def base_of(self, array: str) -> int:
        """Return the same in units of the array; 1 where it is not rounded."""
        step = self.step(array)
        return step * self.scale(array) if step > 1 else 1

    @property
    def rounded(self) -> Mapping[str, Bound]:
        """The arrays of `counted` that are rounded."""
        return {array: bound for array, bound in self.counted().items() if self.step(array) > 1}

    def check_rounding(self, what: str, reach: Bound) -> None:
        """Check that numbers of this reach can be rounded to the base. Raises: RangeError, by name."""
        try:
            check_roundable(reach, self.base_of(what))
        except RangeError as error:
            raise RangeError(
                f"{self.planned.name}: its {what} cannot be rounded to multiples of {self.step(what)} ({error}); "
                f"narrow the column's bounds or the number of rows in {self.contract.id}, or lower "
                f"`safe_round_{'counts' if what == 'count' else 'sums'}` in the policy"
            ) from None


def sums_released(
    contract: Contract, leaving: Iterable[Declaration], others: Iterable[Declaration] = ()
) -> set[tuple[str, ...]]:
    """List the factors of the sums that these release, the number of rows, and the differences that follow.

    So do those of a column with one that is released in other periods: `others` are all tables of the contract.
    """
    released = {(), *(feature.factors for table in leaving for feature in table.features())}
    every = released | {feature.factors for table in others for feature in table.features()}
    found = {each for each in of_one_unit(contract, every) if any((name,) in released for name in columns_of(each[0]))}
    return released | found
