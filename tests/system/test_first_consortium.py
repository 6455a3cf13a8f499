"""docs/first-consortium.md, typed line by line as it stands: three tables, a verified report, and a second week."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from counterfoil.errors import WithdrawnError
from counterfoil.proxies import without_proxies
from counterfoil_prefect.deployments.stand import free_ports

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-consortium.md"
MOST_COMMANDS = 30
LATER = "\n# Later\n"
"""What comes after the part that is counted."""

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


@dataclass
class Desk:
    """A folder in which the page is typed, as far as it has been."""

    folder: Path
    shell: Shell
    text: str
    done: set[str] = field(default_factory=set)

    def follow(self, sections: Iterable[str]) -> dict[str, str]:
        """Type these sections; return what each of them printed, after all of it ended well."""
        said: dict[str, str] = {}
        took: dict[str, float] = {}
        for each in typed(self.text):
            if each.section not in sections or each.command.startswith("pip install"):
                continue  # what the test runs on is installed
            code, printed, seconds = self.shell.type(each.command)
            assert code == 0, f"{each}\n{printed}\n{self.shell.complaints()[-4000:]}\n{self.logs()}"
            said[each.section] = said.get(each.section, "") + printed
            took[each.section] = took.get(each.section, 0.0) + seconds
        print({section: f"{seconds:.0f} s" for section, seconds in took.items()})  # noqa: T201 (pytest -s shows it)
        assert "Traceback" not in self.shell.complaints() + self.logs()
        self.done |= set(said)
        return said

    def write(self) -> None:
        """Save the files that the page has people write, wherever their folder is there by now."""
        for title, content in re.findall(r"```\w+ title=(\S+)\n(.*?)```", self.text, re.DOTALL):
            if (path := self.folder / title).parent.is_dir():
                path.write_text(content)

    def logs(self) -> str:
        """What workers said."""
        return "".join(f"{path.name}: {path.read_text()[-2000:]}" for path in self.folder.glob("ours/*.log"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The page, with a port that is free where it has Prefect's own."""
    folder, (port,), text = tmp_path_factory.mktemp("desk"), free_ports(1), PAGE.read_text("utf-8")
    assert text.count("127.0.0.1:4200") == 1
    made = Desk(folder, Shell(folder), text.replace("127.0.0.1:4200", f"127.0.0.1:{port}"))
    yield made
    made.shell.end()


def sections(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def first(text: str) -> list[str]:
    """The sections up to the second week's report."""
    return sections(text.partition(LATER)[0])


def test_it_takes_few_commands_and_no_loops() -> None:
    text = PAGE.read_text("utf-8")
    commands = [each.command for each in typed(text.partition(LATER)[0])]
    assert 20 <= len(commands) <= MOST_COMMANDS
    every = [each.command for each in typed(text)]
    assert not any(re.search(r"\bfor\b|\bwhile\b|;|\|\||xargs", command) for command in every)


def test_it_ends_with_a_verified_report_and_a_second_week_that_runs_by_itself(desk: Desk) -> None:
    desk.write()
    said = desk.follow(first(desk.text))
    assert "5 people at least" in said["Found it"]
    assert "in review" in said["The first result"] and "released" in said["The first result"]
    assert "in review" in said["The second week"] and "report:" in said["The second week"]
    homes = desk.folder / "ours" / "homes"
    assert len(list((homes / "hospital-a").rglob("report.json"))) == 2
    assert [*homes.glob("*/data/visits.*.csv")] and not [*homes.glob("*/data/visits.csv")]


def test_a_second_agreement_a_late_and_a_replaced_table_and_a_party_that_leaves(desk: Desk) -> None:
    assert set(first(desk.text)) <= desk.done, "it follows what the page has before: run both, and look at the other"
    desk.write()
    said = desk.follow(sections(desk.text.partition(LATER)[2]))
    late, leaving = said.values()
    assert "contribute failed at hospital-c: NotFoundError" in late
    assert "put the table for contract beds there" in late and "counterfoil run beds --period" in late
    assert "in review" in late.partition("counterfoil run beds --period")[2]
    assert "binds until" in leaving
    code, _, _ = desk.shell.type("counterfoil agreement verify beds --home homes/hospital-a")
    assert code == WithdrawnError.exit_code
