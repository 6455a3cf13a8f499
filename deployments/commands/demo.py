"""The command that runs the main job on synthetic data, with every party on this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.cli.extras import demand_all


class Review(StrEnum):
    """Who decides on the result."""

    SCRIPTED = "scripted"
    ASK = "ask"


def demo(
    review: Annotated[Review, typer.Option(help="Who decides: the script, or you.")] = Review.SCRIPTED,
    rows: Annotated[int, typer.Option(help="Rows of each bank.")] = 20_000,
    canaries: Annotated[bool, typer.Option("--canaries", help="Plant values that must not leave their bank.")] = False,
    folder: Annotated[Path, typer.Option(help="Made anew; everything of the demo is in it.")] = Path(".demo"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")] = False,
) -> None:
    """Run one joint analysis of four banks, three nodes, three reviewers and two recipients on this machine.

    Example: counterfoil demo --review ask
    """
    demand_all()
    from counterfoil_prefect.deployments.demo import run

    run(folder.resolve(), rows, canaries=canaries, ask=review is Review.ASK, keep=keep)


COMMAND = Command("demo", demo, extra="all")
