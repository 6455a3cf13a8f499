"""Every row of the README's table of installations has what its commands and flows import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from counterfoil.cli import extras
from counterfoil.cli.extras import _canonical, demand_all, missing
from counterfoil.errors import MissingExtraError

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
ROW = re.compile(r"\| (.+) \| `pip install '?counterfoil(?:\[([a-z,]+)\])?'?`.* \|")
PAPERS = ["agreement explain x", "agreement verify x", "agreement sign x", "contract sign x", "roster sign x y"]
DRAFTS = ["agreement draft x --roster y", "agreement diff x y", "contract diff x y", "roster new x --card y --out z"]
NEEDED: dict[str, tuple[list[str], str]] = {
    "an auditor or regulator who verifies bundles": (["verify /nothing", "log check", "party card"], ""),
    "a reviewer; somebody who plans, explains and signs agreements": (
        [
            *PAPERS,
            *DRAFTS,
            "review list x",
            "review show x y",
            "review approve x y",
            "review confirm x y",
            "evidence x",
        ],
        "",
    ),
    "a recipient": ([*PAPERS, "open x", "budget show x", "budget audit x", "release list x", "evidence x"], ""),
    "an owner with its worker": (
        [*PAPERS, "contract test x --contract y", "contract risk x --contract y", "contract new x --out y", "worker"],
        "owner",
    ),
    "a node with its worker": ([*PAPERS, "purge", "budget show x", "release list x", "worker"], "node"),
    "an analyst who rehearses agreements": (
        ["rehearse x", "contract test x --contract y", "open x"],
        "",
    ),
    "a coordinator": ([*PAPERS, "worker", "deploy", "run collaborate", "status"], "coordinator"),
    "somebody who tries the demo": ([*PAPERS, "demo --rows 0"], "coordinator"),
}

SCRIPT = """
import json, shlex, sys
from importlib.abc import MetaPathFinder

blocked, commands, role = json.loads(sys.argv[1])

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from typer.testing import CliRunner
from counterfoil.cli import app
lacking = {}
for words in commands:
    done = CliRunner().invoke(app, shlex.split(words))
    if done.exit_code in (0, 1, 2, 16):
        lacking[words] = [done.exit_code, done.output, repr(done.exception)]
if role:
    from counterfoil_prefect.flows.party import flows_of
    flows_of([role])
print(json.dumps(lacking))
"""


def listed(chosen: frozenset[str]) -> set[str]:
    """The packages that the extras list by themselves or by one another."""
    found: set[str] = set()
    for requirement in (Requirement(text) for extra in chosen for text in EXTRAS[extra]):
        inner = listed(frozenset(requirement.extras)) if requirement.name == "counterfoil" else {requirement.name}
        found |= set(map(_canonical, inner))
    return found


def rows() -> dict[str, frozenset[str]]:
    found = filter(None, map(ROW.fullmatch, (ROOT / "README.md").read_text("utf-8").splitlines()))
    return {match[1]: frozenset(match[2].split(",") if match[2] else ()) for match in found}


def test_the_table_is_the_one_that_is_tried() -> None:
    assert rows().keys() == NEEDED.keys()


@pytest.mark.parametrize("who", [who for who in NEEDED if who != "somebody who tries the demo"])
def test_an_installation_has_what_its_commands_and_flows_import(who: str, tmp_path: Path) -> None:
    commands, role = NEEDED[who]
    chosen = rows()[who]
    absent = listed(frozenset(extras._ORDER)) - listed(chosen)
    blocked = sorted(name.replace("-", "_") for name in absent)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([blocked, commands, role])],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}


def test_what_needs_all_asks_for_all() -> None:
    assert "counterfoil[all]" in str(missing("httpx", "all"))


def test_a_package_of_some_extra_that_is_not_there_is_named_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    demand_all()

    def absent(name: str) -> object:
        if _canonical(name) == "numba":
            raise PackageNotFoundError(name)
        return distribution(name)

    monkeypatch.setattr(extras, "distribution", absent)
    with pytest.raises(MissingExtraError, match=r"needs numba.*counterfoil\[all\]"):
        demand_all()
