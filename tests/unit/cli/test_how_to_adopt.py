"""The page on adopting a contract: its commands, run as they stand in it, end as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.home import Home

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "adopt-odcs.md"


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (contract,) = (text for kind, text in blocks if kind == "yaml")
    (tmp_path / "shop.odcs.yaml").write_text(contract)
    rows = [f"A{number},{number}.50,{'shipped' if number % 3 else 'pending'},x" for number in range(40)]
    (tmp_path / "orders.csv").write_text("\n".join(["order_id,total,state,lines", *rows, ""]))
    Home.create(tmp_path / "shop", "shop", str(tmp_path / "exchange"), ("owner",))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    commands = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
    assert len(commands) > 8
    for command in commands:
        said = re.search(r"# exits with (\d+)", command)
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (int(said[1]) if said else 0), (command, done.stdout, done.stderr)
    assert (tmp_path / "contracts" / "data" / "orders.odcs.yaml.signed").exists()
