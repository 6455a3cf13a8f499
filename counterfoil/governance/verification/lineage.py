"""Where every released number comes from: a graph from results back to tables, contracts, software and approvals.

It follows from signed documents alone, so that whoever has these makes the same graph and can compare it. A vertex with
a path names a file among the records and that file's SHA-256. Knows no value of anybody's data, nor of a result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from counterfoil.audit.bundle import Verified
from counterfoil.canonical import Json, Ref, digest, jcs
from counterfoil.errors import NotFoundError
from counterfoil.governance.jobs.evidence import Draft, load_draft, read_evidence
from counterfoil.governance.releases.release import RELEASE, read_release
from counterfoil.governance.review.airlock import review
from counterfoil.governance.review.decisions import decisions
from counterfoil.governance.verification.verify import bound_agreement, find_manifest
from counterfoil.storage.records import BLOBS, Name, Records, path_of

FORMAT: Final = "counterfoil/lineage/1"


@dataclass(frozen=True, slots=True)
class Vertex:
    """A document, a step or a result: `facts` say more of it, in words and counts."""

    id: str
    kind: str
    title: str
    digest: str
    path: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The graph of one draft. An edge says what its first end rests on, and how: (from, to, verb)."""

    job: str
    evidence: str
    vertices: tuple[Vertex, ...]
    edges: tuple[tuple[str, str, str], ...]

    def pack(self) -> bytes:
        """Return the graph as canonical JSON."""
        vertices: list[Json] = [
            {
                "id": each.id,
                "kind": each.kind,
                "title": each.title,
                "digest": each.digest,
                "path": each.path,
                "facts": dict(each.facts),
            }
            for each in self.vertices
        ]
        edges: list[Json] = [list(edge) for edge in self.edges]
        return jcs({"format": FORMAT, "job": self.job, "evidence": self.evidence, "vertices": vertices, "edges": edges})

    def of(self, kind: str) -> list[Vertex]:
        """Return the vertices of this kind."""
        return [each for each in self.vertices if each.kind == kind]


def lineage(verified: Verified, evidence: str) -> Lineage:
    """Return the graph of the draft with this evidence, as far as it is: approvals and releases may still be missing.

    Raises: NotFoundError, SignatureError, TamperedError, RefusedError, DocumentError.
    """
    records = verified.records
    agreement = bound_agreement(verified, read_evidence(records, evidence).agreement)
    draft = load_draft(records, agreement, evidence)
    vertices = [*_agreed(draft), *_put_in(verified, draft), _draft(draft), *_decided(records, draft)]
    vertices += [*_released(verified, draft), *_results(draft)]
    known = {each.id for each in vertices}
    edges = [edge for edge in _edges(draft, vertices) if {edge[0], edge[1]} <= known]
    return Lineage(draft.evidence.job, evidence, tuple(vertices), tuple(edges))


def _agreed(draft: Draft) -> Iterator[Vertex]:
    terms, ref = draft.agreement.terms, draft.agreement.ref
    yield Vertex(
        "agreement", "agreement", f"{terms.id} {terms.version}", ref.digest, _blob(ref),
        {"title": terms.title, "suite": terms.suite, "signed by": ", ".join(terms.parties)},
    )  # fmt: skip
    for name, contract in terms.contracts.items():
        file = Ref("document", ref.owner, contract.digest)
        yield Vertex(f"contract:{name}", "contract", f"{contract.id} {contract.version}", contract.digest, _blob(file))
    for plan in draft.terms.analyses:
        yield Vertex(
            f"plan:{plan.name}", "plan", plan.name, plan.plan_digest, "",
            {
                "analysis": f"{plan.analysis} version {plan.version}",
                "columns": ", ".join(plan.columns),
                "purpose": plan.purpose,
                "noise": "since the table waits" if plan.name in draft.instead else "yes" if plan.privacy else "no",
            },
        )  # fmt: skip
    for id, (ran, nodes) in _software(draft).items():
        who = "every node" if len(nodes) == len(draft.terms.nodes) else ", ".join(nodes)
        yield Vertex(id, "software", f"what {who} ran", ran)


def _software(draft: Draft) -> dict[str, tuple[str, list[str]]]:
    """Group the nodes by the software that they said they ran, by the id of its vertex."""
    ran: dict[str, list[str]] = {}
    for node in draft.terms.nodes:
        ran.setdefault(draft.evidence.ran(node), []).append(node)
    ids = ["software"] if len(ran) == 1 else [f"software:{nodes[0]}" for nodes in ran.values()]
    return dict(zip(ids, ran.items(), strict=True))


def _put_in(verified: Verified, draft: Draft) -> Iterator[Vertex]:
    for part in draft.agreement.terms.parts:
        ref, manifest = find_manifest(verified.records, draft.agreement, draft.evidence, part)
        yield Vertex(
            f"table:{part}", "table", str(part), ref.digest, _blob(ref),
            {"rows": str(manifest.rows), "manifest": manifest.digest, "period": manifest.period},
        )  # fmt: skip


def _draft(draft: Draft) -> Vertex:
    evidence = draft.evidence
    opened = ", ".join(f"{name.removeprefix('opened-')}: {count}" for name, count in sorted(evidence.checks.items()))
    return Vertex(
        "draft", "draft", f"job {evidence.job}", evidence.digest, _blob(Ref("evidence", "nodes", evidence.digest)),
        {
            "period": evidence.period,
            "attempt": str(evidence.attempt),
            "signed by": ", ".join(draft.agreement.terms.nodes),
            "opened on the way": opened or "nothing",
            "leakage statement": evidence.leakage,
            "transcript": evidence.transcript,
        },
    )  # fmt: skip


def _decided(records: Records, draft: Draft) -> Iterator[Vertex]:
    for said in review(draft, decisions(records, draft)).decisions:
        name = ("decisions", draft.evidence.digest, said.party, said.verdict)
        yield Vertex(
            f"decision:{said.party}:{said.verdict}", "decision", f"{said.party}: {said.verdict}", *_file(records, name),
            {"decision": digest(said.pack()), "decided": f"{said.decided:%Y-%m-%d %H:%M} UTC", "comment": said.comment},
        )  # fmt: skip


def _released(verified: Verified, draft: Draft) -> Iterator[Vertex]:
    records, evidence, terms = verified.records, draft.evidence, draft.agreement.terms
    for recipient in terms.recipients:
        for node in terms.nodes:
            try:
                document = read_release(records, draft, recipient, node)
            except NotFoundError:
                continue
            entry = json.loads(document.entry)
            yield Vertex(
                f"release:{node}:{recipient}", "release", f"{node} to {recipient}",
                *_file(records, RELEASE.name(evidence.digest, recipient, node)),
                {
                    "announced": f"entry {entry['index']} of the log of {node}, {entry['time']}",
                    "cosigned by": ", ".join(sorted(set(terms.nodes) - {node})),
                    "sealed": document.sealed,
                },
            )  # fmt: skip


def _results(draft: Draft) -> Iterator[Vertex]:
    for plan in draft.agreement.terms.analyses:
        name, output = plan.name, draft.evidence.outputs[plan.name]
        yield Vertex(
            f"result:{name}", "result", name, digest(jcs(list(output.commitments))), "",
            {
                "for": ", ".join(output.recipients),
                "cells": str(output.measures.get("cells", 0)),
                "hidden": "not counted" if output.hidden is None else str(output.hidden),
            },
        )  # fmt: skip


def _edges(draft: Draft, vertices: list[Vertex]) -> Iterator[tuple[str, str, str]]:
    """Yield what rests on what; an edge to a vertex that is not there is left out by the caller."""
    terms = draft.agreement.terms
    approvals = [each.id for each in vertices if each.kind == "decision" and each.id.endswith(":approve")]
    for plan in terms.analyses:
        for recipient in plan.recipients:
            for node in terms.nodes:
                yield f"result:{plan.name}", f"release:{node}:{recipient}", "left in"
        yield f"result:{plan.name}", "draft", "was drafted in"
        yield f"result:{plan.name}", f"plan:{plan.name}", "was computed by"
        yield f"plan:{plan.name}", f"contract:{plan.contract}", "is allowed by"
        yield f"plan:{plan.name}", "agreement", "is agreed in"
        for owner in terms.owners_under(plan.contract):
            yield f"plan:{plan.name}", f"table:{owner}/{plan.contract}", "was computed on"
    for each in vertices:
        if each.kind == "release":
            yield from ((each.id, approval, "stands on") for approval in approvals)
        if each.kind == "table":
            yield each.id, f"contract:{each.title.split('/')[1]}", "satisfies"
        if each.kind == "decision":
            yield each.id, "draft", "is on"
    yield from (("draft", each.id, "was computed with") for each in vertices if each.kind == "software")
    yield "draft", "agreement", "was computed under"


def _blob(ref: Ref) -> str:
    return path_of((BLOBS, ref.kind, ref.owner, ref.digest))


def _file(records: Records, name: Name) -> tuple[str, str]:
    return digest(records.get_named(name)), path_of(name)
