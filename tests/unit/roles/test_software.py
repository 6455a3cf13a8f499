"""A node whose software differs: it finishes a job where versions are the same, and is named where they are not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from counterfoil.errors import AttemptError, CounterfoilError, PeerLostError, RefusedError
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.mpc.circuits import CIRCUITS
from counterfoil.report.explain import explain
from counterfoil.software import software_digest
from tests.lib.agreements import AGREEMENT_FILE
from tests.lib.consortium import OWNERS, Consortium, compute, found
from tests.unit.roles.test_differences import keep

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ALONE = """
import sys
from pathlib import Path
from counterfoil import software
from counterfoil.canonical import Ref
from counterfoil.governance.agreements.signing.in_force import REVIEW, load
from counterfoil.home import Home
from counterfoil.roles.node.attempt import Computation
from counterfoil.roles.node.intake import take_in
from tests.lib.consortium import compute, today
assert Path(software.__file__).is_relative_to(Path.cwd())
folder, agreement, period, *submissions = sys.argv[1:]
home = Home.open(Path(folder))
signed = load(home, Ref.parse(agreement), for_=REVIEW, today=today().date())
job, manifests = take_in(home, signed, period, [Ref.parse(each) for each in submissions], today())
print(software.software_digest(), compute(Computation(home, signed, job, manifests, 1)).digest)
"""
"""Node-2 by itself, with the package that is in its folder."""


def patched(folder: Path, changes: dict[str, tuple[str, str]] | None = None) -> Path:
    """A copy of the package, a patch ahead: one byte of a style sheet, one comment, and what else is changed."""
    shutil.copytree(ROOT / "counterfoil", folder / "counterfoil")
    style = next((folder / "counterfoil").rglob("*.css"))
    style.write_text(style.read_text() + "\n")
    comment = folder / "counterfoil" / "software.py"
    comment.write_text(comment.read_text() + "# a comment\n")
    for file, (old, new) in (changes or {}).items():
        text = (folder / "counterfoil" / file).read_text()
        assert text.count(old) == 1
        (folder / "counterfoil" / file).write_text(text.replace(old, new))
    return folder


def run(
    tmp_path: Path, ahead: Path, edit: Callable[[Path], None] | None = None
) -> tuple[Consortium, list[str], str, list[CounterfoilError]]:
    """Nodes 0 and 1 here and node-2 alone: the drafts, what node-2 printed or said, and how the others failed."""

    def edited(contracts: Path) -> None:
        keep("total-exposure")(contracts)
        if edit:
            edit(contracts)

    banks = found(tmp_path / "banks", 1000, edit=edited)
    submissions = [banks.hand_in(owner, banks.table(owner)) for owner in OWNERS]
    argv = [str(banks.homes["node-2"].path), str(banks.ref), banks.period, *map(str, submissions)]
    alone = subprocess.Popen(
        [sys.executable, "-c", ALONE, *argv],
        cwd=ahead,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    drafts, failed = [], []
    with ThreadPoolExecutor(2) as pool:
        calls = [lambda node=node: compute(banks.computation(node, submissions)) for node in ("node-0", "node-1")]
        running = [pool.submit(call) for call in calls]
    for each in running:
        try:
            drafts.append(each.result().digest)
        except CounterfoilError as error:
            failed.append(error)
    printed, said = alone.communicate(timeout=240)
    return banks, drafts, printed or said, failed


def test_a_node_a_patch_ahead_finishes_a_job_and_all_digests_are_evidence(tmp_path: Path) -> None:
    banks, drafts, printed, failed = run(tmp_path, patched(tmp_path / "ahead"))
    assert not failed, (failed, printed)
    theirs, draft = printed.split()
    assert theirs != software_digest() and {*drafts, draft} == {draft}
    evidence = load_draft(banks.homes["node-0"].exchange, banks.signed("node-0"), draft).evidence
    assert evidence.software == {"node-0": software_digest(), "node-1": software_digest(), "node-2": theirs}
    for node in banks.agreement.nodes:  # the log of each says so, before a share was sent
        entries = map(json.loads, banks.homes[node].log.entries())
        (begun,) = [event for event in entries if event["type"] == "attempt-begun"]
        others = {other: begun["refs"][f"software-of-{other}"] for other in banks.agreement.nodes if other != node}
        assert {node: begun["refs"]["software"], **others} == evidence.software


def test_a_node_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    ahead = patched(tmp_path / "ahead", {"mpc/circuits/__init__.py": (f'"{CIRCUITS}"', '"mpc/circuits/99"')})
    _, drafts, _, failed = run(tmp_path, ahead)
    assert not drafts and {type(error) for error in failed} <= {AttemptError, PeerLostError}
    told = "\n".join(map(str, failed))
    assert "node-2 means another versions than node-0: there it runs mpc/circuits/99" in told
    assert f"here it runs {CIRCUITS}; update the software of the one that is behind" in told


def test_pinned_software_keeps_a_patched_node_out_even_if_it_does_not_look(tmp_path: Path) -> None:
    def pin(contracts: Path) -> None:
        file = contracts / AGREEMENT_FILE
        file.write_text(file.read_text() + f"\nsoftware:\n  pinned: [sha256:{software_digest()}]\n")

    unlooking = {"roles/node/versions.py": ("if terms.software and", "if not terms and")}
    banks, drafts, _, failed = run(tmp_path, patched(tmp_path / "ahead", unlooking), pin)
    assert banks.agreement.software == (software_digest(),)
    assert f"sha256:{software_digest()}" in str(explain(banks.agreement))
    assert not drafts and RefusedError in {type(error) for error in failed}
    told = "\n".join(map(str, failed))
    assert "node-2 runs software sha256:" in told and "install that software at node-2" in told
