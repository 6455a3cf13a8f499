"""Nothing of a noised result leaves before its recipients are charged: not even how many of its cells are hidden."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.joint.computation import BY_RULE, HIDDEN, JointComputation, local_parts
from counterfoil.joint.openings import declared
from counterfoil.joint.rehearsal import make_tables
from counterfoil.mpc.runtime.ledger import Ledger
from counterfoil.mpc.suites.plain import Plain
from counterfoil.report.leakage import statement
from counterfoil.roles.node.drafting import measure
from tests.lib.agreements import AGREEMENT_FILE, POLICY_FILE
from tests.lib.consortium import found
from tests.lib.private import BUDGET, LAPLACE, only, private

PLANS = ("total-exposure", "balance-histogram")


def banks(*noised: str, instead: bool = False) -> Callable[[Path], None]:
    def edit(contracts: Path) -> None:
        file = contracts / AGREEMENT_FILE
        text = only(file.read_text(), PLANS)
        text = private(text, dict.fromkeys(noised, LAPLACE), BUDGET) if noised else text
        file.write_text(text.replace("privacy:", "noiseInstead:") if instead else text)
        policy = contracts / POLICY_FILE
        policy.write_text(
            policy.read_text() + f"  count_by_rule: true\n  noise_instead_of_refusal: {str(instead).lower()}\n"
        )

    return edit


def suppressed(terms: Agreement, *, instead: bool = False) -> tuple[JointComputation, Ledger]:
    ledger = Ledger(declared(terms))
    joint = JointComputation(Plain(ledger), terms)
    tables = make_tables(terms, 7, 200)
    p = joint.p
    shares = {
        part: {name: p.constant(array) for name, array in local_parts(terms, part.contract, table).items()}
        for part, table in tables.items()
    }
    joint.check(shares, {part: table.rows for part, table in tables.items()})
    if instead:
        joint.since = {"loans": [(None,) * len(terms.owners)]}  # nobody knows that anything has changed
        assert joint.look_back() == ("loans",)
    for plan in terms.analyses:
        joint.evaluate(plan.name)
    joint.compare()
    joint.add_noise()
    joint.suppress()
    return joint, ledger


@pytest.mark.parametrize(
    ("noised", "instead", "counted"),
    [((), False, PLANS), (PLANS[:1], False, PLANS[1:]), (PLANS, False, ()), (PLANS, True, ())],
)
def test_hidden_cells_are_counted_of_exact_results_alone(
    noised: tuple[str, ...], instead: bool, counted: tuple[str, ...], tmp_path: Path
) -> None:
    terms = found(tmp_path, 200, edit=banks(*noised, instead=instead)).agreement
    joint, ledger = suppressed(terms, instead=instead)
    assert set(joint.progress.hidden) == set(joint.progress.by_rule) == set(counted)
    shapes = {line.label: line.shape for line in ledger.opened}
    assert shapes.get(HIDDEN) == ((len(counted),) if counted else None)
    assert (BY_RULE in shapes) == bool(counted)
    said = {line.label: line.varies for line in declared(terms)}
    assert said.get(HIDDEN) == said.get(BY_RULE) == (instead if counted or instead else None)
    told = statement(terms, tuple(joint._analyses.values()), declared(terms))
    assert ("cells of each exact analysis" in told) == (HIDDEN in said)


def test_evidence_says_nothing_of_a_noised_result_that_is_not_paid_for(tmp_path: Path) -> None:
    terms = found(tmp_path, 200, edit=banks(*PLANS)).agreement
    joint, _ = suppressed(terms)
    for name, analysis in joint._analyses.items():
        assert set(measure(analysis, joint.progress.hidden.get(name), {}, {})) == {"cells"}
