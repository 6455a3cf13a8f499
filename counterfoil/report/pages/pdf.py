"""Typeset the report on paper: a PDF for archives (PDF/A-2a) and for those who read with their ears (PDF/UA-1).

Typeset by Typst, which is one wheel with its fonts inside: no program, font or page of the machine is read, so equal
reports give equal bytes. The only module that imports typst.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import typst

from counterfoil.errors import InternalError
from counterfoil.report import wording
from counterfoil.report.model import Report
from counterfoil.report.pages import figures, letters, page
from counterfoil.report.pages.displayed import displayed

if TYPE_CHECKING:
    from counterfoil.analyses.base import ResultTable

_Stays: TypeAlias = Callable[[str], bool]

FONT: Final = "Libertinus Serif"
"""Typst's own. What it lacks is taken from the other fonts in the wheel; what these lack is named by its number."""

_LONGEST: Final = 78
"""So many letters a label in a chart may have, once some of them are named: three lines."""

_LETTERS: Final = b"""
#set document(title: "letters", date: datetime(year: 1970, month: 1, day: 1))
#set text(font: "Libertinus Serif", lang: "en")
#for each in json(bytes(sys.inputs.report)) { par(each) }
"""


def pdf(report: Report) -> bytes:
    """Typeset the whole report; a letter that no font has is named, `[U+1F44D]`.

    Raises: InternalError if it cannot be set.
    """
    template = files("counterfoil.report.pages").joinpath("report.typ").read_bytes()
    inputs = _inputs(report)
    missing = letters.lacking(inputs, _can_set)

    def has(part: str) -> bool:
        return part not in missing

    def is_simple(part: str) -> bool:
        return has(part) and letters.is_simple(part)

    # Some letters can be set alone, and not as they come: in a chart, or beside others. Then more and more is named.
    problem = ""
    for stays, in_charts in ((has, has), (has, is_simple), (is_simple, is_simple), (str.isascii, str.isascii)):
        named = letters.show(inputs, stays) | {"parts": _parts(report, inputs["parts"], stays, in_charts)}
        try:
            return _set(template, {**named, "lacking": bool(problem or missing)})
        except typst.TypstError as error:
            problem = str(error.message)
    raise InternalError(f"the report cannot be typeset: {problem}")


def _parts(report: Report, parts: Any, stays: _Stays, in_charts: _Stays) -> list[dict[str, Any]]:
    """Prepare the parts, with charts drawn anew so that named letters have room in their labels.

    A chart with a label that named letters make too long is left out; the table below it has the same numbers.
    """
    shown: list[dict[str, Any]] = letters.show(parts, stays)
    for part, result in zip(shown, report.results, strict=True):
        for number, (entry, given) in enumerate(zip(part["tables"], result.tables, strict=True), start=1):
            table = displayed(given)
            renamed = _renamed(table, in_charts)
            if entry["figure"]:
                drawn = figures.draw(renamed, f"{result.name}-{number}") if _fits(table, renamed) else ""
                entry["figure"] = letters.show(figures.alone(drawn, FONT), in_charts)
    return shown


def _fits(before: ResultTable, after: ResultTable) -> bool:
    return all(old == new or len(new) <= _LONGEST for old, new in zip(_labels(before), _labels(after), strict=True))


def _labels(table: ResultTable) -> list[str]:
    """List the labels of the rows and columns of the table's chart."""
    index = [name for name in table.frame.columns if str(name) not in table.measures]
    return [*map(str, table.frame.columns), *(str(cell) for name in index for cell in table.frame[name])]


def _renamed(table: ResultTable, stays: _Stays) -> ResultTable:
    """Name, in the labels of the table's rows and columns, what does not stay."""
    frame = table.frame.rename(columns=lambda name: letters.show(str(name), stays))
    for name in frame.columns[~frame.columns.isin([letters.show(each, stays) for each in table.measures])]:
        frame[name] = [letters.show(cell, stays) for cell in frame[name]]
    measures = {letters.show(name, stays): measure for name, measure in table.measures.items()}
    return replace(table, frame=frame, measures=measures)


def _can_set(texts: Sequence[str]) -> bool:
    """Return whether the fonts have every letter of the texts, by typesetting them: an archive takes no empty box."""
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
            table["figure"] = of.figure
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
    """Return the day of the last approval, which an archive asks for; 1 January 1970 if nobody approved."""
    days = [day for each in report.approvals if (day := wording.day(each.time))]
    last = max(days, default=date(1970, 1, 1))
    return {"year": last.year, "month": last.month, "day": last.day}


_PLAIN: Final = (
    "title", "purpose", "job", "period", "agreement", "agreement_version", "agreement_digest", "suite", "quorum",
    "release_digest", "entitled", "verify", "licence",
)  # fmt: skip
