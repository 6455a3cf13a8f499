"""A job in the clear on synthetic data, before the nodes meet: the agreed analyses give the pooled answer there.

Every node makes the same tables from the contracts alone, takes them through the code that owners, nodes and recipients
run (with values in place of shares), and compares with what pooling the tables gives. A wrong analysis is found before
any real share is touched. Knows no node, and no real table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from counterfoil.analyses.base import ResultTable
from counterfoil.canonical import digest, jcs
from counterfoil.data.minimising.minimise import minimise
from counterfoil.data.reading.table import Table
from counterfoil.data.synthetic import synth
from counterfoil.errors import IntegrityError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.contracts.minimisation import Demands
from counterfoil.joint.computation import JointComputation, analyses, local_parts
from counterfoil.mpc.ring.shares import Arith, as_ring, as_signed
from counterfoil.mpc.suites.plain.protocol import Plain

ROWS: Final = 1_000
"""Of each synthetic table, unless its contract allows no more than fewer."""

RELATIVE: Final = 1e-12
"""Of a value, beside its own bound: floating point on the way to a quotient."""

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was rehearsed: how many rows there were in all, and the digest of the pooled answers, to six digits."""

    rows: int
    digest: str


def rehearse(agreement: Agreement) -> Rehearsal:
    """Check that every analysis gives the pooled answer on synthetic data; the same at every party.

    What noise was added to is not compared, and what is hidden only in that it is.

    Raises: IntegrityError naming the analysis that does not; PlanError, ContractError, QualityRuleError.
    """
    tables = make_tables(agreement, int(agreement.digest[:8], 16))
    plans = analyses(agreement)
    opened = compute(agreement, tables)
    answers = {}
    for name, analysis in plans.items():
        contract = analysis.planned.contract
        own = [tables[Part(owner, contract)] for owner in agreement.owners_under(contract)]
        table = analysis.present(opened[name]).tables[0]
        pooled = analysis.answer(own, table)
        if not same_as_pooled(table, pooled):
            raise IntegrityError(
                f"{name}, {analysis.key} version {analysis.version}: wrong on synthetic data; do not run it"
            )
        answers[name] = _written(pooled)
    return Rehearsal(sum(table.rows for table in tables.values()), digest(jcs(answers)))


def make_tables(agreement: Agreement, seed: int, most: int = ROWS) -> dict[Part, Table]:
    """Make a table for every part, minimised as its owner would, from the contracts and the seed alone.

    The same at every node, and of one contract under two agreements among the same owners: nothing of it is drawn anew.
    Each has its first `most` rows alone, if they are more.
    """
    contracts = {contract.source: contract for contract in agreement.contracts.values()}
    rows = min(ROWS, *(contract.most_rows for contract in contracts.values()))
    made: dict[Part, Table] = {}
    for index, owner in enumerate(agreement.owners):
        drawn = synth.make_tables(contracts, rows, [seed, index])
        for name in agreement.holdings[owner]:
            columns = {column for plan in agreement.analyses if plan.contract == name for column in plan.needed}
            whole = drawn[agreement.contracts[name].source]
            # Nothing is sampled or left behind: that is drawn anew each time, and there are no people here.
            everybody = replace(
                whole, data=whole.data.slice(0, most), contract=replace(whole.contract, demands=Demands())
            )
            made[Part(owner, name)] = minimise(everybody, columns).table
    return made


def compute(agreement: Agreement, tables: Mapping[Part, Table]) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Compute what would be released of these tables, by analysis and output, with values in place of shares.

    Raises: IntegrityError where sums that should agree do not.
    """
    joint = JointComputation(Plain(), agreement)
    shares = {
        part: {name: Arith((as_ring(array),)) for name, array in local_parts(agreement, part.contract, table).items()}
        for part, table in tables.items()
    }
    joint.check(shares, {part: table.rows for part, table in tables.items()})
    for plan in agreement.analyses:
        joint.evaluate(plan.name)
    if wrong := [str(each) for each, same in joint.compare().items() if not same]:
        raise IntegrityError(f"{'; '.join(wrong)}: do not agree on synthetic data; do not run them")
    joint.add_noise()
    joint.suppress()
    return {
        name: {output: as_signed(value.parts[0]) for output, value in outputs.items()}
        for name, outputs in joint.finish().items()
    }


def same_as_pooled(table: ResultTable, pooled: pd.DataFrame) -> bool:
    """Return whether every number that is shown, and has no noise, is the pooled one within its bound."""
    for name, measure in table.measures.items():
        if measure.label == "noised" or name not in pooled:
            continue
        shown = table.frame[name].notna().to_numpy()
        got, wanted = (frame[name].to_numpy()[shown].astype(float) for frame in (table.frame, pooled))
        # Whole and decimal numbers are to be the same; a quotient may differ by floating point on its way.
        float_error = RELATIVE * (1 + np.abs(wanted)) if pooled[name].dtype.kind == "f" else 0.0
        bound = np.array(measure.bounds)[shown] if measure.bounds else measure.bound
        if not (np.abs(got - wanted) <= bound + float_error).all():
            return False
    return True


def _written(frame: pd.DataFrame) -> list[list[str]]:
    """Write the table's numbers to so many digits that every machine writes the same."""
    numbers = [name for name in frame if is_numeric_dtype(frame[name].dtype) and not is_bool_dtype(frame[name].dtype)]
    return [[str(name), *(f"{value:.{_DIGITS}g}" for value in frame[name].astype(float))] for name in numbers]
