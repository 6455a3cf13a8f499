"""What a command tells the frame of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer


@dataclass(frozen=True)
class Command:
    """A command, or a group of commands, as its module states it.

    Attributes:
        name: What is typed after `counterfoil`; `contract adopt` is a command of the group `contract`.
        does: The function that runs, or the group's `typer.Typer`.
        extra: What it needs beside the base installation, if one extra has it all.
    """

    name: str
    does: Callable[..., Any] | typer.Typer
    extra: str = ""
