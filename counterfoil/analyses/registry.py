"""The analyses that an agreement can name, each with the versions that still run.

An analysis is one file in the folder of its family; that it is there is all that it takes. Knows no analysis by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeAlias

from counterfoil.analyses.base import Analysis
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import Contract

Known: TypeAlias = dict[tuple[str, int], type[Analysis]]
"""By key and version."""

_ROOM = __name__.rpartition(".")[0]


def discover() -> Known:
    """Import every module of every family, and return the analyses in them, in the order of their keys and versions.

    Raises: PlanError when two have one key and version.
    """
    found: Known = {}
    for analysis in _analyses():
        key = (analysis.key, analysis.version)
        if key in found:
            raise PlanError(
                f"{analysis.__module__} and {found[key].__module__} both have {key[0]} v{key[1]}; give one of them "
                "another version"
            )
        found[key] = analysis
    return dict(sorted(found.items()))


def family(analysis: type[Analysis]) -> str:
    """Return the family that the analysis is of: the folder that its file is in."""
    return analysis.__module__.rpartition(".")[0].removeprefix(f"{_ROOM}.")


def build(planned: Planned, contract: Contract, limits: Limits) -> Analysis:
    """Bind the planned analysis to its contract. Raises: PlanError, RangeError."""
    analysis = REGISTRY.get((planned.analysis, planned.version))
    if analysis is None:
        for (key, version), newer in REGISTRY.items():
            if key == planned.analysis and planned.version in newer.retired:
                raise PlanError(
                    f"{planned.name}: {key} v{planned.version} no longer runs: it {newer.retired[planned.version]}; "
                    f"name 'version: {version}' in the agreement, and have it signed anew"
                )
        known = ", ".join(f"{key} v{version}" for key, version in sorted(REGISTRY))
        raise PlanError(f"{planned.name}: no analysis {planned.analysis} v{planned.version} here; there are {known}")
    return analysis(planned, contract, limits)


def table() -> list[dict[str, str]]:
    """Return the analyses as the rows of a table for people."""
    return [
        {
            "analysis": analysis.key,
            "version": str(analysis.version),
            "family": family(analysis),
            "title": analysis.title,
            "means": inspect.getdoc(analysis) or "",
            "parameters": ", ".join(sorted(analysis.params)),
            "recipients learn": "; ".join(analysis.learns.values()),
            "statistics": ", ".join(sorted(analysis.statistics)),
            "rules": ", ".join(sorted(analysis.enforces)),
        }
        for analysis in REGISTRY.values()
    ]


def _analyses() -> Iterator[type[Analysis]]:
    for folder in iter_modules(import_module(_ROOM).__path__, f"{_ROOM}."):
        if not folder.ispkg:
            continue
        for file in iter_modules(import_module(folder.name).__path__, f"{folder.name}."):
            for each in vars(import_module(file.name)).values():
                if inspect.isclass(each) and issubclass(each, Analysis) and each.__module__ == file.name:
                    yield each


REGISTRY: Known = discover()
