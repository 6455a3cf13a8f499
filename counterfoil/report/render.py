"""Render the report's files: a page, the same on paper, and the same numbers as JSON and as a data package.

Equal reports give equal bytes. Knows neither keys nor where the numbers come from.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfoil.errors import CounterfoilError, StoreError
from counterfoil.files import remove_file, write_file, write_folder
from counterfoil.report.model import Report
from counterfoil.report.package import names, package
from counterfoil.report.pages import page, tables
from counterfoil.texts import one_line

if TYPE_CHECKING:
    from counterfoil.analyses.base import Result

FORMAT = "counterfoil/report/1"
REHEARSAL = "counterfoil/rehearsal/1"
"""What a rehearsal says that it is in place of that, so that no reader of reports takes it for one."""

_PAGE, _PAPER = "report.html", "report.pdf"
_REHEARSED_PAGE = "rehearsal.html"
REPORT_JSON, REHEARSED_JSON = "report.json", "rehearsal.json"


def render(report: Report, folder: Path) -> Path:
    """Write the page, its PDF, report.json and the tables' data package; return the path of the page.

    Raises: DocumentError where the name of a result is not an id; StoreError.
    """
    written = write(report, folder)
    add_paper(report, folder)
    return written


def write(report: Report, folder: Path) -> Path:
    """Write all but the PDF durably (a new folder appears whole), and return the path of the page, which says so.

    Of a rehearsal no file has the name of one of a release.

    Raises: DocumentError where the name of a result is not an id; StoreError.
    """
    files = package(report)
    if report.rehearsal:
        files[REHEARSED_JSON] = _dumped(report)
        files[_REHEARSED_PAGE] = page.html(report, tuple(sorted(files))).encode()
        write_folder(folder, files)
        return folder / _REHEARSED_PAGE
    files[REPORT_JSON] = _dumped(report)
    files[_PAGE] = page.html(report, tuple(sorted(files)), no_paper="it was not set yet").encode()
    write_folder(folder, files)
    remove_file(folder / _PAPER)
    return folder / _PAGE


def add_paper(report: Report, folder: Path) -> str:
    """Write the PDF beside the page, which then lists it; or else say on the page why not, and how to make it.

    That reason is returned, "" if there is none. A failure here takes nothing else from the reader.
    """
    beside = (*names(report), REPORT_JSON)
    try:
        from counterfoil.report.pages.pdf import pdf  # noqa: PLC0415 (40 MB, and not every caller renders)

        write_file(folder / _PAPER, pdf(report), replace=True)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # also a panic of the typesetter, which is no Exception
        known = isinstance(error, CounterfoilError)
        reason = one_line(str(error)) if known else f"setting it ended in {type(error).__name__}"
        with suppress(StoreError):  # the page that is there says already that there is none
            html = page.html(report, tuple(sorted(beside)), no_paper=reason)
            write_file(folder / _PAGE, html.encode(), replace=True)
        return reason
    write_file(folder / _PAGE, page.html(report, tuple(sorted((*beside, _PAPER)))).encode(), replace=True)
    return ""


def _dumped(report: Report) -> bytes:
    return (json.dumps(as_json(report), ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def as_json(report: Report) -> dict[str, Any]:
    """Write what report.json holds, in the form that report.schema.json describes; a rehearsal says what it is."""
    return {
        **({"format": REHEARSAL, "rehearsal": list(report.rehearsal)} if report.rehearsal else {"format": FORMAT}),
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
        "results": [result_json(result) for result in report.results],
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
            "rules": list(report.evidence.rules),
            "by_rule": dict(report.evidence.by_rule),
        },
        "leakage_statement": report.leakage,
        "guarantees": [asdict(each) for each in report.guarantees],
        "entitled": list(report.entitled),
        "release_digest": report.release_digest,
        "signed_by": list(report.signed_by),
        "verify": report.verify,
        "licence": report.licence,
    }


def result_json(result: Result) -> dict[str, Any]:
    """Write one result as report.json has it."""
    missing = tables.missing_text(result)
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
