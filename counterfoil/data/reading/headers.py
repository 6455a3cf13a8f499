"""Find out how a CSV file begins: its encoding, its delimiter, the names in its header, and where rows start.

Names are matched to a contract's without regard to case, blanks and marks, as nobody could tell such columns apart.
Nothing of a file's content is in a message.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.governance.contracts.forms.written import Written
from counterfoil.governance.contracts.standard.plain_name import plain_name

MAX_HEADER: Final = 64 * 1024
DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_BOM: Final = b"\xef\xbb\xbf"
_EXCEL_SEP: Final = re.compile(rb'\A"?sep=(.)"?(?:\r\n|\r|\n)', re.IGNORECASE)
_SAVE: Final = "save it as CSV UTF-8"
NOT_UTF8: Final = (
    f"most likely it is Latin-1 or Windows-1252; {_SAVE}, or declare 'encoding: windows-1252' in the contract's servers"
)
_UTF_16: Final = f"it is UTF-16 text; {_SAVE}, or declare 'encoding: utf-16' in the contract's servers"
_OTHERS: Final = {
    b"\xff\xff\xff\xff": "it is an Arrow stream; export it as Parquet",
    b"FEA1": "it is a Feather file; export it as Parquet",
    b"\x1f\x8b": "it is compressed; unpack it",
    b"<stat": f"it is a Stata file; {_SAVE}",
    b"$FL2": f"it is an SPSS file; {_SAVE}",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The names in the header, the delimiter, the place of the first row, and whether there is any."""

    names: list[str]
    delimiter: str
    start: int
    rows: bool


def check_magic(begin: bytes, encoding: str = "") -> None:
    """Check that the file is of no other kind. Raises: UnreadableError for one that is, with what to make of it."""
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")) and encoding != "utf-16":
        raise UnreadableError(_UTF_16)
    for magic, problem in _OTHERS.items():
        if begin.startswith(magic):
            raise UnreadableError(problem)


def layout(source: BinaryIO, wanted: Iterable[str], written: Written) -> Layout:
    """Detect how the file begins.

    Cells are separated by what is declared, else by what gives most of the wanted names; without any, most cells. A
    byte order mark, a line `sep=;` of Excel, and blank lines are passed over. Raises: UnreadableError.
    """
    source.seek(0)
    begin = source.read(MAX_HEADER + 1)
    start = len(_BOM) if begin.startswith(_BOM) else 0
    said = _EXCEL_SEP.match(begin[start:])
    if said:
        start += said.end()
    start += len(begin[start:]) - len(begin[start:].lstrip(b" \t\r\n")) if _blank_first(begin[start:]) else 0
    size, end = _record(begin[start:], ord(written.quote))
    if not begin[start:]:
        raise UnreadableError("it is empty; the first line must name the columns")
    if size > MAX_HEADER - start:
        raise UnreadableError(f"its first line is longer than {MAX_HEADER} bytes; it must name the columns")
    text = _decoded(begin[start : start + size])
    delimiters = [said.group(1).decode("latin-1")] if said else list(DELIMITERS)
    if written.delimiter:
        delimiters = [written.delimiter]
    headers = {each: _cells(text, each, written.quote) for each in delimiters}
    known = {plain_name(spelt) for name in wanted for spelt in (name, written.header(name))}

    def fit(each: str) -> tuple[int, int]:
        return len(known & set(map(plain_name, headers[each]))), len(headers[each])

    best = max(delimiters, key=fit)
    source.seek(0)
    return Layout(headers[best], best, start + end, len(begin) > start + end)


def places_of(found: Sequence[str], wanted: Iterable[str], written: Written, delimiter: str = ",") -> dict[str, int]:
    """Find each of the contract's columns: by its very name in files, else by one that differs in case or marks alone.

    Raises: UnreadableError, for all of the contract's columns that are not there exactly once.
    """
    plain = [plain_name(name) for name in found]
    places, wrong = {}, []
    by = f"; cells are taken to be separated by {DELIMITERS.get(delimiter, delimiter)}" if len(found) == 1 else ""
    for name in wanted:
        header = written.header(name)
        ways = [(found, header), (found, name), (plain, plain_name(header)), (plain, name)]
        alike = next((at for names, each in ways if (at := _all(names, each))), [])
        if len(alike) > 1:
            wrong.append(("the header names it twice; keep one", "unreadable", name))
        elif not alike:
            called = f" (in files {header!r})" if header != name and header.isprintable() else ""
            remedy = "add it, or give the contract the name that it has in the file as 'physicalName'"
            wrong.append((f"the file has no such column{called}; {remedy}{by}"[:400], "missing", name))
        else:
            places[name] = alike[0]
    if wrong:
        raise UnreadableError.of(wrong)
    return places


def _all(names: Sequence[str], wanted: str) -> list[int]:
    return [at for at, each in enumerate(names) if each == wanted]


def _cells(header: str, delimiter: str, quote: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return []


def _blank_first(begin: bytes) -> bool:
    return bool(re.match(rb"[ \t]*[\r\n]", begin))


def _record(begin: bytes, quote: int) -> tuple[int, int]:
    """Measure the first record, without and with its line end; a line end within quotes is a part of it."""
    quoted = False
    for at, byte in enumerate(begin):
        if byte == quote:
            quoted = not quoted
        elif byte in b"\r\n" and not quoted:
            return at, at + (2 if begin[at : at + 2] == b"\r\n" else 1)
    return len(begin), len(begin)


def _decoded(header: bytes) -> str:
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError as error:
        if b"\0" in header:
            raise UnreadableError(f"it is neither CSV text nor Parquet, or it is UTF-16 text; {_SAVE}") from None
        before = header[: error.start]
        at = 1 + max(before.count(each.encode()) for each in DELIMITERS)
        raise UnreadableError(f"the name of its column {at} is not UTF-8 text; {NOT_UTF8}") from None
    if "\0" in text:
        raise UnreadableError(f"it is neither CSV text nor Parquet, or it is UTF-16 text; {_SAVE}")
    if any(unicodedata.category(each) in ("Cc", "Cf") for each in re.sub(r"[\t\r\n]", "", text)):
        raise UnreadableError("it is neither CSV text nor Parquet; its header has characters that cannot be printed")
    return text
