"""Read and write files that survive a crash: a file has its old content or its new one, and a write is durable.

Knows nothing of what the files mean.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from counterfoil.errors import NotFoundError, StoreError

_ABANDONED_S: Final = 3600


def private_folder(path: Path) -> Path:
    """Create the folder durably, if there is none, for its user alone to enter; return it. Raises: StoreError."""
    try:
        made = [each for each in (path, *path.parents) if not each.exists()]
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in made:
            sync_folder(each.parent)
    except OSError as error:
        raise StoreError(f"cannot make the folder {path}: {error.strerror}") from None
    return path


def write_file(path: Path, data: bytes | memoryview, *, replace: bool = False) -> None:
    """Write the file durably, readable by its user alone; it never holds a part of the data.

    Raises: StoreError, also where the file exists and `replace` is not set.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            write_at(folder, path.name, data, replace=replace)
        finally:
            os.close(folder)
    except FileExistsError:
        raise StoreError(f"{path} exists already") from None
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def write_at(folder: int, name: str, data: bytes | memoryview, *, replace: bool, mode: int = 0o600) -> None:
    """Write the file of that name in the open folder, durably, and never through what is there.

    Raises: FileExistsError where something has the name and `replace` is not set; OSError.
    """
    scratch = f".{name}.{secrets.token_hex(8)}"
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            rest = memoryview(data).cast("B")
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(handle)
        if replace:
            os.replace(scratch, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            os.link(scratch, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(scratch, dir_fd=folder)
    os.fsync(folder)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write the files into the folder, durably.

    A new folder appears with all of them; in an old one each is replaced. Raises: StoreError.
    """
    private_folder(path.parent)
    _sweep(path)
    if not path.exists():
        scratch = private_folder(path.with_name(f".{path.name}.{secrets.token_hex(8)}"))
        try:
            for name, data in files.items():
                write_file(scratch / name, data)
            scratch.rename(path)
            sync_folder(path.parent)
            sync_folder(path.parent.parent)
            return
        except OSError as error:
            if not path.is_dir():  # else another process was faster
                raise StoreError(f"cannot make the folder {path}: {error.strerror}") from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    for name, data in files.items():
        write_file(path / name, data, replace=True)


def _sweep(path: Path) -> None:
    """Remove what processes left that were killed while they made this folder."""
    for left in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(left)


def remove_file(path: Path) -> None:
    """Delete the file, if it exists, durably. Raises: StoreError."""
    try:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot remove {path}: {error.strerror}") from None


def write_output(path: Path, data: bytes | memoryview, *, replace: bool = False) -> None:
    """Write a file that a user named by its path, making the folders on its path. Raises: as `write_file`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {path.parent}: {error.strerror}") from None
    write_file(path, data, replace=replace)


def open_ordinary(path: Path) -> BinaryIO:
    """Open an ordinary file for reading, without waiting for a pipe or a device in its place.

    Raises: OSError, of EINVAL for what is no ordinary file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(errno.EINVAL, "it is not an ordinary file")


def read_file(path: Path, start: int = 0) -> bytes:
    """Read the file's bytes from `start` on. Raises: NotFoundError, StoreError."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        raise NotFoundError(f"{path} is not there") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None


def read_named(path: Path, at_most: int) -> bytes:
    """Read an ordinary file that another file named.

    It may have come with that one from a stranger, so nothing waits for a pipe or reads a device, and what is too long
    is not read.

    Raises: NotFoundError, StoreError.
    """
    try:
        with open_ordinary(path) as file:
            data = file.read(at_most + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path} is not there") from None
    except OSError as error:
        said = "it is no ordinary file" if error.errno in (errno.EINVAL, errno.ENXIO) else error.strerror
        raise StoreError(f"cannot read {path}: {said}") from None
    if len(data) > at_most:
        raise StoreError(f"{path} has more than {at_most} bytes; a document may have so many")
    return data


def sync_folder(path: Path) -> None:
    """Flush the folder's entries to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
