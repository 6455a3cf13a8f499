"""A spawner's children: they start, their ends are told, and none outlives its spawner or whoever asked for it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from counterfoil_prefect.flows.spawned import Spawned

Check = Callable[[Spawned], Coroutine[Any, Any, None]]


@contextlib.asynccontextmanager
async def spawner() -> AsyncIterator[Spawned]:
    spawned = Spawned.launch("tests.system.try_spawner")
    listening = asyncio.create_task(spawned.listen())
    try:
        yield spawned
    finally:
        listening.cancel()
        spawned.close()


def run(check: Check) -> None:
    async def within() -> None:
        async with asyncio.timeout(120), spawner() as spawned:
            await check(spawned)

    asyncio.run(within())


async def end(spawned: Spawned, name: str, **parameters: Any) -> dict[str, Any]:
    news = await spawned.order(name, f"run-{name}", parameters)
    told = await news.get()
    return told if "refused" in told else await news.get()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> None:
    while alive(pid):
        await asyncio.sleep(0.02)


async def written(file: Path) -> int:
    while not (file.exists() and file.read_text()):
        await asyncio.sleep(0.02)
    return int(file.read_text())


@pytest.mark.parametrize(("name", "code"), [("end", 0), ("exit", 3), ("fail", 1)])
def test_an_end_is_told(name: str, code: int) -> None:
    async def check(spawned: Spawned) -> None:
        assert (await end(spawned, name, code=3))["exit"] == code

    run(check)


def test_what_the_gate_refuses_does_not_run() -> None:
    async def check(spawned: Spawned) -> None:
        assert (await end(spawned, "evil"))["refused"] == "RefusedError: not here"

    run(check)


def test_too_long_an_order_is_refused_here() -> None:
    async def check(spawned: Spawned) -> None:
        assert "longer than" in (await end(spawned, "end", junk="x" * 100_000))["refused"]
        assert (await end(spawned, "end"))["exit"] == 0

    run(check)


def test_many_run_side_by_side() -> None:
    async def check(spawned: Spawned) -> None:
        queues = [await spawned.order("end", f"run-{number}", {}) for number in range(50)]
        for queue in queues:
            assert "pid" in await queue.get()
            assert (await queue.get())["exit"] == 0

    run(check)


def test_a_run_that_is_ordered_again_before_it_ended_is_another() -> None:
    """As when somebody resumes a suspended run at once."""

    async def check(spawned: Spawned) -> None:
        first = await spawned.order("sleep", "run", {})
        second = await spawned.order("exit", "run", {"code": 3})
        assert (await first.get())["pid"] != (await second.get())["pid"]
        assert (await second.get())["exit"] == 3
        await spawned.stop(first)
        assert (await end(spawned, "end"))["exit"] == 0

    run(check)


@pytest.mark.parametrize("name", ["sleep", "stubborn"])
def test_a_run_is_stopped_whether_it_likes_or_not(name: str) -> None:
    async def check(spawned: Spawned) -> None:
        news = await spawned.order(name, "run", {})
        pid = (await news.get())["pid"]
        await spawned.stop(news)
        await gone(pid)

    run(check)


def test_children_end_with_whoever_asked_for_them(tmp_path: Path) -> None:
    async def check(spawned: Spawned) -> None:
        await spawned.order("pid", "run", {"file": str(tmp_path / "pid")})
        pid = await written(tmp_path / "pid")
        spawned.close()
        await gone(pid)

    run(check)


def test_children_end_with_their_spawner(tmp_path: Path) -> None:
    async def check(spawned: Spawned) -> None:
        news = await spawned.order("pid", "run", {"file": str(tmp_path / "pid")})
        pid = await written(tmp_path / "pid")
        assert "pid" in await news.get()
        spawner_pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        os.kill(spawner_pid, 9)
        await gone(pid)
        assert (await news.get())["exit"] == -1  # so that nobody waits for ever

    run(check)
