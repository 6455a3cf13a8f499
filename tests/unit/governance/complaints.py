"""Where an error says that a document is wrong, and of what it complains there."""

from __future__ import annotations

import pytest


def line_of(text: str, part: str, nth: int = 1) -> int:
    """The line of the nth place of the part."""
    position = -1
    for _ in range(nth):
        position = text.index(part, position + 1)
    return text.count("\n", 0, position) + 1


def complaint(error: pytest.ExceptionInfo[Exception], source: str, line: int, words: str) -> None:
    found = [text for text in str(error.value).splitlines() if words in text]
    assert found, f"{words!r} not in:\n{error.value}"
    assert found[0].startswith(f"{source}:{line}: "), f"line {line} expected: {found[0]}"
