"""Remember a party's facts through any crash: one SQLite file, durable when a call returns.

Knows nothing of what the facts mean.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from counterfoil.errors import BusyError, NotFoundError, ReplayError, StoreError

DURABLE = "EXTRA"
"""How SQLite writes: with the journal's removal durable, too, since that removal is the commit."""

_BUSY_S = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (space TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (space, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (job TEXT PRIMARY KEY, attempt INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fact (
    space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (space, key)
) WITHOUT ROWID;
"""

_REASONS = {
    sqlite3.SQLITE_FULL: "its disk is full; make room there, and do it again",
    sqlite3.SQLITE_IOERR: "its disk is full or failed; make room there, or have the disk looked at",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check who may write it and its folder, and room on the disk",
    sqlite3.SQLITE_READONLY: "it cannot be written; check who may write it and its folder",
    sqlite3.SQLITE_PERM: "it cannot be written; check who may write it and its folder",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put the home back with counterfoil home restore",
    sqlite3.SQLITE_NOTADB: "it is damaged; put the home back with counterfoil home restore",
}


class State:
    """A party's durable facts. Processes and threads may share them; each call is a transaction of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the state in this file, creating it, readable by its user alone, if there is none.

        Raises: StoreError.
        """
        try:
            path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from None
        state = cls(path)
        with state._transaction() as connection:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
        return state

    def remember_once(self, space: str, id: str) -> None:
        """Record the id in its space, which it may enter once. Raises: ReplayError if it was there before."""
        with self._transaction() as connection:
            done = connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (space, id))
            if not done.rowcount:
                raise ReplayError(f"{space} {id} came before; it counts once")

    def check_whole(self) -> int:
        """Check the database's own structure, and return how many facts it holds. Raises: StoreError."""
        with self._transaction() as connection:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise StoreError("state.sqlite is damaged; restore the home: counterfoil home restore")
            return int(connection.execute("SELECT count(*) FROM fact").fetchone()[0])

    def seen(self, space: str, id: str) -> bool:
        """Return whether the id is recorded in its space."""
        with self._transaction() as connection:
            return (
                connection.execute("SELECT 1 FROM seen WHERE space = ? AND id = ?", (space, id)).fetchone() is not None
            )

    def next_attempt(self, job: str, attempt: int) -> None:
        """Record the job's next attempt. Raises: ReplayError unless it is greater than every attempt before."""
        with self._transaction() as connection:
            done = connection.execute(
                "INSERT INTO attempt VALUES (?, ?) ON CONFLICT (job) DO UPDATE SET attempt = excluded.attempt "
                "WHERE excluded.attempt > attempt.attempt",
                (job, attempt),
            )
            if not done.rowcount:
                raise ReplayError(f"attempt {attempt} of job {job} is not after the last one; start a new attempt")

    def bind(self, space: str, key: str, value: str) -> None:
        """Give the fact this value for good. Raises: ReplayError if it has another one."""
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO fact VALUES (?, ?, ?)", (space, key, value.encode()))
        self.check_bound(space, key, value)

    def check_bound(self, space: str, key: str, value: str) -> None:
        """Check that the fact has this value or none. Raises: ReplayError if it has another one."""
        try:
            found = self.get(space, key).decode()
        except NotFoundError:
            return
        if found != value:
            raise ReplayError(f"{space} {key} belongs to {found}, so not to {value}")

    def count(self, space: str, key: str, most: int) -> bool:
        """Count one more, unless `most` were counted before; return whether it was counted."""
        with self._transaction() as connection:
            row = connection.execute("SELECT value FROM fact WHERE space = ? AND key = ?", (space, key)).fetchone()
            counted = int(row[0]) if row else 0
            if counted < most:
                value = str(counted + 1).encode()
                connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", (space, key, value))
        return counted < most

    def put(self, space: str, key: str, value: bytes) -> None:
        """Set the fact's value, replacing any other."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", (space, key, value))

    def replace(self, space: str, key: str, old: bytes | None, value: bytes) -> bool:
        """Set the fact's value if it is `old` (None: if it has none), and return whether it was."""
        with self._transaction() as connection:
            if old is None:
                done = connection.execute("INSERT OR IGNORE INTO fact VALUES (?, ?, ?)", (space, key, value))
            else:
                done = connection.execute(
                    "UPDATE fact SET value = ? WHERE space = ? AND key = ? AND value = ?", (value, space, key, old)
                )
            return bool(done.rowcount)

    def get(self, space: str, key: str) -> bytes:
        """Return the fact's value. Raises: NotFoundError."""
        with self._transaction() as connection:
            row = connection.execute("SELECT value FROM fact WHERE space = ? AND key = ?", (space, key)).fetchone()
        if row is None:
            raise NotFoundError(f"{space} {key} is not known here")
        return bytes(row[0])

    def keys(self, space: str) -> list[str]:
        """List the keys of a space, sorted."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT key FROM fact WHERE space = ? ORDER BY key", (space,))
            return [row[0] for row in rows]

    def items(self, space: str) -> dict[str, bytes]:
        """Return the facts of a space by key, sorted."""
        with self._transaction() as connection:
            return _items(connection, space)

    def put_new(self, space: str, key: str, value: bytes, allowed: Callable[[Mapping[str, bytes]], None]) -> bool:
        """Set the fact's value unless it has one, if `allowed` accepts the space's facts; return whether it was set.

        Nobody else changes the space while `allowed` looks at it. Raises: what that raises.
        """
        with self._transaction() as connection:
            facts = _items(connection, space)
            allowed(facts)
            if key not in facts:
                connection.execute("INSERT INTO fact VALUES (?, ?, ?)", (space, key, value))
            return key not in facts

    def snapshot(self) -> bytes:
        """Copy the whole file as it is between two transactions."""
        with self._transaction() as connection:
            return connection.serialize()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a write transaction, and commit it durably if the block ends without an error."""
        try:
            connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        except sqlite3.Error as error:
            raise self._failure(error) from None
        try:
            # The default rollback journal: entering WAL mode takes an exclusive lock for which SQLite does not wait.
            connection.execute(f"PRAGMA synchronous = {DURABLE}")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failure(error) from None
        finally:
            connection.close()  # without a commit this rolls back

    def _failure(self, error: sqlite3.Error) -> StoreError:
        if "locked" in str(error):
            return BusyError(f"another process holds {self._path} for more than {_BUSY_S:.0f} s")
        return StoreError(f"cannot use {self._path}: {_reason(error)}")


def _reason(error: sqlite3.Error) -> str:
    """Describe the error by SQLite's code, with a remedy, since SQLite's messages may quote what was read."""
    code = getattr(error, "sqlite_errorcode", None)  # extended: the low byte is the kind
    return _REASONS.get(code & 0xFF, type(error).__name__) if code is not None else type(error).__name__


def _items(connection: sqlite3.Connection, space: str) -> dict[str, bytes]:
    rows = connection.execute("SELECT key, value FROM fact WHERE space = ? ORDER BY key", (space,))
    return {row[0]: bytes(row[1]) for row in rows}
