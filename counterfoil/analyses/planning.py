"""Check what an agreement says to its analyses, one plan by itself, before anything is built of it.

Finds in one go what a person mistypes: names of analyses, versions and parameters, forms of values, and columns of a
type, or without the bounds, that the analysis cannot do with. What only the analysis itself can tell, it tells when it
is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.parameters import Takes
from counterfoil.analyses.registry import REGISTRY
from counterfoil.canonical import Yaml
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.custom_properties import path_of
from counterfoil.governance.documents import Path, Problems, did_you_mean, form_problems, nearest


def problems_of(item: Mapping[str, Any], contract: Contract | None) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a plan as the agreement writes it, each problem with its path below the plan.

    That the agreement names no such contract, or the contract no such column, is noted where names are checked.
    """
    analysis = REGISTRY.get((item["analysis"], item["version"]))
    if analysis is None:
        yield _unknown(item["analysis"], item["version"])
        return
    given: Mapping[str, Any] = item.get("parameters", {})
    yield from _names(analysis, given, ("parameters",) if "parameters" in item else ())
    for name, value in given.items():
        if parameter := analysis.params.get(name):
            path: Path = ("parameters", name)
            misshapen = [((*path, *at), text) for at, text in form_problems(value, parameter.form)]
            yield from misshapen
            if parameter.takes and contract and not misshapen:
                named = value if isinstance(value, list) else [value]
                for index, each in enumerate(named):
                    at = (*path, index) if isinstance(value, list) else path
                    yield from _column(each, at, analysis, parameter.takes, item, contract)
    if analysis.takes and contract:
        for index, each in enumerate(item["columns"]):
            yield from _column(each, ("columns", index), analysis, analysis.takes, item, contract)


def check_allowed(document: Yaml, contract: Contract) -> None:
    """Check that the analyses which the contract allows are there. Raises: ContractError, one line a problem."""
    problems = Problems(document, ContractError)
    listed = path_of(document.value, (), "allowedAnalyses")
    for index, name in enumerate(contract.allowed_analyses):
        if words := unknown_analysis(name):
            problems.add((*listed, index), words)
    problems.raise_if_any()


def unknown_analysis(name: str) -> str | None:
    """Say that no analysis has the name, and which there are; None if one has."""
    known = sorted({key for key, _ in REGISTRY})
    if name in known:
        return None
    return f"there is no analysis {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}"


def _unknown(name: str, version: int) -> tuple[Path, str]:
    if words := unknown_analysis(name):
        return ("analysis",), words
    versions = sorted(known for key, known in REGISTRY if key == name)
    for current in versions:
        if reason := REGISTRY[name, current].retired.get(version):
            return ("version",), (
                f"{name} v{version} no longer runs: it {reason}; name 'version: {current}' in the agreement, and have "
                "it signed anew"
            )
    listed = " or ".join(map(str, versions))
    return ("version",), f"there is no version {version} of {name} here; write {listed}"


def _names(analysis: type[Analysis], given: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    known = sorted(analysis.params)
    strange = [name for name in given if name not in analysis.params]
    for name in strange:
        has = f"it has {', '.join(known)}" if known else "it has none"
        yield (*path, name), f"{analysis.key} has no parameter {name!r}{did_you_mean(name, known)}; {has}"
    meant = {nearest(name, known) for name in strange}
    for name, parameter in analysis.params.items():
        if parameter.required and name not in given and name not in meant:
            yield path, f"the parameter {name!r} of {analysis.key} is missing; add {parameter.means}"


def _column(
    name: str, path: Path, analysis: type[Analysis], takes: Takes, item: Mapping[str, Any], contract: Contract
) -> Iterator[tuple[Path, str]]:
    found = next((each for each in contract.columns if each.name == name), None)
    if name not in item["columns"]:
        near = did_you_mean(name, item["columns"])
        if near or found is None:
            yield path, f"{name!r} is not among the columns of this analysis{near}"
        else:
            yield path, f"list the column {name!r} under 'columns' of this analysis"
    elif found is not None and (words := takes.misfit(found.shared(), analysis.key, contract.id)):
        yield path, words
