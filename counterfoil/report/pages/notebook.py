"""Show results in a notebook, as one piece of HTML that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from counterfoil.report.pages import figures
from counterfoil.report.pages.page import PAGES, part

if TYPE_CHECKING:
    from counterfoil.analyses.base import Result

ROWS: Final = 24
"""Of a table that are shown; the DataFrame has all."""

_FONT: Final = "system-ui, sans-serif"


def fragment(title: str, about: Sequence[str], results: Iterable[Result], *, rehearsal: bool) -> str:
    """Render the results under a title. `about` are lines on what they are of."""
    parts = [part(each) for each in results]
    drawn = {
        (each.name, number): figures.alone(table.figure, _FONT)
        for each in parts
        for number, table in enumerate(each.tables)
        if table.figure
    }
    template = PAGES.get_template("notebook.html")
    return template.render(title=title, about=about, parts=parts, drawn=drawn, rehearsal=rehearsal, most=ROWS)
