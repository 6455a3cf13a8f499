"""Read, from a contract's servers, how each party's files write the table.

A server named as a party is that party's; the only one, or the one named `all`, is everybody else's. Knows no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from counterfoil.governance.contracts.custom_properties import custom_properties, path_of
from counterfoil.governance.contracts.forms.databases import Database, read_database
from counterfoil.governance.contracts.forms.days import WHAT, day_pattern
from counterfoil.governance.documents import Path, Problems, did_you_mean, repeated

ENCODINGS: Final = (
    *("utf-8", "utf-16", "windows-1252", "iso-8859-1", "iso-8859-15", "windows-1250", "iso-8859-2", "windows-1251"),
    *("cp437", "cp850", "mac-roman"),
)
"""The encodings of text that can be declared; a byte order mark of UTF-8 is passed over."""

EVERYBODY: Final = "all"
"""The name of the server that is everybody's who has none of its own."""


_OF_FILES: Final = {"encoding", "delimiter", "quote", "decimalMark", "thousandsMark", "dateFormat", "sheet"}
"""Properties of files that no database has."""


@dataclass(frozen=True, slots=True)
class Written:
    """How cells are written in a party's files; what is empty follows from the file, or is as in CSV by RFC 4180.

    `headers` are the columns' names in the files, `days` the forms of their days. A time without a zone is `zone`
    minutes ahead of UTC, unless its column says it.
    """

    encoding: str = ""
    delimiter: str = ""
    quote: str = '"'
    decimal_mark: str = "."
    thousands_mark: str = ""
    sheet: str = ""
    date_format: str = ""
    zone: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    days: Mapping[str, str] = field(default_factory=dict, hash=False)

    def header(self, column: str) -> str:
        """Return the column's name in the files."""
        return self.headers.get(column, column)

    def json(self) -> dict[str, Any]:
        """Return the fields for a process that `Written(**...)` reads them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Server:
    """How one party, or everybody, has the table: in files that write it so, or in a database."""

    name: str
    written: Written
    database: Database | None = None


def minutes(name: str) -> int:
    """Convert `UTC` or `+01:00` to minutes ahead of UTC."""
    if name == "UTC":
        return 0
    hours, rest = name[1:].split(":")
    return (60 * int(hours) + int(rest)) * (-1 if name[0] == "-" else 1)


def read_servers(
    value: Sequence[Mapping[str, Any]], table: str, columns: Sequence[str], problems: Problems
) -> tuple[Server, ...]:
    """Return the servers that the contract lists, and where a database has the table called that.

    What is wrong with them joins the problems.
    """
    found = []
    for at in repeated(item["server"] for item in value):
        problems.add(("servers", at, "server"), f"{value[at]['server']!r} is there twice; keep one")
    for at, item in enumerate(value):
        path: Path = ("servers", at)
        own = custom_properties(item, path, problems)
        _check(own, item, path, columns, problems)
        database = read_database(item, table, path, problems)
        if database is not None:
            for name in sorted(own.keys() & _OF_FILES):
                problems.add(path_of(item, path, name), "a database says this itself; remove it")
        written = Written(
            encoding=own.get("encoding", ""),
            delimiter=_tab(own.get("delimiter", "")),
            quote=own.get("quote", '"'),
            decimal_mark=own.get("decimalMark", "."),
            thousands_mark=own.get("thousandsMark", ""),
            sheet=own.get("sheet", ""),
            date_format=own.get("dateFormat", ""),
            zone=minutes(own.get("timezone", "UTC")),
            headers=dict(own.get("physicalNames", {})),
        )
        if database is not None:
            written = replace(written, encoding="utf-8", delimiter=",", thousands_mark="")
        found.append(Server(item["server"], written, database))
    return tuple(found)


def written_by(servers: Sequence[Server], party: str, headers: Mapping[str, str], days: Mapping[str, str]) -> Written:
    """Return how the party's files write the table, whose columns have these names and days unless a server says it."""
    named = {server.name: server.written for server in servers}
    common = named.get(EVERYBODY) or (servers[0].written if len(servers) == 1 else Written())
    own = named.get(party, common)
    typed = any(server.name == party and server.database for server in servers)
    return replace(own, headers={**headers, **own.headers}, days={} if typed else dict(days))


def _check(
    own: Mapping[str, Any], item: Mapping[str, Any], path: Path, columns: Sequence[str], problems: Problems
) -> None:
    if "dateFormat" in own and day_pattern(own["dateFormat"]) is None:
        problems.add(path_of(item, path, "dateFormat"), f"must be {WHAT}")
    marks = {
        name: _tab(own.get(name, default))
        for name, default in (("delimiter", ""), ("quote", '"'), ("decimalMark", "."), ("thousandsMark", ""))
    }
    if marks["decimalMark"] == marks["thousandsMark"]:
        problems.add(path_of(item, path, "thousandsMark"), "is the decimal mark, too; one of them is another")
    if marks["delimiter"] and marks["delimiter"] == marks["quote"]:
        problems.add(path_of(item, path, "delimiter"), "is the quote, too; one of them is another")
    for name in own.get("physicalNames", {}):
        if name not in columns:
            problems.add(
                (*path_of(item, path, "physicalNames"), name), f"no column {name!r}{did_you_mean(name, columns)}"
            )


def _tab(mark: str) -> str:
    return "\t" if mark in ("\\t", "tab") else mark
