"""Everything that can be typed after `counterfoil`: its own commands, and those that come with Prefect."""

from __future__ import annotations

from collections.abc import Iterator

from typer.core import TyperGroup
from typer.main import get_command

from counterfoil.cli import app


def commands() -> Iterator[str]:
    program = get_command(app)
    assert isinstance(program, TyperGroup)
    yield from _within(program, "")


def _within(group: TyperGroup, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _within(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"
