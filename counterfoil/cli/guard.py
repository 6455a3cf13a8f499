"""Guard every command: one line for an error, an exit code, and never a traceback."""

from __future__ import annotations

import errno
import os
import select
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from counterfoil.errors import CounterfoilError, InternalError, StoreError
from counterfoil.terminal import say

DEBUG = "COUNTERFOIL_DEBUG"
INTERRUPTED = 130
UNREAD = 141
"""As a shell says that SIGPIPE ended a program: whoever read its output went away before it was done."""

_PACKAGE = Path(__file__).parents[1]


class Guarded(TyperGroup):
    """A group of commands that turns a full disk, a closed pipe, Ctrl-C or a fault of ours into a named error."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        _prepare_streams()
        outputs = [os.dup(handle) for handle in (1, 2)]  # Rich turns away one that nobody reads
        try:
            return super().main(*args, **kwargs)
        except SystemExit as ended:
            if isinstance(broken := ended.__context__, BrokenPipeError):  # of which Typer and Rich make a 1
                _end(broken, outputs)
            raise
        except Exception as error:
            if os.environ.get(DEBUG):
                raise
            named = _named(error)
            _say(f"error: {named}")
            raise SystemExit(named.exit_code) from None
        finally:
            for handle in outputs:
                os.close(handle)
            _flush()

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _say("interrupted")
            raise typer.Exit(INTERRUPTED) from None


def _end(broken: BrokenPipeError, outputs: Sequence[int]) -> NoReturn:
    """End as one whose output nobody reads any more, which is no success: a check that did not end checked nothing."""
    if any(_is_unread(handle) for handle in outputs):
        raise SystemExit(UNREAD) from None
    named = _named(broken)
    _say(f"error: {named}")
    raise SystemExit(named.exit_code) from None


def _is_unread(handle: int) -> bool:
    asked = select.poll()
    asked.register(handle, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in asked.poll(0))


def _named(error: Exception) -> CounterfoilError:
    if isinstance(error, CounterfoilError):
        return error
    if isinstance(error, OSError):
        return StoreError(f"{_subject(error)}: {error.strerror or type(error).__name__}")
    if isinstance(error, sqlite3.Error):
        return StoreError(f"a party's memory cannot be read or written: {error}")
    return InternalError(_where(error))


def _say(text: str) -> None:
    with suppress(OSError):  # there is nowhere else to say it
        say(text, aside=True)


def _subject(error: OSError) -> str:
    """Name what could not be used."""
    if error.errno == errno.ENOSPC and error.filename is None:
        return "cannot write what was to be written"
    return f"cannot use {error.filename!s}" if error.filename is not None else "cannot use a file or a link"


def _where(error: Exception) -> str:
    """Name the line of ours that met a fault, without what it was about, which may be a value."""
    where, step = "", error.__traceback__
    while step is not None:
        file = Path(step.tb_frame.f_code.co_filename)
        if file.is_relative_to(_PACKAGE):
            where = f" in {file.relative_to(_PACKAGE.parent)}:{step.tb_lineno}"
        step = step.tb_next
    return (
        f"a fault of Counterfoil itself ({type(error).__name__}{where}); please report it. With {DEBUG}=1 in the "
        "environment it shows its traceback, which may quote what was read"
    )


def _prepare_streams() -> None:
    """Keep later files off the numbers of closed streams, and escape what a terminal cannot show."""
    for handle in (0, 1, 2):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
    for stream in (sys.stdout, sys.stderr):  # noqa: TID251 (nothing is printed)
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Flush what was printed, or end with an error and an exit code of its own."""
    try:
        printed = sys.stdout  # noqa: TID251 (nothing is printed)
        if printed is not None and not printed.closed:
            printed.flush()
    except OSError as error:
        with suppress(OSError):  # else the interpreter would try again, and say so
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if error.errno == errno.EPIPE:
            return
        _say(f"error: cannot write the output: {error.strerror}")
        raise SystemExit(StoreError.exit_code) from None
