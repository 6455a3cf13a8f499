"""No person has more rows in a table than its contract says: what noise for differential privacy is measured by.

Knows neither analyses nor noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from counterfoil.data.cells import SHOWN
from counterfoil.data.faults import Fault, Faults
from counterfoil.data.table import Table
from counterfoil.errors import QualityRuleError


def check_persons(table: Table, page: Path) -> None:
    """Every person, as the contract tells them apart, has as many rows as it allows at most, if it says anything.

    Raises: QualityRuleError, which counts the rows of those who have more; then `page` lists the first of them.
    """
    person = table.contract.person
    if person is None:
        return
    frame = table.select(person.columns).frame()
    sizes = frame.groupby(list(person.columns), sort=False)[person.columns[0]].transform("size")
    rows = np.flatnonzero(sizes.to_numpy() > person.most)
    if rows.size:
        first = rows[:SHOWN]
        fault = Fault(
            QualityRuleError,
            ", ".join(person.columns),
            f"at most {person.most} rows of one person",
            "keep fewer rows of those who have more, or agree on a contract that allows more",
            rows.size,
            tuple(int(row) + 1 for row in first),
            tuple(", ".join(map(str, frame.iloc[row])) for row in first),
        )
        Faults(table.source, table.contract, page, [fault]).refuse()
