"""Keep a node's shares at rest: each item encrypted, and erased for good by destroying a 32-byte key.

The vault's master key is sealed to the party's own sealing key. Each id (a job or a submission) has a data key that
the master key wraps; `destroy` erases the wrapped key, so what a disk or a backup still holds of the items opens for
nobody. Disks that keep old blocks may keep an old wrapped key: that is why backups must leave out `keys/`.
Knows nothing of what the arrays mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import bind, check_id
from counterfoil.crypto import chunked
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.seal import seal, unseal
from counterfoil.errors import NotFoundError, SealError, StoreError, TamperedError
from counterfoil.files import private_folder, read_file, write_file
from counterfoil.secret import Secret
from counterfoil.storage.arrays import pack, unpack

_INFO = b"counterfoil/vault/1"
_DESTROYED = b""


class Vault(Secret):
    """Items by id and name. Two processes may keep and load at once; each item is whole or absent."""

    def __init__(self, folder: Path, master: bytes) -> None:
        self._items = private_folder(folder / "items")
        self._keys = private_folder(folder / "keys")
        self._master = master

    @classmethod
    def open(cls, folder: Path, keys: PrivateKeys) -> Vault:
        """Open the vault in this folder, creating it if there is none.

        Raises: SealError if it is another party's; TamperedError if its master key was taken away; StoreError.
        """
        master = private_folder(folder) / "master"
        held = any(private_folder(folder / "keys").iterdir())  # before the look at what was there before these
        if not master.exists():
            if held:
                raise TamperedError(
                    f"{master} was taken away, and without it nothing in the vault opens; put the file back, or the "
                    "home: counterfoil home restore"
                )
            _create(master, seal(os.urandom(chunked.KEY_BYTES), keys.public, _INFO))
        return cls(folder, _master(master, keys))

    @staticmethod
    def reseal(folder: Path, keys: PrivateKeys) -> None:
        """Seal the master key of the vault in this folder, if there is one, to these keys and no earlier ones."""
        if (master := folder / "master").exists():
            write_file(master, seal(_master(master, keys), keys.public, _INFO), replace=True)

    def keep(self, id: str, name: str, arrays: Mapping[str, NDArray[np.uint64]], aad: bytes = b"") -> None:
        """Encrypt the arrays and store them durably under the id and name, replacing what was there.

        They come out again only with the same `aad`. Raises: NotFoundError if the id was destroyed; StoreError.
        """
        key = self._data_key(id, make=True)
        path = private_folder(self._items / check_id(id)) / check_id(name, "name of an item")
        write_file(path, chunked.encrypt(key, pack(arrays), _context(id, name, aad)), replace=True)

    def load(self, id: str, name: str, aad: bytes = b"") -> dict[str, NDArray[np.uint64]]:
        """Decrypt the arrays that were kept. Raises: NotFoundError, TamperedError."""
        key = self._data_key(id, make=False)
        encrypted = read_file(self._items / check_id(id) / check_id(name, "name of an item"))
        try:
            return unpack(chunked.decrypt(key, encrypted, _context(id, name, aad)))
        except SealError:
            raise TamperedError(f"{name} of {id} in the vault was changed, or is asked for as something else") from None

    def names(self, id: str) -> list[str]:
        """List the names of the items that are kept under the id, sorted."""
        folder = self._items / check_id(id)
        return sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []

    def remove(self, id: str, name: str) -> None:
        """Delete the item. What a disk still holds of it can be decrypted until the id is destroyed."""
        (self._items / check_id(id) / check_id(name, "name of an item")).unlink(missing_ok=True)

    def destroy(self, id: str) -> None:
        """Erase the id's data key and items, so that they never open again and none can be added.

        An id that was never seen is destroyed likewise.
        """
        write_file(self._keys / check_id(id), _DESTROYED, replace=True)
        folder = self._items / id
        if folder.is_dir():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    @staticmethod
    def files_of(folder: Path, *prefixes: str) -> list[Path]:
        """List the files of a backup: those of the ids with these prefixes, and the marks of the destroyed ids."""
        keys = [p for p in (folder / "keys").glob("*") if p.name.startswith(prefixes) or not p.stat().st_size]
        items = [path for prefix in prefixes for path in (folder / "items").glob(f"{prefix}*/*")]
        return sorted(path for path in [folder / "master", *keys, *items] if path.is_file() and path.name[0] != ".")

    def _data_key(self, id: str, *, make: bool) -> bytes:
        path = self._keys / check_id(id)
        if make and not path.exists():
            wrapped = chunked.encrypt(self._master, os.urandom(chunked.KEY_BYTES), _INFO + id.encode())
            _create(path, wrapped)
        wrapped = read_file(path)
        if wrapped == _DESTROYED:
            raise NotFoundError(f"{id} was destroyed in this vault")
        try:
            return chunked.decrypt(self._master, wrapped, _INFO + id.encode())
        except SealError:
            raise TamperedError(f"the key of {id} in the vault was changed") from None


def _master(path: Path, keys: PrivateKeys) -> bytes:
    sealed = read_file(path)
    with suppress(SealError):
        return unseal(sealed, keys, _INFO)
    for each in keys.all():  # keys were renewed since these were loaded, or a crash came between them and the new seal
        with suppress(SealError):
            return unseal(sealed, each, _INFO)
    raise SealError(f"{path} opens with no key of {keys.party}; it is of another party's vault, or was changed")


def _create(path: Path, data: bytes) -> None:
    """Write the file, unless another process wrote it first."""
    try:
        write_file(path, data)
    except StoreError:
        if not path.exists():
            raise


def _context(id: str, name: str, aad: bytes) -> bytes:
    return bind("counterfoil/vault-item/1", id.encode(), name.encode(), aad)
