"""Export an owner's table from its database to a file of the period, once: what is handed in is kept, and has a digest.

The file is read as any other one, in the confined process. The link to the database is the owner's: it has no password
of ours, and what a database says is in no message.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from counterfoil.errors import NotFoundError, StoreError, UnreadableTableError
from counterfoil.files import sync_folder
from counterfoil.governance.contracts.contract import Contract
from counterfoil.home import Home


def export_table(home: Home, contract: Contract, name: str) -> Path:
    """Export the columns of the contract to the file of that name in the home's data, durably; return its path.

    Raises: NotFoundError where the database or its table is not there; StoreError; UnreadableTableError for cells that
        no file holds; DocumentError where no driver is installed.
    """
    from counterfoil.data.reading.database import exported  # noqa: PLC0415 (only owners with databases need SQLAlchemy)

    database, written = contract.database(home.party), contract.written(home.party)
    if database is None:
        raise NotFoundError(f"{contract.id}: the contract names no database of {home.party}")
    columns = [written.header(column.name) for column in contract.columns]
    target = home.data / name
    scratch = home.data / f".{name}.{secrets.token_hex(8)}"
    try:
        with exported(database.url(str(home.data)), database.table, columns) as source:
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with source.open("rb") as rows, os.fdopen(handle, "wb") as file:
                shutil.copyfileobj(rows, file)
                file.flush()
                os.fsync(handle)
        with suppress(FileExistsError):  # another process was faster, and its file is the one
            os.link(scratch, target, follow_symlinks=False)
        sync_folder(home.data)
    except (NotFoundError, StoreError, UnreadableTableError) as error:
        raise type(error)(f"{home.party}'s database for contract {contract.id}: {error}") from None
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            scratch.unlink()
    return target
