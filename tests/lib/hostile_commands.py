"""Runs every command under conditions that no command can choose: `python -m tests.lib.hostile_commands FOLDER`.

Each case is a fork of one process that has the libraries loaded. Prints one JSON line a case: the command, the
condition, the exit status and what was printed.
"""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from typer.main import get_command

import counterfoil
from counterfoil.cli import app
from counterfoil.home import Home

ODD_YAML = "apiVersion: [1]\nkind: {}\nid: 3\nschema: {a: [b, {c: 1}]}\nparties: 7\ncontracts: [[1]]\nversion: 1.0\n"
ODD_HOMES: dict[str, str | None] = {
    "a bad party.yaml": "party: [",
    "odd types in party.yaml": "party: {a: 1}\nexchange: [1]\nroles: 3\n",
    "another exchange": "party: bank-a\nexchange: /proc/nowhere/x\nroles: [owner]\n",
    "no keys": "party: bank-a\nexchange: exchange\nroles: [owner]\n",
}
Condition = tuple[str, str, dict[str, str], Callable[[], None] | None]
"""Its name, what stands for each argument, the environment, and what else is done to the process."""


def conditions(folder: Path) -> Iterator[Condition]:
    """All of them, with the files and folders that they need."""
    good = Home.create(folder / "good", "bank-a", str(folder / "exchange"), ("owner", "node")).path
    (folder / "odd.yaml").write_text(ODD_YAML)
    (folder / "empty").write_bytes(b"")
    (folder / "bytes").write_bytes(bytes(range(256)) * 4)
    (folder / "loop").symlink_to(folder / "loop")
    yield "no home", "thing", {}, None
    for place in (folder / "bytes", folder / "loop", folder / ("x" * 300)):
        yield f"home is {place.name[:10]}", "thing", _home(place), None
    for name, text in ODD_HOMES.items():
        place = folder / name.replace(" ", "-")
        place.mkdir()
        if text is not None:
            (place / "party.yaml").write_text(text)
        yield f"home has {name}", "thing", _home(place), None
    for name in ("bytes", "odd.yaml", "good", "loop"):
        yield f"arguments are {name}", str(folder / name), _home(good), None
    yield "arguments are odd bytes", os.fsdecode(b"\xff\xfe"), _home(good), None
    yield (
        "arguments are out of the alphabet",
        "\N{BLACK HEART SUIT}",
        _home(good) | {"PYTHONIOENCODING": "ascii"},
        _ascii,
    )
    yield "stdout is full", str(folder / "odd.yaml"), _home(good), _full
    yield "stdout is closed", str(folder / "odd.yaml"), _home(good), _closed
    yield "nobody reads", str(folder / "odd.yaml"), _home(good), _unread
    yield "the disk is full", "thing", _home(good), _no_space
    yield "it is interrupted", "thing", _home(good), _interrupted
    yield "help", "--help", {}, None
    yield "help on a full disk", "--help", {}, _full


def main() -> None:
    """All commands under all conditions."""
    folder = Path(sys.argv[1])
    for module in walk_packages(counterfoil.__path__, "counterfoil."):
        import_module(module.name)  # once, and not in every fork
    os.chdir(folder)
    program: Any = get_command(app)
    for argv in (["--help"], ["log", "show"], ["agreement", "explain", "x", "--home", "nowhere"]):
        with suppress(SystemExit), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            program.main(argv, "counterfoil")  # so that what it loads is there, too
    every = list(_named(program))
    for condition in list(conditions(folder)):
        for name, command in every:
            if name != "warm" or condition[1] == "--help":
                print(json.dumps(_run(program, name, command, condition, folder)), flush=True)  # noqa: T201


def _named(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """The commands of a group and of the groups in it, by what people type."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _named(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _run(program: Any, name: str, command: Any, condition: Condition, folder: Path) -> dict[str, Any]:
    about, word, environment, prepare = condition
    argv = ["counterfoil", *name.split()]
    for each in command.params:
        if word != "--help" and each.param_type_name == "argument":
            argv.append(word)
        elif word != "--help" and each.required:
            argv += [each.opts[0], word]
    argv += ["--help"] * (word == "--help")
    printed = folder / "printed"
    if (pid := os.fork()) == 0:
        _become(program, argv, environment, printed, prepare)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {"command": name, "condition": about, "status": status, "printed": printed.read_text("utf-8", "replace")}


def _become(
    program: Any, argv: list[str], environment: dict[str, str], printed: Path, prepare: Callable[[], None] | None
) -> None:
    status = 99
    try:
        os.environ.pop("COUNTERFOIL_HOME", None)
        os.environ.update(environment)
        handle = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(handle, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if prepare:
            prepare()
        sys.argv = argv
        try:
            program.main(argv[1:], "counterfoil")
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _home(place: Path) -> dict[str, str]:
    return {"COUNTERFOIL_HOME": str(place)}


def _ascii() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="ascii", errors="strict")


def _full() -> None:
    _print_to(os.open("/dev/full", os.O_WRONLY))


def _closed() -> None:
    os.close(1)
    sys.stdout = None  # as Python finds it


def _unread() -> None:
    read, write = os.pipe()
    os.close(read)
    _print_to(write)


def _print_to(handle: int) -> None:
    os.dup2(handle, 1)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (it is open already)


def _no_space() -> None:
    """No file grows; what is printed still has room."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limit[1]))
    _patch("os.fdopen", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def _interrupted() -> None:
    _patch("counterfoil.files.read_file", KeyboardInterrupt())
    _patch("counterfoil.home.Home.open", KeyboardInterrupt())


def _patch(name: str, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    owner, _, attribute = name.rpartition(".")
    module, _, inner = owner.rpartition(".")
    target = import_module(owner) if not inner[:1].isupper() else getattr(import_module(module), inner)
    setattr(target, attribute, fail)


if __name__ == "__main__":
    main()
