"""Read and write an object store of a cloud by paths. The only module that imports obstore."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from counterfoil.errors import NotFoundError, StoreError


class Cloud:
    """An object store, by paths."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str, settings: Mapping[str, str]) -> Cloud:
        """Open the store at the URL; `settings` come before the environment. Raises: ValueError."""
        try:
            return cls(from_url(url, **_options(settings)))
        except BaseError:
            raise ValueError(url) from None

    def read(self, path: str, check: Callable[[int], None]) -> bytes:
        try:
            found = obstore.get(self._store, path)
            check(found.meta["size"])
            return bytes(found.bytes())
        except FileNotFoundError:
            raise NotFoundError(f"{path} is not in the exchange") from None
        except (BaseError, OSError) as error:
            raise _failure("read", path, error) from None

    def write(self, path: str, data: bytes | memoryview, *, replace: bool) -> None:
        view = memoryview(data).cast("B")
        try:
            obstore.put(self._store, path, view, mode="overwrite" if replace else "create", use_multipart=False)
        except AlreadyExistsError:
            raise FileExistsError from None
        except (BaseError, OSError) as error:
            raise _failure("write", path, error) from None

    def remove(self, path: str) -> None:
        try:
            obstore.delete(self._store, path)
        except FileNotFoundError:
            raise NotFoundError(f"{path} is not in the exchange") from None
        except (BaseError, OSError) as error:
            raise _failure("remove", path, error) from None

    def walk(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        try:
            for batch in obstore.list(self._store, prefix or None):
                yield from ((meta["path"], meta["size"], meta["last_modified"]) for meta in batch)
        except (BaseError, OSError) as error:
            raise _failure("list", prefix or "/", error) from None


def _options(settings: Mapping[str, str]) -> dict[str, Any]:
    """Convert the settings to obstore's options, where the permission of plain HTTP is one of the client."""
    given = {name.lower(): value for name, value in settings.items()}
    plain = {name: given.pop(name) for name in tuple(given) if name.endswith("_allow_http")}
    options: dict[str, Any] = {"config": given}
    if plain:
        options["client_options"] = {"allow_http": "true" in plain.values()}
    return options


def _failure(what: str, path: str, error: Exception) -> StoreError:
    return StoreError(f"cannot {what} {path} in the exchange ({type(error).__name__})")
