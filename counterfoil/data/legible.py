"""Normalise cells of texts to what people see, and keys to their contract's spelling: what looks alike counts as one.

Knows columns of texts; by which rules is `governance.contracts.key_spelling`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from counterfoil.deferred import deferred
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.key_spelling import KeySpelling, visible

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
else:
    pa = deferred("pyarrow")
    pc = deferred("pyarrow.compute")

_ORDINARY: Final = r"\A[!-~](?:[ -~]*[!-~])?\z"


def legible(batch: Any, contract: Contract) -> Any:
    """Write categories as the contract does, whichever of its spellings they have; make texts empty that nobody sees.

    Other texts stay as they were written.

    Cost: a pass over the columns of texts; 1 us a different cell that is not plain ASCII.
    """
    for at, name in enumerate(batch.schema.names):
        if not pa.types.is_string(batch.schema.field(at).type):
            continue
        cells = batch.column(at)
        column = contract.column(name)
        known = {**{visible(each): each for each in column.categories}, **column.category_spellings}
        each = _mapped if column.category_spellings else _each  # a spelling may be ordinary text
        read = each(cells, partial(_written, known))
        if read is not cells:
            batch = batch.set_column(at, name, read)
    return batch


def as_seen(cells: Any) -> Any:
    """Convert the texts to what people see (`visible`)."""
    return _each(cells, visible)


def spelt(cells: Any, spelling: KeySpelling) -> Any:
    """Spell keys by their rules; what is no text stays as it is.

    Cost: about 2 s a million different cells.
    """
    if not pa.types.is_string(cells.type):
        return cells
    return _mapped(cells, spelling.apply)


def _written(known: Mapping[str, str], cell: str) -> str | None:
    """Write the cell as a category that it looks like, or as it is; missing where nothing is seen."""
    seen = visible(cell)
    return known.get(seen, cell) if seen else None


def _each(cells: Any, change: Callable[[str], str | None]) -> Any:
    """Change every text by what leaves ordinary ones, of printable ASCII without blanks around it, as they are."""
    ordinary = pc.fill_null(pc.match_substring_regex(cells, _ORDINARY), True)
    if pc.all(ordinary, min_count=0).as_py():
        return cells
    return _mapped(cells, change)


def _mapped(cells: Any, change: Callable[[str], str | None]) -> Any:
    if isinstance(cells, pa.ChunkedArray):
        return pa.chunked_array([_mapped(cells.combine_chunks(), change)])
    encoded = cells.dictionary_encode()
    made = [None if cell is None else change(cell) for cell in encoded.dictionary.to_pylist()]
    return pa.array(made, pa.string()).take(encoded.indices)
