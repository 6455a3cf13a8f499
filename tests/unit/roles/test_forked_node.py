"""A node that shows the others another log than before: nobody cosigns it, nothing leaves it, and it is proved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.audit.fork import Fork
from counterfoil.audit.publish import publish
from counterfoil.cli import app
from counterfoil.errors import ForkedError, NotWitnessedError
from counterfoil.home import HOME, Home
from counterfoil.roles.node.handover import announce_release, hand_over
from counterfoil_prefect.mpc_tasks import held
from counterfoil_prefect.mpc_tasks.cosign import cosign_nodes
from tests.lib.consortium import NODES, OWNERS, found

pytestmark = pytest.mark.slow


def test_a_node_with_two_histories_is_shown_to_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    banks = found(tmp_path, 1000)
    liar = banks.homes["node-0"]
    (evidence, *_) = banks.analyse([banks.contribute(owner) for owner in OWNERS])
    banks.review(evidence.digest, ["reviewer-1", "reviewer-2"])
    shutil.copytree(liar.path / "log", tmp_path / "before")
    banks.announce(evidence.digest)
    banks.countersign()

    shutil.rmtree(liar.path / "log")
    shutil.copytree(tmp_path / "before", liar.path / "log")
    shutil.rmtree(Path(liar.exchange_url) / "log" / "node-0")
    banks.homes["node-0"] = liar = Home.open(liar.path)
    liar.log.append("nothing-was-announced")
    announce_release(liar, banks.signed("node-0"), evidence.digest, clock.now())

    for node in NODES[1:]:
        monkeypatch.setenv(HOME, str(banks.homes[node].path))
        held.home.cache_clear()
        with (
            disable_run_logger(),
            pytest.raises(ForkedError, match="log of node-0: the log was forked: an entry"),
        ):
            cosign_nodes.fn(banks.ref)
        seen = {event.type: event for event in map(Event.parse, Home.open(banks.homes[node].path).log.entries())}
        assert seen["log-refused"].subject == "node-0"
        assert seen["logs-cosigned"].refs.keys() == set(NODES) - {"node-0", node}  # the honest ones' are cosigned
        proof = liar.exchange.get_named(("log", "node-0", "forks", seen["log-refused"].refs["proof"]))
        assert Fork.unpack(proof).is_by(liar.keys.public)
    held.home.cache_clear()
    with pytest.raises(NotWitnessedError, match="not cosigned by node-1, node-2"):
        hand_over(liar, banks.signed("node-0"), evidence.digest, clock.now())

    publish(liar.log, liar.exchange)
    checked = CliRunner().invoke(app, ["verify", liar.exchange_url])
    assert checked.exit_code == ForkedError.exit_code
    assert "log of node-0" in checked.output
