"""Render the report as people read it: its parts in their order, as one HTML page that needs nothing but itself.

Equal reports give equal bytes. Knows neither keys nor where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from counterfoil.report import wording
from counterfoil.report.model import Report
from counterfoil.report.pages import figures, tables
from counterfoil.report.pages.displayed import displayed
from counterfoil.texts import shown_in_html

if TYPE_CHECKING:
    from counterfoil.analyses.base import Result, ResultTable

PAGES = Environment(
    loader=PackageLoader("counterfoil.report.pages", "."),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=shown_in_html,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class PartTable:
    """A table of an analysis: its cells as text, its chart as SVG ("" for none), and the chart in words."""

    shown: tables.Shown
    figure: str
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class Part:
    """An analysis on the page. `labels` say how exact its numbers are, `hidden` how many cells are not there."""

    name: str
    heading: str
    title: str
    findings: tuple[str, ...]
    labels: tuple[str, ...]
    tables: tuple[PartTable, ...]
    hidden: str
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The nodes' counts of one kind of thing."""

    caption: str
    heads: tuple[str, str]
    rows: tuple[tuple[str, str], ...]


def parts(report: Report) -> tuple[Part, ...]:
    """Lay out the analyses, in the agreement's order."""
    return tuple(map(part, report.results))


def meanings(report: Report) -> tuple[tuple[str, str], ...]:
    """Explain each word on the page that says how exact a number is."""
    found = _words(report)
    return tuple((word, meaning) for word, meaning in _MEANINGS if word in found)


def _words(report: Report) -> set[str]:
    return {
        measure.label for result in report.results for table in result.tables for measure in table.measures.values()
    }


_MEANINGS = (
    (
        "exact",
        "What was computed together are whole numbers that equal those of the pooled data; a mean is their quotient.",
    ),
    ("bounded", "The number differs from the pooled answer by at most the bound beside it."),
    (
        "noised",
        "Noise that no node knows was added, so that the number tells hardly anything of one person; the exact one is "
        "within the interval beside it in 95 % of cases.",
    ),
)


def advice(report: Report) -> tuple[str, ...]:
    """Suggest what could be agreed for the next time, in plain words, from what is hidden or noised in this one."""
    lines = []
    if hidden := [result for result in report.results if result.suppressed]:
        names = wording.listing([_heading(result.name) for result in hidden])
        lines.append(
            f"To see more of {names}: merge groups or bands that few rows fall into, or leave out a dimension, or a "
            "table that has groups in common with others, in the agreement's next version. Lowering the smallest count "
            "protects people less."
        )
    if "noised" in _words(report):
        lines.append(
            "To have narrower intervals around noised numbers: ask for fewer of them, tighten the bounds in the "
            "contract, or agree on a larger epsilon. The last protects people less."
        )
    lines.append(
        "Do not set this report beside other results over nearly the same rows to find out about single people: the "
        "agreement is for the purpose above."
    )
    return tuple(lines)


def records(report: Report) -> tuple[Record, ...]:
    """List what the nodes recorded of the run: sizes and names alone."""
    evidence = report.evidence
    counted: tuple[tuple[str, tuple[str, str], Mapping[str, int]], ...] = (
        ("What the nodes opened and compared during the computation", ("What", "Times"), evidence.openings),
        ("Inputs that were out of the agreed ranges and were left out", ("Owner", "Inputs"), evidence.rejected),
        ("Cells hidden before anything was opened", ("Analysis", "Cells"), evidence.suppressed),
        *(
            [("Cells that break a rule; one may break several", ("Rule", "Cells"), evidence.by_rule)]
            if evidence.by_rule
            else []
        ),
    )
    return tuple(
        Record(caption, heads, tuple((name, f"{number:,}") for name, number in facts.items()) or (("none", "0"),))
        for caption, heads, facts in counted
    )


def blocks(text: str) -> Iterator[str | list[str]]:
    """Split text into paragraphs, and runs of lines that begin with a hyphen into lists."""
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        if all(line.startswith("- ") for line in lines):
            yield [line.removeprefix("- ") for line in lines]
        else:
            yield " ".join(lines)


def html(report: Report, files: tuple[str, ...], no_paper: str | None = None) -> str:
    """Render the page. `files` are beside it; `no_paper` says why the PDF is not among them, if it is not."""
    template = PAGES.get_template("page.html")
    return template.render(report=report, files=files, no_paper=no_paper, zip=zip, **content(report))


def content(report: Report) -> dict[str, Any]:
    """Prepare what the page and the PDF show besides the report's own fields."""
    return {
        "parts": parts(report),
        "meanings": meanings(report),
        "advice": advice(report),
        "readers": tuple(dict.fromkeys(who for each in report.guarantees for who in each.reads)),
        "statement": list(blocks(report.leakage)),
        "records": records(report),
        "approvals": [(each.reviewer, wording.moment(each.time), each.comment) for each in report.approvals],
        "approved": wording.count(len(report.approvals), "signed approval"),
        "signed_by": wording.listing(report.signed_by) if report.signed_by else "",
        "hidden": sum(result.suppressed for result in report.results),
    }


def _heading(name: str) -> str:
    return name.replace("-", " ").capitalize()


def part(result: Result) -> Part:
    """Lay out one analysis."""
    missing = tables.missing_text(result)
    measures = [measure for table in result.tables for measure in table.measures.values()]
    hidden = f"{result.suppressed:,} of {wording.count(result.cells, 'cell')}" if result.suppressed else ""
    return Part(
        name=result.name,
        heading=_heading(result.name),
        title=result.title,
        findings=result.findings,
        labels=tuple(dict.fromkeys(map(tables.label, measures))),
        tables=tuple(
            _table(table, missing, f"{result.name}-{number}") for number, table in enumerate(result.tables, start=1)
        ),
        hidden=hidden,
        assumptions=result.assumptions,
    )


def _table(given: ResultTable, missing: str, name: str) -> PartTable:
    table = displayed(given)
    return PartTable(
        tables.shown(table, missing), figures.draw(table, name), figures.caption(table), figures.describe(table)
    )
