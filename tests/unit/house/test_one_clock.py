"""A command or a task reads the clock once, at its top, and passes the time down: one call goes by one day."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
READS = {
    "clock.now",
    "clock.today",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
}

PYTHON = ("counterfoil/rehearsal/rehearse.py", "counterfoil/roles/recipient/results.py")
TOPS = ("counterfoil/cli/", *PYTHON, "mpc_tasks/", "flows/")
"""Where the clock is read: commands, tasks, flows, and what people call in Python."""

ITS_OWN = {
    "counterfoil/clock.py": "the clock",
    "counterfoil/audit/event.py": "an entry of a log has the time at which it is written",
    "counterfoil/audit/witness.py": "a cosignature has the time at which it is given",
    "counterfoil/crypto/keys.py": "a certificate holds from when it is made",
    "counterfoil/mpc/transport/tls.py": "a peer's certificate holds when the peer connects, however long that took",
    "counterfoil/turns.py": "a turn tells others when it was taken",
    "counterfoil/files.py": "an abandoned file is one that is old by the file system's clock",
}
"""Modules further down that write down when something happened; nothing of an agreement is decided by it."""


def reads(path: Path) -> Iterator[str]:
    """For each read of the clock the function around it, by its name."""

    def walk(node: ast.AST, function: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            named = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if isinstance(child, ast.Call) and ast.unparse(child.func) in READS:
                yield function
            yield from walk(child, named)

    yield from walk(ast.parse(path.read_text("utf-8")), "<module>")


def every() -> Iterator[tuple[str, Path]]:
    for room in ("counterfoil", "mpc_tasks", "flows"):
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path


def test_only_commands_tasks_and_flows_read_the_clock() -> None:
    found = {name for name, path in every() if any(True for _ in reads(path)) and not name.startswith(TOPS)}
    assert found == set(ITS_OWN), f"{found ^ set(ITS_OWN)}: let the caller pass `now` or `today`"


def test_a_command_or_task_reads_it_once() -> None:
    twice = [
        f"{name}: {function}"
        for name, path in every()
        if name.startswith(TOPS)
        for function, count in Counter(reads(path)).items()
        if count > 1
    ]
    assert not twice


def test_the_search_finds_a_read() -> None:
    """The clock itself is found, and a function that reads twice would be."""
    assert list(reads(ROOT / "counterfoil" / "clock.py")).count("_machine") == 1
    assert set(reads(ROOT / "counterfoil" / "cli" / "commands" / "open.py")) == {"open_"}
