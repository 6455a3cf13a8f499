"""Checks every release in an exchange from signed documents alone, as an auditor would: offline, trusting nobody.

For each release: the agreement that all parties signed, the owners' manifests, the evidence of every node, the
reviewers' decisions, and the entry in each node's own log. Opens nothing; it needs no key of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from counterfoil.audit.publish import read_published
from counterfoil.canonical import Ref
from counterfoil.crypto.keys import PublicKeys
from counterfoil.crypto.sign import verify
from counterfoil.errors import DocumentError, IntegrityError, NotFoundError, SignatureError, TamperedError
from counterfoil.exchange import Exchange
from counterfoil.governance.manifest import Manifest
from counterfoil.governance.release import RELEASES, SEALED, read_release
from counterfoil.governance.review import Approved, Evidence, count_decisions, decisions, load_draft, read_evidence
from counterfoil.governance.signing import SignedAgreement, audit_agreement


def check_releases(exchange: Exchange, keys: Mapping[str, PublicKeys]) -> Iterator[str]:
    """One line for each job that was released. `keys` are those under which the parties' logs verified.

    Raises: SignatureError, NotApprovedError, NotFoundError, TamperedError, naming the party and the document.
    """
    for digest in sorted({name[1] for name in exchange.list((RELEASES,)) if len(name) == 4}):
        evidence = read_evidence(exchange, digest)
        agreement = _agreement(exchange, evidence, keys)
        approved = count_decisions(draft := load_draft(exchange, agreement, digest), decisions(exchange, draft))
        for owner in agreement.terms.owners:
            _check_manifest(exchange, agreement, evidence, owner)
        recipients = [
            recipient for recipient in agreement.terms.recipients if _check_released(exchange, approved, recipient)
        ]
        yield (
            f"job {evidence.job} of {evidence.period} under {agreement.terms.id} {agreement.terms.version}: signed by "
            f"{len(agreement.terms.parties)} parties, approved by {', '.join(approved.approvals)}, "
            f"released to {', '.join(recipients)} by {len(agreement.terms.nodes)} nodes"
        )


def _agreement(exchange: Exchange, evidence: Evidence, keys: Mapping[str, PublicKeys]) -> SignedAgreement:
    for name in exchange.list(("blobs", "agreement")):
        if name[-1] == evidence.agreement:
            agreement = audit_agreement(exchange, Ref(*name[1:]))
            break
    else:
        raise NotFoundError(f"the agreement {evidence.agreement} of job {evidence.job} is not in {exchange.url}")
    for party in agreement.terms.parties:
        if party in keys and agreement.terms.roster.party(party).keys != keys[party]:
            raise SignatureError(f"the roster of {agreement.terms.id} lists other keys for {party} than its log has")
    return agreement


def _check_manifest(exchange: Exchange, agreement: SignedAgreement, evidence: Evidence, owner: str) -> None:
    for name in exchange.list(("blobs", "manifest", owner)):
        # Anybody may put something there; what the owner did not sign is passed over.
        with suppress(SignatureError, DocumentError, TamperedError):
            signed = verify(exchange.get(Ref(*name[1:])), "manifest", agreement.terms.roster.keys([owner]))
            if Manifest.unpack(signed.payload).digest == evidence.inputs[owner]:
                return
    raise NotFoundError(f"no manifest signed by {owner} is what job {evidence.job} says it computed on")


def _check_released(exchange: Exchange, approved: Approved, recipient: str) -> bool:
    """Whether the recipient was released to: by every node, or by none. Each node's own log must say so."""
    evidence, nodes = approved.draft.evidence, approved.draft.agreement.terms.nodes
    given = {name[3] for name in exchange.list((RELEASES, evidence.digest, recipient)) if len(name) == 4}
    if not given:
        return False
    if missing := sorted(set(nodes) - given):
        raise IntegrityError(f"job {evidence.job} was released to {recipient}, but not by {', '.join(missing)}")
    for node in nodes:
        document = read_release(exchange, approved, recipient, node)
        exchange.get(Ref(SEALED, node, document.sealed))
        if not document.approvals.items() <= approved.approvals.items():
            raise TamperedError(f"{node} released job {evidence.job} on other approvals than are there")
        events = _events(exchange, node, evidence.digest)
        if not any(
            event["type"] == "released" and event["refs"].get(f"to-{recipient}") == document.sealed for event in events
        ):
            raise TamperedError(f"the log of {node} has no entry for its release of job {evidence.job} to {recipient}")
        if not any(event["type"] == "release-approved" for event in events):
            raise TamperedError(f"the log of {node} has no entry for the approval of job {evidence.job}")
    return True


def _events(exchange: Exchange, node: str, evidence: str) -> list[dict[str, Any]]:
    """What the node's published log says of a draft."""
    events = [json.loads(entry) for entry in read_published(exchange, node).entries]
    return [event for event in events if event["refs"].get("evidence") == evidence]
