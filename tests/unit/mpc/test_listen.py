"""Where a node takes calls: apart from where others dial it, by IPv4 and IPv6, and named when it cannot."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from counterfoil.address import Address, parse_address
from counterfoil.cli import app
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import DocumentError, ListenError
from counterfoil.home import HOME, LISTEN, Home
from counterfoil.mpc.transport.base import Kind
from counterfoil.mpc.transport.listen import listen
from counterfoil.mpc.transport.tls import Endpoint, connect
from counterfoil_prefect.deployments.stand import free_ports
from tests.unit.mpc.meetings import ATTEMPT, together

RUN = CliRunner()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("node-0.example.org:7300", "node-0.example.org", 7300),
        ("192.0.2.7:1", "192.0.2.7", 1),
        ("[2001:db8::7]:65535", "2001:db8::7", 65535),
        ("[::]:7300", "::", 7300),
    ],
)
def test_addresses_are_read_and_written_alike(text: str, host: str, port: int) -> None:
    assert parse_address(text) == Address(host, port)
    assert str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", ":7300", "a", "a:", "a:0", "a:65536", "a:٣", "::1:7300", "[::1:7300", "[a]:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        parse_address(text)


def accepts(server: socket.socket, host: str) -> bool:
    with server, socket.create_connection((host, server.getsockname()[1]), 5):
        return True


@pytest.mark.parametrize(
    ("at", "host"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1")],  # noqa: S104
)
def test_calls_are_taken_where_it_says(at: str, host: str) -> None:
    (port,) = free_ports(1)
    assert accepts(listen(Address(at, port)), host)


def test_a_port_that_another_process_holds_is_named_within_seconds() -> None:
    script = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n"
    with subprocess.Popen(
        [sys.executable, "-c", f"{script}time.sleep(60)"], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port, began = int(other.stdout.readline()), time.monotonic()
        try:
            with pytest.raises(ListenError, match=rf":{port}: process {other.pid} \(.*\) holds the port") as refusal:
                listen(Address("127.0.0.1", port))
        finally:
            other.kill()
    assert time.monotonic() - began < 5
    assert "counterfoil party listen" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_port_that_is_free_in_a_moment_is_waited_for() -> None:
    holding = socket.create_server(("127.0.0.1", 0))
    port = holding.getsockname()[1]
    threading.Timer(0.5, holding.close).start()
    listen(Address("127.0.0.1", port)).close()


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.1", "no address of this machine.*like 0.0.0.0:7301"),
        ("no-such-host.invalid", "no machine of the name"),
    ],
)
def test_an_address_of_another_machine_is_named_with_what_to_do(host: str, words: str) -> None:
    with pytest.raises(ListenError, match=words):
        listen(Address(host, 7301))


def test_nodes_meet_where_they_are_dialled_at_another_address_than_they_listen_at(tmp_path: Path) -> None:
    """As behind a port mapping: a relay takes what is dialled, and passes it on to where the node listens."""
    keys = [PrivateKeys.create(tmp_path / f"node-{index}", f"node-{index}") for index in range(3)]
    ports = free_ports(6)
    public, private = ports[:3], ports[3:]
    ends = [
        Endpoint(each.public.party, "127.0.0.1", port, each.public.tls) for each, port in zip(keys, public, strict=True)
    ]
    relays = [socket.create_server(("127.0.0.1", port)) for port in public]
    for relay, port in zip(relays, private, strict=True):
        threading.Thread(target=pass_on, args=(relay, port), daemon=True).start()

    def meet(index: int) -> dict[int, int]:
        listener = listen(Address("0.0.0.0", private[index]))  # noqa: S104 (as behind a mapping)
        links = connect(index, ends, keys[index].load_tls, ATTEMPT, timeout_s=20, connect_s=20, listener=listener)
        for link in links.values():
            link.send(Kind.DATA, 1, np.full(8, index, np.uint64))
        return {peer: int(link.incoming(1, np.empty(8, np.uint64)).finish()[0]) for peer, link in links.items()}

    for index, met in enumerate(together(*(lambda index=index: meet(index) for index in range(3)))):
        assert met == {peer: peer for peer in range(3) if peer != index}


def pass_on(relay: socket.socket, port: int) -> None:
    while True:
        caller, _ = relay.accept()
        try:
            called = socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            caller.close()
            continue
        for one, other in ((caller, called), (called, caller)):
            threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass


# --- a home says where ------------------------------------------------------------------------------------------


def test_a_home_says_where_its_node_listens_and_its_environment_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "node-0")
    init = ["party", "init", "node-0", "--home", folder, "--exchange", str(tmp_path / "exchange"), "--role", "node"]
    assert RUN.invoke(app, [*init, "--listen", "0.0.0.0:7300"]).exit_code == 0
    assert Home.open(Path(folder)).listen == Address("0.0.0.0", 7300)  # noqa: S104
    assert yaml.safe_load((tmp_path / "node-0" / "party.yaml").read_text())["listen"] == "0.0.0.0:7300"
    monkeypatch.setenv(LISTEN, "[::]:7310")
    assert Home.open(Path(folder)).listen == Address("::", 7310)
    monkeypatch.delenv(LISTEN)
    done = RUN.invoke(app, ["party", "listen", "127.0.0.1:7301"], env={HOME: folder})
    assert (done.exit_code, "listens at 127.0.0.1:7301" in done.stdout) == (0, True)
    assert Home.open(Path(folder)).listen == Address("127.0.0.1", 7301)
    assert RUN.invoke(app, ["party", "listen", "roster"], env={HOME: folder}).exit_code == 0
    assert Home.open(Path(folder)).listen is None
    assert (tmp_path / "node-0" / "party.yaml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("listens", ["7300", "a:b", "[7300]", "::1:7300", "a..b:7300"])
def test_a_home_that_listens_nowhere_is_refused(tmp_path: Path, listens: str) -> None:
    home = Home.create(tmp_path / "node-0", "node-0", str(tmp_path / "exchange"))
    (home.path / "party.yaml").write_text(f"party: node-0\nexchange: /x\nroles: []\nlisten: {listens}\n")
    with pytest.raises(DocumentError, match="listen"):
        Home.open(home.path)
