"""Write the index of a bundle: one page, in fixed parts, for a person who answers for a job and reads no code.

Says what the papers say, and how to check it. Needs nothing but itself. Knows neither shares nor keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from counterfoil.audit.checkpoint import cosigners
from counterfoil.audit.publish import read_published
from counterfoil.canonical import Ref
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.governance.jobs.evidence import read_evidence
from counterfoil.report.pages.lineage_picture import picture
from counterfoil.report.pages.page import PAGES
from counterfoil.storage.records import BLOBS

if TYPE_CHECKING:
    from counterfoil.audit.bundle import Verified
    from counterfoil.audit.event import Event
    from counterfoil.governance.agreements.agreement import Agreement
    from counterfoil.governance.contracts.column import Column
    from counterfoil.governance.contracts.contract import Contract
    from counterfoil.governance.verification.bundle import Papers
    from counterfoil.governance.verification.lineage import Lineage, Vertex


@dataclass(frozen=True, slots=True)
class LogLine:
    """A party's log, as the page lists it."""

    party: str
    size: int
    root: str
    cosigned: str


@dataclass(frozen=True, slots=True)
class DraftPart:
    """A draft on the page; `picture` is its lineage, drawn."""

    graph: Lineage
    draft: Vertex
    tables: Sequence[Vertex]
    plans: Sequence[Vertex]
    results: Sequence[Vertex]
    decisions: Sequence[Vertex]
    releases: Sequence[Vertex]
    leakage: Sequence[Sequence[str]]
    picture: str


@dataclass(frozen=True, slots=True)
class Use:
    """An agreement's use of one contract: each column with how it leaves, and the columns that stay."""

    agreement: str
    contract: Contract
    share_days: int
    used: Sequence[tuple[Column, str]]
    kept: Sequence[str]


def dossier(verified: Verified, found: Papers, graphs: Sequence[Lineage], exporter: str, now: datetime) -> str:
    """Render the page on a job's papers, of whose drafts these are the lineages."""
    agreements = [fetch_agreement(verified.records, ref) for ref in found.agreements]
    parties = sorted({party for terms in agreements for party in terms.parties})
    return PAGES.get_template("dossier.html").render(
        job=found.job,
        agreements=agreements,
        refs=found.agreements,
        roster={party: terms.roster.party(party) for terms in agreements for party in terms.parties},
        uses=[_use(terms, name) for terms in agreements for name in terms.contracts],
        drafts=[_part(verified, graph) for graph in graphs],
        logs=[_log(verified, party) for party in parties if party in verified.logs],
        events=_events(verified, found.job),
        exporter=exporter,
        exported=f"{now:%Y-%m-%d %H:%M} UTC",
        files=len(found.names),
    )


def _use(terms: Agreement, name: str) -> Use:
    contract = terms.contracts[name]
    needed = {column for plan in terms.analyses if plan.contract == name for column in plan.needed}
    return Use(
        agreement=f"{terms.id} {terms.version}",
        contract=contract,
        share_days=terms.share_retention_days,
        used=[(column, _leaving(column)) for column in contract.columns if column.name in needed],
        kept=[column.name for column in contract.columns if column.name not in needed],
    )


def _leaving(column: Column) -> str:
    if column.pseudonym:
        return "as a pseudonym, in shares"
    if column.generalise:
        return f"{column.generalise.describe(column.resolution)}, in shares"
    return "as it is, in shares"


def _part(verified: Verified, graph: Lineage) -> DraftPart:
    (draft,) = graph.of("draft")
    return DraftPart(
        graph=graph,
        draft=draft,
        tables=graph.of("table"),
        plans=graph.of("plan"),
        results=graph.of("result"),
        decisions=graph.of("decision"),
        releases=graph.of("release"),
        leakage=_leakage(verified, graph.evidence),
        picture=picture(graph),
    )


def _leakage(verified: Verified, evidence: str) -> list[list[str]]:
    """Split the leakage statement into paragraphs, each as its lines; none if no node published it."""
    said = read_evidence(verified.records, evidence).leakage
    for name in verified.records.list((BLOBS, "document")):
        if name[-1] == said:
            return [block.splitlines() for block in verified.records.get(Ref(*name[1:])).decode().split("\n\n")]
    return []


def _log(verified: Verified, party: str) -> LogLine:
    published, log = read_published(verified.records, party, verified.logs[party].owner), verified.logs[party]
    seen: dict[str, int] = {}
    for note in published.others:
        seen |= cosigners(note, verified.keys.values())
    seen.pop(party, None)
    return LogLine(party, log.size, log.checkpoint.root.hex(), ", ".join(sorted(seen)) or "nobody")


def _events(verified: Verified, job: str) -> list[Event]:
    """List the events of any log on the job, in the order of time."""
    events = [event for log in verified.logs.values() for event in log.events if event.subject == job]
    return sorted(events, key=lambda event: (event.time, event.actor, event.index))
