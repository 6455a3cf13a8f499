"""Every kind of paper, found where it is declared: what bundles, tests and the documents' tables are made from.

A new kind of paper is one `Paper` in one module below `governance`, which nothing else has to list.
"""

from __future__ import annotations

import importlib
import importlib.abc
import inspect
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec

from counterfoil import governance
from counterfoil.governance.papers import Bundled, Paper

_DECLARES = "from counterfoil.governance.papers import"
"""Only modules that have this line are imported: others load what a reader of papers has no need of."""


def every_paper() -> list[Paper]:
    """List every kind of signed statement, by kind."""
    found = {id(paper): paper for module in _modules() for paper in _declared(module)}
    return sorted(found.values(), key=lambda paper: paper.kind)


def bundled(what: Bundled) -> list[Paper]:
    """List the papers that a bundle takes with the job's agreements, drafts, manifests, or of its nodes."""
    return [paper for paper in every_paper() if paper.bundled == what]


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(governance.__path__, f"{governance.__name__}."):
        spec = find_spec(found.name)
        loader = spec.loader if spec else None
        if isinstance(loader, importlib.abc.InspectLoader) and _DECLARES in (loader.get_source(found.name) or ""):
            yield found.name


def _declared(module: str) -> list[Paper]:
    values = [value for _, value in inspect.getmembers(importlib.import_module(module))]
    return [value for value in values if isinstance(value, Paper)]
