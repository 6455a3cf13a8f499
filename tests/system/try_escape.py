"""Runs each flow here as a party's worker would, and prints what the server has of each: `python -m ... FLOW...`.

What they raise names a customer; nobody but the party may ever read that.
"""

from __future__ import annotations

import json
import os
import sys

import httpx

from counterfoil.canonical import Ref
from counterfoil.errors import OutOfBoundsError
from counterfoil_prefect.flows.gate import Gate
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.barrier import guard_logs
from counterfoil_prefect.mpc_tasks.task import mpc_task

SECRET = "customer 4711"
REF = Ref("agreement", "bank-a", "0" * 64)


@mpc_task(name="stumble", version=1)
def stumble() -> Ref:
    raise KeyError(SECRET)


@mpc_task(name="refuse", version=1)
def refuse() -> Ref:
    raise OutOfBoundsError("loans.csv: balance: 3 rows above the maximum")


@stage(Stage(limit_s=60))
def step_stumbles() -> Ref:
    return stumble()


@stage(Stage(limit_s=60))
def step_refuses() -> Ref:
    return refuse()


@stage(Stage(limit_s=60))
def flow_stumbles() -> Ref:
    raise KeyError(SECRET)


@stage(Stage(limit_s=60))
def flow_exits() -> Ref:
    sys.exit(SECRET)


@stage(Stage(limit_s=60))
def flow_is_interrupted() -> Ref:
    raise KeyboardInterrupt(SECRET)


FLOWS = {flow.name: flow for flow in (step_stumbles, step_refuses, flow_stumbles, flow_exits, flow_is_interrupted)}


def main() -> None:
    guard_logs()
    gate = Gate(FLOWS.values(), lambda run: None)
    with httpx.Client(base_url=os.environ["PREFECT_API_URL"], timeout=60) as client:
        for name in FLOWS:
            flow = client.post("/flows/", json={"name": name}).json()
            run = client.post("/flow_runs/", json={"flow_id": flow["id"], "state": {"type": "PENDING"}}).json()["id"]
            gate(run, name, {}).execute()
            state = client.get(f"/flow_runs/{run}").json()["state"]
            sys.stdout.write(json.dumps([name, state["type"], state["name"], state["message"]]) + "\n")


if __name__ == "__main__":
    main()
