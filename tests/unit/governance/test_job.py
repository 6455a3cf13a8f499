"""Jobs: ids that nobody can choose, stages that nobody can skip, attempts that never come again."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.canonical import check_id
from counterfoil.errors import RefusedError, ReplayError
from counterfoil.governance.jobs.job import (
    MAX_ATTEMPTS,
    NEXT,
    Event,
    Job,
    Stage,
    advance,
    plan_job,
    stage_of,
    start_attempt,
)
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.storage.state import State
from tests.unit.conftest import PERIOD, TODAY, Consortium
from tests.unit.governance.submitting import OWNERS, manifest

JOB = "0" * 32
DIGESTS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
JOBS = st.builds(Job, DIGESTS, st.sampled_from([PERIOD, "2026-w49"]), st.dictionaries(st.sampled_from(OWNERS), DIGESTS))

#: by stage, the events that follow and where they lead; everything else is refused
FOLLOWS: Mapping[str, Mapping[str, str]] = {
    "ready": {"start": "running", "erase": "erased"},
    "running": {"start": "running", "fail": "ready", "halt": "halted", "draft": "drafted"},
    "drafted": {"start": "running", "approve": "approved", "reject": "rejected", "erase": "erased"},
    "approved": {"release": "released", "erase": "erased"},
    "rejected": {"erase": "erased"},
    "released": {"erase": "erased"},
    "halted": {"erase": "erased"},
    "erased": {"erase": "erased"},
}


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.open(tmp_path / "state.sqlite")


@pytest.mark.parametrize(("stage", "event"), [*itertools.product(Stage, Event)])
def test_each_event_follows_where_the_table_says_and_nowhere_else(stage: Stage, event: Event, state: State) -> None:
    state.put("job-stage", JOB, stage.encode())
    expected = FOLLOWS[stage].get(event)
    if expected:
        assert advance(state, JOB, event) == expected == stage_of(state, JOB)
    else:
        with pytest.raises(RefusedError, match=f"is {stage}: {event} does not follow"):
            advance(state, JOB, event)
        assert stage_of(state, JOB) == stage
    assert len(NEXT) == sum(map(len, FOLLOWS.values()))


class Overtaken(State):
    """Another process of the party advances the job as soon as this one has looked."""

    by: Event | None = None

    def get(self, space: str, key: str) -> bytes:
        found = super().get(space, key)
        if event := self.by:
            self.by = None
            advance(self, key, event)
        return found


@pytest.mark.parametrize(
    ("overtaking", "event", "stage"),
    [
        (Event.APPROVE, Event.REJECT, Stage.APPROVED),  # of two that exclude each other one counts
        (Event.APPROVE, Event.APPROVE, Stage.APPROVED),
        (Event.APPROVE, Event.ERASE, Stage.ERASED),  # what follows on either is not lost
    ],
)
def test_an_event_follows_on_what_another_process_did_meanwhile(
    overtaking: Event, event: Event, stage: Stage, tmp_path: Path
) -> None:
    state = Overtaken.open(tmp_path / "state.sqlite")
    for before in (Event.START, Event.DRAFT):
        advance(state, "j", before)
    state.by = overtaking
    if stage is Stage.ERASED:
        assert advance(state, "j", event) is stage
    else:
        with pytest.raises(RefusedError, match=f"job j is {stage}: {event} does not follow"):
            advance(state, "j", event)
    assert stage_of(state, "j") is stage


def test_a_stage_survives_a_restart(state: State, tmp_path: Path) -> None:
    advance(state, JOB, Event.START)
    advance(state, JOB, Event.DRAFT)
    assert stage_of(State.open(tmp_path / "state.sqlite"), JOB) is Stage.DRAFTED


def test_attempts_only_rise(state: State, tmp_path: Path) -> None:
    start_attempt(state, JOB, 1)
    advance(state, JOB, Event.FAIL)
    start_attempt(state, JOB, 3)
    for stale in (0, 1, 2, 3):
        with pytest.raises(ReplayError):
            start_attempt(State.open(tmp_path / "state.sqlite"), JOB, stale)
    advance(state, JOB, Event.FAIL)
    with pytest.raises(ReplayError):
        start_attempt(state, JOB, 3)
    assert stage_of(state, JOB) is Stage.READY  # what is refused does not begin


def test_a_job_is_not_tried_for_ever(state: State) -> None:
    with pytest.raises(RefusedError, match="a person must look"):
        start_attempt(state, JOB, MAX_ATTEMPTS + 1)


def test_a_halted_job_is_not_tried_again(state: State) -> None:
    start_attempt(state, JOB, 1)
    advance(state, JOB, Event.HALT)
    with pytest.raises(RefusedError, match="is halted"):
        start_attempt(state, JOB, 2)


@given(JOBS, JOBS)
def test_two_jobs_share_an_id_only_if_they_are_the_same(one: Job, other: Job) -> None:
    assert (one.id == other.id) == (one == other)
    check_id(one.id)
    assert len(bytes.fromhex(one.id)) == 16


@given(JOBS)
def test_an_id_does_not_depend_on_the_order_of_submissions(job: Job) -> None:
    assert Job(job.agreement, job.period, dict(reversed(job.submissions.items()))).id == job.id


def test_an_id_is_the_first_half_of_a_digest_that_anybody_can_check() -> None:
    text = '{"agreement":"%s","format":"counterfoil/job/1","period":"2026-w48","submissions":{"bank-a/loans":"%s"}}'
    raw = (text % ("a" * 64, "b" * 64)).encode()
    assert Job("a" * 64, "2026-w48", {"bank-a/loans": "b" * 64}).id == hashlib.sha256(raw).hexdigest()[:32]


def test_a_job_takes_one_submission_of_every_owner(shared: Consortium) -> None:
    agreement = shared.known("node-0")
    manifests = [manifest(shared, owner) for owner in OWNERS]
    job = plan_job(agreement, PERIOD, manifests, TODAY)
    assert job.submissions == {f"{made.owner}/loans": made.digest for made in manifests}
    assert plan_job(agreement, PERIOD, reversed(manifests), TODAY).id == job.id


@pytest.mark.parametrize("absent", OWNERS)
def test_a_job_lacks_no_owner(absent: str, shared: Consortium) -> None:
    manifests = [manifest(shared, owner) for owner in OWNERS if owner != absent]
    with pytest.raises(RefusedError, match=f"lacks the submission of {absent}/loans"):
        plan_job(shared.known("node-0"), PERIOD, manifests, TODAY)


def test_an_owner_counts_once_in_a_job(shared: Consortium) -> None:
    manifests: list[Manifest] = [manifest(shared, owner) for owner in (*OWNERS, "bank-a")]
    with pytest.raises(ReplayError, match="bank-a/loans is twice"):
        plan_job(shared.known("node-0"), PERIOD, manifests, TODAY)


@pytest.mark.parametrize("change", [{"agreement": "0" * 64}, {"period": "2026-w47"}])
def test_a_submission_for_another_job_is_refused(change: dict[str, str], shared: Consortium) -> None:
    manifests = [manifest(shared, owner) for owner in OWNERS[1:]]
    with pytest.raises(RefusedError, match="is for another job"):
        plan_job(shared.known("node-0"), PERIOD, [*manifests, manifest(shared, "bank-a", **change)], TODAY)


def test_a_job_of_a_period_that_is_not_due_is_refused(shared: Consortium) -> None:
    with pytest.raises(RefusedError, match="2026-w49"):
        plan_job(shared.known("node-0"), "2026-w49", [], TODAY)
