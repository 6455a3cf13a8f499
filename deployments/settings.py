"""The settings that come with the product, in `server.env` and `party.env`: every way to start reads these."""

import os
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def shipped(name: str) -> dict[str, str]:
    """Read the settings of `server` or `party`."""
    lines = (_HERE / f"{name}.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def settle(name: str) -> None:
    """Take the settings of `server` or `party` for this process, where its environment says nothing else.

    Before Prefect is imported, which reads them then.
    """
    for variable, value in shipped(name).items():
        os.environ.setdefault(variable, value)
