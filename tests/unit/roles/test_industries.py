"""The worked examples beside banking: their agreements are signed, their tables made, and a whole job runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil import clock
from counterfoil.data.checking.expectation_rules import compile_rules
from counterfoil.errors import RefusedError, ReplayError
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.roles.recipient.opening import open_job
from tests.lib.consortium import CONTRACTS, assert_pooled, found

INDUSTRIES = {"readmissions": "institute", "market": "association", "waiting": "institute", "outcomes": "institute"}


@pytest.mark.parametrize("path", sorted((CONTRACTS / "data").iterdir()), ids=lambda path: path.name)
def test_every_shipped_contract_can_be_checked(path: Path) -> None:
    assert compile_rules(parse_contract(path.read_bytes(), path.name))


@pytest.mark.slow
@pytest.mark.parametrize("agreement", INDUSTRIES)
def test_a_job_of_the_industry_gives_the_pooled_answer(agreement: str, tmp_path: Path) -> None:
    consortium = found(tmp_path, rows=600, agreement=agreement)
    terms = consortium.agreement
    consortium.frames |= {part: consortium.table(*part).frame() for part in terms.parts}
    submissions = [consortium.contribute(*part) for part in terms.parts]
    evidence = consortium.analyse(submissions)[0].digest
    consortium.review(evidence, ["reviewer-1", "reviewer-3"])
    consortium.release(evidence)
    for part in terms.parts:
        assert (consortium.homes[part.owner].data / f"{part.contract}.risk.html").exists()
    for recipient in terms.recipients:
        opened = open_job(consortium.homes[recipient], consortium.signed(recipient), evidence, clock.now())
        assert [result.name for result in opened.results] == [plan.name for plan in terms.plans_for(recipient)]
        assert_pooled(consortium, opened.results)
    everything = open_job(
        consortium.homes[INDUSTRIES[agreement]], consortium.signed(INDUSTRIES[agreement]), evidence, clock.now()
    )
    assert len(everything.results) == len(terms.analyses)
    assert sum(result.cells - result.suppressed for result in everything.results) > len(terms.analyses)


@pytest.mark.slow
def test_tables_under_two_contracts_do_not_change_places(tmp_path: Path) -> None:
    """The market's retailers have different tables; only two of them have stores, and say so in the agreement."""
    market = found(tmp_path, rows=300, agreement="market")
    assert [str(part) for part in market.agreement.parts] == [
        *("retailer-a/purchases", "retailer-a/stores", "retailer-b/purchases", "retailer-b/stores"),
        "retailer-c/purchases",
    ]
    with pytest.raises(RefusedError, match="asks nothing of retailer-c under a contract stores"):
        market.contribute("retailer-c", "stores")
    submissions = [market.contribute(*part) for part in market.agreement.parts]
    with pytest.raises(RefusedError, match="lacks the submission of retailer-b/stores"):
        market.computation("node-0", [*submissions[:3], *submissions[4:]])
    again = market.contribute("retailer-a", "purchases")
    with pytest.raises(ReplayError, match="retailer-a/purchases is twice"):
        market.computation("node-0", [*submissions, again])
    given = market.computation("node-0", [submissions[0], submissions[3], submissions[1], *submissions[:1:-2]])
    assert given.job.submissions.keys() == {str(part) for part in market.agreement.parts}
