"""Two versions side by side, of an analysis, a contract or a suite: what was agreed runs as it was, nothing mixes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterfoil import clock
from counterfoil.analyses.base import Result
from counterfoil.analyses.registry import REGISTRY
from counterfoil.analyses.sums.total import Total
from counterfoil.disclosure.declaration import Opened
from counterfoil.errors import DifferenceError, NotFoundError, PlanError, RefusedError, SignatureError
from counterfoil.governance.jobs.evidence import read_evidence
from counterfoil.roles.node.handover import hand_over
from counterfoil.roles.recipient.opening import open_job
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, another
from tests.lib.consortium import OWNERS, Consortium, found, four_nodes

pytestmark = pytest.mark.slow

NEXT = {
    "version: 1.0.0": "version: 2.0.0",
    "analysis: total\n    version: 1": "analysis: total\n    version: 2",
}


class RoundedTotal(Total):
    """The next version of the total, in whole thousands."""

    version = 2

    def present(self, opened: Opened) -> Result:
        return super().present({**opened, "sum": np.round(opened["sum"], -3)})


def total(banks: Consortium, evidence: str) -> tuple[int, int]:
    """The version that ran, and the total that the regulator reads."""
    banks.review(evidence, ["reviewer-1", "reviewer-2"])
    banks.release(evidence)
    opened = open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.now())
    (result,) = (result for result in opened.results if result.analysis == "total")
    return result.version, int(result.tables[0].frame["balance"].item())


def test_an_agreement_pinned_to_one_version_finishes_while_the_next_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    banks = found(tmp_path, 1000)
    pooled = sum(int(frame["balance"].sum()) for frame in banks.frames.values())
    tables = {owner: banks.table(owner) for owner in OWNERS}
    begun = [banks.hand_in(owner, table) for owner, table in tables.items()]

    ahead = another(banks, tmp_path / "next", {AGREEMENT_FILE: NEXT})
    for attempt in (lambda: ahead.hand_in("bank-a", tables["bank-a"]), lambda: ahead.computation("node-0", begun)):
        with pytest.raises((PlanError, RefusedError), match=r"no analysis total v2 here; there are .*total v1|another"):
            attempt()

    monkeypatch.setitem(REGISTRY, ("total", 2), RoundedTotal)  # a new release of the software knows both
    handed_in = [ahead.hand_in(owner, table) for owner, table in tables.items()]
    for under, others in ((banks, handed_in), (ahead, begun)):
        with pytest.raises(RefusedError, match="is for another agreement or roster; submit again under exposure"):
            under.computation("node-0", others)
    (new, *_) = ahead.analyse(handed_in)
    assert total(ahead, new.digest) == (2, round(pooled, -3))
    with pytest.raises((RefusedError, NotFoundError), match="another job"):
        hand_over(banks.homes["node-0"], banks.signed("node-0"), new.digest, clock.now())
    with pytest.raises(DifferenceError, match="bank-a does not say what changed in its table"):
        banks.analyse(begun)  # it was handed in before the other was released
    (old, *_) = banks.analyse([banks.hand_in(owner, table) for owner, table in tables.items()])
    assert read_evidence(banks.homes["node-0"].exchange, old.digest).waiting == (
        "loans",
    )  # the same rows were just released


def test_contracts_and_suites_of_two_versions_run_side_by_side(tmp_path: Path) -> None:
    """The parties go on with four nodes under one contract, while three of these compute under its next version."""
    banks = found(tmp_path, 1000, edit=four_nodes)
    changes = {
        AGREEMENT_FILE: {"version: 1.0.0": "version: 2.0.0", "suite: rep4": "suite: rep3", ", node-3]": "]"},
        CONTRACT_FILE: {"\nversion: 1.0.0": "\nversion: 1.1.0"},
    }
    named = [party for party in banks.homes if party != "node-3"]
    ahead = another(banks, tmp_path / "next", changes, named)
    lacking = another(
        banks, tmp_path / "unsigned", {AGREEMENT_FILE: NEXT}, [party for party in named if party != "bank-d"]
    )
    with pytest.raises(SignatureError, match="not signed by bank-d"):  # what bank-d agreed to covers no later plan
        lacking.signed("bank-a")

    tables = {owner: banks.table(owner) for owner in OWNERS}
    begun, newer = ([each.hand_in(owner, tables[owner]) for owner in OWNERS] for each in (banks, ahead))
    assert [each.agreement.contracts["loans"].version for each in (banks, ahead)] == ["1.0.0", "1.1.0"]
    for under, others in ((banks, newer), (ahead, begun)):
        with pytest.raises(RefusedError, match="is for another agreement or roster; submit again under exposure"):
            under.computation("node-0", others)
    pooled = sum(int(frame["balance"].sum()) for frame in banks.frames.values())
    (evidence, *_) = ahead.analyse(newer)
    assert total(ahead, evidence.digest) == (1, pooled)
    with pytest.raises(DifferenceError, match="bank-a does not say what changed in its table"):
        banks.analyse(begun)  # it was handed in before the other was released
    (again, *_) = banks.analyse([banks.hand_in(owner, tables[owner]) for owner in OWNERS])
    assert read_evidence(banks.homes["node-0"].exchange, again.digest).waiting == ("loans",)
