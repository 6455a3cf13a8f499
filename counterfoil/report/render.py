"""The report's files: one page that needs nothing but itself, and the same numbers as JSON and CSV.

Equal reports give equal bytes. Knows neither keys nor where the numbers come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from counterfoil.canonical import check_id
from counterfoil.files import private_folder, write_file
from counterfoil.report import tables, wording
from counterfoil.report.model import Report

if TYPE_CHECKING:
    from counterfoil.analyses.base import Measure, Result, ResultTable

FORMAT = "counterfoil/report/1"

_PAGES = Environment(
    loader=PackageLoader("counterfoil.report", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(report: Report, folder: Path) -> Path:
    """report.html, report.json and a CSV file for each table are in the folder; the path of the page.

    Raises: DocumentError where the name of a result is not an id; StoreError.
    """
    sheets = dict(_sheets(report))
    files = {
        **sheets,
        "report.json": json.dumps(as_json(report), ensure_ascii=False, allow_nan=False, indent=1) + "\n",
        "report.html": _page(report, tuple(sheets)),
    }
    private_folder(folder)
    for name, text in files.items():
        write_file(folder / name, text.encode(), replace=True)
    return folder / "report.html"


def as_json(report: Report) -> dict[str, Any]:
    """What report.json holds, in the form that report.schema.json describes."""
    return {
        "format": FORMAT,
        "title": report.title,
        "purpose": report.purpose,
        "job": report.job,
        "period": report.period,
        "agreement": {
            "id": report.agreement,
            "version": report.agreement_version,
            "digest": report.agreement_digest,
        },
        "suite": report.suite,
        "parties": {role: list(ids) for role, ids in report.parties.items()},
        "results": [_result_json(result, report.evidence.min_count) for result in report.results],
        "quorum": report.quorum,
        "approvals": [
            {"reviewer": approval.reviewer, "time": approval.time, "comment": approval.comment}
            for approval in report.approvals
        ],
        "evidence": {
            "openings": dict(report.evidence.openings),
            "rejected": dict(report.evidence.rejected),
            "suppressed": dict(report.evidence.suppressed),
            "min_count": report.evidence.min_count,
        },
        "leakage_statement": report.leakage,
        "release_digest": report.release_digest,
        "copies_compared": report.copies_compared,
        "verify": report.verify,
    }


def _result_json(result: Result, min_count: int) -> dict[str, Any]:
    missing = tables.missing_text(result, min_count)
    return {
        "name": result.name,
        "analysis": result.analysis,
        "version": result.version,
        "title": result.title,
        "findings": list(result.findings),
        "cells": result.cells,
        "suppressed": result.suppressed,
        "assumptions": list(result.assumptions),
        "tables": [tables.as_json(table, missing) for table in result.tables],
    }


def _sheets(report: Report) -> Iterator[tuple[str, str]]:
    for result in report.results:
        missing = tables.missing_text(result, report.evidence.min_count)
        stem = check_id(result.name, "name of a result")
        for number, table in enumerate(result.tables, start=1):
            yield f"{stem}.csv" if number == 1 else f"{stem}-{number}.csv", tables.as_csv(table, missing)


# --- the page ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    shown: tables.Shown
    figure: str
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class _Part:
    result: Result
    tables: tuple[_Table, ...]
    heading: str
    labels: str


def _page(report: Report, files: tuple[str, ...]) -> str:
    evidence = report.evidence
    records = (
        ("Openings among the nodes during the computation", ("Opened", "Times"), evidence.openings),
        ("Inputs that were out of the agreed ranges and were left out", ("Owner", "Inputs"), evidence.rejected),
        ("Cells hidden before anything was opened", ("Analysis", "Cells"), evidence.suppressed),
    )
    return _PAGES.get_template("page.html").render(
        report=report,
        parts=[_part(result, evidence.min_count) for result in report.results],
        statement=list(_blocks(report.leakage)),
        records=[(*head, [(name, f"{number:,}") for name, number in facts.items()]) for *head, facts in records],
        files=files,
        noised=any(measure.interval is not None for measure in _measures(report)),
        count=wording.count,
        zip=zip,
    )


def _measures(report: Report) -> Iterator[Measure]:
    for result in report.results:
        for table in result.tables:
            yield from table.measures.values()


def _part(result: Result, min_count: int) -> _Part:
    missing = tables.missing_text(result, min_count)
    measures = [measure for table in result.tables for measure in table.measures.values()]
    return _Part(
        result,
        tuple(_table(table, missing, f"{result.name}-{number}") for number, table in enumerate(result.tables, start=1)),
        result.name.replace("-", " ").capitalize(),
        "; ".join(dict.fromkeys(map(tables.label, measures))),
    )


def _table(table: ResultTable, missing: str, name: str) -> _Table:
    from counterfoil.report import figures  # noqa: PLC0415 (imports matplotlib, and not every caller renders)

    return _Table(
        tables.shown(table, missing),
        figures.draw(table, missing, name),
        figures.caption(table),
        figures.describe(table),
    )


def _blocks(text: str) -> Iterator[str | list[str]]:
    """Paragraphs as text, and runs of lines that begin with a hyphen as lists."""
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        if all(line.startswith("- ") for line in lines):
            yield [line.removeprefix("- ") for line in lines]
        else:
            yield " ".join(lines)
