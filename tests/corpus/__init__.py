"""Bad documents and files, each with the one error that it must be answered by: tables of a good one and its defects.

`documents` holds YAML that people write, `statements` JSON that machines sign, `tables` CSV, Parquet and Arrow files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from counterfoil.errors import CounterfoilError


@dataclass(frozen=True)
class Bad:
    """Bytes that `read` must refuse with this error, whose text holds the words, and the line where there is one."""

    name: str
    raw: bytes
    read: Callable[[bytes], object]
    error: type[CounterfoilError]
    words: str
    line: int | None = None
