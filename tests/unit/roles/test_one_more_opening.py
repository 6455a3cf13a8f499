"""A program that was changed to open one more value stops before it does, for good, and leaves evidence of that."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.audit.publish import publish
from counterfoil.canonical import Ref
from counterfoil.cli import app
from counterfoil.errors import CounterfoilError, LedgerError, RefusedError
from counterfoil.governance.jobs.job import Stage, stage_of
from counterfoil.joint.computation import HIDDEN, JointComputation
from counterfoil.mpc.suites.replicated import Replicated
from tests.lib.consortium import NODES, OWNERS, Consortium, compute, found, together

pytestmark = pytest.mark.slow

Suppress = Callable[[JointComputation], dict[str, int]]


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found(tmp_path_factory.mktemp("banks"), 1000)


def opening_one_more(honest: Suppress, label: str, at: Sequence[str], opened: list[object]) -> Suppress:
    """The program's last step, which now also opens the first sum, under this label and at these nodes."""

    def suppress(self: JointComputation) -> dict[str, int]:
        counts = honest(self)
        assert isinstance(self.p, Replicated)
        if NODES[self.p.party.index] in at:
            cells = next(iter(self.progress.released.values()))
            opened.append(self.p.open(next(iter(cells.values())).reshape(-1)[:1], label))
        return counts

    return suppress


def attempt(banks: Consortium, node: str, submissions: Sequence[Ref]) -> tuple[str, CounterfoilError]:
    """The job, and how it ended at this node."""
    computation = banks.computation(node, submissions)
    with pytest.raises(CounterfoilError) as caught:
        compute(computation)
    return computation.job.id, caught.value


@pytest.mark.parametrize(
    ("label", "words", "at"),
    [
        ("total exposure", "is not in the leakage statement", NODES),
        (HIDDEN, "is asked for once more", NODES[:1]),
    ],
    ids=["undeclared, at all nodes", "once too often, at one"],
)
def test_one_more_opening_stops_the_job_for_good(
    label: str, words: str, at: Sequence[str], banks: Consortium, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[object] = []
    honest = JointComputation.suppress
    monkeypatch.setattr(JointComputation, "suppress", opening_one_more(honest, label, at, opened))
    submissions = [banks.hand_in(owner, banks.table(owner)) for owner in OWNERS]
    before = len(banks.homes["node-0"].exchange.list(("evidence",)))
    ends = together([lambda node=node: attempt(banks, node, submissions) for node in NODES])
    ((job, _), *_) = ends
    assert not opened
    for node, (_, error) in zip(NODES, ends, strict=True):
        if node in at:
            assert isinstance(error, LedgerError) and words in str(error)
    monkeypatch.undo()

    # No draft, no second try at a node that noticed, and an entry in its signed log: which job, how it ended, no value.
    assert len(banks.homes["node-0"].exchange.list(("evidence",))) == before
    for node in at:
        home = banks.homes[node]
        assert stage_of(home.state, job) is Stage.HALTED
        begun, failed, *_ = [event for event in map(Event.parse, home.log.entries()) if event.subject == job]
        assert (begun.type, failed.type) == ("attempt-begun", "attempt-failed")
        assert failed.counts == {"attempt": 1, "exit-code": LedgerError.exit_code}
        assert failed.refs == {"agreement": banks.agreement.digest}
        text = home.exchange.get(Ref("document", node, begun.refs["leakage"])).decode()
        assert f"- {HIDDEN}, at most 1 time" in text and "total exposure" not in text

    with pytest.raises(RefusedError, match="is halted"):
        banks.computation(at[0], submissions, 2).meet(clock.today())

    # An outsider sees it in the job's bundle.
    for home in banks.homes.values():
        publish(home.log, home.exchange)
    out = tmp_path / "aborted.zip"
    words_of = ["evidence", job, "--out", str(out), "--home", str(banks.homes["regulator"].path)]
    assert CliRunner().invoke(app, words_of).exit_code == 0
    checked = CliRunner().invoke(app, ["verify", str(out)])
    assert checked.exit_code == 0, checked.output
    assert "0 drafts" in checked.output
    with zipfile.ZipFile(out) as file:
        page = file.read("index.html").decode()
    assert f"exit-code {LedgerError.exit_code}" in page and "No draft came of this job" in page
