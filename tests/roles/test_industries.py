"""The worked examples beside banking: their agreements are signed, their tables made, and a whole job runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.data.rules import compile_rules
from counterfoil.governance.contract import parse_contract
from counterfoil.roles.recipient import open_job
from tests.consortium import CONTRACTS, assert_pooled, found

INDUSTRIES = {"readmissions": "institute", "market": "association"}


@pytest.mark.parametrize("path", sorted((CONTRACTS / "data").iterdir()), ids=lambda path: path.name)
def test_every_shipped_contract_can_be_checked(path: Path) -> None:
    assert compile_rules(parse_contract(path.read_bytes(), path.name))


@pytest.mark.slow
@pytest.mark.parametrize("agreement", INDUSTRIES)
def test_a_job_of_the_industry_gives_the_pooled_answer(agreement: str, tmp_path: Path) -> None:
    consortium = found(tmp_path, rows=600, agreement=agreement)
    terms = consortium.agreement
    consortium.frames |= {owner: consortium.table(owner).frame() for owner in terms.owners}
    submissions = [consortium.contribute(owner) for owner in terms.owners]
    evidence = consortium.analyse(submissions)[0].digest
    consortium.review(evidence, ["reviewer-1", "reviewer-3"])
    consortium.release(evidence)
    for owner in terms.owners:
        assert (consortium.homes[owner].data / f"{next(iter(terms.contracts))}.risk.html").exists()
    for recipient in terms.recipients:
        opened = open_job(consortium.homes[recipient], consortium.signed(recipient), evidence)
        assert [result.name for result in opened.results] == [plan.name for plan in terms.plans_for(recipient)]
        assert_pooled(consortium, opened.results)
    everything = open_job(consortium.homes[INDUSTRIES[agreement]], consortium.signed(INDUSTRIES[agreement]), evidence)
    assert len(everything.results) == len(terms.analyses)
    assert sum(result.cells - result.suppressed for result in everything.results) > len(terms.analyses)
