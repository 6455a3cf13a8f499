"""Read one sheet of a workbook (.xlsx, .xls, .xlsb, .ods) as columns of text, as CSV cells would say it.

The only module that imports calamine, in the confined reader alone. Nothing of a workbook is in a message, but for the
places of its sheets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa

from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.deferred import deferred

if TYPE_CHECKING:
    import python_calamine as calamine
else:
    calamine = deferred("python_calamine")

MAGICS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How workbooks begin: as zip archives, or as compound files of old Excel."""


def load_calamine() -> None:
    """Load what reads workbooks while the process can still reach files."""
    _ = calamine.CalamineWorkbook, calamine.CalamineError


class Workbook:
    """The sheet that holds the table: the names in its first row that is not empty, and its rows."""

    def __init__(self, source: BinaryIO, sheet: str) -> None:
        """Read the sheet of that name, or the only one with cells. Raises: UnreadableError."""
        source.seek(0)
        try:
            book = calamine.CalamineWorkbook.from_filelike(source)
            if sheet:
                if sheet not in book.sheet_names:
                    raise UnreadableError(
                        f"the workbook has {len(book.sheet_names)} sheets, and none is called as the contract's "
                        "servers say; correct 'sheet' there"
                    )
                rows = _rows(book, sheet)
            else:
                filled = [rows for each in book.sheet_names if (rows := _rows(book, each))]
                if len(filled) != 1:
                    raise UnreadableError(
                        f"{len(filled)} sheets of the workbook have cells; name the one that holds the table as "
                        "'sheet' in the contract's servers, or save it as CSV UTF-8"
                    )
                (rows,) = filled
        except calamine.CalamineError:
            raise UnreadableError(
                "it is no workbook that can be read, or it has a password; save the sheet as CSV UTF-8"
            ) from None
        if not rows:
            raise UnreadableError("the sheet is empty; its first row must name the columns")
        self.names = [_text(cell) for cell in rows[0]]
        self._rows: Sequence[Sequence[Any]] = [row for row in rows[1:] if any(cell != "" for cell in row)]

    def batches(self, places: dict[str, int], rows: int) -> Iterator[Any]:
        """Yield the columns of these places as record batches of bytes, with empty cells missing."""
        for start in range(0, len(self._rows), rows):
            part = self._rows[start : start + rows]
            columns = [[_text(row[at]).encode() or None for row in part] for at in places.values()]
            yield pa.record_batch([pa.array(cells, pa.binary()) for cells in columns], names=list(places))


def _rows(book: Any, name: str) -> Sequence[Sequence[Any]]:
    found: Sequence[Sequence[Any]] = book.get_sheet_by_name(name).to_python(skip_empty_area=True)
    return found


def _text(cell: Any) -> str:
    """Write a cell as CSV has it: numbers with the 15 digits that spreadsheets keep, days and times by ISO 8601."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case float():
            return f"{Decimal(f'{cell:.15g}'):f}"
        case datetime():
            return cell.isoformat(" ")
        case date():
            return cell.isoformat()
    return str(cell)
