"""Reference of costs: what each circuit of the specification's tables costs in each suite."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.site.text import code, table
from tests.spec.circuit_spec import Spec

ROOT = Path(__file__).parents[2]
ROWS = 1000


def specs() -> Iterator[tuple[str, Spec]]:
    """Yield every circuit that a table of `tests/spec` states a cost of, with its file, each once."""
    seen = set()
    for path in sorted((ROOT / "tests" / "spec").glob("test_*.py")):
        module = importlib.import_module(f"tests.spec.{path.stem}")
        for value in vars(module).values():
            for spec in _found(value):
                if spec.cost and spec.name not in seen:
                    seen.add(spec.name)
                    yield path.stem, spec


def _found(value: Any) -> Iterator[Spec]:
    if isinstance(value, Spec):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _found(getattr(each, "values", each) if not isinstance(each, Spec) else each)


def kernels() -> Iterator[Any]:
    """Yield the functions on fractions, with the error and the cost that the specification states."""
    yield from importlib.import_module("tests.spec.test_fixed_point").KERNELS


def pages() -> Mapping[str, str]:
    rows = []
    for _, spec in specs():
        row = [code(spec.name)]
        for suite in ("rep3", "rep4"):
            if suite in spec.cost:
                rounds, sent = spec.cost[suite](ROWS)
                row += [f"{rounds:,}", f"{sent / ROWS:,.1f}"]
            else:
                row += ["", ""]
        rows.append(row)
    of_kernels = [
        [
            code(each.name),
            " and ".join(f"{low:,.4g} to {high:,.4g}" for low, high in zip(each.lows, each.highs, strict=True)),
            f"{each.error:.1e}",
            *(text for rounds, sent in (each.rep3, each.rep4) for text in (f"{rounds:,}", f"{sent:,.1f}")),
        ]
        for each in kernels()
    ]
    return {
        "reference/costs.md": f"# Costs of circuits\n\nRounds, and bytes that all nodes together send for each of "
        f"{ROWS:,} rows. These are the tables by which the tests check every circuit on every suite "
        "(`tests/spec/`): a run that costs anything else fails.\n\n"
        + table(("circuit", "rep3 rounds", "rep3 bytes a row", "rep4 rounds", "rep4 bytes a row"), rows)
        + "\n## Functions on fractions\n\nWith bounds of the arguments, on which cost and error depend.\n\n"
        + table(
            (
                "function",
                "arguments",
                "error at most",
                "rep3 rounds",
                "rep3 bytes a row",
                "rep4 rounds",
                "rep4 bytes a row",
            ),
            of_kernels,
        )
    }
