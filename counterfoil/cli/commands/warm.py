"""The command that compiles what would otherwise be compiled in the first job."""

from __future__ import annotations

from importlib import import_module

from counterfoil.cli.command import Command
from counterfoil.terminal import say


def warm() -> None:
    """Compile the fast kernels once, so that no job waits for it.

    Example: counterfoil warm
    """
    import_module("counterfoil.mpc.ring.kernels")  # compiles each kernel, or finds it in numba's cache
    say("the kernels are compiled")


COMMAND = Command("warm", warm, extra="node")
