"""The units of systemd as that reads them: nothing is passed over, and the filter leaves what the reader needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from counterfoil.confinement.system import NUMBERS
from counterfoil_prefect.deployments import deploy

UNITS = sorted((Path(deploy.__file__).parent / "systemd").iterdir())

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="it needs systemd: sh deployments/debian-packages.sh test"
)


def analyze(*words: str) -> list[str]:
    tool = str(shutil.which("systemd-analyze"))
    done = subprocess.run([tool, *words], check=False, capture_output=True, text=True)
    return [line.strip() for line in (done.stdout + done.stderr).splitlines()]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_no_line_of_a_unit_is_passed_over(unit: Path) -> None:
    said = analyze("verify", str(unit))
    assert not [line for line in said if "ignoring" in line.lower() or "unknown" in line.lower()], said


def test_the_partys_filter_leaves_all_calls_that_confine_the_reader_and_those_that_it_makes() -> None:
    (unit,) = (unit for unit in UNITS if unit.name == "counterfoil-party@.service")
    (line,) = (line for line in unit.read_text().splitlines() if line.startswith("SystemCallFilter="))
    left = {call for word in line.partition("=")[2].split() for call in members(word)}
    assert set(NUMBERS) - left == set()
    assert {"mount", "ptrace", "bpf", "kexec_load"} & left == set()


def members(word: str) -> set[str]:
    """The calls of a group, of those in it, too; or the call itself, which systemd must know."""
    if not word.startswith("@"):
        assert word in known(), word
        return {word}
    listed = [line for line in analyze("syscall-filter", word)[1:] if line and not line.startswith("#")]
    return {call for line in listed for call in (members(line) if line.startswith("@") else [line])}


def known() -> set[str]:
    return set(analyze("syscall-filter", "@known"))
