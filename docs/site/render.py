"""Render assembled pages, strictly: a broken link or anchor, or a page that the navigation lacks, fails."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from counterfoil import __version__
from docs.site.assemble import remote

DEPTH = 2
SETTINGS = {
    "project": "Counterfoil",
    "copyright": "2026 The Counterfoil authors",
    "version": __version__,
    "release": __version__,
    "extensions": ["myst_parser"],
    "myst_heading_anchors": 4,
    "nitpicky": True,
    "smartquotes": False,
    "highlight_language": "none",
    "html_theme": "furo",
    "html_title": "Counterfoil",
    "html_static_path": [str(Path(__file__).parent / "static")],
    "html_css_files": ["site.css"],
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_sphinx": False,
    "html_use_index": False,
    "html_domain_indices": False,
    "exclude_patterns": [],
}


def _shorten(_site: Sphinx, env: BuildEnvironment) -> None:
    """List a page's headings to the second level alone: every page copies all of them, which was half of the time."""
    for toc in env.tocs.values():
        for deep in [node for node in toc.findall(nodes.bullet_list) if _depth(node) > DEPTH]:
            deep.parent.remove(deep)


def _depth(node: nodes.Node | None) -> int:
    return 0 if node is None else _depth(node.parent) + isinstance(node, nodes.bullet_list)


def render(folder: Path) -> int:
    """Render `folder/pages` into `folder/html` and return 0, or say what is wrong and return another number."""
    shutil.rmtree(folder / "html", ignore_errors=True)
    site = Sphinx(
        folder / "pages", None, folder / "html", folder / "doctrees", "html",
        confoverrides=SETTINGS, status=None, warning=sys.stderr, freshenv=True, warningiserror=True, parallel=2,
    )  # fmt: skip
    site.connect("env-updated", _shorten)
    site.build(force_all=True)
    loaded = list(remote(folder / "html"))
    sys.stderr.writelines(f"{each} is loaded from another host\n" for each in loaded)
    return site.statuscode or int(bool(loaded))
