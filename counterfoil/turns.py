"""Give processes of one party turns at what only one may have, in the order of their coming.

A turn is a file that its process holds locked. A process that dies loses its turn at that moment, whatever the file
says.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil import clock
from counterfoil.errors import BusyNodeError, StoreError
from counterfoil.files import private_folder

_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Holder:
    """The purpose of a turn, and since when its holder waits or has it, in UTC."""

    what: str
    since: str

    def __str__(self) -> str:
        return f"{self.what}, since {self.since}"


@contextmanager
def turn(folder: Path, what: str, *, limit_s: float, waiting: Callable[[Holder], None]) -> Iterator[None]:
    """Hold the folder's turn within the block, after all that came earlier have had theirs.

    `waiting` is called with the holder that is next, once for each of them.
    Raises: BusyNodeError, naming the holder, when the turn does not come within the limit; StoreError.
    """
    with ExitStack() as stack:
        take_turn(stack, folder, what, limit_s=limit_s, waiting=waiting)
        yield


def take_turn(stack: ExitStack, folder: Path, what: str, *, limit_s: float, waiting: Callable[[Holder], None]) -> None:
    """Take a turn, as `turn` does, until the stack is closed, or else until this process ends."""
    deadline, told = time.monotonic() + limit_s, None
    try:
        mine = _queue_up(stack, private_folder(folder), what)
        while (before := _before(folder, mine)) is not None:
            if time.monotonic() > deadline:
                raise BusyNodeError(f"waited {limit_s:.0f} s for {before}; it did not end. {what} did not begin")
            if before != told:
                waiting(before)
                told = before
            time.sleep(_LOOK_S)
    except OSError as error:
        raise StoreError(f"cannot wait for a turn in {folder}: {error.strerror}") from None


def _queue_up(stack: ExitStack, folder: Path, what: str) -> int:
    """Write a locked ticket with the next number into the folder, for as long as the stack is open."""
    gate = os.open(folder / ".gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        number = (
            int(os.read(gate, 20) or b"0") + 1
        )  # never given out again: a dead ticket cannot be taken for a live one
        os.pwrite(gate, str(number).encode(), 0)
        scratch = folder / f".{secrets.token_hex(8)}"
        handle = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX)
        since = f"{clock.now():%Y-%m-%d %H:%M:%S} UTC"
        os.write(handle, json.dumps({"what": what, "since": since}).encode())
        path = folder / str(number)
        scratch.rename(path)
        stack.callback(path.unlink, missing_ok=True)
        return number
    finally:
        os.close(gate)


def _before(folder: Path, mine: int) -> Holder | None:
    """Return the live holder that came first; None if it is this number's turn."""
    for path in sorted(_tickets(folder), key=lambda path: int(path.name)):
        if int(path.name) >= mine:
            return None
        if holder := _alive(path):
            return holder
    return None


def _alive(path: Path) -> Holder | None:
    """Return the holder of the ticket, or remove a ticket that nobody holds any more."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                told = json.loads(file.read())
                return Holder(str(told["what"]), str(told["since"]))
            return Holder("another run", "a while")
        path.unlink(missing_ok=True)
    return None


def _tickets(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.isdecimal()]
