"""Everything that can be typed after `counterfoil`: its own commands, and those that come with Prefect."""

from __future__ import annotations

from collections.abc import Iterator

from typer.core import TyperGroup
from typer.main import get_command

from counterfoil.cli import app


def commands() -> Iterator[str]:
    program = get_command(app)
    assert isinstance(program, TyperGroup)
    for name, command in program.commands.items():
        inner = getattr(command, "commands", ())
        yield from (f"{name} {each}" for each in inner) if inner else (name,)
