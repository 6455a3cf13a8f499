"""Orders a stage at parties as a coordinator does, and prints how it ended: `python -m ... JSON`.

The stage is declared here, with short limits; everything else is the real thing.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from prefect import flow

from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError
from counterfoil_prefect.flows import dispatch, following
from counterfoil_prefect.flows.stages import STAGES, Stage
from counterfoil_prefect.mpc_tasks.barrier import guard_logs
from counterfoil_prefect.mpc_tasks.runs import About


def main() -> None:
    wish: dict[str, Any] = json.loads(sys.argv[1])
    declared = Stage(**{"roles": (), "limit_s": 60, **wish["stage"]})
    STAGES[declared.name] = declared
    for name, value in wish.get("limits", {}).items():
        setattr(dispatch if hasattr(dispatch, name) else following, name, value)
    guard_logs()

    @flow(name="coordinate")
    def coordinate() -> str:
        try:
            parameters = {"agreement": Ref.parse(wish["agreement"])}
            for _ in range(wish.get("rounds", 1)):
                ends = dispatch.on_each(declared.name, wish["parties"], About("trial", "2026-w47"), **parameters)
        except CounterfoilError as error:
            failures = getattr(error, "failures", {})
            return json.dumps({"error": type(error).__name__, "failures": failures, "said": str(error)})
        return json.dumps({"ends": {party: str(end) for party, end in ends.items()}})

    sys.stdout.write(coordinate() + "\n")


if __name__ == "__main__":
    main()
