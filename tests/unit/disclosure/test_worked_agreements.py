"""The worked agreements give useful answers of tables that are not large: how many of their cells are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.disclosure.attack.findings import attack_all
from counterfoil.disclosure.attack.knowledge import Knowledge, Release
from counterfoil.joint.computation import analyses
from counterfoil.joint.rehearsal import compute
from tests.lib.consortium import found

ROWS = 567

SHOWN: dict[str, dict[str, float]] = {
    "readmissions": {
        "days-in-hospital": 1,
        "stay-by-specialty-and-diagnosis": 18 / 30,
        "readmissions-by-specialty": 1,
        "length-of-stay": 1,
        "ages": 1,
        "what-readmission-goes-with": 1,
    },
    "market": {
        "joint-sales": 1,
        "amount-by-department-and-channel": 1,
        "concentration-of-sales": 1,
        "basket-sizes": 1,
        "what-larger-baskets-go-with": 1,
        "what-an-item-adds": 1,
        "space-by-location": 1,
    },
    "millionaires": {"the-richest": 1},
    "trial": {"survival-by-treatment": 1},
    "exposure": {
        "total-exposure": 1,
        "balance-by-region-and-product": 22 / 24,
        "correlation-of-pre-aggregates": 1,
        "correlation-of-shared-rows": 1,
        "balance-histogram": 8 / 10,
        "exposure-without-one-bank": 1,
    },
    "outcomes": {
        "pain-by-treatment": 1,
        "pain-by-visits": 1,
        "who-gets-what": 1,
        "pain-after-either-treatment": 1,
        "pain-before-and-after": 1,
        "pain-after-by-severity": 1,
        "treatment-goes-by-severity": 1,
        "back-at-work": 1,
        "complications-of-smokers": 1,
    },
}
"""Of so many rows an owner, by agreement and analysis, at least which share of the cells is shown."""


@pytest.mark.parametrize("name", SHOWN)
def test_most_cells_show_and_what_is_hidden_stays_hidden(name: str, tmp_path: Path) -> None:
    made = found(tmp_path, ROWS, agreement=name)
    terms = made.agreement
    tables = {part: made.table(part.owner, part.contract) for part in terms.parts}
    opened = compute(terms, tables)
    assert {plan: opened[plan]["safe"].mean() >= share for plan, share in SHOWN[name].items()} == dict.fromkeys(
        opened, True
    )
    for contract in terms.contracts:
        plans = {plan: each for plan, each in analyses(terms).items() if each.planned.contract == contract}
        rows = sum(table.rows for part, table in tables.items() if part.contract == contract)
        release = Release("w01", plans, {plan: opened[plan] for plan in plans}, (rows, rows), frozenset())
        assert not attack_all(Knowledge([release])).findings
