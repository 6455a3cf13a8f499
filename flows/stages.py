"""What the coordinator and every party know alike of each stage: who runs it, for how long, and if it may be repeated.

Knows no flow and no party, so that the coordinator need not import what it has others do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

START_S: Final = 3600.0
"""For how long a party is waited for whose worker has not begun a run, because it is off or busy."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name is that of its flow, parties with its `roles` run it, and no run takes longer than `limit_s`.

    One that is `repeatable` does no harm if it is done again, so the coordinator repeats it after a failure that may
    pass. The parties of one that runs `together` wait for each other: it begins when all of them are at work, and a
    party takes part in one at a time. One that `resumes` starts from the top whenever its process was lost.
    """

    name: str
    roles: tuple[str, ...]
    limit_s: float
    repeatable: bool = False
    together: bool = False
    resumes: bool = False


STAGES: Final[dict[str, Stage]] = {
    each.name: each
    for each in (
        Stage("collaborate", ("coordinator",), 12 * 3600),
        Stage("agree", ("owner", "node"), 120, repeatable=True),
        Stage("contribute", ("owner",), 3600, repeatable=True),
        Stage("analyse", ("node",), 3600, together=True),
        Stage("review", ("coordinator",), 4 * 3600, resumes=True),
        Stage("resume_reviews", ("coordinator",), 300),
        Stage("announce", ("node",), 120, repeatable=True),
        Stage("countersign", ("node",), 120, repeatable=True),
        Stage("release", ("node",), 600, repeatable=True),
        Stage("attest", ("owner", "node"), 120, repeatable=True),
        Stage("witness", ("node",), 120, repeatable=True),
        Stage("retire", ("node",), 600, repeatable=True),
        Stage("audit_budgets", ("node",), 600, repeatable=True),
    )
}
"""Every stage by its name."""

MENDABLE: Final = frozenset(
    {
        "TransportError",
        "PeerLostError",
        "PeerTimeoutError",
        "BusyError",
        "BusyNodeError",
        "StoreError",
        "Crashed",
        "TimedOut",
        "Cancelled",
        "Unresponsive",
    }
)
"""States after which a new attempt may end well. A failed check of integrity or identity needs a person."""


def stages_of(roles: Iterable[str]) -> tuple[str, ...]:
    """The stages that a party with these roles runs, by name."""
    has = frozenset(roles)
    return tuple(sorted(name for name, stage in STAGES.items() if has.intersection(stage.roles)))
