"""Turns between processes: in the order in which they came, one at a time, and none that outlives its process."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counterfoil.errors import BusyNodeError
from counterfoil.turns import Holder, turn


@contextmanager
def process(folder: Path, what: str, journal: Path, hold_s: float) -> Iterator[int]:
    """A process that takes a turn and writes down when it begins and ends it."""
    pid = os.fork()
    if pid == 0:
        with turn(folder, what, limit_s=60, waiting=lambda _: None):
            note(journal, f"{what} begins")
            time.sleep(hold_s)
            note(journal, f"{what} ends")
        os._exit(0)
    try:
        yield pid
    finally:
        os.waitpid(pid, 0)


def note(journal: Path, line: str) -> None:
    handle = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def until(journal: Path, lines: int) -> list[str]:
    while not journal.exists() or len(journal.read_text().splitlines()) < lines:
        time.sleep(0.01)
    return journal.read_text().splitlines()


def queued(folder: Path, number: int) -> None:
    while sum(path.name.isdecimal() for path in folder.iterdir()) < number:
        time.sleep(0.01)


def test_they_go_as_they_came_and_one_at_a_time(tmp_path: Path) -> None:
    folder, journal = tmp_path / "turns", tmp_path / "journal"
    with process(folder, "first", journal, 1.5):
        until(journal, 1)
        with process(folder, "second", journal, 0.1):
            queued(folder, 2)
            with process(folder, "third", journal, 0.1):
                pass
    ends = [f"{who} {what}" for who in ("first", "second", "third") for what in ("begins", "ends")]
    assert until(journal, 6) == ends
    assert not [path for path in folder.iterdir() if path.name.isdecimal()]


def test_who_waits_hears_for_whom_and_then_gives_up_by_name(tmp_path: Path) -> None:
    folder, journal = tmp_path / "turns", tmp_path / "journal"
    heard: list[Holder] = []
    with process(folder, "attempt 1 for 2026-w47", journal, 2.5):
        until(journal, 1)
        late = turn(folder, "attempt 1 for 2026-w48", limit_s=1, waiting=heard.append)
        with pytest.raises(BusyNodeError) as error, late:
            pass
    told = (
        r"waited 1 s for attempt 1 for 2026-w47, since 20.* UTC; it did not end. attempt 1 for 2026-w48 did not begin"
    )
    assert re.fullmatch(told, str(error.value))
    assert [holder.what for holder in heard] == ["attempt 1 for 2026-w47"]


def test_whoever_dies_has_no_turn_any_more(tmp_path: Path) -> None:
    folder, journal = tmp_path / "turns", tmp_path / "journal"
    with process(folder, "dies", journal, 60) as pid:
        until(journal, 1)
        os.kill(pid, signal.SIGKILL)
    with turn(folder, "next", limit_s=5, waiting=lambda _: None):
        assert len([path for path in folder.iterdir() if path.name.isdecimal()]) == 1


def test_a_number_is_given_out_once(tmp_path: Path) -> None:
    """Or else who looks at a ticket that ended might take its successor's away."""
    folder, seen = tmp_path / "turns", set()
    for _ in range(3):
        with turn(folder, "x", limit_s=1, waiting=lambda _: None):
            seen |= {path.name for path in folder.iterdir() if path.name.isdecimal()}
    assert seen == {"1", "2", "3"}
