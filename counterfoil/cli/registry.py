"""Where commands are found: in the modules of `commands`, and in packages that add some by an entry point."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from counterfoil.cli import commands
from counterfoil.cli.command import Command
from counterfoil.errors import EntryPointError, InternalError

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
    """Return the commands that installed packages add, by name, without importing them.

    None takes the name of a command of this package.
    """
    taken = {each.name for each in own()}
    points = sorted(entry_points(group=GROUP), key=lambda each: (each.name, _is_ours(each), each.value))
    return {each.name: each for each in points if each.name not in taken}  # of two, ours


def load_plugged(point: EntryPoint) -> Command:
    """Import the command that an installed package adds.

    Raises: EntryPointError, which names the package, if another one adds it, too, or it cannot be imported, or is none;
        ModuleNotFoundError for what it needs and is not installed.
    """
    alike = {_package(each): None for each in entry_points(group=GROUP, name=point.name)}
    if len(alike) > 1 and not _is_ours(point):
        raise EntryPointError(
            f"the command {point.name} is added by {' and '.join(sorted(alike))}; uninstall all but one"
        )
    try:
        command = point.load()
    except ModuleNotFoundError:
        raise
    except (Exception, SystemExit) as error:  # whatever another package does when it is imported
        raise EntryPointError(
            f"the command {point.name} of {_package(point)} cannot be imported ({type(error).__name__}); update that "
            "package, or uninstall it"
        ) from None
    if not isinstance(command, Command):
        raise EntryPointError(
            f"what {_package(point)} adds as {point.name} is no command; update that package, or uninstall it"
        )
    return command


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


def _is_ours(point: EntryPoint) -> bool:
    return _package(point) == "counterfoil"
