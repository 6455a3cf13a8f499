"""A command is one module, or one entry point; what it lacks it says in a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from counterfoil.cli import commands, extras, frame, registry
from counterfoil.cli.extras import missing
from counterfoil.errors import EntryPointError, MissingExtraError

STUB = '''
"""A command for this test."""
from counterfoil.cli.command import Command
from counterfoil.terminal import say

def stub(word: str) -> None:
    """Say a word back."""
    import {module}
    say(f"stub says {{word}}")

COMMAND = Command("{name}", stub, extra="owner")
'''


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are commands, too."""
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    registry.own.cache_clear()
    yield tmp_path
    registry.own.cache_clear()
    for name in ("stub", "stub_adopted"):
        sys.modules.pop(f"{commands.__name__}.{name}", None)


def run(*words: str) -> Any:
    return CliRunner().invoke(frame.build(), list(words), env={"COLUMNS": "200"})


def test_a_module_is_a_command(room: Path) -> None:
    (room / "stub.py").write_text(STUB.format(name="stub", module="json"), "utf-8")
    assert "Say a word back." in run("--help").output
    assert run("stub", "hello").output == "stub says hello\n"
    assert "stub" in {each.name for each in registry.own()}


def test_a_module_adds_to_a_group(room: Path) -> None:
    (room / "stub_adopted.py").write_text(STUB.format(name="log stub", module="json"), "utf-8")
    assert run("log", "stub", "hello").output == "stub says hello\n"
    registry.own.cache_clear()
    commands.__path__.pop()
    assert run("log", "stub", "hello").exit_code == 2


def test_without_it_there_is_none() -> None:
    assert run("stub", "hello").exit_code == 2
    assert "stub" not in run("--help").output


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "others_stub.py").write_text(STUB.format(name="other", module="prefect.nowhere"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("other", "others_stub:COMMAND", registry.GROUP)
    monkeypatch.setattr(frame, "plugged", lambda: {"other": point})


@pytest.mark.usefixtures("entry")
def test_an_entry_point_is_a_command() -> None:
    assert "Say a word back." in run("--help").output
    assert run("other", "--help").exit_code == 0


@pytest.mark.usefixtures("entry")
def test_what_an_extra_has_is_named() -> None:
    result = run("other", "hello")
    assert result.exit_code == MissingExtraError.exit_code
    assert result.stderr == (
        "error: this command needs prefect, which is not installed; install the extra that has it: "
        "pip install 'counterfoil[prefect]'\n"
    )


def test_the_commands_own_extra_comes_first() -> None:
    assert isinstance(missing("pandas"), MissingExtraError)
    assert "counterfoil[owner]" in str(missing("pandas", "owner"))
    assert "counterfoil[open]" in str(missing("pandas", "node_or_so"))
    assert "counterfoil[owner]" in str(missing("great_expectations.core", "sign"))
    assert missing("no_such_thing") is None and missing(None) is None


def test_every_extra_that_is_named_exists() -> None:
    named = {each.extra for each in registry.own() if each.extra}
    named |= {point.load().extra for point in registry.plugged().values()}
    assert {*named, *extras._ORDER, "all"} <= set(metadata("counterfoil").get_all("Provides-Extra") or ())
    assert all(extras._distributions(extra) for extra in extras._ORDER if extra != "sign")  # which the base serves


BROKEN = {
    "raises": ("raise RuntimeError('a value')", EntryPointError, "cannot be imported (RuntimeError)"),
    "leaves": ("import sys; sys.exit(0)", EntryPointError, "cannot be imported (SystemExit)"),
    "lacks": ("import no_such_thing", MissingExtraError, "needs no_such_thing, which is not installed"),
    "is_none": ("COMMAND = 5", EntryPointError, "is no command"),
    "has_none": ("", EntryPointError, "cannot be imported (AttributeError)"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_command_of_another_package_spoils_itself_alone(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, kind, words = BROKEN[what]
    (tmp_path / f"others_{what}.py").write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("other", f"others_{what}:COMMAND", registry.GROUP)
    monkeypatch.setattr(frame, "plugged", lambda: {"other": point})
    listed = run("--help")
    assert listed.exit_code == 0 and "Work for the party" not in listed.output and "other" in listed.output
    for words_typed in (("other",), ("other", "--help"), ("other", "x", "--y", "z")):
        result = run(*words_typed)
        assert result.exit_code == kind.exit_code, result.output
        assert words in result.stderr and "a value" not in result.output and "fault" not in result.stderr


def installed(folder: Path, package: str, *names: str) -> None:
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
    lines = "".join(f"{name} = json:COMMAND\n" for name in names)
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{lines}", "utf-8")


def test_no_package_takes_anothers_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "zz-one", "verify", "worker", "both")
    installed(tmp_path, "zz-two", "both")
    monkeypatch.syspath_prepend(tmp_path)
    registry.plugged.cache_clear()
    try:
        assert "verify" not in registry.plugged()
        assert registry.load_plugged(registry.plugged()["worker"]).name == "worker"
        with pytest.raises(EntryPointError, match="both is added by zz-one and zz-two; uninstall all but one"):
            registry.load_plugged(registry.plugged()["both"])
    finally:
        registry.plugged.cache_clear()


PLUGGED = ("demo", "deploy", "doctor", "run", "server", "status", "worker")


def test_what_prefect_brings_is_found_without_it() -> None:
    script = (
        "import sys\n"
        "from counterfoil.cli.registry import plugged\n"
        "print(*[f'{name} {point.load().name}' for name, point in plugged().items()])\n"
        "print({'prefect', 'numpy', 'pandas'} & sys.modules.keys())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == f"{' '.join(f'{name} {name}' for name in PLUGGED)}\nset()\n"


def test_an_address_that_is_none_spoils_only_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://[")
    assert run("--help").exit_code == 0
