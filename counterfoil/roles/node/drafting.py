"""How a node ends an attempt: its shares of the results are a draft in its vault, and evidence says what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from counterfoil.analyses.base import Analysis
from counterfoil.disclosure.declaration import Output
from counterfoil.errors import IntegrityError, RefusedError
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.evidence import HIDDEN, Evidence, drafts
from counterfoil.governance.jobs.job import Job, Stage, stage_of
from counterfoil.governance.review.airlock import State, review
from counterfoil.governance.review.decisions import collect
from counterfoil.home import Home
from counterfoil.mpc.ring.shares import Arith, Words
from counterfoil.mpc.runtime.ledger import Declared, Ledger
from counterfoil.mpc.suites.commitments import commit
from counterfoil.mpc.suites.replicated import Replicated
from counterfoil.roles.committed import component_content
from counterfoil.roles.result_names import component_name, salt_name
from counterfoil.secret import Secret


def check_unfinished(home: Home, agreement: SignedAgreement, job: Job) -> None:
    """Refuse when the job's draft is whole; one that some node did not live to sign is made again.

    Raises: RefusedError.

    So is one of which a reviewer asked for changes. One that was rejected or withdrawn is final for its submissions.
    """
    if stage_of(home.state, job.id) is not Stage.DRAFTED:
        return
    whole = (draft for draft in drafts(home.exchange, agreement) if draft.evidence.job == job.id)
    latest = max(whole, key=lambda draft: draft.evidence.attempt, default=None)
    if latest is None:
        return
    match review(latest, collect(latest, home)).state:
        case State.CHANGES_REQUESTED:
            return
        case State.REJECTED | State.WITHDRAWN as ended:
            raise RefusedError(
                f"the draft of job {job.id} was {ended}, which is final for what the owners handed in for "
                f"{job.period}; go on with the next period, or sign a new version of the agreement and have them hand "
                "in anew"
            )
        case State.RELEASED:
            raise RefusedError(f"job {job.id} is released; open it instead")
        case _:
            raise RefusedError(f"job {job.id} has a draft that every node signed; review it instead")


def check_openings(job: Job, ledger: Ledger, allowed: Sequence[Declared]) -> dict[str, int]:
    """Return how often something was opened, by its label.

    Raises: IntegrityError unless it is what was declared: as often, or at most as often where that varies.
    """
    opened, known = Counter(line.label for line in ledger.opened), {line.label: line for line in allowed}
    for label in opened.keys() | known.keys():
        line, often = known.get(label), opened[label]
        if line is None or often > line.maximum or (often < line.maximum and not line.varies):
            raise IntegrityError(f"job {job.id}: {opened.total()} openings, declared are {len(allowed)}")
    return dict(sorted(opened.items()))


def measure(
    analysis: Analysis, hidden: int | None, by_rule: Mapping[str, int], rejected: Mapping[str, int]
) -> dict[str, int]:  # fmt: skip
    """Say what the evidence says of one analysis: how many cells, how many of them hidden, how many inputs rejected.

    How many are hidden is None where the result has noise, and nobody has counted.
    """
    return {
        "cells": _cells(analysis.outputs()),
        **({} if hidden is None else {HIDDEN: hidden}),
        **{f"hidden-by-{rule.replace('_', '-')}": count for rule, count in by_rule.items()},
        **{f"rejected-{owner}": count for owner, count in rejected.items()},
    }


@dataclass(frozen=True, slots=True, repr=False)
class Results(Secret):
    """This node's shares of each analysis' result, with the salts of what all nodes committed to, as a vault has them.

    `commitments` are the same at all nodes.
    """

    items: Mapping[str, Mapping[str, Words]]
    commitments: Mapping[str, Sequence[bytes]]

    def keep(self, evidence: Evidence, home: Home) -> None:
        """They are in the vault as the draft that the evidence is on."""
        for name, arrays in self.items.items():
            home.vault.keep(evidence.job, name, arrays, aad=evidence.digest.encode())


def settle(p: Replicated, results: Mapping[str, Mapping[str, Arith]]) -> Results:
    """Commit to the results, with the other nodes. Cost, Raises: as `commit`."""
    parts = {name: _by_component(p, result) for name, result in results.items()}
    committed = commit(
        p.party, {name: {j: component_content(own, j) for j in p.components} for name, own in parts.items()}
    )
    return Results(
        {
            name: {**own, **{salt_name(j): salt for j, salt in committed[name].salts.items()}}
            for name, own in parts.items()
        },
        {name: made.commitments for name, made in committed.items()},
    )


def _by_component(p: Replicated, result: Mapping[str, Arith]) -> dict[str, Words]:
    """Name the parts of every output `output--component`, so that a recipient can tell which copies are of what."""
    return {
        component_name(output, j): part
        for output, share in result.items()
        for j, part in zip(p.components, share.parts, strict=True)
    }


def _cells(outputs: Sequence[Output]) -> int:
    (safe,) = (output for output in outputs if output.name == "safe")
    return prod(safe.shape)
