"""A consortium of 0.1 that released a week with noise is carried over, and runs the next week by what it remembers."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from counterfoil.canonical import Ref
from counterfoil.cli import app
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.in_force import REVIEW, load
from counterfoil.governance.cumulative.budget_ledger import balances, ledger
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.references import agreement_ref
from counterfoil.home import Home
from counterfoil_prefect.synthetic_data.loans import make_tables, write_tables
from tests.lib.clock import at
from tests.lib.consortium import NODES, OWNERS, REVIEWERS, Consortium, agree

pytestmark = pytest.mark.slow

MADE = Path(__file__).parent / "v0.1" / "consortium.zip"
REF = "agreement:bank-a:b75bf8c1e66b64ba254f15fdc143714ca4a4c8183fdcb0934e237b237ae53b86"
NEXT = datetime(2026, 12, 4, 12, tzinfo=UTC)


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def spent(banks: Consortium) -> dict[str, float]:
    """What each recipient of noised results has spent, by the memory of one node."""
    charges = ledger(banks.homes["node-0"].state)
    return {each.recipient: each.spent for each in balances(banks.agreement, charges, NEXT.date())}


def agreed_anew(terms: Agreement, homes: Mapping[str, Home], folder: Path) -> tuple[Agreement, Ref]:
    """Have all sign the same agreement with the version of correlation that runs; the former one does not any more."""
    written = {
        "agreements/exposure.agreement.yaml": terms.raw,
        "data/loans.odcs.yaml": terms.contracts["loans"].raw,
        **{f"policies/{each.id}.policy.yaml": each.raw for each in terms.policies},
    }
    for name, raw in written.items():
        (folder / "contracts" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "contracts" / name).write_bytes(raw)
    stated = folder / "contracts" / "agreements" / "exposure.agreement.yaml"
    text = stated.read_text().replace("version: 1.0.0", "version: 1.0.1", 1)
    stated.write_text(text.replace("analysis: correlation\n    version: 1", "analysis: correlation\n    version: 2"))
    return agree(folder / "contracts", terms.roster, homes)


@pytest.fixture
def banks(tmp_path: Path) -> Consortium:
    """All homes, upgraded, where their exchange is now, and the owners' tables of the next week."""
    with zipfile.ZipFile(MADE) as packed:
        packed.extractall(tmp_path)
    homes = {}
    for path in (tmp_path / "homes").iterdir():
        path.chmod(0o700)
        (path / "data").mkdir(mode=0o700, exist_ok=True)
        stated = yaml.safe_load((path / "party.yaml").read_text())
        (path / "party.yaml").write_text(yaml.safe_dump(stated | {"exchange": str(tmp_path / "exchange")}))
        assert "upgraded from format 1" in run("home", "upgrade", "--home", path)
        homes[path.name] = Home.open(path)
    ref = agreement_ref(homes["bank-a"].exchange, REF)
    with at(NEXT):
        terms, ref = agreed_anew(load(homes["bank-a"], ref, for_=REVIEW, today=NEXT.date()).terms, homes, tmp_path)
    made = make_tables(terms.contracts["loans"], seed=12, rows=1020, banks=OWNERS)
    for owner, path in write_tables(made, tmp_path / "tables").items():
        path.rename(homes[owner].data / f"loans{path.suffix}")
    return Consortium(tmp_path, homes, terms, ref, {})


def test_the_next_week_is_run_with_what_was_remembered(banks: Consortium) -> None:
    with at(NEXT):
        node = banks.homes["node-0"]
        before = spent(banks)
        evidence = banks.analyse([banks.contribute(owner) for owner in OWNERS])[0].digest
        draft = load_draft(node.exchange, banks.signed("node-0"), evidence)
        assert draft.evidence.period == "2026-w49"
        assert draft.evidence.checks["earlier-releases-compared"] == 1
        banks.review(evidence, REVIEWERS[:2])
        banks.release(evidence)
        after = spent(banks)
        assert len(before) == 2 and before.keys() == after.keys()
        assert all(1 < before[each] < after[each] for each in before)
        for each in NODES:
            run("log", "check", "--home", banks.homes[each].path)
            run("budget", "audit", banks.ref, "--home", banks.homes[each].path)
