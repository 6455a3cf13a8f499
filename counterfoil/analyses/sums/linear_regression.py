"""Linear regression by formula, concluded on shares from exact moments that each owner makes of its own rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis, Checked, Result, total_of
from counterfoil.analyses.formulas.design import Design
from counterfoil.analyses.formulas.formula import Factor, read
from counterfoil.analyses.formulas.moments import ExactMoments
from counterfoil.analyses.parameters import NUMBERS, Parameter, Takes
from counterfoil.analyses.sums.fits import Outcome, concluded
from counterfoil.analyses.sums.regression_table import INTERCEPT, Described, present
from counterfoil.data.encode import IS
from counterfoil.deferred import deferred
from counterfoil.disclosure.crosscheck import Stated
from counterfoil.disclosure.declaration import Cells, Input, Limits, Opened, Output, Told
from counterfoil.disclosure.features import Feature, groups
from counterfoil.errors import PlanError, RangeError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.numeric.fixed import Fixed
from counterfoil.mpc.circuits.numeric.regression import COUNT_BITS, EXPLAINED_STEPS, Moments
from counterfoil.mpc.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.data.reading.table import Table
else:
    pd = deferred("pandas")

MOST_COLUMNS: Final = 20
"""So many columns of numbers a model has, beside its intercept, at most."""

MOST_SUMS: Final = 400
"""A model is made of so many sums at most, each of which is judged."""

_GROUPS: Final = Takes(("string", "integer", "boolean"), needs="groups")


class LinearRegression(Analysis):
    """Ordinary least squares by `formula`: coefficients with standard errors, R² and the residual standard error.

    A formula is written as in statsmodels and R: `balance ~ income + C(product) + income:C(product)`, with `*` for
    columns and their product and `- 1` for a line through the origin. Texts and what is in C() are coded: each category
    but the first of the contract has a column. Every owner hands in exact sums of the columns and of their products;
    the nodes conclude the fit while all of it is shared, and each number leaves in public steps: 10^-`digits` of the
    width of the response's bounds by that of the column's, rounded down to a power of ten. Every sum that the model is
    made of is judged, and the fit leaves as a whole or not at all.
    """

    key = "linear_regression"
    version = 1
    title = "Linear regression"
    learns: ClassVar[Mapping[str, str]] = {
        "count": "the number of rows",
        "outcome": "whether there is a fit, and if not why (too few rows; a column that does not vary; columns that "
        "determine one another, or the response; numbers too large for their steps)",
        "varies": "of each column of the model, and of the response, whether it varies",
        "estimate": "the coefficient of each column, and the intercept, in public steps",
        "error": "the standard error of each, in the same steps",
        "residual": "the residual standard error, in the steps of the intercept",
        "explained": "R², to the nearest 0.001",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "formula": Parameter(
            "the response and what it goes with, as in statsmodels and R: y ~ x + C(g) + x:z",
            {"type": "string", "minLength": 3, "maxLength": 1000},
            example="balance ~ C(region) + C(product)",
        ),
        "digits": Parameter(
            "how many digits finer than the ratio of the columns' bounds coefficients leave (6 unless it says)",
            {"type": "integer", "minimum": 3, "maximum": 9},
            required=False,
        ),
    }
    takes = Takes(("integer", "number", "string", "boolean"))
    example = ("balance", "region", "product")
    statistics = frozenset({"correlations"})
    enforces = frozenset(
        {"safe_dof_threshold", "safe_owners", "safe_other_rows", "check_missing_values", "safe_round_counts"}
    )

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        if spare := sorted(set(planned.columns) - set(self.design.formula.columns)):
            raise PlanError(f"{planned.name}: its formula does not name {spare[0]!r}; leave the column out")
        columns, sums = len(self.design.made), len(self.design.features)
        if columns > MOST_COLUMNS or sums > MOST_SUMS:
            raise PlanError(
                f"{planned.name}: its model has {columns} columns, and is made of {sums} sums; take fewer columns or "
                f"categories, for {MOST_COLUMNS} and {MOST_SUMS} at most"
            )
        if limits.total_rows >= 1 << COUNT_BITS or limits.owners * limits.total_rows >= 1 << (COUNT_BITS + 7):
            raise RangeError(f"{planned.name}: {limits.total_rows} rows of {limits.owners} owners are too many")
        for name, (low, high) in zip(self.design.labels, self.moments.bounds, strict=True):
            if low == high:
                raise PlanError(f"{planned.name}: {name} has one value by its bounds in {contract.id}; leave it out")

    # --- public, from the plan ----------------------------------------------------------------------------------

    @cached_property
    def design(self) -> Design:
        """The model that the plan's formula names, with every column of texts coded. Raises: PlanError."""
        try:
            found = read(str(self.planned.params.get("formula", "")))
        except PlanError as error:
            raise PlanError(f"{self.planned.name}: {error}") from None
        self.column(found.response, *NUMBERS.types)
        kinds = {each.column: each.coded for term in found.terms for each in term}
        for name, in_c in kinds.items():
            column = self.column(name, *(_GROUPS.types if in_c else (self.takes or _GROUPS).types))
            kinds[name] = in_c or column.type not in NUMBERS.types
            if kinds[name] and groups(column) is None:
                raise PlanError(f"{self.planned.name}: {_GROUPS.misfit(column, self.key, self.contract.id)}")
        terms = (tuple(Factor(each.column, kinds[each.column]) for each in term) for term in found.terms)
        return Design(self.contract, replace(found, terms=tuple(terms)))

    @cached_property
    def moments(self) -> ExactMoments:
        """What owners hand in: the moments of these columns, the response last."""
        return ExactMoments(self.design.bounds, self.limits.rows, self.design.formula.intercept)

    @cached_property
    def exponents(self) -> list[int]:
        """The powers of ten that coefficients are steps of, in the columns' own units; the intercept's last."""
        digits = int(self.planned.params.get("digits", 6))
        ends = zip(self.design.bounds, self.design.places, strict=True)
        widths = [Fraction(high - low, 10**at) for (low, high), at in ends]
        return [_power_of_ten(widths[-1] / each) - digits for each in (*widths[:-1], Fraction(1))]

    def inputs(self) -> tuple[Input, ...]:
        return (Input("count", (), 0, self.limits.rows), *self.moments.inputs())

    def outputs(self) -> tuple[Output, ...]:
        single = (Output(name, ()) for name in ("safe", "count", "outcome", "residual", "explained"))
        each = (Output(name, (self.design.parameters,)) for name in ("estimate", "error"))
        return (*single, Output("varies", (len(self.design.made) + 1,)), *each)

    def counted(self) -> Mapping[str, Bound]:
        return {"count": Bound(0, self.limits.total_rows)}

    def untold(self) -> tuple[str, ...]:
        """Say in which steps coefficients leave."""
        names = [*self.design.labels[:-1], INTERCEPT if self.design.formula.intercept else "residual standard error"]
        steps = (f"{name} {Decimal(1).scaleb(power):f}" for name, power in zip(names, self.exponents, strict=True))
        return (
            "coefficients and their errors leave in public steps, which follow from the columns' bounds in the "
            f"contract: {', '.join(steps)}",
        )

    def own_features(self) -> tuple[Feature, ...]:
        return self.design.features

    def told_apart(self) -> frozenset[str]:
        return self.design.told_apart

    def told(self, opened: Opened) -> Iterator[Told]:
        if not opened["safe"] or not opened["count"] or self.rounded:
            return
        count = float(opened["count"])
        yield Told(Feature(), count, count)
        if len(self.design.made) == 1 and self.design.formula.intercept and opened["outcome"] == Outcome.FITTED:
            sign, half = (1 if opened["estimate"][0] >= 0 else -1), 1 / EXPLAINED_STEPS
            share = float(opened["explained"]) / EXPLAINED_STEPS
            low, high = sorted(sign * float(np.sqrt(min(max(share + off, 0.0), 1.0))) for off in (-half, half))
            pair = Feature((*self.design.factors[0], self.design.formula.response))
            yield Told(pair, low, high, coefficient=len(pair.factors) == 2)

    # --- the three worlds ---------------------------------------------------------------------------------------

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        return {"count": np.array(table.rows, np.int64), **self.moments.made(self.design.blocks(table))}

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        count, tests = total_of([owner.values["count"] for owner in owners]), {}
        if least := self.rules.safe_dof_threshold:
            tests["safe_dof_threshold"] = p.add_public(count, -(least + self.design.parameters)).reshape(1)
        return Cells(count, self.moments.added(owners), tests)

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        moments = Moments(
            Fixed(cells.count.reshape(1), 0, Bound(0, self.limits.total_rows)),
            self.moments.wide("sum", cells.values["sum"], self.limits.owners),
            self.moments.wide("cross", cells.values["cross"], self.limits.owners),
            self.moments.middles,
        )
        *columns, response = self.design.places
        # Steps are in units of the last decimal places: of the response, for one of the column.
        shifts = [response - at for at in (*columns, 0)]
        steps = [Fraction(10) ** (power + by) for power, by in zip(self.exponents, shifts, strict=True)]
        return Cells(cells.count, concluded(p, moments, steps, intercept=self.design.formula.intercept), cells.tests)

    def sums(self) -> frozenset[str]:
        return frozenset({"rows", *(f"sum of {name}" for name in self._summed)})

    def state(self, cells: Cells) -> Mapping[str, Stated]:
        stated = {"rows": Stated(cells.count)}
        for name, at in self._summed.items():
            stated[f"sum of {name}"] = Stated(self.moments.word(at, cells.values["sum"], cells.count))
        return stated

    def present(self, opened: Opened) -> Result:
        model = Described(
            (self.planned.name, self.key, self.version),
            self.contract.column(self.design.formula.response),
            tuple(self.design.labels[:-1]),
            self.design.formula.intercept,
            tuple(self.exponents),
            self.design.firsts,
            self.measure("count"),
        )
        return present(model, opened)

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        pooled = pd.concat(tables)
        x, *_, digits = self.design.matrix(pooled), *self.design.places
        y = pooled[self.design.formula.response].to_numpy(float) / 10**digits
        beta, *_ = np.linalg.lstsq(x, y, rcond=None)
        left = y - x @ beta
        free = max(1, len(x) - x.shape[1])
        error = np.sqrt(left @ left / free * np.diag(np.linalg.pinv(x.T @ x)))
        terms = [*self.design.labels[:-1], *([INTERCEPT] if self.design.formula.intercept else [])]
        return pd.DataFrame({"term": terms, "estimate": beta, "standard error": error})

    @property
    def _summed(self) -> dict[str, int]:
        """The columns of the contract of which the moments have the exact sum, with their places."""
        alone = {factors[0]: at for at, factors in enumerate(self.design.factors) if len(factors) == 1}
        return {name: at for name, at in alone.items() if IS not in name and self.moments.fits(at)}


def _power_of_ten(number: Fraction) -> int:
    """Return the largest power of ten that is not above the number."""
    power = len(str(int(number))) - 1 if number >= 1 else -len(str(int(1 / number)))
    return power if Fraction(10) ** (power + 1) > number else power + 1
