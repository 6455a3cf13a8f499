"""The report on paper: a PDF for archives (PDF/A-2a) and for those who read with their ears (PDF/UA-1).

Typeset by Typst, which is one wheel with its fonts inside: no program, font or page of the machine is read, so equal
reports give equal bytes. The only module that imports typst.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from importlib.resources import files
from typing import Any, Final

import typst

from counterfoil.errors import InternalError
from counterfoil.report import figures, page, wording
from counterfoil.report.model import Report

FONT: Final = "Libertinus Serif"
"""Typst's own. It has the letters of Latin, Greek and Cyrillic; others are set as empty boxes."""


def pdf(report: Report) -> bytes:
    """The whole report. Raises: InternalError if it cannot be typeset."""
    template = files("counterfoil.report").joinpath("report.typ").read_bytes()
    try:
        made = typst.compile(
            template,
            format="pdf",
            sys_inputs={"report": json.dumps(_inputs(report), ensure_ascii=False)},
            ignore_system_fonts=True,
            pdf_standards=["a-2a", "ua-1"],
        )
    except typst.TypstError as error:
        raise InternalError(f"the report cannot be typeset: {error.message}") from None
    if not isinstance(made, bytes):
        raise InternalError("the report was typeset as several documents")
    return made


def _inputs(report: Report) -> dict[str, Any]:
    content = page.content(report)
    parts = [asdict(part) for part in content["parts"]]
    for part, shown in zip(parts, content["parts"], strict=True):
        for table, of in zip(part["tables"], shown.tables, strict=True):
            table["figure"] = figures.alone(of.figure, FONT) if of.figure else ""
            table["shown"] |= {"common": of.shown.common, "single": of.shown.single}
    return {
        **{name: getattr(report, name) for name in _PLAIN},
        **content,
        "parts": parts,
        "records": [asdict(record) for record in content["records"]],
        "guarantees": [asdict(each) for each in report.guarantees],
        "date": _date(report),
        "rules": report.evidence.rules or (f"it stands on fewer than {report.evidence.min_count} rows",),
        "parties": [(role.capitalize(), ", ".join(ids)) for role, ids in report.parties.items()],
        "analyses": ", ".join(f"{item.name} ({item.analysis}, version {item.version})" for item in report.results),
    }


def _date(report: Report) -> dict[str, int]:
    """The day of the last approval, which an archive asks for; there is none on a report that nobody approved."""
    days = [day for each in report.approvals if (day := wording.day(each.time))]
    last = max(days, default=date(1970, 1, 1))
    return {"year": last.year, "month": last.month, "day": last.day}


_PLAIN: Final = (
    "title", "purpose", "job", "period", "agreement", "agreement_version", "agreement_digest", "suite", "quorum",
    "release_digest", "entitled", "verify", "licence",
)  # fmt: skip
