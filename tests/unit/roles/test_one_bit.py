"""Whether all balances add up to more than an agreed amount, by a whole job: the answer, and nothing of the sum."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from counterfoil import clock
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.releases.release import open_release
from counterfoil.governance.review.airlock import review
from counterfoil.governance.review.decisions import decisions
from counterfoil.governance.review.leaving import for_all
from counterfoil.joint.openings import declared
from counterfoil.roles.recipient.opening import OpenedJob, open_job
from counterfoil.storage.arrays import unpack
from counterfoil_prefect.synthetic_data.loans import make_tables
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE
from tests.lib.consortium import CONTRACTS, OWNERS, Consortium, found, today

pytestmark = pytest.mark.slow
ROWS, SEED = 500, 11

_QUESTION = """
  - name: {name}
    analysis: threshold
    version: 1
    purpose: Whether the banks' joint exposure is beyond what was agreed.
    contract: loans
    columns: [balance]
    parameters:
      column: balance
      above: {above}
    recipients: [regulator, bank-a]
"""


def total() -> int:
    """What all balances of the banks add up to."""
    contract = parse_contract((CONTRACTS / CONTRACT_FILE).read_bytes(), CONTRACT_FILE)
    return int(sum(frame["balance"].sum() for frame in make_tables(contract, seed=SEED, rows=ROWS).values()))


def only_ask(contracts: Path) -> None:
    """The agreement asks two questions: one whose answer is yes, as 17,500 is more than 10,000, and one with no."""
    contract, agreement = contracts / CONTRACT_FILE, contracts / AGREEMENT_FILE
    contract.write_text(contract.read_text().replace("value: [total, ", "value: [threshold, total, "))
    head, _, _ = agreement.read_text().partition("\nanalyses:\n")
    yes, no = total() * 10_000 // 17_500, total() * 17_500 // 10_000
    questions = _QUESTION.format(name="more-than-less", above=yes) + _QUESTION.format(name="more-than-more", above=no)
    agreement.write_text(f"{head}\nanalyses:\n{questions}")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, str, OpenedJob]:
    banks = found(tmp_path_factory.mktemp("one-bit"), ROWS, SEED, edit=only_ask)
    evidence = banks.analyse([banks.hand_in(owner, banks.table(owner)) for owner in OWNERS])[0].digest
    banks.review(evidence, ("reviewer-1", "reviewer-2"))
    banks.release(evidence)
    return banks, evidence, open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.now())


def test_the_answer_is_right_on_both_sides(opened: tuple[Consortium, str, OpenedJob]) -> None:
    _, _, job = opened
    assert [result.tables[0].frame.iloc[0, 0] for result in job.results] == [True, False]
    assert [result.findings[0].rsplit(": ", 1)[1] for result in job.results] == ["yes.", "no."]


def test_a_recipient_is_handed_a_bit_and_whether_it_may_be_shown(opened: tuple[Consortium, str, OpenedJob]) -> None:
    banks, evidence, _ = opened
    home = banks.homes["regulator"]
    draft = load_draft(home.exchange, banks.signed("regulator"), evidence)
    for delivered in open_release(for_all(review(draft, decisions(home.exchange, draft))), home, today()).values():
        arrays = unpack(delivered.shares)
        outputs = {name.split("--")[1]: array for name, array in arrays.items()}
        assert outputs.keys() == {"safe", "passed", "commitment-salt"}
        assert all(outputs[name].size == 1 for name in ("safe", "passed"))


def test_the_sum_is_opened_nowhere(opened: tuple[Consortium, str, OpenedJob]) -> None:
    banks, evidence, _ = opened
    checks = load_draft(banks.homes["bank-a"].exchange, banks.signed("bank-a"), evidence).evidence.checks
    allowed = {f"opened-{line.label.replace(' ', '-')}" for line in declared(banks.agreement)}
    assert {name for name in checks if name.startswith("opened-")} == allowed
    assert not any("sum" in name or "total" in name for name in allowed)
    amount = total()
    sought = [str(amount).encode(), f"{amount:,}".encode(), *(struct.pack(form, amount) for form in ("<q", ">q", "<d"))]
    files = [path for path in banks.folder.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert not [path for path in files for form in sought if form in path.read_bytes()]
    shown = np.concatenate([frame["balance"].to_numpy() for frame in banks.pooled()]).sum()
    assert shown == amount  # what was sought is what the tables add up to
