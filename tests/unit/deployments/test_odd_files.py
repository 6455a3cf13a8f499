"""Files of deployments as nobody should write them: each ends in a line that says where, before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from counterfoil.errors import DocumentError, EntryPointError
from counterfoil_prefect.deployments import deploy as deploy_module
from counterfoil_prefect.deployments.commands.deploy import deploy
from counterfoil_prefect.deployments.deploy import FILE, pools_of, read_deployments

GOOD: dict[str, Any] = {
    "name": "bank-a",
    "entrypoint": "counterfoil_prefect.flows.agree:agree",
    "work_pool": {"name": "bank-a"},
}

TEXTS = {
    "nothing": "",
    "a text": "deployments",
    "a list": "- deployments",
    "no list": "deployments: 3",
    "an empty list": "deployments: []",
    "a mapping": "deployments: {name: agree}",
    "a list of texts": "deployments: [agree, attest]",
    "two documents": "deployments: []\n---\ndeployments: []",
    "a tab": "deployments:\n\t- name: x",
    "no UTF-8": "deployments: ['\udcff']",
    "an object": "deployments: !!python/object/apply:os.system ['true']",
    "a day that is none": "deployments: [2026-13-45]",
    "a list in itself": "deployments: &a [*a]",
    "an unknown alias": "deployments: *b",
    "merged from afar": "base: &b {deployments: [{name: 3}]}\n<<: *b\n",
    "a key that is a list": "? [a, b]\n: 3\ndeployments: [3]",
    "deep": "deployments: " + "[" * 2000 + "]" * 2000,
}
CHANGES: dict[str, dict[str, Any]] = {
    "a name that is a number": {"name": 3},
    "a name with a slash": {"name": "bank/a"},
    "no pool": {"work_pool": None},
    "a pool that is a text": {"work_pool": "bank-a"},
    "a pool with a slash": {"work_pool": {"name": "a/b"}},
    "a queue that is a list": {"work_pool": {"name": "bank-a", "work_queue_name": ["a"]}},
    "a description that is a list": {"description": ["a"]},
    "parameters that are a list": {"parameters": ["agreement"]},
    "a parameter that is a day": {"parameters": {"period": yaml.safe_load("2026-01-01")}},
    "a parameter that is no number": {"parameters": {"period": float("nan")}},
    "a parameter that has no name": {"parameters": {None: "x"}},
    "schedules that are a number": {"schedules": 3},
    "schedules that are a mapping": {"schedules": {"cron": "0 6 * * 1", "slug": "a"}},
    "a schedule that is a text": {"schedules": ["0 6 * * 1"]},
    "a schedule that is nothing": {"schedules": [None]},
    "a schedule without a slug": {"schedules": [{"cron": "0 6 * * 1"}]},
    "a cron that is none": {"schedules": [{"cron": "often", "slug": "a"}]},
    "a cron that is a list": {"schedules": [{"cron": [0, 6], "slug": "a"}]},
    "an interval for ever": {"schedules": [{"interval": 1e300, "slug": "a"}]},
    "an interval backwards": {"schedules": [{"interval": -5, "slug": "a"}]},
    "an interval that is a text": {"schedules": [{"interval": "1h", "slug": "a"}]},
    "a timezone that is none": {"schedules": [{"cron": "0 6 * * 1", "timezone": "Mars/Olympus", "slug": "a"}]},
    "a slug that is a list": {"schedules": [{"cron": "0 6 * * 1", "slug": ["a"]}]},
    "both an interval and a cron": {"schedules": [{"cron": "0 6 * * 1", "interval": 60, "slug": "a"}]},
}


def refused(text: str, folder: Path) -> str:
    file = folder / "prefect.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises((DocumentError, EntryPointError)) as told:
        read_deployments(file)
    said = str(told.value)
    assert said.startswith(str(file)) and "\n" not in said
    return said


@pytest.mark.parametrize("odd", TEXTS)
def test_a_file_that_lists_no_deployments_is_refused(odd: str, tmp_path: Path) -> None:
    refused(TEXTS[odd], tmp_path)
    with pytest.raises(DocumentError):
        pools_of(tmp_path / "prefect.yaml")


@pytest.mark.parametrize("odd", CHANGES)
def test_a_deployment_that_prefect_would_not_take_is_refused_with_its_line(odd: str, tmp_path: Path) -> None:
    text = yaml.safe_dump({"deployments": [GOOD, GOOD | CHANGES[odd]]})
    assert "prefect.yaml:" in refused(text, tmp_path)


def test_a_deployment_of_odd_but_whole_shape_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merged list has no lines of its own, and variables are filled in wherever they are."""
    monkeypatch.setenv("AGREED", "agreement:bank-a")
    given = {"parameters": {"agreement": "{{ $AGREED }}", "more": [{"of": "{{ $AGREED }}"}]}}
    base = yaml.safe_dump({"deployments": [GOOD | given]}).replace("\n", "\n  ")
    (tmp_path / "prefect.yaml").write_text(f"base: &base\n  {base}\n<<: *base\n")
    (read,) = read_deployments(tmp_path / "prefect.yaml")
    assert read["parameters"] == {"agreement": "agreement:bank-a", "more": [{"of": "agreement:bank-a"}]}


def test_the_file_that_ships_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_AGREEMENT", "agreement:bank-a:" + "0" * 64)
    assert len(read_deployments(FILE)) > 20


@pytest.mark.parametrize(
    ("what", "is_file"), [("beds", False), ("beds.yaml", True), ("./beds", True), ("b:c:d", False)]
)
def test_a_file_or_folder_that_is_called_as_an_agreement_hides_none(
    what: str, is_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People save what `agreement draft` prints, and found consortia, under the agreement's name."""
    (tmp_path / "beds").mkdir()
    monkeypatch.chdir(tmp_path)
    taken: list[str] = []
    monkeypatch.setattr(deploy_module, "put", lambda *_, **__: taken.append("file"))
    monkeypatch.setattr(deploy_module, "put_agreement", lambda *_: taken.append("agreement"))
    deploy(what)
    assert taken == ["file" if is_file else "agreement"]
