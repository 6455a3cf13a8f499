"""Draft a data contract from a file's profile.

What the file shows is filled in, widened to round numbers so that no cell's value is in it. What a person must
decide is left out, so that `contract lint` asks for it: what each column means and is needed for, its role, and the
terms. Knows no file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from counterfoil.data.drafting.profile import ColumnProfile, Profile
from counterfoil.data.reading.cells import split
from counterfoil.governance.contracts.forms.written import Written
from counterfoil.governance.contracts.values import time_of

RARE = 10  # rows: a text in fewer of them is not named as a category

_HEAD = """\
# yaml-language-server: $schema=../schema/contract.schema.json
# A draft, made from {rows} rows on this machine. It names columns, round bounds, and categories that stand in at least
# {rare} rows, and no other cell. What a person must decide is left out: `counterfoil contract lint` asks for it.
apiVersion: v3.1.0
kind: DataContract
id: {id}
version: 0.1.0
status: draft
description: {{}}
{servers}schema:
  - name: {table}
    logicalType: object
    quality:
      - name: a plausible number of rows
        metric: rowCount
        mustBeBetween: [1, {most}]
    properties:"""


def draft(profile: Profile, name: str) -> str:
    """Write the draft as YAML, meant for `contracts/data`; `name` is that of the file."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].strip("-") or "table"
    table = re.sub(r"^[^a-z]+", "", words.replace("-", "_"))[:63] or "table"
    most = most_rows(profile.rows)
    servers = "".join(f"{line}\n" for line in _servers(profile.written))
    head = _HEAD.format(rows=profile.rows, rare=RARE, id=words, table=table, most=most, servers=servers)
    columns = (line for column in profile.columns for line in _column(column, profile.rows))
    return "\n".join([head, *columns, "customProperties: []", ""])


def found_out(written: Written) -> dict[str, str]:
    """Return what the file says in its own way, by the contract's properties of a server."""
    usual, found = Written(), written.json()
    names = {
        "encoding": "encoding",
        "decimalMark": "decimal_mark",
        "thousandsMark": "thousands_mark",
        "dateFormat": "date_format",
        "sheet": "sheet",
    }
    return {name: found[at] for name, at in names.items() if found[at] != getattr(usual, at)}


def _servers(written: Written) -> Iterator[str]:
    """Yield how files are written, as far as it does not follow from a file itself."""
    if found := found_out(written):
        yield "servers:"
        yield "  # How these files are written, as found out from this one. A server named as a party is that party's."
        yield "  - server: all"
        yield "    type: local"
        yield f"    path: {_quoted('*.xlsx' if written.sheet else '*.csv')}"
        yield f"    format: {'xlsx' if written.sheet else 'csv'}"
        yield "    customProperties:"
        for name, value in found.items():
            yield f"      - {{property: {name}, value: {_quoted(value)}}}"


def _column(column: ColumnProfile, rows: int) -> Iterator[str]:
    kind, places = split(column.kind)
    yield f"      # {_seen(column, rows)}"
    yield f"      - name: {_quoted(column.name)}"
    if column.header not in ("", column.name) and column.header.isprintable():
        yield f"        physicalName: {_quoted(column.header)}"
    yield f"        logicalType: {kind}"
    if not column.empty:
        yield "        required: true"
        if kind == "string" and column.different == rows > 1:
            yield "        unique: true"
    if column.advice:
        yield f"        # Read as text. Draft anew when its cells are mended: {column.advice}."
    common = sorted(text for text, count in column.counts.items() if count >= RARE)
    if column.lowest is not None:
        ends = f"minimum: {_low(column, places)}, maximum: {_high(column, places)}"
        yield f"        logicalTypeOptions: {{{ends}}}"
    elif column.shape and not common:
        yield f"        logicalTypeOptions: {{pattern: {_quoted(column.shape)}}}"
    own = [("resolution", str(places))] * (kind in ("number", "timestamp"))
    if column.stand_ins:
        own.append(("emptySpellings", f"[{', '.join(map(_quoted, column.stand_ins))}]"))
    if common:
        own.append(("categories", f"[{', '.join(map(_quoted, common))}]"))
        if rare := len(column.counts) - len(common):
            yield f"        # {rare} more stand in fewer than {RARE} rows each; add them if anybody may know of them."
    yield "        customProperties:" + ("" if own else " []")
    for name, value in own:
        yield f"          - {{property: {name}, value: {value}}}"
    if column.empty:
        yield "          # - {property: missing, value: leave-out}  # else a table with an empty cell here is refused"


def most_rows(rows: int) -> int:
    """Return an upper limit for the rows of such files."""
    return _outward(2 * rows)


def column_bounds(column: ColumnProfile) -> tuple[Any, Any] | None:
    """Round a column's numbers or days outward to bounds, as a contract writes them; None where it has neither."""
    if column.lowest is None:
        return None
    places = split(column.kind)[1]
    return json.loads(_low(column, places)), json.loads(_high(column, places))


def _seen(column: ColumnProfile, rows: int) -> str:
    empty = f"{100 * column.empty / rows:.0f} % empty" if column.empty else "no cell empty"
    return f"{empty}; {'all different' if column.different == rows else f'{column.different} different values'}"


def _low(column: ColumnProfile, places: int) -> str:
    if split(column.kind)[0] == "timestamp":
        return f'"{time_of(column.lowest, places).year:04d}-01-01T00:00:00Z"'
    if isinstance(column.lowest, date):
        return f'"{column.lowest.year:04d}-01-01"'
    return _decimal(-_outward(-column.lowest) if column.lowest < 0 else 0, places)


def _high(column: ColumnProfile, places: int) -> str:
    if split(column.kind)[0] == "timestamp":
        part = f".{'9' * places}" if places else ""
        return f'"{time_of(column.highest, places).year:04d}-12-31T23:59:59{part}Z"'
    if isinstance(column.highest, date):
        return f'"{column.highest.year:04d}-12-31"'
    return _decimal(_outward(column.highest) if column.highest > 0 else 0, places)


def _outward(value: int) -> int:
    """Return the first of 1, 2, 5, 10, 20, 50, ... that is not below the value."""
    power: int = 10 ** (len(str(value)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _decimal(units: int, places: int) -> str:
    """Write the number that counts so many of its last decimal place."""
    text = f"{abs(units):0{places + 1}d}"
    whole, part = text[: len(text) - places], text[len(text) - places :].rstrip("0")
    return ("-" if units < 0 else "") + whole + (f".{part}" if part else "")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
