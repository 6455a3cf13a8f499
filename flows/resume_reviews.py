"""At the coordinator, every few minutes: suspended reviews whose quorum has come go on.

It leaves no trail of runs that found nothing to do: each deletes those before it.
"""

from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.flow_runs import resume_flow_run

from counterfoil import clock
from counterfoil.errors import CounterfoilError
from counterfoil_prefect.flows.parameters import parse
from counterfoil_prefect.flows.review import LOOK_AGAIN, review
from counterfoil_prefect.flows.stage import Answer, stage
from counterfoil_prefect.flows.stages import Schedule, Stage
from counterfoil_prefect.mpc_tasks.count import missing_approvals, standing
from counterfoil_prefect.mpc_tasks.runs import About, call_run, forget_quiet_runs

QUIET = "Quiet"
"""The state's name of a run that found nothing to do."""
SUSPENDED = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Suspended"])))


@stage(
    Stage(
        roles=("coordinator",),
        limit_s=300,
        title="have decided reviews go on",
        schedule=Schedule(slug="often", interval=300),
        ends={
            "Quiet": "nothing: no review was decided; the next look deletes this run",
        },
    )
)
def resume_reviews() -> Answer:
    """Have decided reviews go on, also those that can no longer be approved, to say so; return how many."""
    call_run(About())
    resumed = 0
    with get_client(sync_client=True) as client:
        waiting = client.read_flow_runs(
            flow_run_filter=SUSPENDED, flow_filter=FlowFilter(name=FlowFilterName(any_=[review.name]))
        )
    for run in waiting:
        if _decided(run.parameters):
            resume_flow_run(run.id, run_input=LOOK_AGAIN)
            resumed += 1
    forget_quiet_runs(QUIET)
    return Answer(resumed, "Completed" if resumed else QUIET)


def _decided(parameters: dict[str, Any]) -> bool:
    try:
        asked = parse(review.fn, parameters)
        return missing_approvals(standing(asked["agreement"], asked["evidence"], clock.today())) == 0
    except CounterfoilError:
        return True  # the review itself says what is wrong
