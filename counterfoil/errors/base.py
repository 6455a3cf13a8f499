"""What all errors have in common, and faults of Counterfoil itself."""

from __future__ import annotations

from typing import ClassVar


class CounterfoilError(Exception):
    """Base of every error that Counterfoil raises on purpose."""

    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = "Read the line: it names what to change."


class InternalError(CounterfoilError):
    """A fault of Counterfoil itself. Its traceback stays in the party's own errors file."""

    exit_code = 100
    remedy = "Report it with the version; it is not your fault."


class MissingExtraError(CounterfoilError):
    """A command needs a part of Counterfoil, an extra, that is not installed here."""

    exit_code = 16
    remedy = "Install the extra that the line names, with `pip install`."
