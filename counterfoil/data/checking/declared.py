"""Check the expectations that a contract declares, on the whole table, by Great Expectations alone.

What a mean, a quantile, an order or `mostly` is over all rows, no piece of a table tells; so the columns that they need
are kept until the table was read, and no others. To others than the owner only whether each holds is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from counterfoil.data.checking.engine import Asked, Engine, look, verdicts
from counterfoil.data.checking.frames import plain_frame, put, texts_of, wanted_columns
from counterfoil.data.reading.cells import SHOWN
from counterfoil.data.reading.faults import Fault
from counterfoil.errors import QualityRuleError
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.expectations.declared import Expectation

_REMEDY = "correct the table, or agree on a contract that expects it"


@dataclass(slots=True)
class Declared:
    """A check of a contract's expectations, fed a table piece by piece."""

    contract: Contract
    _columns: list[str] = field(init=False)
    _parts: list[Any] = field(init=False, default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._columns = wanted_columns(self.contract)

    def add(self, piece: Any) -> None:
        """Keep what the expectations need of a piece, a pyarrow.Table."""
        if self._columns:
            self._parts.append(piece.select([name for name in self._columns if name in piece.column_names]))

    def faults(self, engine: Engine) -> Iterator[Fault]:
        """Yield a fault for each expectation that does not hold.

        Cost: memory for a frame of the columns that the expectations are about.
        """
        if not self._parts:
            return
        data = pa.concat_tables(self._parts)
        there = set(data.column_names)
        wanted = [each for each in self.contract.expectations if set(each.columns) <= there]
        frame = plain_frame(data, self.contract)
        asked = [put(each, data, frame, self.contract) for each in wanted]
        batch = engine.batch(frame)
        for each, question, held in zip(wanted, asked, verdicts(batch, asked), strict=True):
            if not held:
                yield self._fault(each, question, batch, frame)

    def _fault(self, expectation: Expectation, asked: Asked, batch: Any, frame: pd.DataFrame) -> Fault:
        found = look(batch, asked, SHOWN)
        rows = found.get("partial_unexpected_index_list") or []
        named = list(expectation.columns)
        return Fault(
            QualityRuleError,
            ", ".join(named) or None,
            expectation.name,
            _REMEDY,
            rows=tuple(int(row) + 1 for row in rows[:SHOWN]),
            cells=tuple(texts_of(frame[named].iloc[row].to_dict()) for row in rows[:SHOWN]),
        )
