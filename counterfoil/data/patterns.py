"""Match cells against a contract's pattern, in one pass over each, whatever pattern or cell somebody made up."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from counterfoil.governance.contracts.pattern import whole_cell


def written_by(pattern: str, cells: Any) -> Any:
    """Mark the cells that the pattern describes as a whole; what is missing stays so.

    Letters that are composed in another way are the same letters (Unicode's form NFC).

    Cost: time in proportion to the cells' length.
    Raises: PatternError.
    """
    if not pa.types.is_string(cells.type):
        cells = cells.cast(pa.string())
    return pc.match_substring_regex(pc.utf8_normalize(cells, form="NFC"), whole_cell(pattern))
