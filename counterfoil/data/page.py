"""The owner's page of what is wrong with its table, with row numbers and cells, for mending it.

It holds personal data: it is written beside the owner's table, readable by the owner alone, and needs nothing from any
network. Knows nothing of rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from counterfoil.files import write_file
from counterfoil.texts import shown_in_html

if TYPE_CHECKING:
    from counterfoil.data.faults import Fault

TEMPLATES = Environment(
    loader=PackageLoader("counterfoil.data", "."),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=shown_in_html,
)


def write(path: Path, source: str, contract: str, faults: Sequence[Fault]) -> None:
    """The page stands at the path, whole, with mode 0600; an older one is replaced.

    Raises: StoreError.
    """
    html = TEMPLATES.get_template("page.html").render(source=source, contract=contract, faults=faults)
    write_file(path, html.encode(), replace=True)
