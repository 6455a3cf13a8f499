"""Analyses that cannot run as they are described: 50 to 59."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class PlanError(CounterfoilError):
    """An analysis cannot run as it is described."""

    exit_code = 50


class ShapeError(PlanError):
    """Shapes of operands disagree, or a vector is empty where it must not be."""

    exit_code = 51


class RangeError(PlanError):
    """A value could wrap around the ring by the contract's bounds, or a function could not keep its stated error."""

    exit_code = 52


class PeriodTableError(PlanError):
    """An earlier period's job asks for the table of then, and its owner has none."""

    exit_code = 56


class LateTableError(PlanError):
    """A job is due and its owner's table is not there yet; by the agreement it is waited for."""

    exit_code = 59


class NarrowedError(CounterfoilError):
    """What analyses release can be narrowed down to few persons, or there was no time to find out whether it can."""

    exit_code = 58
