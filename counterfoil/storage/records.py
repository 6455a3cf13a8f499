"""Read what parties put into an exchange: from the exchange, a copied folder, or one ZIP file.

Nothing that is read is trusted: the caller must verify. An archive is never unpacked, and a file is read only if its
name is one that we would have given, it is no link, and it is not too large. Knows nothing of what documents mean.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

from counterfoil.canonical import Ref, check_id, digest
from counterfoil.errors import DocumentError, NotFoundError, StoreError, TamperedError
from counterfoil.files import open_ordinary
from counterfoil.storage.folder import Folder

Name = tuple[str, ...]

MAX_FILE_BYTES: Final = 256 * 2**20
MAX_ARCHIVE_BYTES: Final = 2 * 2**30
MAX_FILES: Final = 200_000

PAGES: Final = ("bundle.json", "index.html", "lineage.json", "lineage.svg")
"""What a bundle has beside the parties' records, by its own name."""

BLOBS: Final = "blobs"
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNZIPPING: Final = (
    zipfile.BadZipFile, OSError, ValueError, LookupError, NotImplementedError, RuntimeError, EOFError, struct.error,
)  # fmt: skip
"""What the library raises for files that were changed at will."""
_TILE: Final = re.compile(r"[0-9]{3}\.p\Z")  # a partial tile's folder in C2SP tlog-tiles


def path_of(name: Name) -> str:
    """Join the name to a relative path, whose parts are ids, digests or tiles' numbers. Raises: DocumentError."""
    for part in name:
        if not _TILE.match(part):
            check_id(part, "part of a name in the exchange")
    return "/".join(name)


def name_of(path: str) -> Name | None:
    """Split a path into the name that `path_of` writes as it; None if there is none."""
    name = tuple(path.split("/"))
    try:
        path_of(name)
    except DocumentError:
        return None
    return name


def check_size(size: int, what: str, at_most: int | None = None) -> None:
    """Check that a record's size is at most `at_most` (by default MAX_FILE_BYTES). Raises: StoreError if it is more."""
    most = MAX_FILE_BYTES if at_most is None else at_most
    if size > most:
        raise StoreError(f"{what} has {size} bytes; it may have {most}")


class Records(ABC):
    """Records by name, to be read only; `url` says where they are."""

    url: str

    def get(self, ref: Ref) -> bytes:
        """Read the blob and verify its digest. Raises: NotFoundError, TamperedError, StoreError."""
        data = self.get_named((BLOBS, ref.kind, ref.owner, ref.digest))
        if digest(data) != ref.digest:
            raise TamperedError(f"{ref} was changed in the exchange: its bytes do not match its digest")
        return data

    @abstractmethod
    def get_named(self, name: Name, *, at_most: int | None = None) -> bytes:
        """Read the data under the name, unverified: of MAX_FILE_BYTES, or of `at_most` where the reader knows better.

        Raises: NotFoundError; StoreError, for what is longer, too, of which nothing is read.
        """

    @abstractmethod
    def list(self, prefix: Name = ()) -> list[Name]:
        """List the names below a prefix, sorted, without names that `path_of` would not write."""


class Copy(Records):
    """A copy of records, with the pages of a bundle if it is one. Only `open_copy` makes one."""

    def __init__(self, url: str, paths: dict[str, int]) -> None:
        self.url = url
        self.paths = paths
        """Every file by its path, with its size; also those that nobody asks for."""
        self._names = sorted(name for name in map(name_of, paths) if name)

    def get_named(self, name: Name, *, at_most: int | None = None) -> bytes:
        """Read the data under the name, as `Records` does."""
        return self.read(path_of(name), at_most=at_most)

    def list(self, prefix: Name = ()) -> list[Name]:
        """List the names below a prefix, as `Records` does."""
        path_of(prefix)
        return [name for name in self._names if name[: len(prefix)] == prefix and len(name) > len(prefix)]

    @property
    def is_bundle(self) -> bool:
        """Whether the copy has a bundle's description."""
        return PAGES[0] in self.paths

    def read(self, path: str, *, at_most: int | None = None) -> bytes:
        """Read the file at the path. Raises: NotFoundError, StoreError."""
        if path not in self.paths:
            raise NotFoundError(f"{path} is not in {self.url}")
        check_size(self.paths[path], f"{path} in {self.url}", at_most)
        data = self._read(path)
        if len(data) != self.paths[path]:
            raise StoreError(f"{path} in {self.url} does not have the size that it says")
        return data

    @abstractmethod
    def _read(self, path: str) -> bytes: ...


class _Folder(Copy):
    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder, str(folder), linked=True)  # as tools copy; what is read is verified
        super().__init__(str(folder), {path: size for path, size, _ in self._folder.walk()})

    def _read(self, path: str) -> bytes:
        return self._folder.read(path, lambda size: check_size(size, f"{path} in {self.url}", self.paths[path]))


class _Archive(Copy):
    def __init__(self, file: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(open_ordinary(file))
        except _UNZIPPING as error:
            raise StoreError(f"{file} is not a ZIP file that can be read ({type(error).__name__})") from None
        found: dict[str, int] = {}
        for item in self._zip.infolist():
            if item.filename.endswith("/"):
                continue
            if item.compress_type not in _METHODS:  # LZMA would have memory set aside that the file asks for
                raise StoreError(f"{file}: an entry is packed by another method than deflate; export it again")
            if stat.S_IFMT(item.external_attr >> 16) not in (0, stat.S_IFREG) or item.flag_bits & 1:
                raise StoreError(f"{file}: an entry is a link, or encrypted; a bundle holds plain files alone")
            if item.filename in found:
                raise StoreError(f"{file}: {item.filename[:80]!r} is in it twice")
            found[item.filename] = item.file_size
        if len(found) > MAX_FILES or sum(found.values()) > MAX_ARCHIVE_BYTES:
            raise StoreError(f"{file}: more than {MAX_FILES} files, or {MAX_ARCHIVE_BYTES} bytes when read")
        super().__init__(str(file), found)

    def _read(self, path: str) -> bytes:
        try:
            with self._zip.open(path) as file:
                return file.read(self.paths[path] + 1)
        except (*_UNZIPPING, zlib.error) as error:
            raise TamperedError(
                f"{path} in {self.url} cannot be read: it was changed ({type(error).__name__})"
            ) from None


def open_copy(path: Path) -> Copy:
    """Open the records in a folder, or in a ZIP file. Raises: NotFoundError, StoreError."""
    if path.is_dir():
        return _Folder(path.resolve())
    if path.is_file():
        return _Archive(path)
    raise NotFoundError(f"there is no folder and no file {path}")
