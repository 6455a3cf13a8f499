"""Write the report's tables as an open data package: tidy CSV and Parquet files, and a manifest that tools read.

The manifest is a Data Package (version 2): what each column is, in which unit and how exact, what marks a number that
is missing, under which licence the tables may be used, and where they come from. Knows no page.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from counterfoil.canonical import check_id, digest
from counterfoil.deferred import deferred
from counterfoil.report.model import Report
from counterfoil.report.pages import tables

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = deferred("pandas")

MANIFEST: Final = "datapackage.json"
_FORMS: Final = ("csv", "parquet")
_PROFILE: Final = "https://datapackage.org/profiles/2.0/datapackage.json"


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    title: str
    flat: tables.Flat
    missing: str


def package(report: Report) -> dict[str, bytes]:
    """Write the files by name: two for each table, and the manifest.

    Raises: DocumentError where the name of a result is not an id.
    """
    files: dict[str, bytes] = {}
    resources = []
    for sheet in _sheets(report):
        written = {"csv": tables.as_csv(sheet.flat, sheet.missing).encode(), "parquet": _parquet(sheet.flat)}
        for form, data in written.items():
            files[f"{sheet.name}.{form}"] = data
            resources.append(_resource(sheet, form, data))
    manifest = json.dumps(_manifest(report, resources), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    return {**files, MANIFEST: manifest.encode()}


def names(report: Report) -> tuple[str, ...]:
    """List the names of the files that `package` writes. Raises: as `package`."""
    return (*(f"{sheet.name}.{form}" for sheet in _sheets(report) for form in _FORMS), MANIFEST)


def _sheets(report: Report) -> Iterator[_Sheet]:
    for result in report.results:
        missing = tables.missing_text(result)
        stem = check_id(result.name, "name of a result")
        for number, table in enumerate(result.tables, start=1):
            name = stem if number == 1 else f"{stem}-{number}"
            name = f"rehearsal-{name}" if report.rehearsal else name
            yield _Sheet(name, table.title, tables.flat(table), missing)


def _parquet(flat: tables.Flat) -> bytes:
    """Write the table with its facts in each field's metadata; a missing number is null."""
    import pyarrow as pa  # noqa: PLC0415 (slow, and not every caller renders)
    import pyarrow.parquet as pq  # noqa: PLC0415

    plain = pa.Table.from_pandas(flat.frame, preserve_index=False)
    fields = [
        field.with_metadata({key: str(value) for key, value in flat.facts.get(field.name, {}).items() if value != ""})
        for field in plain.schema
    ]
    target = io.BytesIO()
    pq.write_table(plain.cast(pa.schema(fields)), target, compression="zstd")
    return target.getvalue()


def _resource(sheet: _Sheet, form: str, data: bytes) -> dict[str, Any]:
    fields = [
        {"name": name, "type": _type(sheet.flat.frame[name]), **sheet.flat.facts.get(name, {})}
        for name in map(str, sheet.flat.frame.columns)
    ]
    schema: dict[str, Any] = {"fields": fields}
    if form == "csv":
        schema["missingValues"] = [sheet.missing]
    media = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
    return {
        "name": sheet.name if form == "csv" else f"{sheet.name}-{form}",
        "path": f"{sheet.name}.{form}",
        "title": sheet.title,
        "type": "table",
        "format": form,
        "mediatype": media[form],
        **({"encoding": "utf-8"} if form == "csv" else {}),
        "bytes": len(data),
        "hash": f"sha256:{digest(data)}",
        "schema": schema,
    }


def _type(values: pd.Series[Any]) -> str:
    if pd.api.types.is_bool_dtype(values.dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(values.dtype):
        return "integer"
    return "number" if pd.api.types.is_numeric_dtype(values.dtype) else "string"


def _manifest(report: Report, resources: list[dict[str, Any]]) -> Mapping[str, Any]:
    return {
        "$schema": _PROFILE,
        "name": f"{'rehearsal-' if report.rehearsal else ''}{report.agreement}-{report.period}".lower(),
        "title": f"{'Rehearsal: ' if report.rehearsal else ''}{report.title}, {report.period}",
        "description": report.purpose,
        **({"licenses": [{"name": report.licence}]} if report.licence else {}),
        "sources": [{"title": title} for title in report.rehearsal]
        or [
            {"title": f"A table of {owner}, which it checked, minimised and never showed to anybody"}
            for owner in report.owners
        ],
        "provenance": {
            **({"rehearsal": True} if report.rehearsal else {}),
            "job": report.job,
            "period": report.period,
            "agreement": report.agreement_digest,
            "evidence": report.release_digest,
            "hidden_if": list(report.evidence.rules),
            "hidden_cells": dict(report.evidence.suppressed),
            "approvals": [{"reviewer": each.reviewer, "time": each.time} for each in report.approvals],
            "verify": report.verify,
        },
        "resources": resources,
    }
