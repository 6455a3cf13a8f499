"""Where commands are found: in the modules of `commands`, and in packages that add some by an entry point."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from counterfoil.cli import commands
from counterfoil.cli.command import Command
from counterfoil.errors import InternalError

GROUP = "counterfoil.commands"
"""The entry points by which packages beside this one add commands. Each names a `Command`."""


@cache
def own() -> tuple[Command, ...]:
    """Return the commands of this package, groups before what adds to them. Raises: InternalError."""
    found = tuple(_stated())
    if len({each.name for each in found}) < len(found):
        raise InternalError("two modules of counterfoil.cli.commands state the same command")
    return tuple(sorted(found, key=lambda each: (" " in each.name, each.name)))


def _stated() -> Iterator[Command]:
    for module in pkgutil.iter_modules(commands.__path__):
        stated = import_module(f"{commands.__name__}.{module.name}").COMMAND
        assert isinstance(stated, Command)  # noqa: S101 (a fault of whoever wrote the module)
        yield stated


@cache
def plugged() -> dict[str, EntryPoint]:
    """Return the commands that installed packages add, by name, without importing them."""
    return {each.name: each for each in sorted(entry_points(group=GROUP))}
