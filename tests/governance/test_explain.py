"""What signers read of an owner's minimisation."""

from __future__ import annotations

import dataclasses

from counterfoil.governance.explain import explain
from counterfoil.governance.minimisation import Demands, Generalisation

from .conftest import Consortium


def test_signers_read_what_stays_at_the_owners(shared: Consortium) -> None:
    contract = shared.agreement.contracts["loans"]
    coarse = {"age": Generalisation(bottom=20, top=80, band=10), "region": Generalisation(prefix=1)}
    columns = tuple(dataclasses.replace(each, generalise=coarse.get(each.name)) for each in contract.columns)
    demands = Demands(k=5, diversity=2, closeness=0.4, left_behind=2.5, sample=50)
    changed = dataclasses.replace(contract, columns=columns, demands=demands)
    words = explain(dataclasses.replace(shared.agreement, contracts={"loans": changed}))
    for line in (
        "age leaves its owner nothing below 20, nothing above 80, in bands of 10",
        "region leaves its owner by the first 1 characters",
        "50 % of the rows, taken at random, take part",
        "5 rows or more are alike in their quasi-identifiers, or nothing leaves",
        "up to 2.5 % of the rows stay behind, because too few are like them",
        "rows that are alike have 2 values or more of every sensitive column",
        "rows that are alike are within 0.4 of all rows in every sensitive column",
    ):
        assert f"  {line}\n" in words
    assert "leaves its owner" not in explain(shared.agreement)
