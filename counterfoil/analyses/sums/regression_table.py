"""A linear regression as its field presents it: a table of coefficients, the fit in numbers, and what they say.

Works with what was released alone, in the columns' own units. Knows no shares.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.distributions import f_above, t_quantile, t_two_sided
from counterfoil.analyses.sums.fits import Outcome
from counterfoil.analyses.units import amount
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Opened
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.forms.display import Display
from counterfoil.mpc.circuits.numeric.regression import EXPLAINED_STEPS

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

INTERCEPT: Final = "intercept"
CONFIDENCE: Final = 0.95

_OFF: Final = 1e-5
"""A released number is off by one step, and so much of its standard error, at most."""

_LEAST_P: Final = Decimal("0.0001")
_ROUGH: Final = 0.1
"""F is told where the rounding of R² moves it by such a share of it, at most."""

_COARSE: Final = 20
"""Of a standard error of fewer steps t has less than two digits."""

_NAMED: Final = 4
"""So many coefficients are told in words, at most."""

_NONE: Final = {
    Outcome.TOO_FEW_ROWS: "There is no fit: there are no more rows than coefficients.",
    Outcome.CONSTANT: "There is no fit: {constant} over these rows.",
    Outcome.DEPENDENT: "There is no fit: some columns of the model follow from others, or nearly, so that no "
    "coefficient of theirs can be told. Leave one of them out.",
    Outcome.DETERMINED: "There is no fit: the columns determine {response}, but for less than one part in 10^10 of how "
    "it varies, so no error can be told.",
    Outcome.TOO_LARGE: "There is no fit: a coefficient is beyond what its steps can hold, or a column is much farther "
    "from 0 than it varies. Narrow the bounds of the columns in the contract.",
}


@dataclass(frozen=True, slots=True)
class Described:
    """A model as its table goes by it: all of it is public.

    Attributes:
        plan: The plan, and the analysis with its version.
        response: The response.
        terms: The columns of the model, without the intercept.
        intercept: Whether it has an intercept.
        powers: The powers of ten that coefficients are steps of; the last one is the intercept's.
        firsts: By coded column the category that others are compared with.
        rows: How the number of rows is to be read, and whether it is rounded.
    """

    plan: tuple[str, str, int]
    response: Column
    terms: tuple[str, ...]
    intercept: bool
    powers: tuple[int, ...]
    firsts: Mapping[str, str]
    rows: Measure

    @property
    def parameters(self) -> int:
        """How many coefficients there are."""
        return len(self.terms) + self.intercept


@dataclass(frozen=True, slots=True)
class _Line:
    """A coefficient: what it is of, whole steps of 10^power, and its standard error in the same."""

    term: str
    estimate: int
    error: int
    power: int

    def own(self, steps: float, rounding: str | None = None) -> Decimal:
        """Write so many steps in the coefficient's own unit."""
        whole = Decimal(steps).to_integral_value(rounding)
        return Decimal(int(whole) * 10**self.power) if self.power >= 0 else whole.scaleb(self.power)

    @property
    def t(self) -> float:
        """The estimate by its standard error; not a number where that is below half a step."""
        return self.estimate / self.error if self.error else math.nan

    def is_clear(self, wide: float) -> bool:
        """Tell whether the interval of so many standard errors is without 0."""
        low, high = self.ends(wide)
        return low > 0 or high < 0

    def ends(self, wide: float) -> tuple[Decimal, Decimal]:
        """Return the ends of the interval of so many standard errors, rounded outwards, with what both are off by."""
        off = 1 + _OFF * self.error
        half = wide * (self.error + off) + off
        return self.own(self.estimate - half, ROUND_FLOOR), self.own(self.estimate + half, ROUND_CEILING)


def present(fit: Described, opened: Opened) -> Result:
    """Present what was released of a regression."""
    response, column = fit.response.name, fit.response
    unit = column.display.unit if column.display else column.unit
    title = f"Regression of {response}" + (f", in {unit}" if unit else "")
    shown, outcome = bool(opened["safe"]), Outcome(int(opened["outcome"]))
    count = int(opened["count"])
    rows = f"{'about ' if fit.rows.bound else ''}{count:,} rows"
    free = count - fit.parameters
    fitted = shown and outcome == Outcome.FITTED and free > 0
    lines = _lines(fit, opened)
    wide = t_quantile(CONFIDENCE, free) if fitted else math.nan
    told_f = _f_test(int(opened["explained"]) / EXPLAINED_STEPS, len(fit.terms), free) if fitted else None
    if not shown:
        findings: tuple[str, ...] = ("No fit can be shown: a disclosure rule forbids it.",)
    elif not fitted:
        findings = (_NONE.get(outcome, _NONE[Outcome.TOO_FEW_ROWS]).format(
            response=response, constant=_constant(fit, opened)), f"It is over {rows}.")  # fmt: skip
    else:
        findings = tuple(_findings(fit, opened, lines, wide, rows))
    coefficients = _coefficients(title, lines, column.display, free, wide, fitted=fitted)
    return Result(
        *fit.plan, title, findings, (coefficients, _fit(fit, opened, free, fitted=fitted)),
        suppressed=int(not shown), cells=1,
        assumptions=tuple(_assumptions(fit, lines, told_f, fitted=fitted, shown=shown)),
    )  # fmt: skip


def _lines(fit: Described, opened: Opened) -> list[_Line]:
    terms = [*fit.terms, *([INTERCEPT] if fit.intercept else [])]
    numbers = zip(terms, opened["estimate"].tolist(), opened["error"].tolist(), strict=True)
    return [_Line(*each, power) for each, power in zip(numbers, fit.powers, strict=False)]


def _coefficients(
    title: str, lines: Sequence[_Line], display: Display | None, free: int, wide: float, *, fitted: bool
) -> ResultTable:
    rows = []
    for line in lines:
        low, high = line.ends(wide) if fitted else (None, None)
        told = fitted and not math.isnan(line.t)
        rows.append({
            "term": line.term,
            "estimate": line.own(line.estimate) if fitted else None,
            "standard error": line.own(line.error) if fitted else None,
            "from": low,
            "to": high,
            "t": Decimal(f"{line.t:.2f}") if told else None,
            "p": _p(t_two_sided(line.t, free)) if told else None,
        })  # fmt: skip
    frame = pd.DataFrame(rows, dtype=object)
    steps = tuple(10.0**line.power for line in lines)
    released, ends = Measure(bound=math.nan, bounds=steps, display=display), Measure(bound=math.nan, display=display)
    measures = {"estimate": released, "standard error": released, "from": ends, "to": ends}
    return ResultTable(title, frame, measures | dict.fromkeys(("t", "p"), Measure(bound=math.nan)))


def _p(p: float) -> Decimal:
    return max(_LEAST_P, Decimal(f"{p:.4f}"))


def _fit(fit: Described, opened: Opened, free: int, *, fitted: bool) -> ResultTable:
    model, column = len(fit.terms), fit.response
    share = int(opened["explained"]) / EXPLAINED_STEPS
    residual = _Line("", int(opened["residual"]), 0, fit.powers[-1])
    of_rows = free + model  # the rows less one, or all of them through the origin
    f = _f_test(share, model, free) if fitted else None
    rows = fit.rows
    numbers = {
        "rows": (int(opened["count"]) if bool(opened["safe"]) else None, rows),
        "degrees of freedom": (free if fitted else None, rows),
        "R²": (share if fitted else math.nan, Measure(bound=1 / EXPLAINED_STEPS)),
        "adjusted R²": (
            Decimal(f"{1 - (1 - share) * of_rows / free:.3f}") if fitted else None,
            Measure(bound=1 / EXPLAINED_STEPS),
        ),
        "residual standard error": (
            residual.own(residual.estimate) if fitted else None,
            Measure(column.unit, float(residual.own(1)), display=column.display),
        ),
        "F": (f[0] if f else math.nan, Measure(bound=f[1] if f else math.nan)),
        "p of F": (_p(f_above(f[0], model, free)) if f else None, Measure(bound=math.nan)),
    }
    frame = pd.DataFrame({name: [value] for name, (value, _) in numbers.items()})
    for name in ("rows", "degrees of freedom"):
        frame[name] = frame[name].astype("Int64")
    return ResultTable("The fit", frame, {name: measure for name, (_, measure) in numbers.items()})


def _f_test(share: float, model: int, free: int) -> tuple[float, float] | None:
    """Return F of an R², and how far it can be off; None where rounding leaves less than a tenth of it certain."""
    low, middle, high = (
        each / model / ((1 - each) / free) if each < 1 else math.inf
        for each in (max(0.0, share - 1 / EXPLAINED_STEPS), share, min(1.0, share + 1 / EXPLAINED_STEPS))
    )
    off = max(high - middle, middle - low)
    return (middle, off) if off <= _ROUGH * middle else None


def _findings(fit: Described, opened: Opened, lines: Sequence[_Line], wide: float, rows: str) -> Iterator[str]:
    """Say what goes with the response, the clearest first, with size and interval; then what cannot be told."""
    column, response, share = fit.response, fit.response.name, 100 * int(opened["explained"]) / EXPLAINED_STEPS
    residual = _Line("", int(opened["residual"]), 0, fit.powers[-1])
    yield (
        f"The model explains {share:.1f} % of how {response} varies over {rows}; rows are "
        f"{amount(column, residual.own(residual.estimate))} off, as a rule."
    )
    told = [line for line in lines if line.term != INTERCEPT and not math.isnan(line.t)]
    clear = sorted((line for line in told if line.is_clear(wide)), key=lambda line: -abs(line.t))
    for line in clear[:_NAMED]:
        low, high = line.ends(wide)
        more = "higher" if line.estimate > 0 else "lower"
        shown = [amount(column, each) for each in sorted((abs(low), abs(high)))]
        what, than = _of_one(line.term, fit)
        yield (
            f"{what}, {response} is {amount(column, abs(line.own(line.estimate)))} {more}{than} (95 %: {shown[0]} to "
            f"{shown[1]}){', other columns alike' if len(lines) > 2 else ''}."
        )
    if len(clear) > _NAMED:
        yield f"So can be told of {len(clear) - _NAMED} more; the table has them."
    if vague := [line.term for line in told if not line.is_clear(wide)]:
        yield f"Whether {response} goes with {_listed(vague)} at all cannot be told from these rows."


def _of_one(term: str, fit: Described) -> tuple[str, str]:
    """Begin a sentence about one more of a column, or about rows of a category; and end it as for products.

    A column that is in a product, too, is told for rows where the rest of that is 0. A product is told as what is
    added to its parts, where these are in the model.
    """
    parts = _parts(term)
    others = [_parts(each) for each in fit.terms]
    numbers, values = [each for each in parts if " = " not in each], [each for each in parts if " = " in each]
    of_rows = f"In rows with {' and '.join(values)}" if values else ""
    rest = dict.fromkeys(more for each in others if set(parts) < set(each) for more in each if more not in parts)
    where = f", where {' and '.join(dict.fromkeys(_nought(each, fit) for each in rest))}" if rest else ""
    added = any(set(each) < set(parts) for each in others)
    if not numbers:
        return of_rows + where, " than these by themselves add up to" * added
    one = f"one more of {' · '.join(numbers)}"
    if not values:
        return f"For {one}{where}", " beside what each by itself adds" * added
    return f"{of_rows}, for {one}{where}", " beside what it is elsewhere" * added


def _parts(term: str) -> list[str]:
    return term.split(" : ")


def _nought(part: str, fit: Described) -> str:
    """Say where a column of the model is 0: in rows of the category that others are compared with."""
    column, _, value = part.partition(" = ")
    if not value:
        return f"{column} = 0"
    return f"{column} = {fit.firsts[column]}" if column in fit.firsts else f"{column} is not {value}"


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _constant(fit: Described, opened: Opened) -> str:
    """Name what does not vary: a category that no row has, or a column of one value."""
    labels = [*fit.terms, fit.response.name]
    names = [name for name, varies in zip(labels, opened["varies"].tolist(), strict=True) if not varies]
    said = [f"{name} has no row, or all of them" if " = " in name else f"{name} does not vary" for name in names]
    return " and ".join(said) or "a column does not vary"


def _assumptions(fit: Described, lines: Sequence[_Line], told_f: object, *, fitted: bool, shown: bool) -> Iterator[str]:
    if not shown:
        yield (
            "The fit is judged as every sum that it is made of, each category and product by itself: one of them has "
            "too few rows or owners, or rests on few of them, or a category has none or all."
        )
        return
    for column, first in fit.firsts.items():
        yield f"Categories of {column} are compared with {first}, the first of them in the contract."
    if not fitted:
        return
    if not fit.intercept:
        yield "Without an intercept R² and F are of squares from 0, as in R."
    if any(" : " in line.term for line in lines):
        yield "The coefficient of a column that is also in a product is for rows where the rest of the product is 0."
    yield (
        "Ordinary least squares: rows are taken to be independent, and equally far from the line wherever they are; "
        "the intervals are of 95 %, by t. No row was left out for being far from it."
    )
    yield f"A coefficient of a column of numbers is for one more of it. A p of {_LEAST_P} stands for that, or less."
    if told_f is None:
        yield f"F is not told: R² is to the nearest {1 / EXPLAINED_STEPS}, and here too near 0 or 1 for it."
    if coarse := [line.term for line in lines if line.error < _COARSE]:
        yield (
            f"The standard error of {_listed(coarse)} is few of its steps, so its t is rough; more `digits` in the "
            "plan tell it better."
        )
