"""What people type or paste for a reference, as the one thing that it names in an exchange.

Prefect prints references in tables, messages and links; people shorten them, quote them, end a sentence with them. All
of that is read here. What the exchange says is believed for finding a thing alone: whoever loads it checks it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from urllib.parse import unquote

from counterfoil.canonical import Ref
from counterfoil.errors import AmbiguousError, CounterfoilError, DocumentError, NotFoundError, RefusedError
from counterfoil.governance.jobs.evidence import Evidence, read_evidence
from counterfoil.storage.records import BLOBS, Records

_Named = TypeVar("_Named", Ref, str)

SAFE = 16
"""Digits of a digest that nobody makes another document for: 64 bits."""

_LONGEST = 4000
_SHORTEST = 4
_DIGITS = 64
_JOB = 32
_ID = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
_REF = re.compile(rf"(?<![a-z0-9-])({_ID}):({_ID}):([0-9a-f]*)(?:\.\.\.|…)?(?![a-z0-9])")
_HEX = re.compile(r"(?<![a-z0-9-])([0-9a-f]{4,64})(?:\.\.\.|…)?(?![a-z0-9-])")
_PERIOD = re.compile(r"(?<![a-z0-9])[0-9]{4}-(?:w[0-9]{2}|[0-9]{2}(?:-[0-9]{2})?)(?![a-z0-9-])")
_WORD = re.compile(rf"(?<![a-z0-9-]){_ID}(?![a-z0-9-])")


def agreement_ref(records: Records, text: str) -> Ref:
    """Find the agreement that the text names: by its reference, by the start of its digest, by its id, or by a job's.

    Raises: AmbiguousError with what it could be; NotFoundError; DocumentError where the text names nothing.
    """
    text = _tidy(text)
    full = [ref for ref in _refs(text) if ref.kind == "agreement"]
    if len(set(full)) == 1:
        return full[0]
    known = [Ref(*name[1:]) for name in records.list((BLOBS, "agreement")) if len(name) == 4]
    if {kind for kind, _, _ in _REF.findall(text)} - {"agreement", "evidence"}:
        raise DocumentError(f"{_said(text)} is no agreement; a reference to one is written agreement:PARTY:DIGEST")
    if not (found := {ref for ref in known if _starts(text, "agreement", ref.owner, ref.digest)}):
        digests = {each.agreement for each in _evidence(records) if _names_evidence(text, each)}
        found = {ref for ref in known if ref.digest in digests}
    if not found and (words := set(_WORD.findall(text))):
        found = {ref for ref in known if _id_of(records, ref) in words}
    return _only(text, found, str, "agreement")


def check_safe(text: str, ref: Ref) -> None:
    """Refuse where the text is so short that somebody may have made another document for it. Raises: RefusedError."""
    if ref.digest[:SAFE] not in _tidy(text):
        raise RefusedError(
            f"{_said(text)} is too short to sign unseen: another agreement may be made that begins alike; give "
            f"{SAFE} digits or more of {ref}, or leave --yes out"
        )


def evidence_digest(records: Records, agreement: str, text: str) -> str:
    """Find the digest of the evidence that the text names under an agreement, which it gives by its digest.

    A text names it by its reference, its digest or the start of that, its job's id, or its period.

    Raises: AmbiguousError with what it could be; NotFoundError; DocumentError where the text names nothing.
    """
    text = _tidy(text)
    whole = {ref.digest for ref in _refs(text) if ref.kind == "evidence"}
    if not _REF.search(text):
        whole |= {digits for digits in _HEX.findall(text) if len(digits) == _DIGITS}
    if len(whole) == 1:
        return whole.pop()
    here = [each for each in _evidence(records) if each.agreement == agreement]
    found = {each.digest: each for each in here if _names_evidence(text, each)}
    if not found:
        periods = set(_PERIOD.findall(text))
        found = {each.digest: each for each in here if each.period in periods}
    return _only(text, found, lambda key: _told(found[key]), "evidence of this agreement")


def job_id(records: Records, text: str) -> str:
    """Find the job that the text names: by its id or the start of that, or by evidence on it.

    Raises: as others here.
    """
    text = _tidy(text)
    whole = [digits for digits in _HEX.findall(text) if len(digits) == _JOB]
    if len(set(whole)) == 1:
        return str(whole[0])
    found = {each.job for each in _evidence(records) if _names_evidence(text, each)}
    if not found:
        periods = set(_PERIOD.findall(text))
        found = {each.job for each in _evidence(records) if each.period in periods}
    return _only(text, found, str, "job")


def period_name(text: str) -> str:
    """Return the period that the text names, without what people put around it; another text as it is."""
    found = set(_PERIOD.findall(_tidy(text)))
    return found.pop() if len(found) == 1 else text


def names_subject(text: str, subject: str | None) -> bool:
    """Tell whether the text names a log entry's subject, in full or by the start of a job's id."""
    text = _tidy(text)
    return subject is not None and (
        subject == text.strip(" \"'`.,;") or any(subject.startswith(digits) for digits in _HEX.findall(text))
    )


def _tidy(text: str) -> str:
    """Return the text in small letters, without the escapes of links. Raises: DocumentError."""
    text = unquote(text).strip().lower()
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise DocumentError("a reference is written kind:party:digest, in one line")
    return text


def _refs(text: str) -> list[Ref]:
    """Return the references that stand in the text in full."""
    return [Ref(*found) for found in _REF.findall(text) if len(found[2]) == _DIGITS]


def _starts(text: str, kind: str, owner: str, digest: str) -> bool:
    """Tell whether the text has the beginning of that reference, or of its digest."""
    written = _REF.findall(text)
    if written:
        return any((a, b) == (kind, owner) and c and digest.startswith(c) for a, b, c in written)
    return any(len(digits) >= _SHORTEST and digest.startswith(digits) for digits in _HEX.findall(text))


def _names_evidence(text: str, evidence: Evidence) -> bool:
    written = [(kind, digits) for kind, _, digits in _REF.findall(text)]
    if written:
        return any(kind == "evidence" and digits and evidence.digest.startswith(digits) for kind, digits in written)
    return any(evidence.digest.startswith(d) or evidence.job.startswith(d) for d in _HEX.findall(text))


def _evidence(records: Records) -> Iterator[Evidence]:
    """Return all evidence that can be read, whichever party signed it."""
    for digest in sorted({name[1] for name in records.list(("evidence",)) if len(name) == 3}):
        try:
            yield read_evidence(records, digest)
        except CounterfoilError:
            continue


def _id_of(records: Records, ref: Ref) -> str | None:
    try:
        statement = json.loads(records.get(ref))
    except (CounterfoilError, ValueError):
        return None
    return str(statement.get("id")) if isinstance(statement, dict) else None


def _told(evidence: Evidence) -> str:
    return f"{evidence.digest} ({evidence.period}, attempt {evidence.attempt})"


def _only(text: str, found: Iterable[_Named], told: Callable[[_Named], str], what: str) -> _Named:
    several = list(found)
    if len(several) == 1:
        return several[0]
    if several:
        names = ", ".join(sorted(map(told, several)))
        raise AmbiguousError(f"{_said(text)} could be {len(several)}: {names}; write more of it")
    if not _WORD.search(text):
        raise DocumentError(f"{_said(text)} names nothing; a reference is written kind:party:digest")
    raise NotFoundError(f"no {what} in the exchange has a name like {_said(text)}; a reference is kind:party:digest")


def _said(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:100]}...")
