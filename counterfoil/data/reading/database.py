"""Export a table of a database, row by row, to a private file without a name, for a draft or for a job.

The only module that imports SQLAlchemy. It reads, and never writes; nothing of a row is in a message, and nothing of a
URL that could be a secret: one that holds any is refused. What cells mean is found out as for any CSV file.
"""

from __future__ import annotations

import csv
import io
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote_plus

import sqlalchemy as sql
from sqlalchemy.exc import DatabaseError, InterfaceError, NoSuchModuleError, NoSuchTableError, OperationalError

from counterfoil.data.reading.confined import LIMITS
from counterfoil.data.reading.unreadable import UnreadableError
from counterfoil.errors import CounterfoilError, DocumentError, NotFoundError, StoreError, UnreadableTableError
from counterfoil.governance.documents import did_you_mean

AT_ONCE = 10_000  # rows

PACKAGES: Final = {
    "psycopg2": "psycopg2-binary",
    "psycopg": "psycopg[binary]",
    "pg8000": "pg8000",
    "MySQLdb": "mysqlclient",
    "pymysql": "PyMySQL",
    "mysql": "mysql-connector-python",
    "mariadb": "mariadb",
    "pyodbc": "pyodbc",
    "pymssql": "pymssql",
    "cx_Oracle": "cx_Oracle",
    "oracledb": "oracledb",
}
"""What pip installs, by the module that a driver is imported as."""
BACKENDS: Final = {
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "databricks": "databricks-sqlalchemy",
    "duckdb": "duckdb-engine",
    "hana": "sqlalchemy-hana",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
    "trino": "trino[sqlalchemy]",
}
"""The same, by databases that SQLAlchemy does not know of itself."""

_SECRET: Final = re.compile(
    r"(?i)[\w.-]*(?:pass(?!file)|pwd|secret|token|credential|api_?key|access_?key|private_?key|odbc_connect)[\w.-]*\s*="
)
_WITHOUT: Final = (
    "take the password out of the URL, where others see it; drivers read it from their own files, such as ~/.pgpass or "
    "~/.my.cnf"
)
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())  # what goes wrong with a link is told once, here


@contextmanager
def exported(url: str, table: str, only: Sequence[str] = ()) -> Iterator[Path]:
    """Export the rows of the table or view to a CSV file that no name leads to, for as long as the context lasts.

    Where names of columns are given, only these are exported, as far as they are there.

    Cost: disk space for the table; memory for AT_ONCE rows.
    Raises: DocumentError for a URL that is none, that holds a password, or whose driver is not installed;
        NotFoundError; StoreError; UnreadableTableError for cells that are neither numbers, days, truth values nor text.
    """
    with tempfile.TemporaryFile() as file:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote what the database says
            _export(_checked(url), table, only, file)
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _export(url: sql.URL, table: str, only: Sequence[str], file: Any) -> None:
    """Write the table into the file. Drivers raise whatever they like, and quote URLs, statements and rows in it."""
    try:
        engine = sql.create_engine(url, hide_parameters=True, poolclass=sql.NullPool)
        with engine.connect().execution_options(stream_results=True, yield_per=AT_ONCE) as connection:
            _write(connection, table, only, file)
    except CounterfoilError:
        raise
    except UnreadableError as error:
        raise UnreadableTableError(f"table {table}: {error.problem}") from None
    except Exception as error:
        remedy = ""
        if isinstance(error, OperationalError | InterfaceError):
            remedy = "; see that it runs where the URL says, knows the user, and lets it read the table"
        elif isinstance(error, TypeError):
            remedy = "; see that the driver knows each option behind the '?' of the URL"
        name = type(error.orig if isinstance(error, DatabaseError) and error.orig else error).__name__
        raise StoreError(f"table {table}: the database cannot be read ({name}){remedy}") from None


def _checked(text: str) -> sql.URL:
    """Parse the URL and check that it leads to a database that may be read, and holds no secret."""
    if _SECRET.search(unquote_plus(unquote_plus(text))):
        raise DocumentError(_WITHOUT)
    try:
        url = sql.make_url(text)
    except Exception:
        raise DocumentError(
            "not the URL of a database; write it like sqlite:///bank.db or postgresql+psycopg://user@host/name"
        ) from None
    if url.password or re.search("[:/]", url.username or ""):
        raise DocumentError(_WITHOUT)
    _check_driver(url)
    if url.get_backend_name() != "sqlite":
        return url
    file = Path(url.database or "")
    if not file.is_file():
        raise NotFoundError(f"{file} is not there; name the file of the database, like sqlite:///bank.db")
    return url.set(database=f"file:{quote(str(file))}", query={"mode": "ro", "uri": "true"})


def _check_driver(url: sql.URL) -> None:
    """Check that the URL's driver can be used.

    Raises: DocumentError unless the driver that the URL asks for is installed, and waits for answers.
    """
    backend = re.sub(r"[^a-z0-9]", "", url.drivername.partition("+")[0].lower())[:20]
    try:
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except NoSuchModuleError:
        package = BACKENDS.get(backend)
        remedy = f"pip install '{package}'" if package else "see which package for SQLAlchemy brings one"
        raise DocumentError(f"no driver for {backend} is installed; {remedy}") from None
    except ImportError as error:
        module = str(error.name or "").partition(".")[0]
        package = PACKAGES.get(module) or BACKENDS.get(backend) or module or backend
        raise DocumentError(f"no driver for {backend} is installed; pip install '{package}'") from None
    except Exception as error:
        raise DocumentError(
            f"the driver for {backend} cannot be used ({type(error).__name__}); install it anew"
        ) from None
    if dialect.is_async:
        raise DocumentError(
            f"the driver {dialect.driver} answers out of order; name one that does not, like postgresql+psycopg://"
        )


def _write(connection: sql.Connection, table: str, only: Sequence[str], file: Any) -> None:
    inspector = sql.inspect(connection)
    schema, _, name = table.rpartition(".")
    try:
        names = [str(column["name"]) for column in inspector.get_columns(name, schema or None)]
    except NoSuchTableError:
        known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
        raise NotFoundError(f"the database has no table {table}{did_you_mean(name, known)}") from None
    if only:
        names = [name for name in names if name in only]
    if not names:
        raise UnreadableError("it has no column that the contract names; see that the contract means this table")
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
