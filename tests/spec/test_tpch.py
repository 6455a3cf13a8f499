"""The 22 queries of TPC-H from their standard text, on shares: nothing is pushed to owners but functions of texts."""

from __future__ import annotations

from functools import cache
from tempfile import TemporaryDirectory

import pytest

from counterfoil.mpc.circuits.tables.sort import COMPARED
from counterfoil.relations.cost import estimate
from tests.lib.relations import Pool, same
from tests.lib.tpch import QUERIES, pool

SMALL, MEDIUM, LARGE = 0.002, 0.01, 0.1
SIX = ("q01", "q03", "q05", "q06", "q13", "q18")
SOAK = [pytest.mark.soak, pytest.mark.timeout(3_600)]

#: these have no rows at the small scale factor, so that little is proved there
EMPTY = ("q07", "q11", "q20", "q21")


@cache
def at(scale: float) -> Pool:
    with TemporaryDirectory() as folder:
        return pool(folder, scale)


def check(name: str, suite: str, scale: float) -> int:
    """Compare one answer with DuckDB's, and its cost with what was said; return how many rows it has."""
    made = at(scale).plan(QUERIES[name])
    answer = at(scale).run(made, suite)
    same(answer, at(scale).expected(QUERIES[name]), [place for place, _ in made.order])
    said = estimate(made, "rep3" if suite == "plain" else suite.partition("-")[0])
    levels = answer.opened.pop(COMPARED, 0)
    assert answer.opened == {line.label: line.maximum for line in said.declared if not line.varies}
    if levels:
        # Chance has a say in how many levels and comparisons a sort takes.
        assert 0.9 * said.total.sent_bytes < answer.cost.sent_bytes < 1.1 * said.total.sent_bytes
    else:
        assert answer.cost == said.total
    return len(answer.rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUERIES)
def test_three_nodes_give_the_answer_on_the_pooled_tables(name: str) -> None:
    assert (check(name, "rep3-sh/1", SMALL) > 0) == (name not in EMPTY)


@pytest.mark.slow
@pytest.mark.parametrize("name", SIX)
def test_four_nodes_give_the_answer_on_the_pooled_tables(name: str) -> None:
    check(name, "rep4-mal/1", SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", EMPTY)
def test_larger_tables_have_rows_where_small_ones_have_none(name: str) -> None:
    assert check(name, "plain", MEDIUM) > 0


@pytest.mark.parametrize(
    ("suite", "scale"),
    [
        pytest.param(suite, scale, marks=SOAK)
        for suite, scale in [("rep3-sh/1", MEDIUM), ("rep4-mal/1", MEDIUM), ("plain", LARGE)]
    ],
)
@pytest.mark.parametrize("name", QUERIES)
def test_larger_tables(name: str, suite: str, scale: float) -> None:
    check(name, suite, scale)
