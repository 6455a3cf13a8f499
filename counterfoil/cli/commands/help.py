"""The command that explains errors, analyses, rules and the fields of documents, without a page or a network."""

from __future__ import annotations

from typing import Annotated

import typer

from counterfoil.cli.command import Command
from counterfoil.terminal import say


def help_(
    topic: Annotated[
        str, typer.Argument(help="An exit code, an error, an analysis, or a kind of document.", show_default=False)
    ] = "",
) -> None:
    """Explain an error and what to do, what an analysis takes and tells, or the fields of a document.

    Example: counterfoil help total
    """
    from counterfoil.cli.topics import explain, topics

    say(*(explain(topic) if topic else topics()))


COMMAND = Command("help", help_)
