"""What the coordinator makes of a party's run, state by state and second by second."""

from __future__ import annotations

import signal
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Cancelling, Completed, Failed, Pending, Running, Scheduled

from counterfoil.errors import StageError, UnreachableError
from counterfoil_prefect.flows import dispatch
from counterfoil_prefect.flows.following import BACK_OFF_S, OVER_S, STOP_S, TRIES, Followed, Next
from counterfoil_prefect.flows.stages import MENDABLE, STAGES, Stage, stages_of
from counterfoil_prefect.flows.worker import lost
from counterfoil_prefect.mpc_tasks import server
from counterfoil_prefect.mpc_tasks.runs import About

ONCE = Stage(name="once", roles=("owner",), limit_s=100.0)
AGAIN = Stage(name="again", roles=("owner",), limit_s=100.0, repeatable=True)


def ordered(stage: Stage, now: float = 0.0) -> Followed:
    run = Followed(stage, "bank-a", start_s=50.0)
    assert run.due(now) is Next.START
    run.order(uuid4(), now)
    return run


def failed(name: str) -> State[Any]:
    return Failed(name=name, message="so it is")


def test_what_completes_is_over() -> None:
    run = ordered(ONCE)
    for now, state in enumerate((Scheduled(), Pending(), Running(), Completed(message="x"))):
        assert run.due(now) is Next.WAIT
        run.see(state, now)
    assert run.end is not None and run.end.is_completed() and run.due(1e9) is Next.WAIT


def test_what_is_not_begun_is_asked_to_stop_and_named() -> None:
    run = ordered(ONCE)
    run.see(Scheduled(), 50.0)
    assert (run.due(50.0), run.due(50.5)) == (Next.WAIT, Next.STOP)
    run.stop(51.0)
    run.see(Cancelled(), 51.5)
    assert run.end is not None and run.end.name == "NotStarted"
    assert "did not begin within 50 s, since 20" in (run.end.message or "")


def test_what_takes_too_long_is_asked_to_stop_and_given_up_if_nobody_answers() -> None:
    run = ordered(ONCE)
    run.see(Running(), 10.0)
    assert (run.due(110.0 + OVER_S), run.due(111.0 + OVER_S)) == (Next.WAIT, Next.STOP)
    run.stop(200.0)
    run.see(Cancelling(), 201.0)
    assert (run.due(200.0 + STOP_S), run.due(201.0 + STOP_S)) == (Next.WAIT, Next.GIVE_UP)
    assert run.is_cancelling
    run.give_up(300.0)
    assert run.end is not None and run.end.name == "TimedOut"


def test_a_run_that_ended_well_while_it_was_asked_to_stop_ended_well() -> None:
    run = ordered(ONCE)
    run.see(Running(), 1.0)
    run.stop(2.0)
    run.see(Completed(message="x"), 3.0)
    assert run.end is not None and run.end.is_completed()


def test_whom_somebody_else_asked_to_stop_is_not_waited_for_without_end() -> None:
    run = ordered(ONCE)
    run.see(Cancelling(), 5.0)
    assert run.is_stopping and run.due(6.0 + STOP_S) is Next.GIVE_UP
    run.give_up(6.0 + STOP_S)
    assert run.end is not None and run.end.name == "Unresponsive"


@pytest.mark.parametrize("name", sorted(MENDABLE - {"Cancelled"}))
def test_what_may_pass_is_done_again_after_a_pause(name: str) -> None:
    run = ordered(AGAIN)
    now = 0.0
    for tries in range(1, TRIES):
        run.see(failed(name), now)
        assert (run.end, run.run, run.tries) == (None, None, tries)
        pause = BACK_OFF_S * 4 ** (tries - 1)
        assert (run.due(now + pause - 0.1), run.due(now + pause)) == (Next.WAIT, Next.START)
        now += pause
        run.order(uuid4(), now)
    run.see(failed(name), now)
    assert run.end is not None and run.end.name == name


@pytest.mark.parametrize("name", ["Cancelled", "IntegrityError", "RefusedError", "InternalError", "Refused"])
def test_what_does_not_pass_or_was_stopped_by_a_person_is_not(name: str) -> None:
    run = ordered(AGAIN)
    run.see(Cancelled() if name == "Cancelled" else failed(name), 1.0)
    assert run.end is not None and run.end.name == name


def test_one_that_may_not_be_repeated_is_not() -> None:
    run = ordered(ONCE)
    run.see(failed("StoreError"), 1.0)
    assert run.end is not None


def test_a_run_that_was_taken_away_is_over() -> None:
    run = ordered(AGAIN)
    run.see(None, 1.0)
    assert run.end is not None and run.end.name == "Gone"


def test_what_changes_something_that_counts_once_is_not_repeatable() -> None:
    assert {name for name, stage in STAGES.items() if not stage.repeatable} == {
        "collaborate", "analyse", "review", "resume_reviews"
    }  # fmt: skip
    assert [name for name, stage in STAGES.items() if stage.together] == ["analyse"]
    assert stages_of(["coordinator"]) == ("collaborate", "resume_reviews", "review")


def test_a_failure_is_told_by_party(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {"bank-a": Completed(message="x"), "bank-b": failed("StoreError")}
    monkeypatch.setattr(dispatch._Ordered, "follow", lambda _: ends)
    monkeypatch.setattr(dispatch, "say", lambda _: None)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(StageError) as error:
        dispatch.on_each("agree", tuple(ends), About("exposure"), agreement="x")
    assert error.value.failures == {"bank-b": "StoreError"}
    assert "agree failed at bank-b: StoreError: so it is" in str(error.value)


def test_an_address_is_told_without_what_is_secret_in_it() -> None:
    with temporary_settings({PREFECT_API_URL: "http://me:secret@prefect.example.org:4200/api?token=secret"}):
        assert server.address() == "http://prefect.example.org:4200/api"
    with temporary_settings(restore_defaults={PREFECT_API_URL}), pytest.raises(UnreachableError, match="is not set"):
        server.address()


def test_ids_are_uuids() -> None:
    assert isinstance(ordered(ONCE).run, UUID)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGKILL, "killed by SIGKILL, by the system's kernel if memory was short"),
        (-signal.SIGSEGV, "ended by SIGSEGV; the output of its party's worker says more"),
        (-60, "ended by signal 60;"),
        (1, "without a word, with exit code 1; the output of its party's worker"),
    ],
)
def test_a_lost_process_is_told_with_its_signal_and_where_to_look(code: int, words: str) -> None:
    assert words in lost(code)
