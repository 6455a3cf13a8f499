"""The settings that come with the product, in `server.env` and `party.env`: every way to start reads these."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def shipped(name: str) -> dict[str, str]:
    """Read the settings of `server` or `party`."""
    lines = (_HERE / f"{name}.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
