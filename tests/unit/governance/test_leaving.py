"""What may leave, and for whom, in each state of a draft: one table for nodes, recipients, auditors and pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from counterfoil.errors import NotApprovedError
from counterfoil.governance.review.airlock import Review, State
from counterfoil.governance.review.leaving import (
    Approved,
    Audience,
    CheckerPreview,
    Releasable,
    as_given,
    audience,
    for_all,
    for_checkers,
    from_node,
    to_party,
)
from tests.unit.conftest import Consortium
from tests.unit.governance.reviewing import draft

ROOT = Path(__file__).parents[3]
WAITING = (State.SUBMITTED, State.PARTIALLY_REVIEWED)
DONE = (State.APPROVED, State.RELEASED)
STATES = list(State)


def found(shared: Consortium, state: State, *, checkers: bool) -> Review:
    """A review in that state; the regulator is a checker, or there is none."""
    made = draft(shared)
    terms = replace(made.agreement.terms, checkers=("regulator",) if checkers else ())
    return Review(replace(made, agreement=replace(made.agreement, terms=terms)), state, (), ())


def outcome(decide: Callable[[], Releasable]) -> type[Releasable] | None:
    try:
        return type(decide())
    except NotApprovedError:
        return None


@pytest.mark.parametrize("checkers", [True, False])
@pytest.mark.parametrize("state", STATES)
def test_for_whom_a_draft_may_leave(state: State, checkers: bool, shared: Consortium) -> None:
    seen = found(shared, state, checkers=checkers)
    done, early = state in DONE, state in WAITING and checkers
    expected = Audience.RECIPIENTS if done else Audience.CHECKERS if early else Audience.NOBODY
    assert audience(seen) is expected
    preview, whole = CheckerPreview if early else None, Approved if done else None
    assert outcome(lambda: for_all(seen)) is whole
    assert outcome(lambda: for_checkers(seen)) is (CheckerPreview if checkers and (done or early) else None)
    assert outcome(lambda: from_node(seen)) is (whole or preview)
    assert outcome(lambda: to_party(seen, "regulator")) is (whole or preview)
    assert outcome(lambda: to_party(seen, "bank-a")) is whole
    # An auditor finds what nodes gave: that they gave it to a recipient who is no checker asks for approval.
    given = ["regulator"]
    assert outcome(lambda: as_given(seen, given)) is (CheckerPreview if checkers else whole)


def test_nobody_else_decides_what_may_leave() -> None:
    """No other module makes what may leave, or compares states to let it."""
    makes = re.compile(r"(?<!class )\b(Approved|CheckerPreview|Releasable)\(")
    makers = {
        path.relative_to(ROOT).as_posix()
        for room in ("counterfoil", "mpc_tasks", "flows")
        for path in (ROOT / room).rglob("*.py")
        if makes.search(path.read_text("utf-8"))
    }
    assert makers == {"counterfoil/governance/review/leaving.py"}
