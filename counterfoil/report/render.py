"""The report's files: a page, the same on paper, and the same numbers as JSON and as a data package.

Equal reports give equal bytes. Knows neither keys nor where the numbers come from.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfoil.files import private_folder, write_file
from counterfoil.report import page, tables
from counterfoil.report.model import Report
from counterfoil.report.package import package

if TYPE_CHECKING:
    from counterfoil.analyses.base import Result

FORMAT = "counterfoil/report/1"


def render(report: Report, folder: Path) -> Path:
    """report.html, report.pdf, report.json and the tables' data package are in the folder; the path of the page.

    Raises: DocumentError where the name of a result is not an id; StoreError.
    """
    from counterfoil.report.pdf import pdf  # noqa: PLC0415 (40 MB, and not every caller renders)

    files = package(report)
    files["report.json"] = (json.dumps(as_json(report), ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()
    files["report.pdf"] = pdf(report)
    files["report.html"] = page.html(report, tuple(sorted(files))).encode()
    private_folder(folder)
    for name, data in files.items():
        write_file(folder / name, data, replace=True)
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
        "results": [_result_json(result) for result in report.results],
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


def _result_json(result: Result) -> dict[str, Any]:
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
