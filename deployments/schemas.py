"""Write into the JSON schemas what descriptors state: suites and disclosure rules. `make schemas` runs it.

Schemas are plain files, which editors, other tools and reviewers of a change take as they are; a test fails where one
of them says something else than the descriptors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from counterfoil.canonical import Json
from counterfoil.files import write_file
from counterfoil.governance.documents import schema_text
from counterfoil.governance.policies import rules
from counterfoil.mpc.suites import registry

SOURCES = (registry.schema, rules.schema)


def stated() -> dict[str, dict[str, Json]]:
    """Return all that descriptors state: by schema, the values at JSON pointers."""
    found: dict[str, dict[str, Json]] = {}
    for source in SOURCES:
        for name, values in source().items():
            found.setdefault(name, {}).update(values)
    return found


def derived(name: str, values: Mapping[str, Json]) -> bytes:
    """Return the schema with these values at their pointers, each of which is there already."""
    schema = json.loads(schema_text(name))
    for pointer, value in values.items():
        *inner, last = pointer.split("/")[1:]
        place: Any = schema
        for step in inner:
            place = place[step]
        if last not in place:
            raise KeyError(f"{name}.schema.json has no {pointer}")
        place[last] = value
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


def main() -> None:
    """Write each schema that descriptors state a part of."""
    folder = Path(str(resources.files("counterfoil.governance"))) / "schema"
    for name, values in stated().items():
        write_file(folder / f"{name}.schema.json", derived(name, values), replace=True)


if __name__ == "__main__":
    main()
