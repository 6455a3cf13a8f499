"""Categories of a column that people can tell apart: what looks alike would be two groups that nobody means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from counterfoil.governance.contracts.key_spelling import look, visible
from counterfoil.governance.documents import Path, Problems, did_you_mean


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


def read_spellings(
    value: Mapping[str, Sequence[str]],
    categories: Sequence[str],
    empty: Sequence[str],
    path: Path,
    problems: Problems,
) -> dict[str, str]:
    """Return the category that each declared spelling is read as; what is wrong joins the problems.

    Args:
        value: The spellings of each category.
        categories: The column's categories.
        empty: Cells of the column that count as empty.
        path: Where the contract says it.
        problems: What is wrong with the contract.
    """
    found: dict[str, str] = {}
    taken = {visible(each): each for each in categories}
    for category, spellings in value.items():
        name = taken.get(visible(category))
        if name is None:
            problems.add((*path, category), f"is no category of the column{did_you_mean(category, categories)}")
            continue
        for at, spelling in enumerate(spellings):
            seen, here = visible(spelling), (*path, category, at)
            if seen in taken:
                problems.add(here, f"{seen!r} is a category itself; remove it here, or from the categories")
            elif seen in map(visible, empty) or not seen:
                problems.add(here, f"{seen!r} counts as empty; keep it in one place")
            elif found.setdefault(seen, name) != name:
                problems.add(here, f"{seen!r} is read as {found[seen]!r} already; keep it in one place")
    return found


def category_hint(text: str, categories: Sequence[str]) -> str:
    """Return the category that differs from the text in case, blanks or form alone; "" if none does."""
    return next((each for each in categories if look(each) == look(text)), "")
