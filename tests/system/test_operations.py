"""docs/operations.md, followed to the letter on hosts of its own: from keys to a verified report, a loss, a renewal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import counterfoil.errors
from tests.system.guide import GUIDE, blocks
from tests.system.hosts import ROOT, alone, missing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_every_block_says_where_it_is_typed_or_is_for_reading() -> None:
    typed = list(blocks(GUIDE.read_text("utf-8")))
    assert len(typed) > 15
    assert {name for block in typed for name in block.at} >= {"coordinator", "bank-a", "node-0", "regulator"}


def test_the_guide_says_what_to_do_for_every_state_that_a_run_can_end_in() -> None:
    text = GUIDE.read_text("utf-8").split("\n## What a run may end in, and what to do\n")[1]
    told = {
        name for row in text.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    states = set(re.findall(r'(?:Failed|Cancelled|Crashed)\(\s*name="(\w+)"', sources()))
    ours = counterfoil.errors.CounterfoilError
    kinds = [each for each in vars(counterfoil.errors).values() if isinstance(each, type)]
    errors = {kind.__name__ for kind in kinds if issubclass(kind, ours)}
    assert len(states) > 4
    assert told - {"Completed", "Paused", "Crashed", "Cancelled"} >= (states - {"Cancelled"}) | errors


def sources() -> str:
    """All that may name a state."""
    return "".join(path.read_text("utf-8") for room in ("flows", "mpc_tasks") for path in (ROOT / room).glob("*.py"))


def test_the_guide_works_as_it_stands(tmp_path: Path) -> None:
    if lacking := missing():
        assert "CI" not in os.environ, lacking
        pytest.skip(lacking)
    command = alone([sys.executable, "-m", "tests.system.guide", str(tmp_path)])
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)  # noqa: T201 (how long each step took)
