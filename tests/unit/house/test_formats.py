"""The page that outsiders read names every paper of a bundle, as the registry of papers has it."""

from __future__ import annotations

from pathlib import Path

from counterfoil.governance.papers import Paper
from counterfoil.governance.verification.registry import every_paper

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"


def row(paper: Paper) -> str:
    named = {"evidence": "DRAFT", "digest": "DRAFT" if paper.kind == "evidence" else "DIGEST"}
    path = "/".join([paper.folder, *(named.get(part, part.upper()) for part in paper.place)])
    return f"| `{path}` | {f'an envelope of kind `{paper.kind}`' if paper.signer else 'JSON'}: {paper.says} |"


def test_the_table_of_names_has_each_paper_of_a_bundle_and_no_other() -> None:
    papers = [paper for paper in every_paper() if paper.bundled]
    folders = tuple(f"| `{paper.folder}/" for paper in every_paper() if paper.folder)
    written = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(folders)]
    assert written == [row(paper) for paper in papers]
