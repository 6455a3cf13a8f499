"""The Prefect server as a party sees it: whether it can be reached, and one line when it goes away or comes back."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_CLIENT_RETRY_EXTRA_CODES,
)

from counterfoil.errors import UnreachableError
from counterfoil.proxies import proxy_variable
from counterfoil.terminal import say

P = ParamSpec("P")
T = TypeVar("T")

PATIENT: Final = {PREFECT_CLIENT_MAX_RETRIES: 8, PREFECT_CLIENT_RETRY_EXTRA_CODES: "500,504"}
"""Settings with which Prefect's client asks again for some eight minutes; the waits between double from 2 s."""

AWAY_S: Final = 900.0
"""For how long a run that goes on waits for a server that is away."""

_AGAIN_S: Final = 2.0
_TEMPORARY: Final = frozenset({408, 429})


def address() -> str:
    """Read the server's address without name and password, to be shown. Raises: UnreachableError if none is set."""
    url = PREFECT_API_URL.value()
    if not url:
        raise UnreachableError("PREFECT_API_URL is not set; set it to the server's address, like http://host:4200/api")
    parts = urlsplit(url)
    return str(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl())


def is_away(error: BaseException) -> bool:
    """Return whether the error says that the server cannot be reached now, and may be later."""
    if isinstance(error, RuntimeError):  # Prefect's own, when a client of its engine is made
        return "Failed to reach API" in str(error)
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code in _TEMPORARY
    return isinstance(error, httpx.TransportError)


def why(error: BaseException) -> str:
    """Say of a request's error what may be shown: a status or a class, and the proxy that was asked."""
    if isinstance(error, (httpx.HTTPStatusError, PrefectHTTPStatusError)):
        status = error.response.status_code
        told = f"it answers {status}"
        if status in (401, 403):
            told += "; check PREFECT_API_AUTH_STRING"
    else:
        told = type(error).__name__
    variable = proxy_variable(address())
    return f"{told}; asked through the proxy that {variable} names" if variable else told


class Contact:
    """Whether the server answers, told once when that changes."""

    def __init__(self) -> None:
        self._lost: float | None = None

    def lost(self, error: BaseException, ago_s: float = 0.0) -> None:
        """Note that a request failed that was made so long ago."""
        if self._lost is None:
            self._lost = time.monotonic() - ago_s
            _tell(f"the Prefect server at {address()} does not answer ({why(error)}); it is asked again until it does")

    def found(self) -> None:
        """Note that a request was answered."""
        if self._lost is not None:
            _tell(f"the Prefect server at {address()} answers again, after {time.monotonic() - self._lost:.0f} s")
            self._lost = None


def patiently(ask: Callable[[], T], contact: Contact | None = None, limit_s: float = AWAY_S) -> T:
    """Call `ask`, again while the server is away; return what it returns. Raises: UnreachableError after the limit."""
    told, deadline = contact or Contact(), time.monotonic() + limit_s
    while True:
        try:
            answer = ask()
        except (httpx.HTTPError, RuntimeError) as error:
            if not is_away(error):
                raise
            told.lost(error)
            if time.monotonic() > deadline:
                raise UnreachableError(f"the Prefect server at {address()} was away for {limit_s:.0f} s") from None
            time.sleep(_AGAIN_S)
        else:
            told.found()
            return answer


def patient(ask: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function so that it waits for a server that is away, as `patiently` does."""

    @functools.wraps(ask)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        return patiently(functools.partial(ask, *args, **kwargs))

    return asked


async def reach(wait_s: float) -> None:
    """Return once a Prefect server answers at PREFECT_API_URL.

    Raises: UnreachableError, naming the address and the reason, when none does within `wait_s`, and at once when
        whatever is there turns this party away or is no Prefect server.
    """
    deadline, told = time.monotonic() + wait_s, False
    where = address()
    while True:
        try:
            async with get_client() as client:
                version = await client.api_version()
        except (httpx.HTTPError, PrefectHTTPStatusError, OSError) as error:
            reason = why(error)
            if isinstance(error, httpx.HTTPStatusError) and not is_away(error):
                raise UnreachableError(f"{where} is not the Prefect server that this party needs: {reason}") from None
        except ImportError:  # of a library that a SOCKS proxy would need
            raise UnreachableError(f"{where} cannot be asked: {why(OSError())}, of a kind that is not known") from None
        except ValueError:
            raise UnreachableError(
                f"{where} is no Prefect server: what answers is no JSON; its address ends with /api"
            ) from None
        else:
            if isinstance(version, str):
                return
            raise UnreachableError(f"{where} is no Prefect server; its address ends with /api")
        if time.monotonic() > deadline:
            raise UnreachableError(f"no Prefect server answered at {where} within {wait_s:.0f} s: {reason}")
        if not told:
            _tell(f"no Prefect server answers at {where} yet ({reason}); it is asked for {wait_s:.0f} s")
            told = True
        await asyncio.sleep(min(_AGAIN_S, wait_s))


def _tell(line: str) -> None:
    say(line, aside=True)
