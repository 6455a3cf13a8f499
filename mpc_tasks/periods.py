"""Steps at the coordinator: choose the period to order, and log what is ordered and given up.

What it notes is in its own log, and what came of a period is signed by others: Prefect's runs decide nothing here, but
for how far back periods were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Final

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.releases.docket import docket
from counterfoil.governance.releases.periods import Period, Periods, periods
from counterfoil.turns import Holder
from counterfoil.turns import turn as take
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.runs import earliest_wish
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed

LIMIT_S: Final = 6 * 3600.0


@mpc_task(name="choose", version=1)
def choose(agreement: Ref, scheduled: int, asked: str | None) -> tuple[str, str, Ref | None]:
    """Choose the period to look at: its name, its state, and its evidence if it has a draft.

    It is the one that was asked for by name, or else the first that is left until the one that is due at the scheduled
    time (seconds since 1970). That it is due is in this party's log from here on.

    Raises: RefusedError when what was asked for is no period, is before the agreement's first day, or is to come.
    """
    today = clock.today()
    terms = signed(agreement, today)
    schedule = terms.terms.schedule
    if asked is not None:
        schedule.check_period(asked, terms.terms.starts, today)
        return _told(terms, _found(terms, today).get(asked))
    wishes = (datetime.fromtimestamp(scheduled, UTC), earliest_wish(agreement))
    names = sorted({schedule.asked_at(wish, terms.terms.starts) for wish in wishes if wish is not None})
    known = _found(terms, today).known
    for name in names:
        if name not in known:
            home().log.append("period-due", subject=name, refs={"agreement": terms.digest})
    return _told(terms, _found(terms, today).next(schedule, names[-1]))


@mpc_task(name="note", version=1, of="what")
def note(agreement: Ref, period: str, what: str) -> Ref:
    """Note in this party's log that the period is `ordered`, has `failed` or is `skipped`; the agreement."""
    home().log.append(f"period-{what}", subject=period, refs={"agreement": agreement.digest})
    return agreement


@mpc_task(name="left", version=1)
def left(agreement: Ref) -> int:
    """Count the periods whose job was due by now and that nobody ordered yet."""
    now = clock.now()
    terms = signed(agreement, now.date())
    schedule = terms.terms.schedule
    return len(_found(terms, now.date()).left(schedule, schedule.due(now)))


@contextmanager
def turn(agreement: Ref, period: str | None = None) -> Iterator[bool]:
    """Let no other run at this party order the period meanwhile, or choose one; whether that was waited for.

    Raises: BusyNodeError when it takes longer than LIMIT_S.
    """
    waited: list[Holder] = []

    def waiting(holder: Holder) -> None:
        waited.append(holder)
        say(f"waits for another run at this party: {holder}")

    wish = f"to order {period}" if period else "to order the periods that are due, one after another"
    what = f"{wish}, of agreement {agreement.owner}:{agreement.digest[:12]}"
    folder = home().path / "turns" / f"{agreement.digest[:32]}-{period or 'periods'}"
    with take(folder, what, limit_s=LIMIT_S, waiting=waiting):
        yield bool(waited)


def _found(terms: SignedAgreement, today: date) -> Periods:
    events = (Event.parse(entry) for entry in home().log.entries())
    return periods(terms.digest, docket(terms, home(), today), events)


def _told(terms: SignedAgreement, period: Period) -> tuple[str, str, Ref | None]:
    evidence = Ref("evidence", terms.terms.nodes[0], period.evidence) if period.evidence else None
    return period.name, period.standing.value, evidence
