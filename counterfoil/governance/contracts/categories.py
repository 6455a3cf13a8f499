"""Categories of a column that people can tell apart: what looks alike would be two groups that nobody means."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.governance.contracts.key_spelling import look, visible
from counterfoil.governance.documents import Path, Problems


def check_categories(categories: Sequence[str], path: Path, problems: Problems, prefix: int | None = None) -> None:
    """Add a problem for each category that hides something, or looks like an earlier one.

    With a prefix, as they are when cut to so many characters: equal ones are one category then.
    """
    seen: dict[str, str] = {}
    for index, category in enumerate(categories):
        cut = category[:prefix]
        at = (*path, index) if prefix is None else path
        if prefix is None and cut != visible(cut):
            problems.add(
                at, f"has characters that nobody sees, or blanks around it or in a row; write {visible(cut)!r}"
            )
        earlier = seen.setdefault(look(cut), cut)
        if earlier != cut:
            problems.add(
                at,
                f"{cut!r} looks like {earlier!r}, and people will take one for the other; keep one"
                + ("" if prefix is None else ", or cut them to another length"),
            )
