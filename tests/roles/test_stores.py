"""One whole job whose exchange is a cloud's object store: nothing in it knows where blobs lie."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from counterfoil.audit.publish import publish
from counterfoil.cli import app
from counterfoil.roles.recipient import open_latest
from tests.consortium import Consortium, assert_pooled, found
from tests.stores import Store, started

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["s3", "azure"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with started(request.param, tmp_path_factory.mktemp(request.param)) as up:
        yield up


@pytest.fixture(scope="module")
def released(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    consortium = found(tmp_path_factory.mktemp("consortium"), 300, exchange=store.place())
    submissions = [consortium.hand_in(owner, consortium.table(owner)) for owner in consortium.agreement.owners]
    evidence = consortium.analyse(submissions)[0].digest
    consortium.review(evidence, ["reviewer-1", "reviewer-2"])
    consortium.release(evidence)
    return consortium


@pytest.mark.parametrize("recipient", ["regulator", "bank-a"])
def test_recipients_open_the_pooled_answer(recipient: str, released: Consortium) -> None:
    opened = open_latest(released.homes[recipient], released.signed(recipient))
    assert_pooled(released, opened.results)


def test_an_outsider_verifies_it_at_its_url(released: Consortium) -> None:
    for home in released.homes.values():
        publish(home.log, home.exchange)
    checked = CliRunner().invoke(app, ["verify", released.homes["node-0"].exchange_url])
    assert checked.exit_code == 0, checked.output
    assert "released to regulator, bank-a by 3 nodes" in checked.output
