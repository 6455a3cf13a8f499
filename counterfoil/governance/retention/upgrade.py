"""Carry a home of an earlier version over, once its keys, log, memory and budgets are found whole."""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.audit.verify import verify_log
from counterfoil.home import FORMAT, Home


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
    checkpoint = verify_log(home.log.entries(), home.log.checkpoint(), home.keys.public).checkpoint
    facts = home.state.check_whole()
    if (home.path / "vault").exists():
        _ = home.vault
    if before != FORMAT:
        home.mark()
    return Upgraded(before, FORMAT, checkpoint.size, facts)
