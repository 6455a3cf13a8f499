"""A party leaves: the next job is refused by name everywhere, and what nodes held of it is gone, provably."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.audit.publish import publish
from counterfoil.cli import app
from counterfoil.errors import CounterfoilError, RefusedError, WithdrawnError
from counterfoil.home import HOME, Home
from counterfoil.roles.node.handover import hand_over
from counterfoil_prefect.mpc_tasks import held
from counterfoil_prefect.mpc_tasks.erase import erase
from counterfoil_prefect.mpc_tasks.receive import receive
from counterfoil_prefect.mpc_tasks.seal import seal
from counterfoil_prefect.mpc_tasks.validate import validate
from counterfoil_prefect.mpc_tasks.verify import verify
from tests.lib.consortium import NODES, OWNERS, Consortium, found

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found(tmp_path_factory.mktemp("banks"), 1000)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with disable_run_logger():
        yield
    held.home.cache_clear()


def be(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps from here on are this party's."""
    monkeypatch.setenv(HOME, str(home.path))
    held.home.cache_clear()


def run(home: Home, *arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments), "--home", str(home.path)])
    assert result.exit_code == 0, result.output
    return result.output


def test_one_leaves_and_everything_goes(banks: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    submissions = tuple(banks.contribute(owner) for owner in OWNERS)
    draft = replace(banks.analyse(submissions)[0], owner="node-0")
    banks.review(draft.digest, ["reviewer-1", "reviewer-2"])

    said = run(banks.homes["bank-c"], "agreement", "withdraw", banks.ref, "--yes")
    assert "bank-c has withdrawn from exposure 1.0.0" in said

    asked = [(owner, lambda: validate.fn(banks.ref, "loans", banks.period)) for owner in OWNERS]
    for node in NODES:
        asked.append((node, lambda: verify.fn(banks.ref)))
        asked.append((node, lambda: receive.fn(banks.ref, banks.period, submissions, 2)))
        asked.append((node, lambda: seal.fn(banks.ref, draft)))  # approved, and not released yet
    for party, step in asked:
        be(banks.homes[party], monkeypatch)
        with pytest.raises(WithdrawnError, match="bank-c withdrew from agreement exposure"):
            step()
        assert Event.parse(banks.homes[party].log.entries()[-1]).subject == "withdrawn-error"
    assert not banks.homes["regulator"].exchange.list(("releases",))

    for node in NODES[:2]:
        be(banks.homes[node], monkeypatch)
        assert erase.fn() == 5  # four submissions and the draft
    assert run(banks.homes["node-2"], "purge").count("erased (withdrawn)") == 5
    for node in NODES:
        assert not any((banks.homes[node].path / "vault" / "items").iterdir())

    with pytest.raises(RefusedError, match="is erased; only a draft is released"):
        hand_over(banks.homes["node-0"], banks.signed("node-0"), draft.digest, clock.now())

    for home in banks.homes.values():
        publish(home.log, home.exchange)
    checked = CliRunner().invoke(app, ["verify", banks.homes["bank-a"].exchange_url])
    assert checked.exit_code == 0, checked.output
    assert "shares under exposure 1.0.0: node-0 erased 5, node-1 erased 5, node-2 erased 5" in checked.output


def test_a_receipt_without_an_entry_is_found(banks: Consortium) -> None:
    """node-1 signed for something that its log does not know; it stands on the test before."""
    from counterfoil.audit.bundle import verify_logs
    from counterfoil.governance.verification.verify import check_erasures

    receipts = Path(banks.homes["node-1"].exchange_url) / "erasures" / banks.agreement.digest / "node-1"
    (first, *_) = sorted(receipts.iterdir())
    first.rename(first.with_name("0" * 64))
    with pytest.raises(CounterfoilError, match="erasure of something else"):
        list(check_erasures(verify_logs(banks.homes["bank-a"].exchange, {})))
