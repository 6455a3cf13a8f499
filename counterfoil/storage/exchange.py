"""Read and write the exchange: a blob store by URL that every party can reach and nobody trusts.

A blob's name holds its digest, so a changed blob is noticed. Knows nothing of what blobs mean, nor who may read
them: what is secret is sealed and what needs an author is signed before it comes here. A folder is read and written
beneath its descriptor (`folder`), an object store by `cloud`, whose software is loaded for such a store alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from counterfoil.canonical import Ref, digest
from counterfoil.errors import NotFoundError, ReplayError, StoreError
from counterfoil.storage.folder import Folder
from counterfoil.storage.records import BLOBS, Name, Records, check_size, name_of, path_of

if TYPE_CHECKING:
    from counterfoil.storage.cloud import Cloud


class Exchange(Records):
    """A blob store whose names are tuples of parts, each an id, a digest or a tile's number."""

    def __init__(self, url: str, store: Folder | Cloud) -> None:
        self.url = url
        self._store = store

    @classmethod
    def open(cls, url: str, *, existing: bool = False, settings: Mapping[str, str] | None = None) -> Exchange:
        """Open the store at a folder's path, or at a URL: file://, s3://bucket/prefix, az://container/prefix.

        A folder is made if need be, unless it must be `existing`. Cloud stores take their credentials from the
        environment, as their own tools do, and then from `settings`, which are named alike.

        Raises: NotFoundError if an existing folder is not there; StoreError, also where the URL holds a credential.
        """
        try:
            if "://" in url and not url.startswith("file://"):
                _check_url(url)
                from counterfoil.storage.cloud import Cloud  # noqa: PLC0415 (an exchange in a folder needs no such software)

                return cls(url, Cloud.open(url, settings or {}))
            folder = Path(url.removeprefix("file://")).resolve()
            if existing and not folder.is_dir():
                raise NotFoundError(f"there is no folder {folder}")
            folder.mkdir(parents=True, exist_ok=True)
            return cls(str(folder), Folder(folder, f"the exchange {folder}"))
        except (ValueError, OSError):
            raise StoreError(f"cannot open an exchange at {url}: neither a folder nor a known kind of URL") from None

    def put(self, kind: str, owner: str, data: bytes | memoryview) -> Ref:
        """Store the blob under its digest and return its reference. An equal blob is stored once."""
        ref = Ref(kind, owner, digest(data))
        name = (BLOBS, ref.kind, ref.owner, ref.digest)
        try:
            self._store.write(path_of(name), data, replace=False)
        except FileExistsError:
            self.get(ref)  # an existing blob that does not match its name must not pass for ours
        return ref

    def put_named(self, name: Name, data: bytes | memoryview, *, replace: bool = False) -> None:
        """Store the data under the name. A reader must verify them by their content, not by their name.

        Raises: ReplayError if the name is taken and `replace` is not set; StoreError.
        """
        try:
            self._store.write(path_of(name), data, replace=replace)
        except FileExistsError:
            raise ReplayError(f"{'/'.join(name)} is in the exchange already") from None

    def get_named(self, name: Name, *, at_most: int | None = None) -> bytes:
        """Read the data under the name, as `Records` does; the size is checked before anything is transferred."""
        path = path_of(name)
        return self._store.read(path, lambda size: check_size(size, f"{path} in the exchange", at_most))

    def remove(self, name: Name) -> None:
        """Delete the data under the name. The store may still keep copies. Raises: StoreError."""
        with suppress(NotFoundError):
            self._store.remove(path_of(name))

    def discard(self, ref: Ref) -> None:
        """Delete the blob. The store may still keep copies. Raises: StoreError."""
        self.remove((BLOBS, ref.kind, ref.owner, ref.digest))

    def list(self, prefix: Name = ()) -> list[Name]:
        """List the names below a prefix, sorted, without names that `path_of` would not write."""
        found = self._store.walk(path_of(prefix))
        return sorted(name for path, _, _ in found if (name := name_of(path)))

    def newest(self) -> datetime | None:
        """Return when something was last written, by the store's own clock; None if nothing was. Raises: StoreError."""
        return max((written for _, _, written in self._store.walk("")), default=None)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise StoreError(
            f"the URL of a store is only its place, {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}; "
            "give what opens it in the environment"
        )
