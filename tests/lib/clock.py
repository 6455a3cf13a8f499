"""Set the clock of this process, as only tests can."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from unittest.mock import patch

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for."""


@dataclass
class Clock:
    """A clock that shows one time until it is moved."""

    time: datetime


@contextmanager
def at(time: datetime) -> Iterator[Clock]:
    """Have `counterfoil.clock` show this time, in all threads of this process, until the block ends.

    OpenSSL goes by the machine's own clock, so links do not look at the days of certificates until then.
    """
    from counterfoil.mpc.transport.tls import _Meeting

    assert time.utcoffset() is not None, "a clock shows times with their zone"
    shown, begin = Clock(time), _Meeting._context

    def undated(*details: Any) -> ssl.SSLContext:
        context = begin(*details)
        context.verify_flags |= _NO_CHECK_TIME
        return context

    with patch("counterfoil.clock._clock", lambda: shown.time), patch.object(_Meeting, "_context", undated):
        yield shown
