"""One whole job whose exchange is a cloud's object store, and one recipient's releases go to another place in it.

Nothing in a job knows where blobs lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.audit.publish import publish
from counterfoil.cli import app
from counterfoil.errors import ReleaseRevokedError
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.releases.revocation import revoke
from counterfoil.roles.node.handover import hand_over
from counterfoil.roles.recipient.opening import open_latest
from counterfoil.storage.exchange import Exchange
from tests.lib.consortium import Consortium, assert_pooled, found, today
from tests.lib.stores import Store, started

pytestmark = [pytest.mark.slow, pytest.mark.services]


@pytest.fixture(scope="module", params=["s3", "azure"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with started(request.param, tmp_path_factory.mktemp(request.param)) as up:
        yield up


@pytest.fixture(scope="module")
def released(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    own = store.place()

    def deliver(contracts: Path) -> None:
        file = contracts / "agreements" / "exposure.agreement.yaml"
        file.write_text(file.read_text().replace("\nanalyses:", f"\ndelivery:\n  bank-a: {own}\n\nanalyses:"))

    consortium = found(tmp_path_factory.mktemp("consortium"), 300, exchange=store.place(), edit=deliver)
    submissions = [consortium.hand_in(owner, consortium.table(owner)) for owner in consortium.agreement.owners]
    evidence = consortium.analyse(submissions)[0].digest
    consortium.review(evidence, ["reviewer-1", "reviewer-2"])
    consortium.release(evidence)
    return consortium


@pytest.mark.parametrize("recipient", ["regulator", "bank-a"])
def test_recipients_open_the_pooled_answer(recipient: str, released: Consortium) -> None:
    opened = open_latest(released.homes[recipient], released.signed(recipient), clock.now())
    assert_pooled(released, opened.results)


def test_what_is_sealed_lies_where_the_agreement_says(released: Consortium) -> None:
    common, own = released.homes["node-0"].exchange, Exchange.open(released.agreement.delivery["bank-a"])
    for exchange in (common, own):
        assert [name[2] for name in exchange.list(("blobs", "sealed"))] == list(released.agreement.nodes)
    assert {name[0] for name in own.list()} == {"blobs"}


def test_an_outsider_verifies_it_at_its_url(released: Consortium) -> None:
    open_latest(released.homes["regulator"], released.signed("regulator"), clock.now())
    for home in released.homes.values():
        publish(home.log, home.exchange)
    checked = CliRunner().invoke(app, ["verify", released.homes["node-0"].exchange_url])
    assert checked.exit_code == 0, checked.output
    assert "released to regulator, bank-a by 3 nodes; regulator opened it on" in checked.output


def test_what_is_revoked_is_gone_at_the_store(released: Consortium) -> None:
    node = released.homes["node-1"]
    (evidence,) = {name[1] for name in node.exchange.list(("releases",))}
    draft = load_draft(node.exchange, released.signed("node-1"), evidence)
    node.exchange.remove(("opened", evidence, "bank-a"))  # as if it had not been fetched
    (word,), _ = revoke(draft, ["bank-a"], "a mistake", node, today())
    own = Exchange.open(released.agreement.delivery["bank-a"])
    assert [name[2] for name in own.list(("blobs", "sealed"))] == ["node-0", "node-2"]
    with pytest.raises(ReleaseRevokedError, match="node-1 revoked"):
        open_latest(released.homes["bank-a"], released.signed("bank-a"), clock.now())
    again = hand_over(node, released.signed("node-1"), evidence, clock.now())  # as after a crash
    assert [item.recipient for item in again] == ["regulator"]
    publish(node.log, node.exchange)
    checked = CliRunner().invoke(app, ["verify", node.exchange_url])
    assert checked.exit_code == 0, checked.output
    assert f"{word.node} revoked it for bank-a" in checked.output
