"""The same job with four nodes, of which one may be malicious: nothing but the agreement's suite and nodes changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil import clock
from counterfoil.roles.recipient.opening import open_job
from tests.lib.consortium import OWNERS, assert_pooled, found, four_nodes

pytestmark = pytest.mark.slow


def test_four_nodes_give_the_pooled_answer(tmp_path: Path) -> None:
    consortium = found(tmp_path, 1000, edit=four_nodes)
    assert consortium.agreement.suite == "rep4"
    submissions = [consortium.hand_in(owner, consortium.table(owner)) for owner in OWNERS]
    evidence = consortium.analyse(submissions)[0].digest
    consortium.review(evidence, ["reviewer-1", "reviewer-2"])
    consortium.release(evidence)
    opened = open_job(consortium.homes["regulator"], consortium.signed("regulator"), evidence, clock.now())
    assert_pooled(consortium, opened.results)
