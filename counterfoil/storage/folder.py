"""Read and write a folder that others write too, and refuse what is no ordinary file or folder.

No path is resolved twice. Each part of a name is opened in the folder before it, by its descriptor and never through a
link, so that swapping folders and links meanwhile leads nobody outside. Nothing waits: a pipe or a leased file is
refused at once, and so is a file that has a second name elsewhere. Knows nothing of what the files mean.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import Path
from typing import Final

from counterfoil.errors import NotFoundError, PlantedError, StoreError
from counterfoil.files import write_at

MAX_ENTRIES: Final = 1_000_000
MAX_DEPTH: Final = 16

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_IN_THE_WAY: Final = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.EAGAIN)
_CHUNK: Final = 1 << 20
_LOOKS: Final = 3


class Folder:
    """Files by relative paths, whose parts the caller has checked: none is empty, `.` or `..`."""

    def __init__(self, root: Path, what: str, *, linked: bool = False) -> None:
        """Take the folder, which must exist, the name that messages give it, and whether hard links may be read."""
        self._root = root
        self._what = what
        self._may_be_linked = linked

    def read(self, path: str, check: Callable[[int], None]) -> bytes:
        """Read an ordinary file, as many bytes as it had when `check` was called with its size.

        Raises: NotFoundError, PlantedError, StoreError; what `check` raises.
        """
        with (
            self._failures("read", path),
            self._parent(path, make=False) as (folder, name),
            os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb", buffering=0) as file,
        ):
            handle = file.fileno()
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise self._planted(path)
            if not self._may_be_linked and _is_linked(folder, name, handle):
                raise self._linked(path)
            check(found.st_size)
            return _read(file, found.st_size)

    def write(self, path: str, data: bytes | memoryview, *, replace: bool) -> None:
        """Write a file, whole and durable, with every folder on its path.

        Raises: FileExistsError if something has that name and `replace` is not set; PlantedError, StoreError.
        """
        with self._failures("write", path), self._parent(path, make=True) as (folder, name):
            write_at(folder, name, data, replace=replace, mode=0o666)

    def remove(self, path: str) -> None:
        """Remove the file, or link, of that name. Raises: NotFoundError, PlantedError, StoreError."""
        with self._failures("remove", path), self._parent(path, make=False) as (folder, name):
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    def walk(self, prefix: str = "") -> Iterator[tuple[str, int, datetime]]:
        """Yield path, size and time of each ordinary file below, unordered; skip links, pipes and deeper folders.

        Raises: PlantedError, where the prefix leads through a link; StoreError, for more than MAX_ENTRIES, too.
        """
        left, waiting = MAX_ENTRIES, [prefix]
        with self._failures("list", prefix or "/"):
            while waiting:
                at = waiting.pop()
                try:
                    folder = self._descend(at.split("/") if at else [], make=False)
                except OSError as error:  # gone, or swapped for something else, since it was listed
                    if error.errno == errno.ENOENT or (at != prefix and error.errno in _IN_THE_WAY):
                        continue
                    raise
                try:
                    for name, kind, found in _entries(folder):
                        if not (left := left - 1):
                            raise StoreError(
                                f"{self._what} holds more than {MAX_ENTRIES} entries below {prefix or '/'}"
                            )
                        path = f"{at}/{name}" if at else name
                        if kind == stat.S_IFREG:
                            yield path, found.st_size, _moment(found.st_mtime)
                        elif kind == stat.S_IFDIR and path.count("/") < MAX_DEPTH:
                            waiting.append(path)
                finally:
                    os.close(folder)

    @contextmanager
    def _parent(self, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
        *folders, name = path.split("/")
        folder = self._descend(folders, make=make)
        try:
            yield folder, name
        finally:
            os.close(folder)

    def _descend(self, parts: list[str], *, make: bool) -> int:
        """Open a descriptor of the folder beneath; a folder that is made is durable with all above it."""
        try:
            folder = os.open(self._root, _FOLDER)
        except OSError as error:
            raise StoreError(f"{self._what} cannot be opened: {error.strerror}") from None
        try:
            for part in parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                    os.fsync(folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
        except BaseException:
            os.close(folder)
            raise
        return folder

    @contextmanager
    def _failures(self, doing: str, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise NotFoundError(f"{path} is not in {self._what}") from None
        except FileExistsError:
            raise
        except OSError as error:
            # A link; no folder on the way; a folder in place of a file; a socket; a file that somebody leased.
            if error.errno in _IN_THE_WAY:
                raise self._planted(path) from None
            told = error.strerror or type(error).__name__
            raise StoreError(f"cannot {doing} {path} in {self._what}: {told}") from None

    def _planted(self, path: str) -> PlantedError:
        return PlantedError(
            f"{path} in {self._what}: it, or a folder on the way to it, is a link, a pipe or no ordinary file; whoever "
            "runs that folder must find out who put it there, and remove it"
        )

    def _linked(self, path: str) -> PlantedError:
        return PlantedError(
            f"{path} in {self._what}: the file has a second name elsewhere, a hard link, as no writer gives it; "
            "whoever runs that folder must find out who did, and put a copy in its place"
        )


def _is_linked(folder: int, name: str, handle: int) -> bool:
    """Return whether the open file has a name besides this one and those that writes of ours leave when interrupted."""
    scratch = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{16}}")
    for _ in range(_LOOKS):  # a write that ends meanwhile takes its name away
        found = os.fstat(handle)
        if found.st_nlink <= 1:
            return False
        ours = sum(
            scratch.fullmatch(other) is not None and os.path.samestat(each, found)
            for other, _, each in _entries(folder)
        )
        if found.st_nlink <= 1 + ours:
            return False
    return True


def _entries(folder: int) -> Iterator[tuple[str, int, os.stat_result]]:
    """Yield each name in the open folder with its kind and status, following no link."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # gone since it was listed
                found = entry.stat(follow_symlinks=False)
                yield entry.name, stat.S_IFMT(found.st_mode), found


def _moment(written: float) -> datetime:
    """Convert a file time, which anybody may set, or return the earliest time if there is no such time."""
    try:
        return datetime.fromtimestamp(written, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)


def _read(file: RawIOBase, size: int) -> bytes:
    parts = []
    while size > 0 and (part := file.read(min(size, _CHUNK))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
