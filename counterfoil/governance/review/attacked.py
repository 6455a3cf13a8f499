"""What a party's attack on a draft came to, as its signed comment says it: how many numbers, and never which.

An agreement whose `crossChecks` name `attack` asks for one: of a checker, who sees drafts, or of any party, on
synthetic data, where it names none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import NarrowedError
from counterfoil.governance.review.decisions import Comment

ATTACK: Final = "attack"
"""The cross-check by the attacker."""

_BEGINS: Final = "counterfoil attack release: "
_DRAFT, _SYNTHETIC = "what this draft releases", "what its analyses release of synthetic data"
_SAID: Final = re.compile(
    rf"{_BEGINS}of (\d+) numbers in ({_DRAFT}|{_SYNTHETIC}), and in (\d+) earlier releases, "
    r"(\d+) can be narrowed down to few persons(; not all was tried)?"
)


@dataclass(frozen=True, slots=True)
class Attacked:
    """An attack on the draft itself, or on synthetic data, beside so many earlier releases, and what was found.

    `complete` where there was time for everything.
    """

    draft: bool
    earlier: int
    tried: int
    narrowed: int
    complete: bool

    def words(self) -> str:
        """Say it as a comment does."""
        return f"{_BEGINS}{self.told()}"

    def told(self) -> str:
        """Say what was attacked, and how much of it can be narrowed down."""
        about = _DRAFT if self.draft else _SYNTHETIC
        left = "" if self.complete else "; not all was tried"
        return (
            f"of {self.tried} numbers in {about}, and in {self.earlier} earlier releases, {self.narrowed} can be "
            f"narrowed down to few persons{left}"
        )

    def check(self) -> None:
        """Refuse unless everything was tried and nothing found. Raises: NarrowedError, which says what to do."""
        if self.narrowed:
            raise NarrowedError(
                f"{self.narrowed} of {self.tried} numbers can be narrowed down to few persons; do not release, or "
                "agree on fewer cuts, a longer interval or noise"
            )
        if not self.complete:
            raise NarrowedError("not everything was tried, and what was is clean; give it longer with --seconds")

    @property
    def clean(self) -> bool:
        """Whether everything was tried, and nothing found."""
        return self.complete and not self.narrowed


def attacks(said: Iterable[Comment]) -> list[tuple[str, Attacked]]:
    """Return, by party, the attacks that comments tell of; the last of each party."""
    found = {}
    for each in said:
        if match := _SAID.fullmatch(each.text):
            tried, about, earlier, narrowed, left = match.groups()
            found[each.party] = Attacked(about == _DRAFT, int(earlier), int(tried), int(narrowed), left is None)
    return sorted(found.items())
