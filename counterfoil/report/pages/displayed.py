"""Show a result's table as people read it: its columns by their headings, its numbers in the unit for people.

Machines read the table as it is; here no number loses a digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterfoil.deferred import deferred

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.analyses.base import Measure, ResultTable
    from counterfoil.governance.contracts.forms.display import Display
else:
    pd = deferred("pandas")


def displayed(table: ResultTable) -> ResultTable:
    """Return the table with headings for names, and numbers in the units that people are shown."""
    heads = headings(table)
    frame = table.frame.copy()
    for name, measure in table.measures.items():
        if measure.display:
            frame[name] = _shown(frame[name], measure.display)
    if len(table.measures) > 1 and len(index := [name for name in frame if str(name) not in table.measures]) == 1:
        rows = frame[index[0]]
        if list(rows) == list(table.measures):  # a table of columns by columns
            frame[index[0]] = rows.map(lambda cell: heads.get(cell, cell))
    measures = {heads.get(name, name): _measure(measure) for name, measure in table.measures.items()}
    return replace(table, frame=frame.rename(columns=heads), measures=measures, headings={})


def headings(table: ResultTable) -> Mapping[str, str]:
    """Return the headings by the columns' names; one that would stand for two columns has the name beside it."""
    found = {name: heading for name, heading in table.headings.items() if name in table.frame.columns}
    taken = [*found.values(), *(str(name) for name in table.frame.columns if name not in found)]
    return {name: heading if taken.count(heading) == 1 else f"{heading} ({name})" for name, heading in found.items()}


def _shown(cells: pd.Series[Any], display: Display) -> pd.Series[Any]:
    known = [None if pd.isna(cell) else display.of(_plain(cell)) for cell in cells]
    return pd.Series(known, cells.index, dtype=float if pd.api.types.is_float_dtype(cells.dtype) else object)


def _plain(cell: Any) -> Any:
    return cell.item() if hasattr(cell, "item") else cell


def _measure(measure: Measure) -> Measure:
    """Return how the shown numbers are to be read."""
    if measure.display is None:
        return measure
    divisor, interval = measure.display.divisor, measure.interval
    return replace(
        measure,
        unit=measure.display.unit,
        bound=measure.bound / divisor,
        interval=None if interval is None else interval / divisor,
        display=None,
    )
