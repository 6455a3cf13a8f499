"""The pages of the site in one folder: those of `docs/`, the root's own, and the generated reference."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from docs.site import commands, costs, failures, modules, registries, schemas
from docs.site.text import cell, table, toctree

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
PROJECT = ("CONTRIBUTING.md", "RELEASING.md", "CHANGELOG.md", "GLOSSARY.md", "SECURITY.md")
"""Pages of the root that the site shows, too."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```[^\n]*$)", flags=re.MULTILINE | re.DOTALL)


def reference() -> Mapping[str, str]:
    """Generate the pages of the reference, by their paths in the site."""
    made: dict[str, str] = {}
    for part in (commands, schemas, failures, registries, costs, modules):
        made |= part.pages()
    return made


def written() -> Mapping[str, Path]:
    """Find the pages that people wrote, by their paths in the site."""
    pages = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
    return pages | {f"project/{name}": ROOT / name for name in PROJECT}


def assemble(folder: Path) -> None:
    """Write every page and picture of the site into an empty folder, with the navigation of `nav.yaml`."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = written()
    places = {path.resolve(): place for place, path in pages.items()} | {ROOT / "README.md": "index.md"}
    for picture in DOCS.rglob("*.svg"):
        places[picture.resolve()] = place = picture.relative_to(DOCS).as_posix()
        _write_bytes(folder / place, picture.read_bytes())
    for place, path in pages.items():
        text = relinked(path.read_text("utf-8"), path, place, places)
        _write(folder / place, text + (navigation() if place == "index.md" else ""))
    for place, text in reference().items():
        _write(folder / place, text)
    _write(folder / "adr/index.md", decisions())


def navigation() -> str:
    """List the site's navigation, which names every page but those that an index of the reference names."""
    return "".join(
        toctree(pages, "hidden:", f"caption: {heading}")
        for heading, pages in yaml.safe_load((DOCS / "site" / "nav.yaml").read_text("utf-8")).items()
    )


def decisions() -> str:
    """Set the page of the decisions, each with its number."""
    rows, names = [], []
    for path in sorted(DOCS.glob("adr/0*.md")):
        title = path.read_text("utf-8").splitlines()[0].lstrip("# ")
        title = re.sub(r"^(ADR[ -]?)?\d+[.:]?\s*", "", title)
        rows.append([path.stem[:4], f"[{cell(title)}]({path.name})"])
        names.append(path.stem)
    return (
        "# Decisions\n\nWhy things are as they are, in the order of deciding.\n\n"
        + table(("number", "decision"), rows)
        + toctree(names, "hidden:")
    )


def relinked(text: str, path: Path, place: str, places: Mapping[Path, str]) -> str:
    """Turn links to files into links of the site; what is not in the site is named without a link.

    Raises: FileNotFoundError where a link leads nowhere.
    """

    def link(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        name, _, anchor = target.partition("#")
        if "://" in target or not name:
            return found[0]
        there = (path.parent / name).resolve()
        if not there.exists():
            raise FileNotFoundError(f"{path.relative_to(ROOT)}: {target} leads nowhere")
        if there not in places:
            return str(words) if "`" in words else f"{words} (`{there.relative_to(ROOT).as_posix()}`)"
        up = "../" * place.count("/")
        return f"{picture}[{words}]({up}{places[there]}{'#' if anchor else ''}{anchor})"

    parts = _FENCE.split(text)
    parts[::2] = [_LINK.sub(link, part) for part in parts[::2]]
    return "".join(parts)


def _write(path: Path, text: str) -> None:
    _write_bytes(path, text.encode("utf-8"))


def _write_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def remote(folder: Path) -> Iterator[str]:
    """Find what the built pages would load from another host: scripts, styles, pictures, fonts."""
    loads = re.compile(r"""(?:<(?:script|img|iframe|source)[^>]*\ssrc=|<link[^>]*\shref=)["']((?:https?:)?//[^"']+)""")
    for page in sorted(folder.rglob("*.html")):
        yield from (f"{page.name}: {url}" for url in loads.findall(page.read_text("utf-8")))
    for style in sorted(folder.rglob("*.css")):
        yield from (
            f"{style.name}: {url}" for url in re.findall(r"url\(['\"]?(https?:[^)]+)", style.read_text("utf-8"))
        )
