"""docs/first-consortium.md, typed line by line as it stands: three tables, a verified report, and a second week."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from counterfoil.proxies import without_proxies
from counterfoil_prefect.deployments.stand import free_ports

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-consortium.md"
MOST_COMMANDS = 30

pytestmark = [pytest.mark.slow, pytest.mark.services, pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class Typed:
    """A line that somebody types, with those that continue it."""

    section: str
    line: int
    command: str


def typed(text: str) -> Iterator[Typed]:
    """What the page has people type, in its order."""
    section, lines = "", text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("## "):
            section = line[3:]
        if line.startswith("$ "):
            last = next(at for at in range(number, len(lines)) if not lines[at].endswith("\\"))
            yield Typed(section, number + 1, "\n".join([line[2:], *lines[number + 1 : last + 1]]))


class Shell:
    """One shell that everything is typed into, whose workers and server end with it."""

    def __init__(self, folder: Path) -> None:
        environment = {
            **without_proxies(os.environ),
            "COUNTERFOIL_DEBUG": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self._told = (folder / "terminal.txt").open("ab+")
        self.shell = subprocess.Popen(
            ["/bin/bash", "--noprofile", "--norc"],
            cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.servers: list[int] = []

    def type(self, command: str) -> tuple[int, str, float]:
        """Type the command; return its exit code, what it printed, and how many seconds it took."""
        began = time.monotonic()
        assert self.shell.stdin and self.shell.stdout
        self.shell.stdin.write(f'{command}\necho "@@ $?"\n')
        self.shell.stdin.flush()
        said: list[str] = []
        while not (line := self.shell.stdout.readline()).startswith("@@ "):
            assert line, ("the shell ended", command)
            said.append(line)
        text = "".join(said)
        self.servers += [int(pid) for pid in re.findall(r"to stop it: kill (\d+)", text)]
        return int(line[3:]), text, time.monotonic() - began

    def complaints(self) -> str:
        """What commands said aside."""
        self._told.seek(0)
        return self._told.read().decode()

    def end(self) -> None:
        for group in (self.shell.pid, *self.servers):
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.shell.wait(20)
        for group in (self.shell.pid, *self.servers):
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.end()


def page() -> str:
    """The page, with a port that is free where it has Prefect's own."""
    (port,) = free_ports(1)
    text = PAGE.read_text("utf-8")
    assert text.count("127.0.0.1:4200") == 1
    return text.replace("127.0.0.1:4200", f"127.0.0.1:{port}")


def test_it_takes_few_commands_and_no_loops() -> None:
    commands = [each.command for each in typed(PAGE.read_text("utf-8"))]
    assert 20 <= len(commands) <= MOST_COMMANDS
    assert not any(re.search(r"\bfor\b|\bwhile\b|;|\|\||xargs", command) for command in commands)


def test_every_command_of_the_page_ends_well_in_its_order(shell: Shell, tmp_path: Path) -> None:
    text = page()
    for title, content in re.findall(r"```\w+ title=(\S+)\n(.*?)```", text, re.DOTALL):
        (tmp_path / title).write_text(content)
    said: dict[str, str] = {}
    took: dict[str, float] = {}
    for each in typed(text):
        if each.command.startswith("pip install"):
            continue  # what the test runs on is installed
        code, printed, seconds = shell.type(each.command)
        assert code == 0, f"{each}\n{printed}\n{shell.complaints()[-4000:]}\n{_logs(tmp_path)}"
        said[each.section] = said.get(each.section, "") + printed
        took[each.section] = took.get(each.section, 0.0) + seconds
    told = {section: f"{seconds:.0f} s" for section, seconds in took.items()}
    print(told, f"{sum(took.values()):.0f} s in all")  # noqa: T201 (pytest -s shows what it took)
    assert "5 people at least" in said["Found it"]
    assert "in review" in said["The first result"] and "released" in said["The first result"]
    assert "exact" in said["The second week"] or "report:" in said["The second week"]
    reports = list((tmp_path / "ours" / "homes" / "hospital-a").rglob("report.json"))
    assert len(reports) == 2
    assert "Traceback" not in shell.complaints() + _logs(tmp_path)


def _logs(folder: Path) -> str:
    return "".join(f"{path.name}: {path.read_text()[-2000:]}" for path in folder.glob("ours/*.log"))
