"""What people are told of jobs, from runs as a server has them: who is waited for, what failed, what mends it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Completed, Failed, Paused, Pending, Running

from counterfoil_prefect.deployments.jobs import Job, jobs, named_by, seen, told

OFF = {"hospital-b": "2026-11-28 07:00:00 UTC"}


def run(stage: str, party: str, state: State[Any], attempt: int = 0, period: str = "2026-w48") -> FlowRun:
    said = {"agreement": "ours", "period": period, "stage": stage, "party": party}
    tags = [f"{name}:{value}" for name, value in said.items()] + ([f"attempt:{attempt}"] if attempt else [])
    return FlowRun(id=uuid4(), flow_id=uuid4(), name=stage, tags=tags, state=state)


def job(*runs: FlowRun) -> Job:
    """The job of these runs, the latest first, as a server lists them."""
    (found,) = jobs(map(seen, runs))
    return found


def lines(*runs: FlowRun, off: dict[str, str] | None = None) -> str:
    return "\n".join(told(job(*runs), off or {}))


BEGUN = run("collaborate", "hospital-a", Running())


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([run("agree", "hospital-b", Pending()), BEGUN], ["agree, done at 0 of 1", "waits for hospital-b: agree is "]),
        ([run("agree", "hospital-b", Completed()), BEGUN], ["agree, done at 1 of 1"]),
        ([run("review", "hospital-a", Paused()), run("collaborate", "hospital-a", Completed())],
         ["in review", "waits for reviewers since", "counterfoil review list ours"]),
        ([run("review", "hospital-a", Completed())], ["released"]),
        ([run("collaborate", "hospital-a", Completed(name="In review"))], ["in review, "]),
        (
            [
                run("contribute", "hospital-b", Failed(name="MissingColumnError", message="a.csv: no column days")),
                run("collaborate", "hospital-a", Failed(name="StageError", message="contribute failed")),
            ],
            [
                "failed at collaborate",
                "contribute failed at hospital-b: MissingColumnError: a.csv: no column days",
                "mend that at hospital-b",
                "counterfoil run ours --period 2026-w48",
            ],
        ),
        (
            [
                run("contribute", "hospital-b", Failed(name="PeriodTableError", message="no table")),
                run("collaborate", "hospital-a", Failed(name="StageError", message="contribute failed")),
            ],
            ["put the table of then into its home"],
        ),
        ([run("collaborate", "hospital-a", Failed(name="ExpiredError", message="over"))], ["ExpiredError: over"]),
    ],
)  # fmt: skip
def test_a_job_is_told_in_words_that_say_what_to_do(runs: list[FlowRun], words: list[str]) -> None:
    text = lines(*runs)
    for each in words:
        assert each in text, text


def test_a_worker_that_is_off_is_named_with_the_command_that_starts_it() -> None:
    text = lines(run("agree", "hospital-b", Pending()), BEGUN, off=OFF)
    assert "its worker is off since 2026-11-28 07:00:00 UTC" in text
    assert "the worker of hospital-b is off" in text and "counterfoil worker" in text


def test_what_failed_in_an_earlier_attempt_is_over() -> None:
    earlier = run("analyse", "hospital-b", Failed(name="PeerLostError", message="gone"), attempt=1)
    later = run("analyse", "hospital-c", Running(), attempt=2)
    assert "PeerLostError" not in lines(later, earlier, BEGUN)
    assert "PeerLostError" in lines(earlier, BEGUN)


def test_a_job_moves_until_it_waits_for_people_or_is_over() -> None:
    assert job(BEGUN).moves
    assert not job(run("review", "hospital-a", Paused())).moves
    assert not job(run("review", "hospital-a", Completed()), BEGUN).moves
    assert not job(run("collaborate", "hospital-a", Failed(name="StageError", message=""))).moves


def test_what_a_party_wrote_makes_one_line() -> None:
    text = lines(
        run("contribute", "hospital-b", Failed(name="DataError", message="a\nerror: b\x1b[2J")),
        run("collaborate", "hospital-a", Failed(name="StageError", message="")),
    )
    assert "\nerror: b" not in text and "\x1b" not in text


def test_periods_are_jobs_of_their_own() -> None:
    found = jobs(map(seen, [BEGUN, run("collaborate", "hospital-a", Completed(), period="2026-w47")]))
    assert [each.period for each in found] == ["2026-w48", "2026-w47"]


def test_an_order_without_a_period_is_found_by_its_agreement_before_it_has_begun() -> None:
    ordered = FlowRun(
        id=uuid4(), flow_id=uuid4(), name="collaborate", tags=["agreement:ours", "stage:collaborate"], state=Pending()
    )
    found, alone = named_by("ours", map(seen, [ordered]))
    assert not found and [each.run.id for each in alone] == [ordered.id]
    assert named_by("theirs", map(seen, [ordered])) == ([], [])
    assert named_by("ours 2026-w48", map(seen, [ordered])) == ([], [])


@pytest.mark.parametrize(
    ("text", "number"), [("ours", 2), ("2026-w47", 1), ("ours 2026-w48", 1), ("theirs", 0), (None, 2)]
)
def test_jobs_are_named_by_agreement_and_period(text: str | None, number: int) -> None:
    runs = [BEGUN, run("collaborate", "hospital-a", Completed(), period="2026-w47")]
    assert len(named_by(text, map(seen, runs))[0]) == number
