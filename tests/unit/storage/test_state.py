"""What a party must remember: once is once, over processes, threads and kills."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import NotFoundError, ReplayError, StoreError
from counterfoil.storage import state as module
from counterfoil.storage.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.open(tmp_path / "state.sqlite")


def test_an_id_counts_once_in_its_space(state: State, tmp_path: Path) -> None:
    assert not state.seen("submission", "s-1")
    state.remember_once("submission", "s-1")
    state.remember_once("decision", "s-1")
    for again in (state, State.open(tmp_path / "state.sqlite")):
        assert again.seen("submission", "s-1")
        with pytest.raises(ReplayError, match="s-1"):
            again.remember_once("submission", "s-1")


def test_attempts_only_grow(state: State) -> None:
    state.next_attempt("job-1", 1)
    state.next_attempt("job-1", 3)
    state.next_attempt("job-2", 1)
    for stale in (3, 2, 1, 0, -1):
        with pytest.raises(ReplayError, match="job-1"):
            state.next_attempt("job-1", stale)
    state.next_attempt("job-1", 4)


def test_facts(state: State) -> None:
    with pytest.raises(NotFoundError):
        state.get("witnessed", "node-0")
    state.put("witnessed", "node-0", b"one")
    state.put("witnessed", "node-0", b"\0two")
    state.put("other", "x", b"")
    assert state.get("witnessed", "node-0") == b"\0two"
    assert state.keys("witnessed") == ["node-0"]
    assert state.keys("nothing") == []


def test_a_bound_fact_stays(state: State) -> None:
    state.check_bound("used-by", "s-1", "job-2")
    state.bind("used-by", "s-1", "job-1")
    state.bind("used-by", "s-1", "job-1")
    state.check_bound("used-by", "s-1", "job-1")
    with pytest.raises(ReplayError, match="s-1 belongs to job-1"):
        state.bind("used-by", "s-1", "job-2")
    with pytest.raises(ReplayError, match="s-1 belongs to job-1"):
        state.check_bound("used-by", "s-1", "job-2")
    assert state.get("used-by", "s-1") == b"job-1"


def test_only_the_user_reads_it(state: State, tmp_path: Path) -> None:
    state.put("a", "b", b"c")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_commits_are_forced_to_the_disk(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests sync nothing; the product's own setting is what its module says.
    monkeypatch.setattr(module, "DURABLE", runpy.run_path(module.__file__)["DURABLE"])
    with state._transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_one_of_many_threads_wins(state: State) -> None:
    won: list[int] = []

    def claim(number: int) -> None:
        try:
            state.remember_once("job", "j-1")
            won.append(number)
        except ReplayError:
            pass

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def _count(path: Path, results: multiprocessing.Queue[int]) -> None:
    won = 0
    for number in range(20):
        try:
            State.open(path).remember_once("n", str(number))
            won += 1
        except ReplayError:
            pass
    results.put(won)


def test_every_id_goes_to_one_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_count, args=(tmp_path / "state.sqlite", results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert sum(results.get(timeout=60) for _ in workers) == 20
    for worker in workers:
        worker.join()


def test_what_was_reported_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from counterfoil.storage.state import State\n"
        "state = State.open(Path(sys.argv[1]))\n"
        "for n in range(10000):\n"
        "    state.remember_once('n', str(n)); print(n, flush=True)\n"
    )
    path = tmp_path / "state.sqlite"
    child = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(15)]
    os.kill(child.pid, signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().splitlines()]
    child.wait()
    state = State.open(path)
    assert all(state.seen("n", str(number)) for number in told)


def test_damage_and_missing_folders_say_so(tmp_path: Path) -> None:
    (tmp_path / "bad.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"bad\.sqlite: it is damaged; put the home back"):
        State.open(tmp_path / "bad.sqlite")
    with pytest.raises(StoreError):
        State.open(tmp_path / "missing" / "state.sqlite")


def test_an_error_in_the_block_changes_nothing(state: State) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO seen VALUES ('a', 'b')")
        raise RuntimeError

    with pytest.raises(RuntimeError), state._transaction() as connection:
        fail(connection)
    assert not state.seen("a", "b")


def test_a_full_disk_is_named(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def full(*given: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*given, **named)
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are; to SQLite the disk is full
        return connection

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(StoreError, match=r"state\.sqlite: its disk is full; make room there"):
        state.put("space", "key", bytes(1 << 16))
    monkeypatch.undo()
    state.put("space", "key", bytes(1 << 16))
