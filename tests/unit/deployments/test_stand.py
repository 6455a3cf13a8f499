"""A demo's stand before anything runs on it: it erases nothing but an earlier demo, and takes ports that are free."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from counterfoil_prefect.deployments.stand import DemoError, Stand, free_ports


@pytest.mark.parametrize("name", ["thesis.txt", "homes/bank-a.txt"])
def test_nothing_but_an_earlier_demo_is_erased(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("years of work")

    async def enter() -> None:
        async with Stand(tmp_path):
            raise AssertionError

    with pytest.raises(DemoError, match="holds something else than a demo"):
        asyncio.run(enter())
    assert file.read_text() == "years of work"


def test_ports_are_free_and_are_not_given_to_callers() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert max(ports) < 32_768  # where Linux begins, unless told otherwise
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
