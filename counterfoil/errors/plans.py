"""Analyses that cannot run as they are described: 50 to 59."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class PlanError(CounterfoilError):
    """An analysis cannot run as it is described."""

    exit_code = 50
    remedy = "Change what the agreement says to the analysis: `counterfoil help ANALYSIS` says what it takes."


class ShapeError(PlanError):
    """Shapes of operands disagree, or a vector is empty where it must not be."""

    exit_code = 51
    remedy = "Report it, with the version: plans are made of shapes that fit."


class RangeError(PlanError):
    """A value could wrap around the ring by the contract's bounds, or a function could not keep its stated error."""

    exit_code = 52
    remedy = "Narrow the column's bounds, or the rule for rowCount, in the contract."


class PeriodTableError(PlanError):
    """An earlier period's job asks for the table of then, and its owner has none."""

    exit_code = 56
    remedy = "Put the table of that period beside the present one under the name that the line says."


class LateTableError(PlanError):
    """A job is due and its owner's table is not there yet; by the agreement it is waited for."""

    exit_code = 59
    remedy = "Put the table there; the job goes on once it is, until the day that the agreement says."


class NarrowedError(CounterfoilError):
    """What analyses release can be narrowed down to few persons, or there was no time to find out whether it can."""

    exit_code = 58
    remedy = "Release less of the table, or ask for noise: see the findings."
