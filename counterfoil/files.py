"""Files that survive a crash: a file has its old content or its new one, and what returned is on the disk.

Knows nothing of what the files mean.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from counterfoil.errors import NotFoundError, StoreError


def private_folder(path: Path) -> Path:
    """The folder itself, made if need be, that nobody but its user may enter."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {path}: {error.strerror}") from None
    return path


def write_file(path: Path, data: bytes | memoryview, *, replace: bool = False) -> None:
    """The file holds the data, durably, readable by its user alone; it never holds a part of them.

    Raises: StoreError, also where the file exists and `replace` is not set.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                scratch.replace(path)
            else:
                path.hardlink_to(scratch)
        finally:
            scratch.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError:
        raise StoreError(f"{path} exists already") from None
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def read_file(path: Path, start: int = 0) -> bytes:
    """The file's bytes, from `start` on. Raises: NotFoundError, StoreError."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        raise NotFoundError(f"{path} is not there") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None


def sync_folder(path: Path) -> None:
    """The folder's entries are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
