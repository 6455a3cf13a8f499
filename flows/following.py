"""One party's run of a stage as the coordinator follows it: how long it may wait and run, and when it is done again.

Knows no Prefect client: it is told states, and says what is to be done next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.states import Failed

from counterfoil import clock
from counterfoil_prefect.flows.stages import MENDABLE, START_S, Stage

TRIES: Final = 3
BACK_OFF_S: Final = 5.0
"""After the first failure that may pass; four times that after the second."""
OVER_S: Final = 60.0
"""A party's worker ends an overdue run itself; the coordinator does when the worker has not, so much later."""
STOP_S: Final = 60.0
"""For how long a run that was asked to stop is waited for; its worker looks every few seconds."""


class Next(Enum):
    """What is to be done about a run."""

    WAIT = "wait"
    START = "start"
    STOP = "stop"
    GIVE_UP = "give up"


@dataclass
class Followed:
    """A run of the stage at one party, or several in turn if it is repeated; times are of one clock, in seconds."""

    stage: Stage
    party: str
    start_s: float = START_S
    run: UUID | None = None
    end: State[Any] | None = None
    tries: int = field(init=False, default=0)
    shown: str = field(init=False, default="to be ordered")
    since: str = field(init=False, default="")
    is_cancelling: bool = field(init=False, default=False)
    _ordered: float = field(init=False, default=0.0)
    _begun: float | None = field(init=False, default=None)
    _asked: float | None = field(init=False, default=None)
    _reason: State[Any] | None = field(init=False, default=None)
    _again: float | None = field(init=False, default=0.0)

    def order(self, run: UUID, now: float) -> None:
        """Note that the run was ordered."""
        self.run, self.tries = run, self.tries + 1
        self._ordered, self._begun, self._asked, self._again, self.is_cancelling = now, None, None, None, False
        self._show("ordered")

    def see(self, state: State[Any] | None, now: float) -> None:
        """Note the state that the server has of the run; without one it is not there any more."""
        if self.end is not None or self.run is None:
            return
        state = state or Failed(name="Gone", message="its run was taken off the server")
        if state.is_final():
            self._ended(state, now)
            return
        if (state.is_running() or state.is_paused()) and self._begun is None:
            self._begun = now
        self.is_cancelling = state.is_cancelling()
        if self.is_cancelling and self._asked is None:
            self._asked = now
        self._show(state.name or "")

    def due(self, now: float) -> Next:
        """Decide what is to be done now."""
        if self.end is not None:
            return Next.WAIT
        if self.run is None:
            return Next.START if self._again is not None and now >= self._again else Next.WAIT
        if self._asked is not None:
            return Next.GIVE_UP if now > self._asked + STOP_S else Next.WAIT
        if self._begun is None and now > self._ordered + self.start_s:
            self._reason = Failed(
                name="NotStarted",
                message=f"its worker did not begin within {self.start_s:.0f} s, since {self.since}; start it, and the "
                "period again",
            )
            return Next.STOP
        if self._begun is not None and now > self._begun + self.stage.limit_s + OVER_S:
            self._reason = Failed(name="TimedOut", message=f"stopped after {self.stage.limit_s:.0f} s")
            return Next.STOP
        return Next.WAIT

    def stop(self, now: float) -> None:
        """Note that it was asked to stop."""
        if self.run is None:
            self.end = self.end or Failed(name="Cancelled", message="not done again: it failed at another party")
        elif self._asked is None:
            self._asked = now

    def give_up(self, now: float) -> None:
        """End it, since it was asked to stop and nobody answered."""
        unanswered: State[Any] = Failed(
            name="Unresponsive", message=f"its worker did not stop it within {STOP_S:.0f} s, if it runs"
        )
        self._ended(self._reason or unanswered, now)

    def note(self, shown: str) -> None:
        """Note what it waits for, in words, before it is ordered."""
        self._show(shown)

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop, by anybody."""
        return self._asked is not None

    @property
    def is_late(self) -> bool:
        """Whether it is ordered, and no worker has begun it."""
        return self.end is None and self.run is not None and self._begun is None

    def _ended(self, state: State[Any], now: float) -> None:
        state = state if state.is_completed() else self._reason or state
        self._show(state.name or "")
        may_pass = state.name in MENDABLE - {"Cancelled"}
        if state.is_completed() or not (self.stage.repeatable and may_pass and self.tries < TRIES):
            self.end = state
            return
        self.run, self._reason = None, None
        self._again = now + BACK_OFF_S * 4 ** (self.tries - 1)

    def _show(self, shown: str) -> None:
        if shown != self.shown:
            self.shown, self.since = shown, f"{clock.now():%Y-%m-%d %H:%M:%S} UTC"
