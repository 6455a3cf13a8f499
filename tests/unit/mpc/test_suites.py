"""Each suite is stated once: what agreements, sessions and estimates take of it is its descriptor's."""

from __future__ import annotations

import pytest

from counterfoil.mpc.session import session
from counterfoil.mpc.suites.registry import SUITES, table


def test_a_session_runs_each_suite_under_its_protocol_and_with_its_nodes() -> None:
    assert {suite.protocol for suite in SUITES.values()} == set(session.SUITES)
    for suite in SUITES.values():
        kind = session.SUITES[suite.protocol]
        assert (kind, kind.suite, kind.parties) == (suite.load(), suite.protocol, suite.nodes)


def test_all_suites_price_the_same_operations() -> None:
    one, *others = [set(suite.prices) for suite in SUITES.values()]
    assert one and all(other == one for other in others)


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_is_a_row_of_the_table(name: str) -> None:
    (row,) = (row for row in table() if row["suite"] == name)
    assert (row["protocol"], row["nodes"]) == (SUITES[name].protocol, str(SUITES[name].nodes))
    assert row["withstands"] == SUITES[name].withstood
