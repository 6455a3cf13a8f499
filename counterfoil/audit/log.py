"""Append to a party's own log: one file of entries, and a signed checkpoint that is renewed at every append.

An entry is accepted when the checkpoint that counts it is on the disk. What a crash left behind the last checkpoint
was never accepted and is cut off; anything else that does not fit the checkpoint is tampering.
Knows nothing of what events mean.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from counterfoil.audit.checkpoint import open_checkpoint, sign_checkpoint
from counterfoil.audit.event import NO_ENTRY, Event, now
from counterfoil.audit.merkle import MerkleTree, leaf_hash
from counterfoil.audit.verify import verify_log
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import BusyError, NotFoundError, StoreError, TamperedError
from counterfoil.files import private_folder, read_file, write_file

_LOCK_S = 30.0
_ENTRIES, _CHECKPOINT = "entries", "checkpoint"


class Log:
    """The log in a folder, to which several processes and threads of its party may append at once."""

    def __init__(self, folder: Path, keys: PrivateKeys) -> None:
        self._folder = private_folder(folder)
        self._entries = folder / _ENTRIES
        self._checkpoint = folder / _CHECKPOINT
        self._keys = keys
        self._forget()

    @classmethod
    def open(cls, folder: Path, keys: PrivateKeys, *, existing: bool = False) -> Log:
        """Open the log in this folder, creating it if there is none, unless it must be `existing`.

        Raises: TamperedError if the entries are not those of the last checkpoint; SignatureError; StoreError.
        """
        log = cls(folder, keys)
        with log._locked():
            if (
                not existing
                and not log._checkpoint.exists()
                and not (log._entries.exists() and log._entries.stat().st_size)
            ):
                log._entries.touch(mode=0o600)
                write_file(log._checkpoint, sign_checkpoint(0, MerkleTree().root(), keys))
            log._catch_up()
        return log

    @property
    def party(self) -> str:
        """The party that keeps this log."""
        return self._keys.party

    @property
    def keys(self) -> PrivateKeys:
        """The keys that sign this log's checkpoints."""
        return self._keys

    @property
    def size(self) -> int:
        """The number of entries when this object last read the log."""
        return self._tree.size

    def root(self, size: int | None = None) -> bytes:
        """Compute the Merkle root of the first `size` entries (by default all)."""
        return self._tree.root(size)

    def append(
        self,
        type: str,
        *,
        subject: str | None = None,
        refs: Mapping[str, str] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> int:
        """Append an event durably, sign a checkpoint that counts it, and return its index.

        Raises: DocumentError if the event is not in form; TamperedError; BusyError; StoreError.
        """
        with self._locked():
            self._catch_up()
            event = Event(self.size, type, self.party, now(), subject, self._prev, refs or {}, counts or {})
            leaf = event.leaf()
            try:
                self._write(leaf)
            except BaseException as error:  # what is on the disk is unknown: read it anew next time
                self._forget()
                if isinstance(error, OSError):
                    raise StoreError(f"cannot append to {self._entries}: {error.strerror}") from None
                raise
        return event.index

    def entries(self) -> list[bytes]:
        """Read all entries that the last checkpoint counts."""
        with self._locked():
            self._catch_up()
            return self._read(self._entries)[: self._end].splitlines()

    def snapshot(self) -> tuple[list[bytes], bytes]:
        """Return all entries and the checkpoint that counts them, as of one moment."""
        with self._locked():
            self._catch_up()
            return self._read(self._entries)[: self._end].splitlines(), self._note

    @staticmethod
    def restore(folder: Path, entries: Iterable[bytes], note: bytes) -> None:
        """Write a log's files into a new folder; the checkpoint, which accepts the entries, comes last.

        Raises: StoreError if there is a log already.
        """
        write_file(private_folder(folder) / _ENTRIES, b"".join(entry + b"\n" for entry in entries))
        write_file(folder / _CHECKPOINT, note)

    def checkpoint(self) -> bytes:
        """Read the signed note on the log's size and root."""
        with self._locked():
            self._catch_up()
            return self._note

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Prove that the entry at `index` is in the log of `size` entries."""
        return self._tree.inclusion(index, self.size if size is None else size)

    def consistency_proof(self, old: int, size: int | None = None) -> list[bytes]:
        """Prove that the log of `old` entries is a prefix of the log of `size` entries."""
        return self._tree.consistency(old, self.size if size is None else size)

    def level(self, level: int) -> list[bytes]:
        """Return the hashes of all complete subtrees of 2^level entries, from the first on, as tiles hold them."""
        return list(self._tree.level(level))

    def _forget(self) -> None:
        self._tree = MerkleTree()
        self._prev = NO_ENTRY
        self._end = 0  # of the accepted entries in their file
        self._note = b""

    def _write(self, leaf: bytes) -> None:
        with self._entries.open("ab") as file:
            file.write(leaf + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._accept(leaf)
        note = sign_checkpoint(self.size, self.root(), self._keys)
        write_file(self._checkpoint, note, replace=True)
        self._note = note

    def _accept(self, leaf: bytes) -> None:
        digest = leaf_hash(leaf)
        self._tree.append(digest)
        self._prev = digest.hex()
        self._end += len(leaf) + 1

    def _catch_up(self) -> None:
        """Read what the checkpoint on the disk counts, and cut off an entry that it does not count yet."""
        note = self._read(self._checkpoint)
        rest = self._read(self._entries, self._end)
        if note == self._note and not rest:
            return
        checkpoint = open_checkpoint(note, self._keys.public)
        *lines, torn = rest.split(b"\n")
        fresh = checkpoint.size - self.size
        for leaf in lines[: max(fresh, 0)]:
            self._accept(leaf)
        unfinished = max(len(lines) - fresh, 0) + bool(torn)
        if (self.size, self.root()) != (checkpoint.size, checkpoint.root) or unfinished > 1:
            self._forget()
            verify_log(self._read(self._entries).splitlines(), note, self._keys.public)
            raise TamperedError(
                f"log of {self.party}: entry {checkpoint.size} was dropped, and the checkpoint put back"
            )
        if unfinished:
            with self._entries.open("r+b") as file:
                file.truncate(self._end)
                os.fsync(file.fileno())
        self._note = note

    def _read(self, path: Path, start: int = 0) -> bytes:
        """Read the file from `start` on, so that appending to a long log does not read it all."""
        try:
            return read_file(path, start)
        except NotFoundError:
            raise TamperedError(f"log of {self.party}: the file {path.name} was taken away") from None

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Keep other processes and threads of this party from publishing the log, which may grow meanwhile.

        Raises: BusyError.
        """
        with self._locked("publishing"):
            yield

    @contextmanager
    def _locked(self, name: str = "lock") -> Iterator[None]:
        """Hold the log against other processes and threads of this party. Raises: BusyError."""
        handle = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + _LOCK_S
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise BusyError(f"another process holds the log {self._folder} for {_LOCK_S:.0f} s") from None
                    time.sleep(0.002)
            yield
        finally:
            os.close(handle)
