"""How the coordinator has a stage run at other parties: their own deployments, side by side, and a reference from each.

What comes back is a state's name and message, which the party wrote; a false one harms that party alone.
No state is forced: a run keeps what it has become meanwhile.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Cancelling, Failed

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import NotFoundError, StageError
from counterfoil.turns import Holder, take_turn
from counterfoil_prefect.flows.following import Followed, Next
from counterfoil_prefect.flows.stages import STAGES, START_S, Stage
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.runs import About
from counterfoil_prefect.mpc_tasks.server import Contact, patiently
from counterfoil_prefect.mpc_tasks.show import Board, Place

POLL_S = 0.5
GRACE_S = 10.0
TURN_S = 4 * 3600.0
"""For how long a job waits for another job of the same nodes."""
SILENT_S = 50.0
"""A worker says every 15 s that it is there, as it comes; three times missed, it is off."""
_AWAY_S = 5.0
"""A look that takes longer found no server; that time is nobody's fault."""


def on_each(stage: str, parties: Sequence[str], about: About, **parameters: Any) -> dict[str, Ref]:
    """Have the stage done at every party; return the reference that each ended with. A page says who is waited for.

    Once it failed at one, the others have a short while to end by themselves. No wait here is without end: a run that
    is not begun, that takes too long, or that was asked to stop and does not, ends by a limit with a name of its own.

    Raises: StageError, DocumentError; NotFoundError if a party's deployment is not on the server; BusyNodeError when
        another job holds the nodes; UnreachableError.
    """
    declared, contact = STAGES[stage], Contact()
    parties = tuple(dict.fromkeys(parties))  # one that is owner and node takes the step once
    title = about.title(parameters.get("attempt"))
    with ExitStack() as stack:
        if declared.together:
            _take_turns(stack, parties, f"{stage} of {title}")
        # Prefect's client would wait for minutes after each failure; here a server that is back is seen at once.
        stack.enter_context(temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}))
        client = stack.enter_context(get_client(sync_client=True))
        say(f"{stage} of {title}: waits for {', '.join(parties)}")
        ends = _Ordered(declared, parties, about, parameters, client, contact).follow()
    if failed := {party: state for party, state in ends.items() if not state.is_completed()}:
        told = "; ".join(f"{party}: {state.name}: {state.message or ''}" for party, state in failed.items())
        names = {party: state.name or "Unknown" for party, state in failed.items()}
        raise StageError(f"{stage} failed at {told}", names)
    say(f"{stage} of {title}: done at {', '.join(parties)}")
    return {party: Ref.parse(state.message or "") for party, state in ends.items()}


def start(
    stage: str, party: str, about: About, *, once: str | None = None, as_child: bool = False, **parameters: Any
) -> UUID:
    """Order the stage at the party; return the id of its run. The same `once` never orders it twice.

    Raises: NotFoundError if its deployment is not on the server; UnreachableError.
    """
    order = partial(
        run_deployment,
        f"{stage}/{party}",
        parameters={name: _plain(value) for name, value in parameters.items()},
        flow_run_name=about.name(stage, party, parameters.get("attempt")),
        tags=about.tags(stage, party, parameters.get("attempt")),
        timeout=0,
        idempotency_key=once,
        as_subflow=once is None or as_child,
    )
    try:
        return cast(FlowRun, patiently(order)).id
    except ObjectNotFound:
        raise NotFoundError(
            f"the server has no deployment {stage}/{party}; put it there: counterfoil deploy "
            f"{about.agreement or 'AGREEMENT'}"
        ) from None


class _Ordered:
    """A stage under way at several parties."""

    def __init__(
        self,
        stage: Stage,
        parties: Sequence[str],
        about: About,
        parameters: Mapping[str, Any],
        client: SyncPrefectClient,
        contact: Contact,
    ) -> None:
        self._stage = stage
        self._about = about
        self._board = Board(stage.name, about.title(parameters.get("attempt")))
        self._parameters = parameters
        self._client = client
        self._contact = contact
        self._name = secrets.token_hex(8)
        self._away = 0.0
        self._runs = {party: Followed(stage, party, START_S) for party in parties}
        self._seen: dict[str, datetime] = {}
        self._failed_at: float | None = None

    def follow(self) -> dict[str, State[Any]]:
        """Follow every run to its end; return the state that it ended in, by party."""
        begun = self._now()
        if self._stage.together:
            self._wait_for_workers(begun)
        while any(run.end is None for run in self._runs.values()):
            for run in self._runs.values():
                self._act(run)
            time.sleep(POLL_S)
            self._look()
            self._hurry()
            self._page()
        return {party: run.end for party, run in self._runs.items() if run.end is not None}

    def _now(self) -> float:
        return time.monotonic() - self._away

    def _look(self) -> None:
        wanted = {run.run: run for run in self._runs.values() if run.run is not None and run.end is None}
        if not wanted:
            return
        before = time.monotonic()
        ask = partial(self._client.read_flow_runs, flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(wanted))))
        found = {each.id: each.state for each in patiently(ask, self._contact)}
        if (took := time.monotonic() - before) > _AWAY_S:
            self._away += took
        for id, run in wanted.items():
            run.see(found.get(id), self._now())

    def _act(self, run: Followed) -> None:
        match run.due(self._now()):
            case Next.START:
                once = f"{self._name}-{run.party}-{run.tries}"
                id = start(self._stage.name, run.party, self._about, once=once, as_child=True, **self._parameters)
                run.order(id, self._now())
            case Next.STOP:
                self._stop(run)
            case Next.GIVE_UP:
                if run.is_cancelling:  # and so can become nothing else any more
                    self._propose(run, Cancelled(message="ended by the coordinator: no worker answered"))
                run.give_up(self._now())

    def _hurry(self) -> None:
        """Ask what still runs to stop, a short while after the stage failed somewhere."""
        failed = any(run.end is not None and not run.end.is_completed() for run in self._runs.values())
        if failed and self._failed_at is None:
            self._failed_at = self._now()
        if self._failed_at is not None and self._now() > self._failed_at + GRACE_S:
            for run in self._runs.values():
                if run.end is None:
                    self._stop(run)

    def _stop(self, run: Followed) -> None:
        if not run.is_stopping:
            self._propose(run, Cancelling(message="asked to stop by the coordinator"))
        run.stop(self._now())

    def _propose(self, run: Followed, state: State[Any]) -> None:
        """Propose the state, which the server takes unless the run is over; the next look tells what became of it."""
        if run.run is not None:
            with suppress(ObjectNotFound):
                patiently(partial(self._client.set_flow_run_state, run.run, state), self._contact)

    def _wait_for_workers(self, begun: float) -> None:
        """Wait until every party's worker is at work; end the run of one that is not within the limit."""
        while missing := [party for party in self._runs if not self._is_at_work(party)]:
            for party, run in self._runs.items():
                run.note("its worker is off" if party in missing else "waits for the others")
            if self._now() > begun + START_S:
                for party in missing:
                    told = f"its worker was off for {START_S:.0f} s, since {self._runs[party].since}; start it"
                    self._runs[party].end = Failed(name="NotStarted", message=told)
                for run in self._runs.values():
                    run.stop(self._now())
                return
            self._page()
            time.sleep(POLL_S * 4)

    def _is_at_work(self, party: str) -> bool:
        """Tell whether the party's worker sent a heartbeat lately, or since the first look; no pool, no worker."""
        with suppress(ObjectNotFound):
            workers = patiently(partial(self._client.read_workers_for_work_pool, party), self._contact)
            seen = max((each.last_heartbeat_time for each in workers if each.last_heartbeat_time), default=None)
            if seen is not None:
                silent = (clock.now() - seen).total_seconds()
                return abs(silent) < SILENT_S or seen != self._seen.setdefault(party, seen)
        return False

    def _page(self) -> None:
        """Show who is waited for, since when, and how each run ended, whenever that changed."""
        self._board.show(
            [
                Place(
                    party,
                    f"{run.shown}; its worker has not begun it" if run.is_late else run.shown,
                    run.since,
                    (run.end.message or "") if run.end else "",
                    run.end.is_completed() if run.end else None,
                )
                for party, run in self._runs.items()
            ]
        )


def _take_turns(stack: ExitStack, parties: Sequence[str], what: str) -> None:
    """Take the parties' turns, so that no other run at this coordinator orders such a stage until the stack is closed.

    Everybody takes the parties' turns in the same order, so nobody who has one waits for somebody who waits for it.
    """

    def waiting(holder: Holder, party: str) -> None:
        say(f"waits for {party}, which another job has: {holder}")

    for party in sorted(set(parties)):
        folder = home().path / "turns" / party
        take_turn(stack, folder, what, limit_s=TURN_S, waiting=partial(waiting, party=party))


def _plain(value: Any) -> Any:
    return (
        [str(item) for item in value] if isinstance(value, tuple) else str(value) if isinstance(value, Ref) else value
    )
