"""The house: every room says in one sentence what it is for, and stays small enough to be known by heart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "counterfoil"
ROOMS = sorted(path.parent for path in LIBRARY.rglob("__init__.py"))
MODULES = sorted(path for path in LIBRARY.rglob("*.py"))

MOST_MODULES = 14
MOST_LINES = 360

OPEN = {LIBRARY / "cli" / "commands"}
"""Rooms that grow by one file for each thing of a kind, beside the families of analyses."""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", ROOMS, ids=named)
def test_a_room_has_at_most_so_many_modules(room: Path) -> None:
    modules = [path for path in room.glob("*.py") if path.name != "__init__.py"]
    assert room in OPEN or room.parent == LIBRARY / "analyses" or len(modules) <= MOST_MODULES


@pytest.mark.parametrize("room", ROOMS, ids=named)
def test_a_room_says_what_it_is_for(room: Path) -> None:
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8")))
    assert said and said.split("\n\n")[0].endswith(".")


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_is_short(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text("utf-8")))


def test_tests_are_in_the_rooms_that_they_are_about() -> None:
    known = {room.name for room in ROOMS if room.parent == LIBRARY}
    known |= {path.stem for path in LIBRARY.glob("*.py")} | {"deployments", "synthetic_data", "house", "tests"}
    found = {path.name for path in (ROOT / "tests" / "unit").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert found <= known
