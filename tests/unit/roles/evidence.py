"""What lies in all folders of a consortium, to tell whether anything has changed."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from tests.lib.consortium import Consortium

TABLES, STATE = "loans.", "state.sqlite"


def snapshot(consortium: Consortium) -> dict[str, object]:
    """Every file of the exchange and of the homes by its digest, and every fact that a party remembers.

    Left out are the owners' tables, which a test spoils itself, and the pages that tell an owner what is wrong.
    """
    found: dict[str, object] = {}
    for path in files(consortium.folder / "exchange", consortium.folder / "homes"):
        if path.name == STATE:
            found[str(path)] = facts(path)
        elif not path.name.startswith((TABLES, STATE)):
            found[str(path)] = hashlib.sha256(path.read_bytes()).digest()
    return {name: content for name, content in found.items() if content}


def files(*folders: Path) -> list[Path]:
    """Every file below the folders."""
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def facts(path: Path) -> list[str]:
    """The rows of a party's state; none if it remembers nothing."""
    connection = sqlite3.connect(path)
    try:
        return [line for line in connection.iterdump() if line.startswith("INSERT")]
    finally:
        connection.close()
