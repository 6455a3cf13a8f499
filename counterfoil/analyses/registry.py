"""The analyses that an agreement can name, each with the versions that still run.

An analysis is one file in the folder of its family; that it is there is all that it takes. Knows no analysis by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeAlias

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.parameters import Parameter, Takes
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


def example(analysis: type[Analysis]) -> dict[str, Any]:
    """Return a plan of it as an agreement on the example contract for loans writes it."""
    parameters = {name: each.example for name, each in analysis.params.items() if each.example is not None}
    named: list[str] = []
    for name, each in analysis.params.items():
        if each.takes is not None and name in parameters:
            named += parameters[name] if isinstance(parameters[name], list) else [parameters[name]]
    return {
        "name": f"example-of-{analysis.key.replace('_', '-')}",
        "analysis": analysis.key,
        "version": analysis.version,
        "purpose": f"{analysis.title}, as an example.",
        "contract": "loans",
        "columns": list(dict.fromkeys([*named, *analysis.example])),
        **({"parameters": parameters} if parameters else {}),
        **({"interval": 3660} if analysis.once is not Analysis.once else {}),
        "recipients": ["regulator"],
    }


def table() -> list[dict[str, str]]:
    """Return the analyses as the rows of a table for people."""
    return [
        {
            "analysis": analysis.key,
            "version": str(analysis.version),
            "family": family(analysis),
            "title": analysis.title,
            "means": inspect.getdoc(analysis) or "",
            "parameters": "; ".join(_parameter(name, each) for name, each in analysis.params.items()),
            "columns": _takes(analysis.takes) if analysis.takes else "those that its parameters name",
            "recipients learn": "; ".join(analysis.learns.values()),
            "statistics": ", ".join(sorted(analysis.statistics)),
            "rules": ", ".join(sorted(analysis.enforces)),
        }
        for analysis in REGISTRY.values()
    ]


def _parameter(name: str, parameter: Parameter) -> str:
    words = f"`{name}`{'' if parameter.required else ' (optional)'}: {parameter.means}"
    return f"{words} ({_takes(parameter.takes)})" if parameter.takes else words


def _takes(takes: Takes) -> str:
    needs = {"bounds": ", with a minimum and a maximum", "groups": ", with categories or few whole numbers", "": ""}
    return f"{' or '.join(takes.types)}{needs[takes.needs]}"


def _analyses() -> Iterator[type[Analysis]]:
    for folder in iter_modules(import_module(_ROOM).__path__, f"{_ROOM}."):
        if not folder.ispkg:
            continue
        for file in iter_modules(import_module(folder.name).__path__, f"{folder.name}."):
            for each in vars(import_module(file.name)).values():
                if inspect.isclass(each) and issubclass(each, Analysis) and each.__module__ == file.name:
                    yield each


REGISTRY: Known = discover()
