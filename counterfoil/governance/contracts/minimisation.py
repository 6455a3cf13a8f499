"""What a data contract asks an owner to take from its table before anything leaves: detail, rows, and small groups.

Knows numbers and texts, and no table. A column's public bounds become coarser by the same function as its cells, so
that every party derives the same domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfoil.governance.documents import Path, Problems

PERIODS = {"month": 1, "quarter": 3, "year": 12}
FIT = {
    "integer": ("bottom", "top", "band", "round"),
    "number": ("bottom", "top", "band", "round"),
    "date": ("period",),
    "timestamp": (),
    "string": ("prefix",),
    "boolean": (),
}
WORDS = {
    "bottom": "nothing below {}",
    "top": "nothing above {}",
    "band": "in bands of {}",
    "round": "rounded to {}",
    "period": "by {}",
    "prefix": "by the first {} characters",
}


@dataclass(frozen=True, slots=True)
class Generalisation:
    """How a column is made coarser. Its numbers are in the column's units (10^-resolution).

    Values beyond `bottom` and `top` become these; then each becomes the lower edge of its band of width `band`,
    counted from 0, or the nearest multiple of `round`. Days become the first day of their `period`. Of texts, the first
    `prefix` characters stay.
    """

    bottom: int | None = None
    top: int | None = None
    band: int | None = None
    round: int | None = None
    period: str | None = None
    prefix: int | None = None

    def coarsen(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers, or days since 1970-01-01, made coarser. What was not above another value is not above it then."""
        if self.bottom is not None:
            values = np.maximum(values, self.bottom)
        if self.top is not None:
            values = np.minimum(values, self.top)
        if self.band is not None:
            values = values // self.band * self.band
        if self.round is not None:
            values = (values + self.round // 2) // self.round * self.round
        if self.period is not None:
            months = values.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
            step = PERIODS[self.period]
            values = (months // step * step).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return values

    def describe(self, resolution: int) -> str:
        """Describe it in plain words."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        shown = {
            name: f"{Decimal(value).scaleb(-resolution):f}" if name in FIT["number"] else value
            for name, value in given.items()
            if value is not None
        }
        return ", ".join(WORDS[name].format(value) for name, value in shown.items())


@dataclass(frozen=True, slots=True)
class Demands:
    """What must hold of a minimised table.

    `k` rows or more look alike in their quasi-identifiers; each such class has `diversity` values or more of every
    sensitive column; its distribution of them is at most `closeness` from the table's.

    Rows of smaller classes stay at the owner, up to `left_behind` percent of the rows. `sample` is the percentage of
    rows that is taken at random first.
    """

    k: int = 1
    diversity: int = 1
    closeness: float = 1.0
    left_behind: float = 0.0
    sample: float = 100.0


def generalisation(
    value: Mapping[str, Any], kind: str, resolution: int, path: Path, problems: Problems
) -> Generalisation:
    """Read the property `generalise` of a column of this kind; problems are noted."""
    given: dict[str, Any] = {}
    for name, wanted in value.items():
        given[name] = wanted
        if name not in FIT[kind]:
            problems.add((*path, name), f"{name!r} is not for columns of type {kind}; {_instead(kind)}")
        elif name in FIT["number"]:
            units = Decimal(str(wanted)).scaleb(resolution)
            if units != int(units):
                problems.add((*path, name), f"has more than {resolution} decimal places, the column's resolution")
            given[name] = int(units)
    if "band" in value and "round" in value:
        problems.add(path, "bands and rounding exclude each other; keep one")
    if "bottom" in value and "top" in value and value["bottom"] > value["top"]:
        problems.add(path, "bottom is above top; swap them")
    return Generalisation(**given)


def demands(own: Mapping[str, Any]) -> Demands:
    """Return what a contract's own properties demand."""
    names = {
        "kAnonymity": "k",
        "lDiversity": "diversity",
        "tCloseness": "closeness",
        "leftBehind": "left_behind",
        "sample": "sample",
    }
    return Demands(**{field: own[name] for name, field in names.items() if name in own})


def _instead(kind: str) -> str:
    return f"use {', '.join(FIT[kind])}" if FIT[kind] else "remove it"
