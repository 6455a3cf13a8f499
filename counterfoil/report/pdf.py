"""The report on paper: a PDF for archives (PDF/A-2a) and for those who read with their ears (PDF/UA-1).

Typeset by Typst, which is one wheel with its fonts inside: no program, font or page of the machine is read, so equal
reports give equal bytes. The only module that imports typst.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from importlib.resources import files
from typing import Any, Final

import typst

from counterfoil.errors import InternalError
from counterfoil.report import figures, letters, page, wording
from counterfoil.report.model import Report

FONT: Final = "Libertinus Serif"
"""Typst's own. What it lacks is taken from the other fonts in the wheel; what these lack is named by its number."""

_LETTERS: Final = b"""
#set document(title: "letters", date: datetime(year: 1970, month: 1, day: 1))
#set text(font: "Libertinus Serif", lang: "en")
#for each in json(bytes(sys.inputs.report)) { par(each) }
"""


def pdf(report: Report) -> bytes:
    """The whole report; a letter that no font has is named, `[U+1F44D]`. Raises: InternalError if it cannot be set."""
    template = files("counterfoil.report").joinpath("report.typ").read_bytes()
    inputs, lacking = letters.showable(_inputs(report), _can_set)
    # Some letters can be set alone, and not as they come: in a chart, or beside others. Then more and more is named.
    problem = ""
    for tried, named in (
        (inputs, lacking),
        (_with_charts(inputs, letters.simple), True),
        (letters.simple(inputs), True),
        (letters.plain(inputs), True),
    ):
        try:
            return _set(template, {**tried, "lacking": named})
        except typst.TypstError as error:
            problem = str(error.message)
    raise InternalError(f"the report cannot be typeset: {problem}")


def _with_charts(inputs: Any, change: Callable[[str], str]) -> Any:
    """The same, with the texts in charts changed."""
    parts = [
        {**part, "tables": [{**table, "figure": change(table["figure"])} for table in part["tables"]]}
        for part in inputs["parts"]
    ]
    return {**inputs, "parts": parts}


def _can_set(texts: Sequence[str]) -> bool:
    """Whether the fonts have every letter of the texts, by the one judge of that: an archive takes no empty box."""
    try:
        _set(_LETTERS, list(texts))
    except typst.TypstError:
        return False
    return True


def _set(template: bytes, inputs: Any) -> bytes:
    made = typst.compile(
        template,
        format="pdf",
        sys_inputs={"report": json.dumps(inputs, ensure_ascii=False)},
        ignore_system_fonts=True,
        pdf_standards=["a-2a", "ua-1"],
    )
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
