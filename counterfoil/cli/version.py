"""What `counterfoil --version` prints: everything that a report of a fault should name."""

from __future__ import annotations

import json
import platform
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import typer

from counterfoil.terminal import say


def show(wanted: bool) -> None:
    """Print the version, the formats that are read and written, and Python's version, and end."""
    if not wanted:
        return
    from counterfoil.governance.contracts.standard.odcs import OURS, VERSIONS
    from counterfoil.software import software_digest

    try:
        number = version("counterfoil")
    except PackageNotFoundError:
        number = "(not installed)"
    say(f"counterfoil {number}")
    say(f"software sha256 {software_digest()}")
    say(f"contracts: ODCS {OURS}; lint and adopt read {VERSIONS[0]} to {VERSIONS[-1]}")
    say(f"formats: {', '.join(_formats())}")
    say(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    raise typer.Exit


def _formats() -> list[str]:
    """List the names and versions of all signed documents, as their schemas have them."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for name in (node.get("const"), *(node["enum"] if isinstance(node.get("enum"), list) else ())):
                if isinstance(name, str) and name.startswith("counterfoil/"):
                    found.add(name.removeprefix("counterfoil/"))
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    for file in resources.files("counterfoil.governance").joinpath("schema").iterdir():
        walk(json.loads(file.read_text("utf-8")))
    return sorted(found)
