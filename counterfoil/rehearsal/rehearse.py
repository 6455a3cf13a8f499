"""Rehearse an agreement: its whole job but for keys, signatures, sealing and Prefect, in this process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from counterfoil import clock
from counterfoil.analyses.base import Analysis, Result
from counterfoil.errors import DocumentError, IntegrityError, NotFoundError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.parties.outline import outline_roster
from counterfoil.joint.planning import read_planned, read_roster
from counterfoil.joint.rehearsal import same_as_pooled
from counterfoil.rehearsal.brought import Brought, Given, bring
from counterfoil.rehearsal.computing import compute
from counterfoil.rehearsal.results import Rehearsal, made_of

SEED: Final = 7
"""Of the tables that are made, unless told."""


def rehearse(
    agreement: Path | str,
    tables: Mapping[str, Given] | None = None,
    *,
    rows: int | None = None,
    seed: int = SEED,
    roster: Path | str | None = None,
) -> Rehearsal:
    """Run the job of an agreement's file in this process, signed or not, and return what its recipients would get.

    An owner's table is the given one, by the owner's id (or `owner/contract`): a DataFrame, or the path of a file. For
    others one is made of the contract, of so many `rows`, or as many as suit it. Tables are checked, minimised, and
    split into shares; as many threads as the agreement has nodes compute on these, by its suite and its disclosure
    rules, under the plan digests of the real job.
    Nothing is signed, sealed, logged or remembered, nobody reviews, and no privacy budget is charged.

    Where all tables are made, noise is the same for the same seed; noise on own rows is never.

    Raises: CounterfoilError and its kin, as the stages of the job do; IntegrityError where an exact result is not the
        pooled answer.
    """
    if rows is not None and rows < 1:
        raise DocumentError(f"rows must be 1 or more, not {rows}")
    if seed < 0:
        raise DocumentError(f"seed must be 0 or more, not {seed}")
    path, today = Path(agreement), clock.today()
    if path.is_dir():
        raise NotFoundError(f"{path} is a folder; give the agreement's file in it: agreements/NAME.agreement.yaml")
    raw, source = read_roster(path, Path(roster) if roster is not None else None)
    parties = outline_roster(raw, source, today)
    terms, plans = read_planned(path, parties)
    terms.check_not_over(today)
    period = terms.schedule.period(max(today, terms.starts))
    brought = bring(terms, period, path.resolve().parent.parent / "data", tables or {}, rows, seed)
    job = Job(terms.digest, period, {str(part): "rehearsed" for part in terms.parts})
    own = any(each.own for each in brought.values())
    computed = compute(terms, brought, job, None if own else _key(seed))
    results = {name: analysis.presented(computed.numbers[name]) for name, analysis in plans.items()}
    _check_pooled(terms, plans, results, brought)
    return Rehearsal(
        title=terms.title, period=period, results=results, about=made_of(brought, seed), rehearsed=True,
        terms=terms, brought=brought, computed=computed, has_keys=parties.raw == raw,
    )  # fmt: skip


def _key(seed: int) -> bytes:
    return hashlib.sha256(b"counterfoil/rehearsal/1" + str(seed).encode()).digest()


def _check_pooled(
    terms: Agreement, plans: Mapping[str, Analysis], results: Mapping[str, Result], brought: Mapping[Part, Brought]
) -> None:
    """Check every exact or bounded number that is shown against the pooled tables, which here are all at hand."""
    for name, analysis in plans.items():
        contract = analysis.planned.contract
        own, shown = (
            [brought[Part(owner, contract)].table for owner in terms.owners_under(contract)],
            results[name].tables[0],
        )
        if not same_as_pooled(shown, analysis.answer(own, shown)):
            raise IntegrityError(
                f"{name}, {analysis.key} version {analysis.version}: not what pooling these tables gives; do not run it"
            )
