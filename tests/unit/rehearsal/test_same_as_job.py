"""A rehearsal and a real job of the same tables, over TLS and with keys, agree in everything but what is drawn anew."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

import counterfoil
from counterfoil import clock
from counterfoil.analyses.registry import REGISTRY
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.roles.owner import table_file
from counterfoil.roles.recipient.opening import open_job
from tests.lib.consortium import CONTRACTS, found, four_nodes

WORKED = sorted(path.name.removesuffix(".agreement.yaml") for path in (CONTRACTS / "agreements").iterdir())


def test_every_analysis_is_in_a_worked_agreement() -> None:
    """So a new one is compared below as soon as there is an example of it, which it needs for its reference anyway."""
    texts = [(CONTRACTS / "agreements" / f"{name}.agreement.yaml").read_text() for name in WORKED]
    plans = [plan for text in texts for plan in yaml.safe_load(text)["analyses"]]
    assert {(plan["analysis"], plan["version"]) for plan in plans} == set(REGISTRY)


def begins_today(contracts: Path) -> None:
    """The millionaires ask once, in the first period of their agreement; a rehearsal is of one that is due."""
    path = contracts / "agreements" / "millionaires.agreement.yaml"
    path.write_text(re.sub(r"(?m)^starts: .*$", f'starts: "{clock.now().date()}"', path.read_text()))


@pytest.mark.slow
@pytest.mark.parametrize(("agreement", "suite"), [*((name, "rep3") for name in WORKED), ("exposure", "rep4")])
def test_a_rehearsal_is_the_job(agreement: str, suite: str, tmp_path: Path) -> None:
    edits = {"rep4": four_nodes, "millionaires": begins_today}
    made = found(tmp_path, rows=1000, agreement=agreement, edit=edits.get(suite) or edits.get(agreement))
    terms, proposer = made.agreement, made.agreement.owners[0]
    assert terms.suite == suite
    submissions = [made.contribute(*part) for part in terms.parts]
    evidence = made.analyse(submissions)[0].digest
    made.review(evidence, terms.reviewers[: terms.quorum])
    made.release(evidence)
    roster = tmp_path / "roster.yaml"
    roster.write_bytes(terms.roster.raw)
    rehearsed = counterfoil.rehearse(
        tmp_path / "contracts" / "agreements" / f"{agreement}.agreement.yaml",
        {str(part): table_file(made.homes[part.owner], part.contract) for part in terms.parts},
        roster=roster,
    )
    assert rehearsed.agreement_digest == terms.digest
    assert rehearsed.period == made.period

    signed = load_draft(made.homes[proposer].exchange, made.signed(proposer), evidence).evidence
    assert rehearsed.plan_digests == {name: output.plan for name, output in signed.outputs.items()}
    opened = {f"opened-{label.replace(' ', '-')}": times for label, times in rehearsed.computed.opened.items()}
    assert opened == {label: times for label, times in signed.checks.items() if label.startswith("opened-")}
    exact = {plan.name for plan in terms.analyses if not plan.privacy}
    for name in exact:
        assert rehearsed.hidden["hidden"][name] == signed.outputs[name].measures["hidden-cells"]

    compared = set()
    for recipient in terms.recipients:
        job = open_job(made.homes[recipient], made.signed(recipient), evidence, clock.now())
        mine = rehearsed.for_recipient(recipient)
        assert list(mine) == [result.name for result in job.results]
        for result in job.results:
            shown = mine.results[result.name]
            assert shown.tables[0].measures.keys() == result.tables[0].measures.keys()
            if result.name not in exact:  # its noise is drawn anew
                assert [len(each.frame) for each in shown.tables] == [len(each.frame) for each in result.tables]
                continue
            compared.add(result.name)
            assert (shown.findings, shown.suppressed, shown.cells) == (result.findings, result.suppressed, result.cells)
            for one, other in zip(shown.tables, result.tables, strict=True):
                pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
                assert (one.title, one.measures) == (other.title, other.measures)
    assert compared == exact
