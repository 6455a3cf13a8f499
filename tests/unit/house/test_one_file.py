"""One idea, one file: a stub of each kind is added as one file, and is seen wherever its kind is listed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil import governance
from counterfoil.governance.verification.registry import bundled, every_paper

ROOT = Path(__file__).parents[3]

STAGE = '''
"""Stage at an owner, in a test: count its blessings."""

from counterfoil.canonical import Ref
from counterfoil_prefect.flows.parameters import Id, RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Schedule, Stage


@stage(
    Stage(
        roles=("owner",),
        limit_s=90,
        title="count its blessings",
        repeatable=True,
        together=True,
        schedule=Schedule(slug="hourly", cron="0 * * * *"),
        ends={"Thankless": "count again"},
    )
)
def count_blessings(agreement: RefText, period: Id) -> Ref:
    """Count the owner's blessings."""
    return agreement
'''

LOOK = """
import json, sys
from counterfoil_prefect import flows
flows.__path__.append(sys.argv[1])  # as if the file were in the room
from counterfoil_prefect.deployments.derive import prefect_yaml, stage_tables
from counterfoil_prefect.flows.gate import Gate
from counterfoil_prefect.flows.party import flows_of
from counterfoil_prefect.flows.stages import STAGES, stages_of

admit = Gate(flows_of(["owner"]), print)
agreement = f"agreement:bank-a:{'0' * 64}"
print(json.dumps({
    "registry": STAGES["count_blessings"].limit_s,
    "owner": stages_of(["owner"]),
    "node": stages_of(["node"]),
    "worker": admit("0" * 32, "count_blessings", {"agreement": agreement, "period": "2026-w48"}).limit_s,
    "yaml": prefect_yaml({"bank-a": ("owner",), "node-0": ("node",)}),
    "tables": stage_tables(),
}))
"""


@pytest.mark.slow
def test_a_stage_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "count_blessings.py").write_text(STAGE)
    command = [sys.executable, "-c", LOOK, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["registry"] == seen["worker"] == 90
    assert "count_blessings" in seen["owner"] and "count_blessings" not in seen["node"]
    assert "# --- count_blessings: count its blessings\n  - name: bank-a\n" in seen["yaml"]
    assert seen["yaml"].count(":count_blessings") == 1
    for line in ("work_pool: {name: bank-a, work_queue_name: alone}", 'cron: "0 * * * *", timezone: UTC, slug: hourly'):
        assert line in seen["yaml"]
    assert (
        "| `count_blessings` | owner | hourly, `0 * * * *` UTC, when all workers are on | 90 s | is done again |"
        in seen["tables"]
    )
    assert "| `count_blessings` | `Thankless` | count again |" in seen["tables"]


PAPER = """
from counterfoil.governance.papers import Paper

STUB = Paper(
    kind="stub", says="a party signs a stub", folder="stubs", place=("evidence", "party"), signer="party",
    bundled="evidence",
)
"""


def test_a_paper_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stub_paper.py").write_text(PAPER)
    monkeypatch.setattr(governance, "__path__", [*governance.__path__, str(tmp_path)])
    try:
        assert [paper.folder for paper in every_paper() if paper.kind == "stub"] == ["stubs"]
        assert "stub" in [paper.kind for paper in bundled("evidence")]
    finally:
        sys.modules.pop("counterfoil.governance.stub_paper", None)
    monkeypatch.undo()
    assert "stub" not in [paper.kind for paper in every_paper()]
