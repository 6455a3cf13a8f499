"""Owners and nodes that agree to all and compute nothing: `python -m tests.system.try_consortium HOME...`.

What the coordinator does is what is tried. A node signs evidence on made-up inputs, the same as the others' for a
period. An owner has no table for a period that a file of its home names.
"""

import hashlib
import os
import sys
from pathlib import Path

from counterfoil import clock
from counterfoil.canonical import Ref
from counterfoil.errors import PeriodTableError
from counterfoil.governance.jobs.evidence import make_evidence, sign_evidence
from counterfoil.governance.jobs.job import Job
from counterfoil_prefect.flows.parameters import Count, Id, Refs, RefText
from counterfoil_prefect.flows.stage import stage
from counterfoil_prefect.flows.stages import Stage
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.verify import signed
from tests.system.try_parties import each_in_a_process, work

WITHOUT = "without-table"


@stage(Stage(limit_s=60))
def agree(agreement: RefText) -> Ref:
    return agreement


@stage(Stage(limit_s=60))
def contribute(agreement: RefText, contract: Id, period: Id) -> Ref:
    missing = home().path / WITHOUT
    if missing.exists() and period in missing.read_text().split():
        raise PeriodTableError(f"data: no {contract}.{period}.csv")
    return Ref("manifest", home().party, hashlib.sha256(f"{home().party} {period}".encode()).hexdigest())


@stage(Stage(limit_s=60))
def analyse(agreement: RefText, period: Id, submissions: Refs, attempt: Count) -> Ref:
    terms = signed(agreement, clock.today())
    made = make_evidence(
        Job(terms.digest, period, {str(part): _made_up(period) for part in terms.terms.parts}),
        attempt,
        terms,
        measures={plan.name: {"cells": 24, "hidden-cells": 1} for plan in terms.terms.analyses},
        commitments={plan.name: [bytes(32) for _ in terms.terms.nodes] for plan in terms.terms.analyses},
        checks={},
        leakage="1" * 64,
        transcript=_made_up(period),
    )
    sign_evidence(made, home().keys, home().exchange)
    return Ref("evidence", home().party, made.digest)


def _made_up(period: str) -> str:
    return hashlib.sha256(period.encode()).hexdigest()


def party(folder: str) -> None:
    os.environ["COUNTERFOIL_HOME"] = folder
    work(Path(folder).name, (agree, contribute, analyse))


if __name__ == "__main__":
    each_in_a_process(sys.argv[1:], party)
