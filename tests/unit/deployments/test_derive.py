"""What is derived from the stages: `prefect.yaml`, the operators' tables, the demo's lines."""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from counterfoil.errors import NotFoundError, RosterError
from counterfoil_prefect.deployments.demo import ROLES, stages
from counterfoil_prefect.deployments.derive import BANKS, main, members, prefect_yaml, stage_tables
from counterfoil_prefect.flows.stage import description_of
from counterfoil_prefect.flows.stages import STAGES, Stage, find_stages, read_stage, stages_of

ROOT = Path(__file__).parents[3]


def test_the_file_that_ships_is_derived_from_the_stages_and_the_four_banks() -> None:
    """If not: python -m counterfoil_prefect.deployments.derive > deployments/prefect.yaml."""
    assert (ROOT / "deployments" / "prefect.yaml").read_text("utf-8") == prefect_yaml(members(BANKS))


def test_the_operators_tables_are_derived() -> None:
    """If not: put what `python -m counterfoil_prefect.deployments.derive --stages` prints into docs/operations.md."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    for table in stage_tables().strip().split("\n\n"):
        assert table in text


def test_every_party_has_the_deployments_of_its_roles_and_no_other() -> None:
    parties = {"seven": ("owner", "recipient"), "007": ("node",), "on": ("coordinator",), "judge": ("reviewer",)}
    listed = yaml.safe_load(prefect_yaml(parties))["deployments"]
    for party, roles in parties.items():
        mine = [item for item in listed if item["name"] == party]
        assert {item["entrypoint"].split(":")[1] for item in mine} == set(stages_of(roles))
        assert {item["work_pool"]["name"] for item in mine} <= {party}
    assert {item["name"] for item in listed} == set(parties) - {"judge"}


def test_only_stages_that_are_done_alone_wait_in_that_queue_and_only_scheduled_ones_are_given_an_agreement() -> None:
    listed = yaml.safe_load(prefect_yaml(members(BANKS)))["deployments"]
    for item in listed:
        stage = STAGES[item["entrypoint"].split(":")[1]]
        assert item["work_pool"].get("work_queue_name") == ("alone" if stage.together else None)
        assert ("schedules" in item) == (stage.schedule is not None)
        assert set(item.get("parameters", {})) == {"agreement"} & (set(stage.parameters) if stage.schedule else set())


def test_the_command_prints_what_is_derived(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    for argv, derived in (([], prefect_yaml(members(BANKS))), (["--stages"], stage_tables())):
        monkeypatch.setattr(sys, "argv", ["derive", *argv])
        main()
        assert capsys.readouterr().out == derived


@pytest.mark.parametrize(("text", "error"), [(None, NotFoundError), ("kind: Roster\n", RosterError)])
def test_a_roster_that_cannot_be_read_is_one_line(
    text: str | None,
    error: type[NotFoundError | RosterError],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    file = tmp_path / "roster.yaml"
    if text:
        file.write_text(text)
    monkeypatch.setattr(sys, "argv", ["derive", str(file)])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == error.exit_code
    said = capsys.readouterr()
    assert said.out == "" and str(file) in said.err


def test_the_demo_goes_through_the_stages_of_a_job_in_their_order() -> None:
    job = ["agree", "contribute", "analyse", "review", "announce", "countersign", "release", "attest", "witness"]
    assert [name for name, stage in STAGES.items() if stage.after] == job
    lines = stages(ROLES)
    assert [name for name in lines if name in STAGES] == job
    assert [lines[name].total for name in job] == [7, 4, 3, 3, 3, 3, 3, 7, 3]


def test_what_the_coordinator_orders_is_what_is_described_as_following_something() -> None:
    sources = "".join((ROOT / "flows" / f"{name}.py").read_text("utf-8") for name in stages_of(["coordinator"]))
    ordered = set(re.findall(r'\b(?:on_each|start)\("(\w+)"', sources))
    assert ordered - {"collaborate"} == {name for name, stage in STAGES.items() if stage.after}


@pytest.mark.parametrize("name", STAGES)
def test_what_is_read_of_a_stage_is_what_is_imported(name: str) -> None:
    flow = getattr(import_module(STAGES[name].module), name)
    assert description_of(flow) == STAGES[name]
    assert flow.name == name
    assert tuple(inspect.signature(flow.fn).parameters) == STAGES[name].parameters
    assert STAGES[name].title and STAGES[name].summary.endswith(".")


def test_a_stage_is_read_and_not_run(tmp_path: Path) -> None:
    file = tmp_path / "burn.py"
    file.write_text(
        'raise SystemExit\n\n@stage(Stage(roles=("node",), limit_s=60))\ndef burn(agreement, *, hot):\n    "Burn it."\n'
    )
    said = {"name": "burn", "summary": "Burn it.", "parameters": ("agreement", "hot")}
    assert read_stage(file) == Stage(roles=("node",), limit_s=60, **said)


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ('Stage(limit_s=__import__("os").getpid())', r"burn.py:1: a stage is described by literals alone: __import__"),
        ("Stage(limit_s=60, after='nothing')", "no stage is called nothing"),
    ],
)
def test_a_description_that_cannot_be_read_is_refused(described: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "burn.py").write_text(f"@stage({described})\ndef burn():\n    pass\n")
    with pytest.raises(ValueError, match=words):
        find_stages([str(tmp_path)])


def test_a_helper_beside_the_stages_is_none(tmp_path: Path) -> None:
    (tmp_path / "help.py").write_text("@stage(Stage(limit_s=1))\ndef other():\n    pass\n")
    assert find_stages([str(tmp_path)]) == {}
