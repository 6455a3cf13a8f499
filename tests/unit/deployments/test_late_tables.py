"""How the coordinator has owners hand in while a table is waited for, and that a party takes each step once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from prefect.states import Completed

from counterfoil.canonical import Ref
from counterfoil.errors import StageError
from counterfoil_prefect.flows import collaborate, dispatch
from counterfoil_prefect.mpc_tasks.runs import About
from tests.unit.conftest import Consortium

ABOUT = About("exposure", "2026-w48")
LATE = {"bank-b": "LateTableError", "bank-c": "Cancelled"}


def told(failures: dict[str, str]) -> StageError:
    return StageError("contribute failed at bank-b: it is waited for", failures)


def hand_in(
    monkeypatch: pytest.MonkeyPatch, banks: Consortium, *fails: dict[str, str]
) -> tuple[list[tuple[str, ...]], list[float]]:
    """Which parties were asked each time, and how long was waited between."""
    asked: list[tuple[str, ...]] = []
    waited: list[float] = []

    def on_each(_stage: str, parties: Sequence[str], _about: About, **_: Any) -> dict[str, Ref]:
        asked.append(tuple(parties))
        if len(asked) <= len(fails):
            raise told(fails[len(asked) - 1])
        return {party: Ref("manifest", party, "0" * 64) for party in parties}

    monkeypatch.setattr(collaborate, "on_each", on_each)
    monkeypatch.setattr(collaborate, "say", lambda *_, **__: None)
    monkeypatch.setattr(time, "sleep", waited.append)
    collaborate._hand_in(banks.ref, banks.agreement, "loans", ABOUT)
    return asked, waited


def test_owners_are_asked_again_each_minute_while_a_table_is_waited_for(
    shared: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, waited = hand_in(monkeypatch, shared, LATE, LATE)
    assert asked == [shared.agreement.owners] * 3 and waited == [60.0, 60.0]


@pytest.mark.parametrize(
    "failures",
    [{"bank-b": "PeriodTableError"}, {"bank-b": "LateTableError", "bank-a": "DataError"}, {"bank-c": "Cancelled"}],
)
def test_what_else_fails_ends_it(failures: dict[str, str], shared: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StageError):
        hand_in(monkeypatch, shared, failures)


def test_a_party_that_is_owner_and_node_takes_a_step_once(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[tuple[str, ...]] = []
    lines: list[str] = []

    class Ordered:
        def __init__(self, _stage: Any, parties: Sequence[str], *_: Any) -> None:
            followed.append(tuple(parties))
            self.parties = parties

        def follow(self) -> dict[str, Any]:
            return {party: Completed(message=f"agreement:a:{'0' * 64}") for party in self.parties}

    monkeypatch.setattr(dispatch, "_Ordered", Ordered)
    monkeypatch.setattr(dispatch, "say", lines.append)
    monkeypatch.setattr(dispatch, "get_client", lambda **_: nullcontext())
    dispatch.on_each("agree", ("a", "b", "c", "a", "b", "c"), ABOUT)
    assert followed == [("a", "b", "c")]
    assert lines[0].endswith("waits for a, b, c")
