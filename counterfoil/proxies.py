"""Handle the proxies that the environment names: loopback bypasses them, and errors name the variable that counted."""

from __future__ import annotations

import ipaddress
import os
import urllib.request
from collections.abc import Mapping, MutableMapping
from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")


def spare_loopback(environ: MutableMapping[str, str] = os.environ) -> None:
    """Make every HTTP client of this process, and of those that it starts, bypass proxies for loopback."""
    spared = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in spared.split(",") if host.strip()]
    if "*" not in hosts:
        hosts += [host for host in _LOOPBACK if host not in hosts]
    environ["no_proxy"] = environ["NO_PROXY"] = ",".join(hosts)


def without_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without any proxy, for processes that connect to loopback alone."""
    return {name: value for name, value in environ.items() if name.lower() not in _PROXIES}


def proxy_variable(url: str) -> str | None:
    """Return the name of the variable whose proxy is used for the URL; None if none is."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for spelt in (name, name.upper()):
            if os.environ.get(spelt):
                return spelt
    return None


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine itself."""
    if host.rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
