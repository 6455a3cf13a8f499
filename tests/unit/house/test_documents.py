"""Documents name what exists: files, headings, functions, sections, commands."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

from counterfoil.cli.registry import plugged
from counterfoil.errors import CounterfoilError
from tests.lib.commands import commands

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def anchors(text: str) -> set[str]:
    """The names under which a page's headings can be linked to, formed as code hosts form them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text("utf-8")), link


def named_functions() -> list[str]:
    text = (ROOT / "docs" / "protocols" / "README.md").read_text("utf-8")
    return sorted(set(re.findall(r"`((?:mpc|analyses|disclosure|joint|governance)\.[\w.]+)`", text)))


@pytest.mark.parametrize("name", named_functions())
def test_functions_of_the_protocol_page_exist(name: str) -> None:
    assert resolve_name(f"counterfoil.{name}")


def test_docstrings_cite_sections_that_the_protocol_page_has() -> None:
    text = (ROOT / "docs" / "protocols" / "README.md").read_text("utf-8")
    sections = set(re.findall(r"^## (\d+) ", text, flags=re.MULTILINE))
    cited = {
        section: source.name
        for source in (ROOT / "counterfoil").rglob("*.py")
        for section in re.findall(r"PROTOCOLS (\d+)", source.read_text("utf-8"))
    }
    assert {section: name for section, name in cited.items() if section not in sections} == {}


def test_the_readme_lists_every_command() -> None:
    table = (ROOT / "README.md").read_text("utf-8").split("\n## Commands")[1].split("\n## ")[0]
    assert set(re.findall(r"`counterfoil ([a-z -]+)`", table)) == {*commands(), *plugged()}


def failures() -> list[type[CounterfoilError]]:
    """Those of the library, whatever else was imported."""

    def family(error: type[CounterfoilError]) -> list[type[CounterfoilError]]:
        return [error, *(kin for child in error.__subclasses__() for kin in family(child))]

    ours = (error for error in family(CounterfoilError) if error.__module__ == CounterfoilError.__module__)
    return sorted(ours, key=lambda error: error.exit_code)


def test_the_page_of_failures_lists_every_class_in_its_own_words() -> None:
    page = (ROOT / "docs" / "failures.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| \d", line)]
    words = [" ".join(str(error.__doc__).split()) for error in failures()]
    assert rows == [
        f"| {error.exit_code} | `{error.__name__}` | {meaning} |"
        for error, meaning in zip(failures(), words, strict=True)
    ]


@pytest.mark.parametrize("error", failures(), ids=lambda error: error.__name__)
def test_every_failure_is_provoked_by_some_test(error: type[CounterfoilError]) -> None:
    """Of a class that stands for a family, one of the family."""
    kin = "|".join(each.__name__ for each in failures() if issubclass(each, error))
    named = re.compile(rf"(?:raises|refused)\(.*\b(?:{kin})\b|\b(?:{kin})[,)\]]")
    others = (path for path in ROOT.glob("tests/**/*.py") if path != Path(__file__))
    assert any(named.search(path.read_text("utf-8")) for path in others)
