"""The one clock: tests set it within their process, and nothing else can."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from counterfoil import clock
from counterfoil.audit import event
from counterfoil.clock import reckoned
from counterfoil.crypto.keys import PrivateKeys, tls_validity
from tests.lib.clock import at

FAR = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)


def test_the_clock_is_the_machines() -> None:
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
    assert clock.now().utcoffset() == timedelta(0)


def test_a_test_sets_it_in_all_threads_and_puts_it_back() -> None:
    seen: list[datetime] = []
    with at(FAR) as shown:
        other = threading.Thread(target=lambda: seen.append(clock.now()))
        other.start()
        other.join()
        assert (seen, clock.today()) == ([FAR], date(2031, 5, 6))
        assert event.now() == "2031-05-06T07:08:00Z" and "2031-05-06 07:08 (UTC)" in reckoned()
        shown.time += timedelta(days=1)
        assert clock.today() == date(2031, 5, 7)
    assert clock.now() < FAR


def test_what_is_made_at_a_time_holds_from_then(tmp_path: Path) -> None:
    with at(FAR):
        begins, ends = tls_validity(PrivateKeys.create(tmp_path / "keys", "bank-a").public.tls)
    assert begins < FAR < ends and FAR - begins < timedelta(hours=1)


@pytest.mark.parametrize(
    "name", ["FAKETIME", "COUNTERFOIL_CLOCK", "COUNTERFOIL_NOW", "COUNTERFOIL_TODAY", "SOURCE_DATE_EPOCH"]
)
def test_no_variable_of_the_environment_sets_it(name: str) -> None:
    asked = "from counterfoil import clock; print(clock.today())"
    run = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, name: "2031-05-06"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert abs(date.fromisoformat(run.stdout.strip()) - datetime.now(UTC).date()) <= timedelta(days=1)


def test_the_clock_reads_nothing_but_the_machines_time() -> None:
    """Not the environment, no file, no setting: all that it imports are types and times."""
    tree = ast.parse(Path(clock.__file__).read_text())
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {"__future__", "collections.abc", "datetime", "typing"}


def test_nothing_that_is_installed_sets_it() -> None:
    root = Path(clock.__file__).parent
    setters = re.compile(r"clock\._clock|_clock\s*=|['\"]_clock['\"]")
    found = [
        f"{path.relative_to(root.parent)}: {line.strip()}"
        for folder in (root, *(root.parent / name for name in ("flows", "mpc_tasks", "deployments", "synthetic_data")))
        for path in folder.rglob("*.py")
        for line in path.read_text().splitlines()
        if setters.search(line)
    ]
    assert found == []
