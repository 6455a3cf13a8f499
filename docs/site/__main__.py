"""Build the site: `python -m docs.site [FOLDER]`. It is then in FOLDER/html, build/site/html unless told otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.site.assemble import ROOT, assemble
from docs.site.render import render


def main(folder: Path) -> int:
    """Put the pages together and render them. Returns 0 where nothing is wrong with them."""
    assemble(folder / "pages")
    return render(folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"))
