"""A table of a database as a private file without a name, row by row, for whoever writes its first contract.

The only module that imports SQLAlchemy. It reads, and never writes; nothing of a row is in a message. What cells mean
is found out as for any CSV file.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from counterfoil.data.confined import LIMITS
from counterfoil.data.sources import UnreadableError
from counterfoil.errors import DocumentError, NotFoundError, StoreError, UnreadableTableError
from counterfoil.governance.document import did_you_mean

AT_ONCE = 10_000  # rows


@contextmanager
def exported(url: str, table: str) -> Iterator[Path]:
    """The path of a CSV file with the rows of the table or view, as long as the context lasts; no name leads to it.

    Cost: disk space for the table; memory for AT_ONCE rows.
    Raises: DocumentError for a URL that is none, or that holds a password; NotFoundError; StoreError;
        UnreadableTableError for cells that are neither numbers, days, truth values nor text.
    """
    with tempfile.TemporaryFile() as file:
        engine = sql.create_engine(_checked(url))
        try:
            with engine.connect().execution_options(stream_results=True, yield_per=AT_ONCE) as connection:
                _write(connection, table, file)
        except (SQLAlchemyError, ValueError) as error:  # their texts quote statements and rows
            raise StoreError(f"table {table}: the database cannot be read ({type(error).__name__})") from None
        except UnreadableError as error:
            raise UnreadableTableError(f"table {table}: {error.problem}") from None
        finally:
            engine.dispose()
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _checked(text: str) -> sql.URL:
    """The URL, if it leads to a database that may be read, and does not hold what should be secret."""
    try:
        url = sql.make_url(text)
        url.get_dialect()
    except (NoSuchModuleError, ModuleNotFoundError):
        raise DocumentError(f"no driver for {url.drivername} is installed; install it beside Counterfoil") from None
    except ArgumentError:
        raise DocumentError("not the URL of a database; write it like sqlite:///bank.db") from None
    if url.password:
        raise DocumentError(
            "take the password out of the URL, where others see it; drivers read it from their own files"
        )
    if url.get_backend_name() != "sqlite":
        return url
    file = Path(url.database or "")
    if not file.is_file():
        raise NotFoundError(f"{file} is not there; name the file of the database, like sqlite:///bank.db")
    return url.set(database=f"file:{quote(str(file))}", query={"mode": "ro", "uri": "true"})


def _write(connection: sql.Connection, table: str, file: Any) -> None:
    inspector = sql.inspect(connection)
    schema, _, name = table.rpartition(".")
    try:
        names = [str(column["name"]) for column in inspector.get_columns(name, schema or None)]
    except NoSuchTableError:
        known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
        raise NotFoundError(f"the database has no table {table}{did_you_mean(name, known)}") from None
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    columns: list[sql.ColumnClause[Any]] = [sql.column(column) for column in names]  # untyped: the driver's own values
    rows = 0
    for part in connection.execute(
        sql.select(*columns).select_from(sql.table(name, schema=schema or None))
    ).partitions():
        rows += len(part)
        LIMITS.check(rows)
        writer.writerows([_text(cell, names[at]) for at, cell in enumerate(row)] for row in part)
    text.flush()
    text.detach()


def _text(cell: Any, column: str) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float() | Decimal():
            return f"{Decimal(str(cell)):f}"
        case datetime():
            return cell.isoformat(" ")
        case str() | int() | date():
            return str(cell)
    raise UnreadableError(
        f"column {column}: it holds neither numbers, days, truth values nor text; leave it out by a view"
    )
