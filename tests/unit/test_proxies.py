"""Loopback is asked of no proxy, whatever the environment says, and an error knows which variable counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from counterfoil.proxies import is_loopback, proxy_variable, spare_loopback, without_proxies

SPELT = [spelt for name in ("http_proxy", "https_proxy", "all_proxy") for spelt in (name, name.upper())]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*SPELT, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def here() -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_loopback_is_asked_itself(clean: pytest.MonkeyPatch, here: str, name: str) -> None:
    clean.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(httpx.ConnectError):
        httpx.get(here)
    clean.setenv("NO_PROXY", "")
    clean.setenv("no_proxy", "")
    spare_loopback()
    assert httpx.get(here).status_code == 204
    assert proxy_variable(here) is None


def test_what_is_spared_already_stays_so() -> None:
    environ = {"NO_PROXY": "example.org, localhost", "HTTP_PROXY": "http://proxy:3128"}
    spare_loopback(environ)
    assert environ["no_proxy"] == environ["NO_PROXY"] == "example.org,localhost,127.0.0.1,::1"
    spare_loopback(environ)
    assert environ["NO_PROXY"].count("127.0.0.1") == 1
    all_of_it = {"no_proxy": "*"}
    spare_loopback(all_of_it)
    assert all_of_it["no_proxy"] == "*"


def test_a_demo_knows_no_proxy() -> None:
    environ = {**dict.fromkeys(SPELT, "socks5://127.0.0.1:9"), "PATH": "/bin"}
    assert without_proxies(environ) == {"PATH": "/bin"}


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_the_variable_is_named_that_counts(clean: pytest.MonkeyPatch, name: str) -> None:
    clean.setenv(name, "http://user:secret@proxy:3128")
    assert proxy_variable("http://prefect.example.org/api") == name
    assert proxy_variable("http://localhost:4200/api") is None
    clean.setenv("NO_PROXY", "prefect.example.org")
    assert proxy_variable("http://prefect.example.org/api") is None


@pytest.mark.parametrize(
    ("host", "so"), [("localhost", True), ("127.8.9.1", True), ("[::1]", True), ("10.0.0.1", False), ("", False)]
)
def test_loopback(host: str, so: bool) -> None:
    assert is_loopback(host) is so
