"""The command `counterfoil`: one file a command or a group of commands, and one line for every problem.

Commands import what they need when they run, so that help and short commands start at once.
"""

from __future__ import annotations

from counterfoil.cli.frame import build

app = build()
