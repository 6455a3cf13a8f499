"""How often a cell of an exact table may be renewed, by how many rows each owner has in it.

Two in a hundred rows are replaced each week; who came and who left are both persons whose contribution changed. A cell
is renewed where, since the last release, at least `safe_difference` persons changed without those of any one owner, at
`safe_owners` owners. Prints the tables of `docs/explanation/renewal.md`, the same each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.governance.policies.rules import Rules
from counterfoil.terminal import say

CHURN: Final = 0.02
WEEKS: Final = (1, 4, 13, 26, 52)
ROWS: Final = (10, 20, 40, 60, 100, 150, 250, 400, 800)
OWNERS: Final = (3, 4)
FEWEST: Final = (10, 20)
DRAWS: Final = 20_000
OFTEN: Final = 0.95


def passes(changed: NDArray[np.int64], rules: Rules) -> NDArray[np.bool_]:
    """Tell where a change may be released. Shapes: changed persons (draws, owners); the result (draws,)."""
    others = changed.sum(axis=1, keepdims=True) - changed
    enough = others.min(axis=1) >= rules.safe_difference
    answer: NDArray[np.bool_] = enough & ((changed > 0).sum(axis=1) >= rules.safe_owners)
    return answer


def renewed(rows: int, owners: int, weeks: int, rules: Rules, draws: int = DRAWS) -> float:
    """Return how often a cell with so many rows of each owner is renewed, if it is asked for after so many weeks."""
    rng = np.random.default_rng([rows, owners, weeks, rules.safe_difference])
    left = rng.binomial(rows, 1 - (1 - CHURN) ** weeks, (draws, owners))
    return float(passes(2 * left, rules).mean())


def fewest_rows(owners: int, weeks: int, rules: Rules) -> int:
    """Return from how many rows of each owner a cell is nearly always renewed."""
    low, high = 1, 1
    while renewed(high, owners, weeks, rules) < OFTEN:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if renewed(middle, owners, weeks, rules) >= OFTEN else (middle, high)
    return high


def table(owners: int, rules: Rules) -> Iterator[str]:
    """Give the lines of one table: a row for each number of rows, a column for each interval."""
    yield from _head([_interval(weeks) for weeks in WEEKS])
    for rows in ROWS:
        yield _line(f"{rows}", [f"{renewed(rows, owners, weeks, rules):.0%}" for weeks in WEEKS])
    yield _line("nearly always from", [f"{fewest_rows(owners, weeks, rules)} rows" for weeks in WEEKS])


def page() -> Iterator[str]:
    """Give all tables, as the page of the docs has them."""
    for owners in OWNERS:
        for fewest in FEWEST:
            yield f"### {owners} owners, `safe_difference: {fewest}`"
            yield ""
            yield from table(owners, Rules(safe_difference=fewest))
            yield ""


def _head(cells: Sequence[str]) -> Iterator[str]:
    yield _line("rows an owner and cell", cells)
    yield _line("---", ["---"] * len(cells))


def _line(first: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([first, *cells])} |"


def _interval(weeks: int) -> str:
    return {1: "each week", 52: "a year"}.get(weeks, f"{weeks} weeks")


if __name__ == "__main__":
    say(*page())
