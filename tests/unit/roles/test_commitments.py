"""What is released is what was reviewed: shares that changed since, even alike at all their holders, do not pass."""

from __future__ import annotations

import numpy as np
import pytest

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.errors import TamperedError
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.releases import release as releases
from counterfoil.governance.releases.announcement import check_announced
from counterfoil.governance.review.airlock import review
from counterfoil.governance.review.decisions import decisions
from counterfoil.governance.review.leaving import for_all
from counterfoil.mpc.suites.replicated import components
from counterfoil.roles.node.handover import hand_over
from counterfoil.roles.recipient.opening import open_job
from counterfoil.storage.arrays import pack, unpack
from tests.lib.consortium import NODES, OWNERS, Consortium, found, today

pytestmark = pytest.mark.slow
PLAN, ITEM = "total-exposure", "sum--0"


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, str]:
    banks = found(tmp_path_factory.mktemp("committed"), 1000)
    (evidence, *_) = banks.analyse([banks.contribute(owner) for owner in OWNERS])
    banks.review(evidence.digest, ["reviewer-1", "reviewer-2"])
    banks.announce(evidence.digest)
    banks.countersign()
    return banks, evidence.digest


def test_every_output_is_committed_to(approved: tuple[Consortium, str]) -> None:
    banks, evidence = approved
    outputs = load_draft(banks.homes["bank-b"].exchange, banks.signed("bank-b"), evidence).evidence.outputs
    seen = [commitment for output in outputs.values() for commitment in output.commitments]
    assert len(set(seen)) == 3 * len(banks.agreement.analyses)


def test_a_node_does_not_release_other_shares_than_were_reviewed(approved: tuple[Consortium, str]) -> None:
    banks, evidence = approved
    home = banks.homes["node-0"]
    draft = load_draft(home.exchange, banks.signed("node-0"), evidence)
    job, aad = draft.evidence.job, evidence.encode()
    kept = home.vault.load(job, PLAN, aad=aad)
    home.vault.keep(job, PLAN, {**kept, ITEM: kept[ITEM] + np.uint64(1)}, aad=aad)
    with pytest.raises(TamperedError, match="of total-exposure at node-0 is not the one that was reviewed"):
        hand_over(home, banks.signed("node-0"), evidence, clock.now())
    assert not home.exchange.list(("blobs", "sealed"))
    home.vault.keep(job, PLAN, kept, aad=aad)


def test_holders_that_change_a_component_alike_are_noticed(approved: tuple[Consortium, str]) -> None:
    """Copies agree with one another then; only the commitment tells that the review was of something else."""
    banks, evidence = approved
    banks.release(evidence)
    open_job(banks.homes["regulator"], banks.signed("regulator"), evidence, clock.now())
    reader = banks.homes["regulator"]
    draft = load_draft(reader.exchange, banks.signed("regulator"), evidence)
    made = for_all(review(draft, decisions(reader.exchange, draft)))
    given = releases.open_release(made, reader, today())
    for index, node in enumerate(NODES):
        if 0 in components(len(NODES), index):
            arrays = dict(unpack(given[node].shares))
            arrays[f"{PLAN}--{ITEM}"] = arrays[f"{PLAN}--{ITEM}"] + np.uint64(1)
            home = banks.homes[node]
            releases.release(check_announced(made, home), "regulator", pack(arrays), home, today())
    with pytest.raises(TamperedError, match="is not the one that was reviewed"):
        open_job(reader, banks.signed("regulator"), evidence, clock.now())
    failed = Event.parse(reader.log.entries()[-1])
    assert (failed.type, failed.counts) == ("open-failed", {"exit-code": TamperedError.exit_code})
