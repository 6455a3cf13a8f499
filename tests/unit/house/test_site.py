"""The site names everything that the code offers, and builds without a broken link."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from counterfoil import errors
from counterfoil.analyses.registry import REGISTRY
from counterfoil.cli import app
from counterfoil.errors import CounterfoilError
from counterfoil.governance.policies.rules import RULES
from counterfoil.mpc.suites.registry import SUITES
from counterfoil_prefect.flows.stages import STAGES
from docs.site.assemble import reference, relinked, remote, written
from docs.site.text import cell, escape
from tests.lib.commands import commands

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "counterfoil"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return dict(reference())


def test_every_command_with_every_option_is_in_the_reference(pages: dict[str, str]) -> None:
    text = "".join(page for place, page in pages.items() if place.startswith("reference/commands/"))
    program = get_command(app)
    assert isinstance(program, TyperGroup)
    plugged = set(program.list_commands(None)) - set(program.commands)
    assert set(re.findall(r"^## counterfoil (.*)$", text, flags=re.MULTILINE)) == {*commands(), *plugged}
    for path in (LIBRARY / "cli").rglob("*.py"):
        for option in re.findall(r'typer\.Option\(\s*"(--[\w-]+)"', path.read_text("utf-8")):
            assert f"`{option}`" in text or option == "--version"


def test_every_schema_and_every_field_is_in_the_reference(pages: dict[str, str]) -> None:
    for path in LIBRARY.rglob("*.schema.json"):
        page = pages[f"reference/documents/{path.name.removesuffix('.schema.json')}.md"]
        for field in json.loads(path.read_text("utf-8"))["properties"]:
            assert f"| `{field}` |" in page, (path.name, field)


def test_every_error_is_in_the_reference_with_its_exit_code(pages: dict[str, str]) -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, CounterfoilError)]
    assert len(kinds) > 50
    for each in kinds:
        assert f"| {each.exit_code} | `{each.__name__}` |" in pages["reference/errors.md"]


def test_every_analysis_is_in_the_reference_with_what_it_reveals(pages: dict[str, str]) -> None:
    for (key, version), analysis in REGISTRY.items():
        section = pages["reference/analyses.md"].split(f"## {key} v{version}\n")[1].split("\n## ")[0]
        assert all(cell(each) in section for each in analysis.learns.values())


def test_every_rule_suite_and_stage_is_in_the_reference(pages: dict[str, str]) -> None:
    for place, names in {"rules": RULES, "suites": SUITES, "stages": STAGES}.items():
        assert names and all(f"| `{name}` |" in pages[f"reference/{place}.md"] for name in names), place


def test_every_public_module_and_what_it_defines_is_in_the_reference(pages: dict[str, str]) -> None:
    for path in LIBRARY.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        module = ".".join(part for part in parts if part != "__init__")
        room = module if path.name == "__init__.py" else module.rpartition(".")[0]
        page = pages[f"reference/python/{room}.md"]
        assert f"# {module}\n" in page
        for each in ast.parse(path.read_text("utf-8")).body:
            if isinstance(each, ast.ClassDef | ast.FunctionDef) and not each.name.startswith("_"):
                assert re.search(rf"^###? {each.name}$", page, flags=re.MULTILINE), (module, each.name)


def test_every_circuit_of_the_specification_has_its_cost(pages: dict[str, str]) -> None:
    """Some costs stated by hand: of a comparison, and of a division, from their own tests."""
    costs = pages["reference/costs.md"]
    assert "| `msb` | 8 | 76.2 | 8 | 136.5 |" in costs
    assert "| `sqrt` | 0 to 4.295e+09 | 9.8e-04 | 39 | 1,546.0 | 50 | 2,572.0 |" in costs


def test_the_drawing_of_the_rooms_has_the_layers_that_are_checked() -> None:
    layers = (ROOT / ".importlinter").read_text("utf-8").split("containers = counterfoil\n")[1].split("\n\n")[0]
    rooms = [room for line in layers.splitlines()[1:] for room in re.split(r"[|:\s]+", line.strip()) if room]
    drawing = (ROOT / "docs" / "rooms.svg").read_text("utf-8")
    assert re.findall(r'class="name"[^>]*>([a-z_]+)<', drawing) == ["flows", "mpc_tasks", *rooms]


def test_plain_text_stays_plain() -> None:
    assert escape("a*b_c <d> `e*f` {g}") == r"a\*b\_c \<d\> `e*f` \{g\}"
    assert cell("x | y\n`p|q`") == r"x \| y `p\|q`"


def test_a_link_that_leads_nowhere_is_refused() -> None:
    page = ROOT / "docs" / "index.md"
    with pytest.raises(FileNotFoundError, match=r"none\.md leads nowhere"):
        relinked("[x](none.md)", page, "index.md", {})
    assert relinked("[x](../README.md)", page, "a/b.md", {ROOT / "README.md": "index.md"}) == "[x](../index.md)"
    assert relinked("[`x`](../Makefile) [y](../Makefile)", page, "index.md", {}) == "`x` y (`Makefile`)"


def test_what_a_page_loads_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="https://x.example"></a><script src="//cdn.example/a.js"></script>')
    (tmp_path / "a.css").write_text("@font-face { src: url(https://fonts.example/a) }")
    assert len(list(remote(tmp_path))) == 2


def run(*python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *python], cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.mark.slow
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    done = run("-m", "docs.site", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert all((tmp_path / "html" / place).with_suffix(".html").exists() for place in [*written(), *reference()])


@pytest.mark.slow
def test_what_is_broken_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    index = "# A\n\n[good](b.md#c) [anchor](b.md#lost) [page](none.md)\n\n```{toctree}\nb\n```\n"
    for name, text in {"index": index, "b": "# B\n\n## C\n", "orphan": "# O\n"}.items():
        (tmp_path / "pages" / f"{name}.md").write_text(text)
    call = f"raise SystemExit(render(Path({str(tmp_path)!r})))"
    done = run("-c", f"from pathlib import Path; from docs.site.render import render; {call}")
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 3, done.stderr
    assert all(any(word in line for line in lines) for word in ("lost", "none.md", "orphan.md"))
