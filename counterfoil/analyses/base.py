"""What an analysis is: three pure functions over three worlds, and what each hands to the next.

`local` runs at an owner on plaintext, `secure` at the nodes on shares, `present` at a recipient on what was released.
Everything public about them (which arrays of which shape and range, what is released, how exact it is) follows from the
signed plan alone, so that every party works it out for itself and nobody has to be believed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.parameters import Parameter, Takes
from counterfoil.analyses.units import heading
from counterfoil.data.encode import encode
from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells, Declaration, Input, Limits, Opened
from counterfoil.disclosure.evidence_tests import check_rules
from counterfoil.disclosure.noise import Moves, PlanNoise, plan_noise
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.agreements.where import in_words
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.forms.display import Display
from counterfoil.governance.documents import did_you_mean
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith
from counterfoil.mpc.runtime.ledger import Declared

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.data.reading.table import Table

#: sums on shares stay below this, so that comparisons on them are right (PROTOCOLS 7)
SAFE = 1 << 62


@dataclass(frozen=True, slots=True)
class Checked:
    """One owner's inputs after the range check: what was out of range is zero, and `valid` (0 or 1) says so.

    Shapes: `valid` is (rows,) where the inputs are per row, else ().
    """

    values: Mapping[str, Arith]
    valid: Arith

    def left_out(self) -> Checked:
        """Return the same with nothing of it accepted."""
        return Checked({name: value * 0 for name, value in self.values.items()}, self.valid * 0)


@dataclass(frozen=True, slots=True)
class Measure:
    """How a column of a result is to be read: its unit, and the bound of its error (0 is exact).

    The bound is NaN where it differs from row to row; `bounds` are then those of the rows, if they are known.
    A noised number has no bound: it is within `interval` of the exact one with probability CONFIDENCE, and at any
    distance otherwise; `interval` is NaN where it differs from row to row and has columns of its own. `display` is the
    unit that people are shown it in, if that is another one.
    """

    unit: str = ""
    bound: float = 0.0
    interval: float | None = None
    display: Display | None = None
    bounds: tuple[float, ...] = ()

    @property
    def label(self) -> str:
        if self.interval is not None:
            return "noised"
        return "exact" if self.bound == 0 else "bounded"


@dataclass(frozen=True, slots=True)
class ResultTable:
    """A table for people: index columns say which cell, measured columns what it holds; suppressed cells are NA.

    `headings` are what people call some of its columns.
    """

    title: str
    frame: pd.DataFrame
    measures: Mapping[str, Measure]
    chart: str = ""
    headings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What an analysis tells its recipient."""

    name: str
    analysis: str
    version: int
    title: str
    findings: tuple[str, ...]
    tables: tuple[ResultTable, ...]
    suppressed: int = 0
    cells: int = 0
    assumptions: tuple[str, ...] = field(default=())


class Analysis(Declaration):
    """One planned analysis: what the agreement says of it, bound to its contract and limits.

    Raises: PlanError where the plan does not fit the contract; RangeError where a sum could wrap.
    """

    version: ClassVar[int]
    title: ClassVar[str]
    #: by released array, but for `safe`: what a recipient learns from it, in plain words
    learns: ClassVar[Mapping[str, str]]
    params: ClassVar[Mapping[str, Parameter]] = {}
    #: which columns a plan may list; None where its parameters say what each is for
    takes: ClassVar[Takes | None] = None
    #: columns of the example contract for loans that its example lists, beside those that its parameters name
    example: ClassVar[tuple[str, ...]] = ()
    #: by number, what earlier versions did wrong, so that none runs any more
    retired: ClassVar[Mapping[int, str]] = {}

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        if unknown := sorted(set(planned.params) - set(self.params)):
            raise PlanError(f"{planned.name}: {self.key} has no parameter {unknown[0]!r}; it has {sorted(self.params)}")
        self.planned = planned
        self.contract = contract
        self.limits = limits
        self.rules = limits.rules.of_noised() if planned.privacy else limits.rules
        check_rules(planned.name, self, limits.owners)
        self._check_learns()
        for item in self.inputs():
            bound = max(abs(item.low), abs(item.high)) * (limits.total_rows if item.per_row else limits.owners)
            if bound >= SAFE:
                raise RangeError(
                    f"{planned.name}: the sum of {item.name} could wrap; narrow its bounds in the contract"
                )
        self.noise = self._noise()
        self._check_where()
        for name, reach in self.rounded.items():
            self.check_rounding(name, reach)

    # --- public, from the plan ----------------------------------------------------------------------------------

    @abstractmethod
    def inputs(self) -> tuple[Input, ...]:
        """List the arrays that each owner hands in."""

    @property
    def learned(self) -> Mapping[str, str]:
        """What a recipient learns from each array that this plan releases; `learns` where that is the same for all."""
        return self.learns

    @property
    def reveals(self) -> tuple[str, ...]:
        """What a recipient learns, in plain words."""
        if not self.planned.where:
            return tuple(self.learned.values())
        return tuple(f"{each}, of {in_words(self.planned.where)}" for each in self.learned.values())

    def used(self, table: Table) -> Table:
        """Return the rows that it is about: those that satisfy its filters."""
        if not self.planned.where:
            return table
        kept = np.ones(table.rows, np.bool_)
        for each in self.planned.where:
            values = encode(table, each.column).values
            kept &= (each.low <= values) & (values <= each.high)
        return table.take(np.flatnonzero(kept))

    def stated(self) -> frozenset[str]:
        """Name the sums that it can be compared with others by, and the rows that these are sums over."""
        return frozenset(f"{each}{self._of_which}" for each in self.sums())

    def states(self, cells: Cells) -> Mapping[str, Stated]:
        """Return these sums by their names, from results that have no noise yet. No message."""
        return {f"{name}{self._of_which}": each for name, each in self.state(cells).items()}

    @property
    def _of_which(self) -> str:
        return f" of {in_words(self.planned.where)}" if self.planned.where else ""

    def openings(self) -> tuple[Declared, ...]:
        """Declare all that `secure` and `conclude` open at the nodes, as the circuits that they use declare it.

        The ledger refuses everything else, and the leakage statement says what is here. Results are not opened.
        """
        return ()

    def untold(self) -> tuple[str, ...]:
        """Say what its result will leave open by its bounds and its precision, in plain words, before it runs."""
        return ()

    def moves(self) -> Mapping[str, Moves]:
        """Return, by the names of the shared results, how far one row in place of another moves them.

        Raises: PlanError where the analysis takes no noise.
        """
        raise PlanError(f"{self.planned.name}: {self.key} takes no noise; remove 'privacy' from it")

    # --- the three worlds ---------------------------------------------------------------------------------------

    @abstractmethod
    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        """Make one array for every input, in its declared range, in plain at the owner."""

    @abstractmethod
    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        """Compute the results and the counts that guard them on shares, at the nodes. Opens what `openings` says."""

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        """Conclude on shares at the nodes, from results that have their noise. Opens what `openings` declares."""
        return cells

    @classmethod
    def conclude_together(cls, p: Protocol, asked: Sequence[tuple[Self, Cells]]) -> list[Cells]:
        """Conclude several of this kind, side by side where that saves rounds."""
        return [analysis.conclude(p, cells) for analysis, cells in asked]

    @abstractmethod
    def present(self, opened: Opened) -> Result:
        """Make tables and findings from the released integers, at the recipient."""

    def presented(self, opened: Opened) -> Result:
        """Present what was released, with the columns of its tables called as the contract's people call them."""
        found = self.present(opened)
        return replace(found, tables=tuple(map(self._headed, found.tables)))

    @abstractmethod
    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Compute the pooled answer that tests and the demo compare with: what the first result table would hold."""

    def plain_as(self, tables: Sequence[pd.DataFrame], shown: ResultTable) -> pd.DataFrame:
        """Compute the same in the rows that a result shows, where data says which these are."""
        return self.plain(tables)

    def answer(self, tables: Sequence[Table], shown: ResultTable | None = None) -> pd.DataFrame:
        """Compute the answer that pooling these tables gives, to what is shown: of the rows that it is about alone."""
        frames = [self.used(table).frame() for table in tables]
        return self.plain(frames) if shown is None else self.plain_as(frames, shown)

    # --- sums that other analyses may state, too ------------------------------------------------------------------

    def sums(self) -> frozenset[str]:
        """Name the sums over all rows that this analysis can be compared with others by."""
        return frozenset()

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        """Return these sums by their names, from results that have no noise yet. No message."""
        return {}

    # --- noise --------------------------------------------------------------------------------------------------

    def add_noise(self, p: Protocol, cells: Cells) -> Cells:
        """Add the noise that the plan asks for, if any, to the results and to their counts. Opens nothing.

        What is hidden is decided afterwards, on noised counts: exact ones would tell who is behind them.
        """
        if self.noise is None:
            return cells
        noised = self.noise.add(p, self.planned.name, {"count": cells.count, **cells.values})
        return Cells(noised.pop("count"), noised)

    @property
    def noised(self) -> tuple[str, ...]:
        """The shared results that get noise."""
        return tuple(self.noise.arrays) if self.noise else ()

    def measure(self, array: str, unit: str = "", display: Display | None = None) -> Measure:
        """Return how a column with the numbers of one released array, in their own unit, is to be read."""
        if self.noise is None or array not in self.noised:
            bound = self.base_of(array) // 2 / self.scale(array) if array in self.rounded else 0
            return Measure(unit, bound, display=display)
        return Measure(unit, interval=self.noise.half_width(array) / self.scale(array), display=display)

    def _headed(self, table: ResultTable) -> ResultTable:
        columns = {each.name: each for each in self.contract.columns if each.name in table.frame}
        called = {name: heading(each, with_unit=name not in table.measures) for name, each in columns.items()}
        return replace(table, headings={name: each for name, each in called.items() if each} | dict(table.headings))

    def _check_learns(self) -> None:
        """Check that every released array says what it tells. Raises: PlanError."""
        names = {output.name for output in self.outputs()} - {"safe"}
        if unsaid := sorted(names ^ set(self.learned)):
            raise PlanError(
                f"{self.planned.name}: {self.key} v{self.version} does not release what it says that recipients learn, "
                f"or does not say it: {', '.join(unsaid)}; correct `learns`"
            )

    def _check_where(self) -> None:
        """Check that filters leave a table whose cells are parts of all rows. Raises: PlanError."""
        if not self.planned.where:
            return
        name, key = self.planned.name, self.key
        if self.noise is None and self.own_axes() is None:
            raise PlanError(
                f"{name}: {key} takes no 'where' yet; totals, means by group and histograms take it, so remove it here"
            )
        if any(item.per_row for item in self.inputs()):
            raise PlanError(f"{name}: rows on shares take no 'where': their number would tell; write rows: local")
        if self.noise is not None and "count" not in self.noise.arrays:
            raise PlanError(f"{name}: {key} leaves the number of rows without noise, so it takes no 'where'; remove it")
        own = {column for column, _ in self.own_axes() or ()}
        if twice := [each.column for each in self.planned.where if each.column in own]:
            raise PlanError(f"{name}: {twice[0]} is in 'where', and cuts its table as well; keep one of the two")

    def _noise(self) -> PlanNoise | None:
        if self.planned.privacy is None:
            return None
        person = self.contract.person
        return plan_noise(self.planned.privacy, self.moves(), person.rows(self.limits.owners) if person else 1)

    # --- for subclasses -----------------------------------------------------------------------------------------

    def column(self, name: object, *kinds: str) -> Column:
        """Return a column of the contract that the plan lists, of one of these types."""
        column = next((c for c in self.contract.columns if c.name == name), None)
        if column is None:
            known = [each.name for each in self.contract.columns]
            near = did_you_mean(str(name), known)
            raise PlanError(f"{self.planned.name}: contract {self.contract.id} has no column {name!r}{near}")
        if name not in self.planned.columns:
            raise PlanError(f"{self.planned.name}: list the column {name!r} under `columns` of this analysis")
        if words := Takes(kinds).misfit(column, self.key, self.contract.id):
            raise PlanError(f"{self.planned.name}: {words}")
        return column

    def bounds(self, column: Column) -> tuple[int, int]:
        """Return the column's declared bounds, encoded. Raises: PlanError where the contract gives none."""
        if column.bounds is None:
            raise PlanError(f"{self.planned.name}: give {column.name!r} a minimum and a maximum in {self.contract.id}")
        return column.bounds

    def categories(self, column: Column) -> tuple[str, ...]:
        """Return the column's declared categories. Raises: PlanError where the contract gives none."""
        if not column.categories:
            raise PlanError(f"{self.planned.name}: give {column.name!r} its categories in {self.contract.id}")
        return tuple(column.categories)


def total_of(arrays: Sequence[Arith]) -> Arith:
    """Add up equal-shaped sharings. No message."""
    result = arrays[0]
    for array in arrays[1:]:
        result = result + array
    return result
