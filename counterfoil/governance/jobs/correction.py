"""One submission of an owner counts for a period; a correction replaces it where the agreement allows that, in time.

Submissions of one part and period are numbered from 0. Each node keeps which one it took in: the highest number counts,
of two with one number the first, and none once the nodes have begun to compute. Knows no share and no table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from counterfoil.canonical import Ref, digest, jcs
from counterfoil.errors import (
    CorrectionError,
    DocumentError,
    NotFoundError,
    ReplayError,
    SignatureError,
    StoreError,
)
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.documents import read_time, write_time
from counterfoil.governance.jobs.begun import Begun, begun_in
from counterfoil.governance.jobs.manifest import MANIFEST, Manifest
from counterfoil.home import Home
from counterfoil.storage.state import State

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

_TAKEN: Final = "submission-of"
_HANDED: Final = "handed-in"


# --- at a node ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """The submission that counts here for a part and period; `job` is the one that was begun on it, if any."""

    manifest: str
    correction: int
    not_after: str
    job: str = ""

    def pack(self) -> bytes:
        """Pack it as it is kept."""
        return jcs(asdict(self))


def check_counts(manifest: Manifest, terms: Agreement, home: Home, now: datetime) -> Taken | None:
    """Return the submission that this one replaces at this node, if any.

    Raises: CorrectionError unless it is the one that counts, or may take its place.
    """
    before = _read(_kept(manifest, home.state))
    same = before is not None and before.manifest == manifest.digest
    if terms.corrections and not (before and before.job):
        if begun_in(manifest.digest, terms, home.exchange):  # all nodes met for it: it counts, whatever came since
            return None if same else before
        if _is_corrected(manifest, terms, home.exchange):
            raise CorrectionError(
                f"{_at(manifest)} was corrected by {manifest.owner} since; take its correction "
                f"{manifest.correction + 1}"
            )
    if before is None or same:
        return None
    _say_begun(before.manifest, before.job, terms, home)
    expired = not before.job and now > read_time(before.not_after)
    if manifest.correction < before.correction:
        raise CorrectionError(f"{_at(manifest)} was corrected, and {home.party} has the correction; take that")
    if manifest.correction == before.correction and not expired:
        raise CorrectionError(
            f"{_at(manifest)} is the second one, and {home.party} has the first, {before.manifest[:12]}; one counts. "
            + _remedy(terms, manifest.owner, before)
        )
    if before.job:
        raise CorrectionError(
            f"{_at(manifest)} comes after the nodes began job {before.job} on what it corrects; the table that was "
            f"handed in counts for this period, and {manifest.owner} hands that in again when it contributes"
        )
    return before


def count(manifest: Manifest, terms: Agreement, home: Home, now: datetime) -> Taken | None:
    """Have the submission, whose shares are in the vault, count from now on; return what it replaced, if anything.

    Raises: CorrectionError when another one counts by now.
    """
    while True:
        kept = _kept(manifest, home.state)
        before = check_counts(manifest, terms, home, now)
        if (taken := _read(kept)) and taken.manifest == manifest.digest:
            return None
        made = Taken(manifest.digest, manifest.correction, write_time(manifest.not_after))
        if home.state.replace(_TAKEN, _key(manifest), kept, made.pack()):
            return before


def begin(manifests: Sequence[Manifest], job: str, terms: Agreement, home: Home) -> None:
    """Begin to compute on these submissions in this job: from now on nothing corrects them.

    Before any of them is begun on here, this node says so of all, where others look who may have ended before they did.

    Raises: CorrectionError when one was corrected meanwhile; ReplayError when one serves another job.
    """
    for manifest in manifests:
        _beginning(manifest, job, _kept(manifest, home.state))
    for manifest in manifests:
        _say_begun(manifest.digest, job, terms, home)
    for manifest in manifests:
        _begin(manifest, job, home.state)


def _begin(manifest: Manifest, job: str, state: State) -> None:
    while True:
        kept = _kept(manifest, state)
        made = _beginning(manifest, job, kept)
        if kept == made or state.replace(_TAKEN, _key(manifest), kept, made):
            return


def _beginning(manifest: Manifest, job: str, kept: bytes | None) -> bytes:
    taken = _read(kept) or Taken(manifest.digest, manifest.correction, write_time(manifest.not_after))
    if taken.manifest != manifest.digest:
        raise CorrectionError(f"{_at(manifest)} was corrected while the nodes met; begin with the correction")
    if taken.job not in ("", job):
        raise ReplayError(f"{_at(manifest)} serves job {taken.job}, so not {job}")
    return replace(taken, job=job).pack()


def _say_begun(manifest: str, job: str, terms: Agreement, home: Home) -> None:
    if terms.corrections and job:
        Begun(manifest, job, home.party).publish(home.keys, home.exchange)


# --- at an owner --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What an owner handed in for a part and period: its signed manifest, and the digest of the file, if known.

    `begun` is the job that the nodes began on it, if they did, and `corrected` says that a correction came too late.
    """

    envelope: bytes
    manifest: Manifest
    table: str
    begun: str = ""
    corrected: bool = False

    @property
    def reference(self) -> Ref:
        """Where it is in the exchange."""
        return Ref(MANIFEST.kind, self.manifest.owner, digest(self.envelope))


def handed_in(terms: Agreement, contract: str, period: str, home: Home) -> HandedIn | None:
    """Find what this owner handed in that counts: what the nodes began to compute on, or else the last one.

    As it remembers, or as it signed and published: a home that was restored remembers what it was.
    """
    remembered = _remembered(terms, contract, period, home)
    found = [remembered] if remembered else []
    for name in home.exchange.list(MANIFEST.name(terms.digest, home.party, contract, period)):
        with suppress(SignatureError, DocumentError, StoreError, NotFoundError):  # anybody can put anything there
            envelope = home.exchange.get_named(name)
            manifest = Manifest.verified(envelope, terms.roster.party(home.party).keys)
            ours = (manifest.agreement, manifest.part.contract, manifest.period) == (terms.digest, contract, period)
            if ours and (remembered is None or manifest.digest != remembered.manifest.digest):
                found.append(HandedIn(envelope, manifest, ""))
    if not found:
        return None
    last = max(found, key=lambda each: _place(each.manifest))
    for each in found if terms.corrections else ():
        if job := begun_in(each.manifest.digest, terms, home.exchange):
            return replace(each, begun=job, corrected=each is not last)
    return last


def _remembered(terms: Agreement, contract: str, period: str, home: Home) -> HandedIn | None:
    try:
        facts = json.loads(home.state.get(_HANDED, f"{terms.digest}/{period}/{contract}"))
    except NotFoundError:
        return None
    envelope = bytes.fromhex(facts["envelope"])
    return HandedIn(envelope, Manifest.verified(envelope, terms.roster.party(home.party).keys), facts["table"])


def _place(manifest: Manifest) -> tuple[int, datetime]:
    return manifest.correction, manifest.not_after


def next_number(before: HandedIn | None, table: str, terms: Agreement, now: datetime) -> int | None:
    """Give a number to the submission that this owner is to make of the file with this digest.

    None if none is needed, because it handed the same in before, or a correction of it came too late.

    Raises: CorrectionError when the table is another one, and the agreement allows no correction, or none any more.
    """
    if before is None:
        return 0
    number = before.manifest.correction
    same = before.table == table or (not before.table and not terms.corrections)
    if before.begun:
        if same or not before.table or before.corrected:
            return None
        raise CorrectionError(
            f"the table under {before.manifest.contract} is not the one that was handed in for "
            f"{before.manifest.period}, and the nodes have begun job {before.begun} on that: nothing corrects it any "
            "more. Put the former file back"
        )
    if now > before.manifest.not_after:
        return number + 1 if terms.corrections else number
    if same:
        return None
    if not terms.corrections:
        raise CorrectionError(
            f"the table under {before.manifest.contract} is not the one that was handed in for "
            f"{before.manifest.period}, and agreement {terms.id} allows no corrections: the first one counts. Put the "
            "former file back, or agree on 'corrections: until-computed'"
        )
    return number + 1


def note_handed_in(manifest: Manifest, envelope: bytes, table: str, home: Home) -> None:
    """Remember, durably, what the owner is about to hand in; then publish it where nodes look for corrections."""
    facts = {"envelope": envelope.hex(), "table": table}
    home.state.put(_HANDED, f"{manifest.agreement}/{manifest.period}/{manifest.contract}", jcs(facts))
    home.exchange.put_named(_name(manifest, manifest.correction), envelope, replace=True)


def _is_corrected(manifest: Manifest, terms: Agreement, exchange: Exchange) -> bool:
    """Tell whether its owner put a signed correction of it where nodes look."""
    with suppress(NotFoundError, SignatureError, DocumentError, StoreError):  # anybody can put anything there
        envelope = exchange.get_named(_name(manifest, manifest.correction + 1))
        other = Manifest.verified(envelope, terms.roster.party(manifest.owner).keys)
        same = (other.part, other.agreement, other.period) == (manifest.part, manifest.agreement, manifest.period)
        return same and other.correction > manifest.correction
    return False


def _remedy(terms: Agreement, owner: str, before: Taken) -> str:
    if before.job:
        return "The nodes have begun to compute on it"
    if terms.corrections:
        return f"{owner} may hand in a correction"
    return f"Agreement {terms.id} allows no corrections; unless it is computed on, it counts until {before.not_after}"


def _at(manifest: Manifest) -> str:
    return f"submission {manifest.submission} of {manifest.part} for {manifest.period}"


def _key(manifest: Manifest) -> str:
    return f"{manifest.agreement}/{manifest.period}/{manifest.part}"


def _name(manifest: Manifest, number: int) -> tuple[str, ...]:
    return MANIFEST.name(manifest.agreement, manifest.owner, manifest.contract, manifest.period, str(number))


def _kept(manifest: Manifest, state: State) -> bytes | None:
    try:
        return state.get(_TAKEN, _key(manifest))
    except NotFoundError:
        return None


def _read(kept: bytes | None) -> Taken | None:
    return Taken(**json.loads(kept)) if kept else None
