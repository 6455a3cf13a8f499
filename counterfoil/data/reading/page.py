"""Write pages for an owner's own eyes beside its table.

They may hold personal data: readable by the owner alone, and in need of nothing from any network. Knows nothing of what
is on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from counterfoil.files import write_file
from counterfoil.texts import shown_in_html

TEMPLATES: Final = Environment(
    loader=PackageLoader("counterfoil.data", "."),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=shown_in_html,
)


def write(path: Path, template: str, **values: object) -> None:
    """Render the template with these values and write it, whole, with mode 0600; an older page is replaced.

    Raises: StoreError.
    """
    write_file(path, TEMPLATES.get_template(template).render(values).encode(), replace=True)
