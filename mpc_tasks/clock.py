"""The clock of the Prefect server, to compare this machine's with. Nothing is decided by it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from counterfoil.clock import beside
from counterfoil.errors import (
    CounterfoilError,
    ExpiredError,
    PeerCertificateError,
    ReleaseExpiredError,
    ReviewDueError,
)

OF_TIME = (ExpiredError, PeerCertificateError, ReleaseExpiredError, ReviewDueError)
_WHOSE = "the clock of the Prefect server"


def hold_against_server(error: CounterfoilError) -> None:
    """Have the message of an error about days say what the server's clock says, if that differs from this one's."""
    if isinstance(error, OF_TIME) and _WHOSE not in str(error) and (theirs := _server_time()):
        error.args = (f"{error}{beside(_WHOSE, theirs)}",)


def _server_time() -> datetime | None:
    """Read the date of the server's answer, if there is a server that answers."""
    with suppress(Exception):  # the error itself is what counts
        if PREFECT_API_URL.value():
            with get_client(sync_client=True) as client:
                return parsedate_to_datetime(client.request("GET", "/health").headers["date"])
    return None
