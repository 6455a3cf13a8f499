"""Which database a party keeps the table in, as a contract's servers say by the standard. Opens none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from counterfoil.governance.documents import Path, Problems

KINDS: Final = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite"}
"""The kinds of databases that are read when a table is due, by what the standard and people call them."""


@dataclass(frozen=True, slots=True)
class Database:
    """A table or view of a database. Who reads it, and with which password, is the reader's own setting."""

    kind: str
    name: str
    table: str
    host: str = ""
    port: int = 0

    def url(self, folder: str) -> str:
        """Return its URL, without a user; a file that is named by a relative path is in the folder."""
        if self.kind == "sqlite":
            return f"sqlite:///{self.name if self.name.startswith('/') else f'{folder}/{self.name}'}"
        return f"postgresql+psycopg://{self.host}{f':{self.port}' if self.port else ''}/{quote(self.name, safe='')}"


def read_database(item: Mapping[str, Any], table: str, path: Path, problems: Problems) -> Database | None:
    """Read where a server has the table; None where it keeps files."""
    kind = KINDS.get(item["type"].lower())
    if kind is None or ("database" not in item and "path" in item):
        return None
    if "database" not in item:
        problems.add(path, f"a server of type {item['type']} needs 'database', its name; add it")
        return None
    unused = [name for name in ("host", "port", "schema") if name in item and kind == "sqlite"]
    for name in unused:
        problems.add((*path, name), f"a database in a file has no {name}; remove it")
    place = f"{item['schema']}.{table}" if "schema" in item and not unused else table
    return Database(kind, item["database"], place, item.get("host", ""), item.get("port", 0))
