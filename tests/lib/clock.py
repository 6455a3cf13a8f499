"""Set the clock of this process, as only tests can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from unittest.mock import patch


@dataclass
class Clock:
    """A clock that shows one time until it is moved."""

    time: datetime


@contextmanager
def at(time: datetime) -> Iterator[Clock]:
    """Have `counterfoil.clock` show this time, in all threads of this process, until the block ends."""
    assert time.utcoffset() is not None, "a clock shows times with their zone"
    shown = Clock(time)
    with patch("counterfoil.clock._clock", lambda: shown.time):
        yield shown
