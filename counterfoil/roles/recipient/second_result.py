"""A recipient holds a result against that of a second computation, number by number, before it shows either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import IntegrityError, NotFoundError
from counterfoil.governance.agreements.repetition import asks_twice
from counterfoil.governance.jobs.evidence import Draft, drafts
from counterfoil.governance.jobs.second_computation import counterparts
from counterfoil.governance.releases.release import is_released
from counterfoil.report import wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterfoil.home import Home

Numbers = Mapping[str, Mapping[str, NDArray[np.int64]]]
"""The released arrays, by analysis and output."""


def second_drafts(home: Home, draft: Draft) -> list[Draft]:
    """List drafts of the same period, released to this party, under agreements that repeat this one or that it repeats.

    Raises: NotFoundError where the agreement asks for one, and there is none.
    """
    found = []
    for other in counterparts(home.exchange, draft.agreement):
        found += [
            each
            for each in drafts(home.exchange, other)
            if each.evidence.period == draft.evidence.period
            and is_released(home.exchange, each.evidence.digest, home.party)
        ]
    if asks_twice(draft.agreement.terms) and not found:
        raise NotFoundError(
            f"job {draft.evidence.job} is shown only beside a second computation of {draft.evidence.period}, and none "
            f"was released to {home.party} yet; run, review and release it under the agreement that repeats this one"
        )
    return found


def check_equal(home: Home, draft: Draft, mine: Numbers, open_: Callable[[Draft], Numbers]) -> list[str]:
    """Check that every second computation gave the same numbers; say in words which these were.

    Raises: IntegrityError naming the analyses and both sets of nodes; what `second_drafts` and `open_` raise.
    """
    told = []
    for other in second_drafts(home, draft):
        theirs = open_(other)
        wrong = sorted(name for name, arrays in mine.items() if not _same(arrays, theirs[name]))
        if wrong:
            raise IntegrityError(
                f"{wording.listing(wrong)}: {_who(draft)} and {_who(other)} did not compute the same; nothing is "
                "shown. One of them computed something else, or an owner handed in other rows to one: let reviewers ask"
            )
        told.append(f"Computed a second time, by {_who(other)}: every number is the same.")
    return told


def _same(one: Mapping[str, NDArray[np.int64]], other: Mapping[str, NDArray[np.int64]]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(array, other[name]) for name, array in one.items())


def _who(draft: Draft) -> str:
    terms = draft.agreement.terms
    return f"{wording.listing(terms.nodes)} ({terms.suite}, job {draft.evidence.job})"
