"""What may leave a party's process by way of Prefect: references, ids, small numbers, and messages written for others.

Knows nothing of tables, shares or flows.
"""

import logging
import os
import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

from prefect.exceptions import ExternalSignal, PrefectSignal
from prefect.logging import get_run_logger
from prefect.logging.handlers import APILogHandler

from counterfoil import terminal
from counterfoil.canonical import Ref, check_id
from counterfoil.errors import CounterfoilError, DocumentError, InternalError, RefusedError
from counterfoil.texts import line, one_line, visible
from counterfoil_prefect.mpc_tasks.clock import hold_against_server

PublicValue = Ref | str | int | None | tuple["PublicValue", ...]
"""What a task takes and returns: references, ids, integers, and tuples of these."""

_MAX_INT = 2**53 - 1


def check_public(value: object, what: str) -> None:
    """Check that Prefect may see the value. Raises: RefusedError, without the value."""
    if not _is_public(value):
        raise RefusedError(f"{what} is a {type(value).__name__}; tasks take and return references, ids and integers")


def _is_public(value: object) -> TypeGuard[PublicValue]:
    if isinstance(value, tuple):
        return len(value) <= 256 and all(_is_public(item) for item in value)
    if isinstance(value, str):
        try:
            check_id(value)
        except DocumentError:
            return False
        return True
    return value is None or type(value) is Ref or (type(value) is int and abs(value) <= _MAX_INT)


@contextmanager
def barrier() -> Iterator[None]:
    """Let no exception out but Counterfoil's own, whose messages are written for other parties to read.

    Any other is replaced by an InternalError with a number; its traceback goes to the party's own errors file, or to
    its worker's output where that cannot be written.
    """
    try:
        yield
    except CounterfoilError as error:
        hold_against_server(error)
        raise error.with_traceback(None) from None
    except (PrefectSignal, ExternalSignal):  # how Prefect suspends or ends a run; they carry nothing of ours
        raise
    except BaseException:
        number = secrets.token_hex(4)
        where = keep(number, traceback.format_exc())
        raise InternalError(f"number {number}; {where} says more") from None


def keep(number: str, text: str) -> str:
    """Write what nobody else may read to the party's errors file, or else to its worker's output; say to which."""
    kept = f"--- {number}\n{visible(text)}\n"
    try:
        path = Path(os.environ["COUNTERFOIL_HOME"]) / "errors.log"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            file.write(kept)
    except (OSError, KeyError):  # a full disk, a wrong mode: the reason must not be lost, nor this error take its place
        terminal.say(*kept.splitlines(), aside=True)
        return "the output of the party's worker"
    return "the party's errors file"


def say(message: str, *, failed: bool = False) -> None:
    """Write a line to the run's page in Prefect; it must be fit for every party's eyes."""
    get_run_logger().log(logging.ERROR if failed else logging.INFO, one_line(message), extra={"counterfoil": True})


class OneLine(logging.Filter):
    """Makes one visible line of every message, so that none looks like two, and makes tracebacks visible.

    An error of ours has its whole reason in its message; of it no traceback is shown.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            told = record.getMessage()
        except Exception:  # a library's mistake in a message, which must not end a run
            told = str(record.msg)
        record.msg, record.args = line(told), ()
        if record.exc_info and isinstance(record.exc_info[1], CounterfoilError):
            record.exc_info = record.exc_text = None
        if record.exc_info and not record.exc_text:
            record.exc_text = visible(logging.Formatter().formatException(record.exc_info))
        return True


class OnlyOurs(logging.Filter):
    """Passes the lines that `say` wrote; Prefect's handler for its server gets no other."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "counterfoil", False) is True


def guard_logs() -> None:
    """Let nothing that is logged here and in forks reach Prefect's server but what `say` writes.

    A message is one visible line wherever it goes.
    Nor does Prefect's client say here, for each process and each event, that the server is away: the worker does, once.
    """
    for name in ("prefect.events.clients", "prefect._internal.concurrency"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).setLevel(logging.INFO)
    loggers = (logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict))
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if isinstance(handler, APILogHandler) and not any(isinstance(f, OnlyOurs) for f in handler.filters):
            handler.addFilter(OnlyOurs())
        if not any(isinstance(f, OneLine) for f in handler.filters):
            handler.addFilter(OneLine())
