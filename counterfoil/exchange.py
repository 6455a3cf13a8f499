"""The exchange: a blob store by URL that every party can reach and nobody trusts.

A blob's name holds its digest, so a changed blob is noticed. Knows nothing of what blobs mean, nor who may read
them: what is secret is sealed and what needs an author is signed before it comes here.
The only module that imports obstore.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from counterfoil.canonical import Ref, digest
from counterfoil.errors import NotFoundError, ReplayError, StoreError
from counterfoil.files import sync_folder
from counterfoil.records import BLOBS, Name, Records, check_size, name_of, path_of


class Exchange(Records):
    """A blob store; each name is a tuple of parts, and each part an id, a digest or a tile's number."""

    def __init__(self, url: str, store: ObjectStore, folder: Path | None) -> None:
        self.url = url
        self._store = store
        self._folder = folder

    @classmethod
    def open(cls, url: str, *, existing: bool = False, settings: Mapping[str, str] | None = None) -> Exchange:
        """The store at a folder's path, or at a URL: file://, s3://bucket/prefix, az://container/prefix.

        A folder is made if need be, unless it must be `existing`. Cloud stores take their credentials from the
        environment, as their own tools do, and then from `settings`, which are named alike.

        Raises: NotFoundError if an existing folder is not there; StoreError, also where the URL holds a credential.
        """
        try:
            if "://" in url and not url.startswith("file://"):
                _check_url(url)
                return cls(url, from_url(url, **_options(settings or {})), None)
            folder = Path(url.removeprefix("file://")).resolve()
            if existing and not folder.is_dir():
                raise NotFoundError(f"there is no folder {folder}")
            return cls(str(folder), LocalStore(folder, mkdir=True), folder)
        except (BaseError, ValueError, OSError):
            raise StoreError(f"cannot open an exchange at {url}: neither a folder nor a known kind of URL") from None

    def put(self, kind: str, owner: str, data: bytes | memoryview) -> Ref:
        """The blob is stored under its digest, once however often it is put."""
        ref = Ref(kind, owner, digest(data))
        name = (BLOBS, ref.kind, ref.owner, ref.digest)
        try:
            self._write(name, data, replace=False)
        except AlreadyExistsError:
            self.get(ref)  # an existing blob that does not match its name must not pass for ours
        return ref

    def put_named(self, name: Name, data: bytes | memoryview, *, replace: bool = False) -> None:
        """The data lie under the name. Whoever reads them must check them by what they are, not by their name.

        Raises: ReplayError if the name is taken and `replace` is not set; StoreError.
        """
        try:
            self._write(name, data, replace=replace)
        except AlreadyExistsError:
            raise ReplayError(f"{'/'.join(name)} is in the exchange already") from None

    def get_named(self, name: Name, *, at_most: int | None = None) -> bytes:
        """As for all records: the store says how long it is before any of it is taken."""
        path = self._locate(name)
        try:
            found = obstore.get(self._store, path)
            check_size(found.meta["size"], f"{path} in the exchange", at_most)
            return bytes(found.bytes())
        except FileNotFoundError:
            raise NotFoundError(f"{path} is not in the exchange {self.url}") from None
        except (BaseError, OSError) as error:
            raise _failure("read", path, error) from None

    def remove(self, name: Name) -> None:
        """Nothing lies under the name, as far as the store obeys; it may keep copies. Raises: StoreError."""
        path = self._locate(name)
        try:
            obstore.delete(self._store, path)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _failure("remove", path, error) from None

    def discard(self, ref: Ref) -> None:
        """No blob lies under the reference, as far as the store obeys. Raises: StoreError."""
        self.remove((BLOBS, ref.kind, ref.owner, ref.digest))

    def list(self, prefix: Name = ()) -> list[Name]:
        """The names below a prefix, sorted; names that we would not have given are left out."""
        path = self._locate(prefix) if prefix else None
        try:
            found = [meta["path"] for batch in obstore.list(self._store, path) for meta in batch]
        except (BaseError, OSError) as error:
            raise _failure("list", path or "/", error) from None
        return sorted(name for name in map(name_of, found) if name)

    def newest(self) -> datetime | None:
        """When something was last written there, by the store's own clock; None if nothing was. Raises: StoreError."""
        try:
            written = [meta["last_modified"] for batch in obstore.list(self._store) for meta in batch]
        except (BaseError, OSError) as error:
            raise _failure("list", "/", error) from None
        return max(written, default=None)

    def _locate(self, name: Name) -> str:
        """The name's path in the store; in a folder, no link that somebody planted leads it outside."""
        path = path_of(name)
        if self._folder and not (self._folder / path).resolve().is_relative_to(self._folder):
            raise StoreError(f"{path} in the exchange is a link that leads outside of it")
        return path

    def _write(self, name: Name, data: bytes | memoryview, *, replace: bool) -> None:
        path = self._locate(name)
        view = memoryview(data).cast("B")
        try:
            obstore.put(self._store, path, view, mode="overwrite" if replace else "create", use_multipart=False)
            if self._folder:
                _sync(self._folder, self._folder / path)
        except AlreadyExistsError:
            raise
        except (BaseError, OSError) as error:
            raise _failure("write", path, error) from None


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise StoreError(
            f"the URL of a store is only its place, {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}; "
            "give what opens it in the environment"
        )


def _options(settings: Mapping[str, str]) -> dict[str, Any]:
    """The settings as the client library takes them: whether a link may go without TLS is no property of a store."""
    given = {name.lower(): value for name, value in settings.items()}
    plain = {name: given.pop(name) for name in tuple(given) if name.endswith("_allow_http")}
    options: dict[str, Any] = {"config": given}
    if plain:
        options["client_options"] = {"allow_http": "true" in plain.values()}
    return options


def _failure(what: str, path: str, error: Exception) -> StoreError:
    return StoreError(f"cannot {what} {path} in the exchange ({type(error).__name__})")


def _sync(root: Path, path: Path) -> None:
    """The file and every folder between it and the root are on the disk, as an object store would promise."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    for folder in path.parents:
        sync_folder(folder)
        if folder == root:
            break
