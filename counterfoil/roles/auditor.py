"""Anybody who can read an exchange exports a job's bundle for an outsider: its papers, their lineage, a page to read.

The bundle is one ZIP file, the same bytes for the same papers and moment. Nothing that was sealed is in it.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from counterfoil.audit.bundle import verify_logs
from counterfoil.files import write_output
from counterfoil.governance.verification.bundle import (
    INDEX,
    INVENTORY,
    LINEAGE,
    PICTURE,
    lineages,
    make_inventory,
    papers,
)
from counterfoil.governance.verification.lineage import lineage
from counterfoil.home import Home
from counterfoil.report.pages.dossier import dossier
from counterfoil.report.pages.lineage_picture import picture
from counterfoil.storage.records import path_of

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a ZIP file can hold


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported, and where it is."""

    path: Path
    files: int
    drafts: int


def export(home: Home, job: str, path: Path, now: datetime) -> Exported:
    """Export the job's bundle to the path; all logs among the papers are whole.

    Raises: NotFoundError if nobody knows the job; StoreError if the file is there already; TamperedError, ForkedError,
        SignatureError.
    """
    verified = verify_logs(home.exchange, {home.party: home.keys.public})
    found = papers(verified, job)
    files = {path_of(name): home.exchange.get_named(name) for name in found.names}
    graphs = [lineage(verified, each) for each in found.evidences]
    files[LINEAGE] = lineages(verified, found)
    files[PICTURE] = picture(graphs[-1]).encode() if graphs else b""
    files[INDEX] = dossier(verified, found, graphs, home.party, now).encode()
    files[INVENTORY] = make_inventory(job, files, home.keys, now)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    write_output(path, buffer.getvalue())
    return Exported(path, len(files), len(found.evidences))
