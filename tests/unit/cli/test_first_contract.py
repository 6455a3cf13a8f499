"""The tutorial on a first contract: its commands, run as they stand in it, end as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "tutorials" / "first-contract.md"


@pytest.mark.slow
def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (contract,) = (text for kind, text in blocks if kind == "yaml")
    (tmp_path / "visits.odcs.yaml").write_text(contract)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    commands = [text for kind, text in blocks if kind == "sh"]
    assert len(commands) >= 6
    for block in commands:
        expected = re.search(r"# exits with (\d+)\n$", block)
        done = subprocess.run(
            ["/bin/sh", "-ec", block], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == (int(expected[1]) if expected else 0), (block, done.stdout, done.stderr)
    assert (tmp_path / "visits.risk.html").exists()
