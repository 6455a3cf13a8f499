"""Say which software this is, by one digest over the package's own files.

Nodes record one another's digests as evidence. It proves no more than what a node says of itself. What nodes must run
alike are the versions in `roles/node/versions.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from counterfoil.canonical import digest, jcs

_SUFFIXES = (".py", ".json", ".html", ".css", ".typ")


@cache
def software_digest() -> str:
    """SHA-256 over the names and digests of all files of this package, as they lie on the disk.

    Templates of agreements are no software.
    """
    root = Path(__file__).parent
    files = sorted(
        path for path in root.rglob("*") if path.suffix in _SUFFIXES and root / "templates" not in path.parents
    )
    return digest(jcs({path.relative_to(root).as_posix(): digest(path.read_bytes()) for path in files}))
