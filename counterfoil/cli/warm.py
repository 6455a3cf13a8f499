"""The command that compiles what would otherwise be compiled in the first job."""

from __future__ import annotations

import typer


def warm() -> None:
    """Compile the fast kernels once, so that no job waits for it.

    Example: counterfoil warm
    """
    from counterfoil.mpc import kernels

    kernels.warm()
    typer.echo("the kernels are compiled")
