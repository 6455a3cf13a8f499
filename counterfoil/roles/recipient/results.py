"""Open results in Python: a release is verified first, a rehearsal says that it is one.

The numbers of a release come from what the nodes sealed to its recipient, never from files beside a page, which anybody
who can write there can change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import AmbiguousError, CounterfoilError, DocumentError, NotFoundError, TamperedError
from counterfoil.files import read_named
from counterfoil.governance.agreements.signing.in_force import OPEN, load
from counterfoil.governance.agreements.signing.signed import KIND, SignedAgreement
from counterfoil.governance.jobs.evidence import Evidence, drafts
from counterfoil.governance.jobs.references import agreement_ref, period_name
from counterfoil.governance.releases.release import is_released
from counterfoil.home import PARTY_FILE, Home
from counterfoil.report.render import REHEARSED_JSON, REPORT_JSON, result_json
from counterfoil.report.results import Results, numbers, read_rehearsal
from counterfoil.roles.recipient.opening import OpenedJob, open_job, open_latest
from counterfoil.storage.records import BLOBS

MOST_BYTES: Final = 1 << 28
"""Of a report's JSON."""


def open_results(
    path: Path | str,
    *,
    agreement: str | None = None,
    period: str | None = None,
    home: Path | str | None = None,
) -> Results:
    """Open what was released to a recipient, or what was rehearsed, as DataFrames.

    `path` is the recipient's home, a report in it (the folder or a file of it), or a copy of a report elsewhere, with
    the `home` of a recipient of it. Signatures, approvals and all nodes' copies are checked as `counterfoil open` does,
    and the report is written anew. Of a home, the latest result is opened, or that of a `period`; where several
    `agreement`s released something, it is said of which.

    Raises: NotFoundError; AmbiguousError; TamperedError where a report has other numbers than were released; and as
        `counterfoil open`.
    """
    place, now = Path(path), clock.now()
    if (place / PARTY_FILE).exists():
        return _latest(Home.open(place), agreement, period and period_name(period), now)
    folder = place if place.is_dir() else place.parent
    if (folder / REHEARSED_JSON).exists():
        return read_rehearsal(_read(folder / REHEARSED_JSON), str(folder / REHEARSED_JSON))
    if not (folder / REPORT_JSON).exists():
        raise NotFoundError(f"{place}: neither a recipient's home nor a report; give the folder of one or the other")
    written = _read(folder / REPORT_JSON)
    signed, opened = _of_job(Home.open(_home_of(folder, home)), str(written.get("job")), now)
    if numbers(written.get("results")) != numbers(json.loads(json.dumps([*map(result_json, opened.results)]))):
        raise TamperedError(
            f"{folder / REPORT_JSON} had other numbers than were released; those are in {opened.page.parent} again"
        )
    return _results(signed, opened)


def _home_of(folder: Path, given: Path | str | None) -> Path:
    """Find the home that a report's folder is in, unless one is given. Raises: NotFoundError."""
    if given is not None:
        return Path(given)
    own = folder.resolve().parent.parent
    if not (own / PARTY_FILE).exists():
        raise NotFoundError(
            f"{folder} is in no recipient's home, so nothing here says whether its numbers are those that were "
            "released; give the home of one of its recipients: home=FOLDER"
        )
    return own


def _released(home: Home) -> Iterator[tuple[SignedAgreement, list[Evidence]]]:
    """Give every agreement under which something was released to this party, and on which evidence."""
    for name in home.exchange.list((BLOBS, KIND)):
        try:
            signed = load(home, Ref(*name[1:]), for_=OPEN)
        except CounterfoilError:  # of others, or not signed by all yet
            continue
        if home.party not in signed.terms.recipients:
            continue
        made = [draft.evidence for draft in drafts(home.exchange, signed)]
        if own := [each for each in made if is_released(home.exchange, each.digest, home.party)]:
            yield signed, own


def _latest(home: Home, agreement: str | None, period: str | None, now: datetime) -> Results:
    if agreement is not None:
        signed = load(home, agreement_ref(home.exchange, agreement), for_=OPEN)
        return _results(signed, open_latest(home, signed, now, period))
    found = [signed for signed, _ in _released(home)]
    if not found:
        raise NotFoundError(f"{home.path}: nothing was released to {home.party} yet")
    if len(found) > 1:
        raise AmbiguousError(
            f"{home.path}: {home.party} has results under {len(found)} agreements; say of which: agreement="
            + " or ".join(f"{str(signed.ref)!r}" for signed in found)
        )
    return _results(found[0], open_latest(home, found[0], now, period))


def _of_job(home: Home, job: str, now: datetime) -> tuple[SignedAgreement, OpenedJob]:
    for signed, made in _released(home):
        if own := [each for each in made if each.job == job]:
            latest = max(own, key=lambda evidence: evidence.attempt)
            return signed, open_job(home, signed, latest.digest, now)
    raise NotFoundError(f"{home.path}: nothing of this report's job was released to {home.party}; give another home")


def _results(signed: SignedAgreement, opened: OpenedJob) -> Results:
    terms = signed.terms
    about = f"Released under {terms.id} {terms.version}, and checked; opens until {opened.last_day}."
    return Results(terms.title, opened.period, {each.name: each for each in opened.results}, (about,))


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_named(file, MOST_BYTES))
    except (ValueError, RecursionError):
        raise DocumentError(f"{file}: not JSON; make the report anew") from None
    if not isinstance(value, dict):
        raise DocumentError(f"{file}: not a report; make it anew")
    return value
