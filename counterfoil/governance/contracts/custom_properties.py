"""Custom properties of a contract or a column, where the standard lets them stand. Knows none of them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.governance.documents import Path, Problems, repeated


def custom_properties(owner: Mapping[str, Any], path: Path, problems: Problems) -> dict[str, Any]:
    """Return the custom properties of a contract or a column, by their names; one that is there twice is a problem."""
    names = [item["property"] for item in owner.get("customProperties", [])]
    for index in repeated(names):
        problems.add((*path, "customProperties", index), f"the property {names[index]!r} is there twice; keep one")
    return {item["property"]: item["value"] for item in owner.get("customProperties", [])}


def path_of(owner: Mapping[str, Any], path: Path, name: str) -> Path:
    """Return the path of a custom property's value, or of its owner."""
    for index, item in enumerate(owner.get("customProperties", [])):
        if item["property"] == name:
            return (*path, "customProperties", index, "value")
    return path
