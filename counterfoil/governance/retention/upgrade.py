"""Carry a home of an earlier version over, once its keys, log, memory and budgets are found whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from counterfoil.audit.event import Event
from counterfoil.audit.verify import verify_log
from counterfoil.errors import StoreError
from counterfoil.files import read_file
from counterfoil.governance.releases.announcement import ANNOUNCED, SHOWN
from counterfoil.home import FORMAT, MEMBERSHIP_BYTES, MEMBERSHIP_FILE, STATE_FILE, Home

_TAGGED: Final = frozenset({"table-minimised", "shares-submitted", "shares-submitted-before"})
"""What an owner logs once it has tagged its rows."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """From which format a home was upgraded to which, how long its log is, and how many facts it remembers."""

    before: int
    after: int
    entries: int
    facts: int


def upgrade(home: Home) -> Upgraded:
    """Verify what a home of an earlier format holds, and mark it as one of the present format.

    Nothing else is written: formats 1 and 2 differ in the mark alone, by which earlier software refuses what it does
    not know. A home of the present format is verified again.

    Args:
        home: The party's home; one of a newer format was refused when it was opened.

    Raises: IntegrityError, TamperedError, StoreError, NotFoundError.
    """
    before = home.format
    home.keys.check_whole()
    log = verify_log(*home.log.snapshot(), home.keys.public)
    if not (home.path / STATE_FILE).exists() and (told := next(filter(_is_remembered, log.events), None)):
        raise StoreError(
            f"{home.path / STATE_FILE} is gone, and the log says of job {told.subject} what this party must remember; "
            "restore the home from a backup: counterfoil home restore"
        )
    _check_membership_key(home, log.events)
    facts = home.state.check_whole()
    if (home.path / "vault").exists():
        _ = home.vault
    if before != FORMAT:
        home.mark()
    return Upgraded(before, FORMAT, log.size, facts)


def _check_membership_key(home: Home, events: Iterable[Event]) -> None:
    """Check that an owner still has the key by which it tells its rows apart from period to period.

    Another would be drawn in its place, and what changed since earlier releases would be counted wrong.

    Raises: StoreError.
    """
    file, used = home.path / MEMBERSHIP_FILE, any(event.type in _TAGGED for event in events)
    if file.exists():
        if len(read_file(file)) == MEMBERSHIP_BYTES:
            return
        wrong = "is not the key that was drawn"
    elif used:
        wrong = "is gone, and the log says that tables were handed in"
    else:
        return
    raise StoreError(
        f"{file} {wrong}: without it rows are not known again from period to period; restore the home from a backup: "
        "counterfoil home restore"
    )


def _is_remembered(event: Event) -> bool:
    """Tell whether a party remembers what the entry is about, besides its log: an attempt, or what was released."""
    return event.subject is not None and ("attempt" in event.counts or event.type in (ANNOUNCED, SHOWN))
