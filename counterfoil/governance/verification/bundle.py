"""A bundle: all that an outsider needs to check one job, copied out of an exchange, and an inventory of it.

What was sealed, the keys' envelopes and other jobs' papers stay behind. The party that exported signs the inventory, so
that a file which was edited, dropped or added later is named; what the papers say is checked as in an exchange.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from counterfoil.audit.bundle import Verified
from counterfoil.canonical import Ref, digest, jcs
from counterfoil.crypto.keys import PrivateKeys, PublicKeys, read_card
from counterfoil.crypto.sign import claimed
from counterfoil.errors import CounterfoilError, NotFoundError, SignatureError, TamperedError
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.governance.jobs.evidence import read_evidence
from counterfoil.governance.papers import Paper, Statement
from counterfoil.governance.verification.lineage import lineage
from counterfoil.governance.verification.registry import bundled
from counterfoil.governance.verification.verify import bound_agreement, find_manifest
from counterfoil.storage.records import BLOBS, PAGES, Copy, Name, Records

BUNDLE: Final = Paper(
    kind="bundle",
    schema="bundle",
    title="inventory",
    says="a party exported a job: what the bundle holds, by path and digest, in the bundle itself",
)
INVENTORY, INDEX, LINEAGE, PICTURE = PAGES


@dataclass(frozen=True, slots=True)
class Inventory(Statement):
    """What a bundle holds, by path, and who exported it: `card` is that party's own, as it says."""

    PAPER: ClassVar = BUNDLE

    job: str
    exporter: str
    card: str
    exported: datetime
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Papers:
    """What the records hold of one job: its drafts by their evidence's digests, its agreements, and every name."""

    job: str
    evidences: tuple[str, ...]
    agreements: tuple[Ref, ...]
    names: tuple[Name, ...]


def papers(verified: Verified, job: str) -> Papers:
    """Everything among the records that belongs to the job, also if it never came to a draft.

    Raises: NotFoundError if nobody's log and no evidence knows the job.
    """
    records = verified.records
    evidences = tuple(_evidences(records, job))
    digests = {read_evidence(records, each).agreement for each in evidences}
    for log in verified.logs.values():
        digests |= {each.refs["agreement"] for each in log.events if each.subject == job and "agreement" in each.refs}
    agreements = tuple(Ref(*name[1:]) for name in records.list((BLOBS, "agreement")) if name[-1] in digests)
    if not agreements:
        raise NotFoundError(f"no evidence and no log in {records.url} knows a job {job}")
    return Papers(job, evidences, agreements, tuple(sorted(set(_names(verified, job, evidences, agreements)))))


def make_inventory(job: str, files: Mapping[str, bytes], keys: PrivateKeys, now: datetime) -> bytes:
    """Sign an inventory of these files."""
    listed = {path: digest(data) for path, data in sorted(files.items())}
    card = jcs(keys.public.to_json()).decode()
    return BUNDLE.sign(Inventory(job, keys.party, card, now, listed).pack(), keys)


def check_inventory(verified: Verified) -> Iterator[str]:
    """Check that the records, if they are a bundle, hold exactly the files that its exporter signed for.

    Raises: TamperedError, naming the file; SignatureError, DocumentError.
    """
    records = verified.records
    if not (isinstance(records, Copy) and records.is_bundle):
        return
    inventory, keys = _read_inventory(records.read(INVENTORY))
    for path, said in sorted(inventory.files.items()):
        if path not in records.paths:
            raise TamperedError(f"{path} was dropped from the bundle")
        if digest(records.read(path)) != said:
            raise TamperedError(f"{path} was edited after the bundle was exported")
    if extra := sorted(records.paths.keys() - inventory.files.keys() - {INVENTORY}):
        raise TamperedError(f"{extra[0]} was added to the bundle")
    listed = verified.keys.get(keys.party) or _in_roster(verified, keys.party)
    if listed and listed.sign != keys.sign:
        raise SignatureError(f"the bundle was not exported by {keys.party}, who has another key")
    yield (
        f"bundle of job {inventory.job}: {len(inventory.files)} files as {inventory.exporter} exported them on "
        f"{inventory.exported:%Y-%m-%d}" + ("" if listed else f", under the UNPINNED key {keys.sign_id[:16]}")
    )


def check_lineage(verified: Verified) -> Iterator[str]:
    """Check that the lineage, if the records are a bundle, is the one that follows from its papers.

    Raises: TamperedError, and what the papers' own checks raise.
    """
    records = verified.records
    if not (isinstance(records, Copy) and records.is_bundle):
        return
    found = papers(verified, _read_inventory(records.read(INVENTORY))[0].job)
    if lineages(verified, found) != records.read(LINEAGE):
        raise TamperedError(f"{LINEAGE} is not what follows from the papers in the bundle")
    for ref in found.agreements:
        bound_agreement(verified, ref.digest)
    yield f"lineage of job {found.job}: follows from the papers, {len(found.evidences)} drafts"


def lineages(verified: Verified, found: Papers) -> bytes:
    """Return the lineage of each of the job's drafts, as canonical JSON."""
    graphs = [json.loads(lineage(verified, each).pack()) for each in found.evidences]
    return jcs({"format": "counterfoil/lineages/1", "job": found.job, "drafts": graphs})


def _evidences(records: Records, job: str) -> Iterator[str]:
    for each in sorted({name[1] for name in records.list(("evidence",)) if len(name) == 3}):
        try:
            if read_evidence(records, each).job == job:
                yield each
        except CounterfoilError:  # anybody may put something there
            continue


def _names(verified: Verified, job: str, evidences: tuple[str, ...], agreements: tuple[Ref, ...]) -> Iterator[Name]:
    records = verified.records
    for ref in agreements:
        terms = fetch_agreement(records, ref)
        yield (BLOBS, ref.kind, ref.owner, ref.digest)
        rests_on = [terms.raw, terms.roster.raw, *(contract.raw for contract in terms.contracts.values())]
        rests_on += [policy.raw for policy in terms.policies]
        yield from ((BLOBS, "document", ref.owner, digest(raw)) for raw in rests_on)
        for paper in bundled("agreement"):
            yield from records.list(paper.name(ref.digest))
        yield from records.list(("rosters", terms.roster.digest))
        for party in terms.parties:
            yield from records.list(("log", party))
        for node in terms.nodes:
            for paper in bundled("job"):
                yield from (name for name in records.list(paper.name(node)) if name[2:] == (job,))
    for each in evidences:
        evidence = read_evidence(records, each)
        agreement = bound_agreement(verified, evidence.agreement)
        yield (BLOBS, "evidence", "nodes", each)
        for paper in bundled("evidence"):
            yield from records.list(paper.name(each))
        yield from (name for name in records.list((BLOBS, "document")) if name[-1] == evidence.leakage)
        for part in agreement.terms.parts:
            ref, manifest = find_manifest(records, agreement, evidence, part)
            yield (BLOBS, ref.kind, ref.owner, ref.digest)
            for paper in bundled("manifest"):
                yield from records.list(paper.name(manifest.digest))


def _in_roster(verified: Verified, party: str) -> PublicKeys | None:
    """Return the party's keys as an agreement in the bundle lists them, if one does."""
    for name in verified.records.list((BLOBS, "agreement")):
        terms = bound_agreement(verified, name[-1]).terms
        if party in terms.parties:
            return terms.roster.party(party).keys
    return None


def _read_inventory(envelope: bytes) -> tuple[Inventory, PublicKeys]:
    """Return the inventory, signed under the card that it holds. Raises: SignatureError, DocumentError."""
    keys = read_card(Inventory.unpack(claimed(envelope)).card.encode())
    inventory = Inventory.verified(envelope, keys)
    if inventory.exporter != keys.party:
        raise SignatureError(f"{INVENTORY} is signed by {keys.party} and names {inventory.exporter}")
    return inventory, keys
