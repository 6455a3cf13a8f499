"""What an agreement limits is stopped by each node while it computes, whatever the coordinator orders."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from counterfoil import clock
from counterfoil.errors import AgreementError, CounterfoilError, LimitError
from counterfoil.joint.computation import JointComputation, array_specs
from counterfoil.mpc.suites.plain import Plain
from tests.lib.agreements import AGREEMENT_FILE, another
from tests.lib.consortium import NODES, OWNERS, Consortium, compute, found, together

pytestmark = pytest.mark.slow
ROWS = 1000
LIMIT = "limits:\n  iterations: 12\n"


def allow(iterations: int) -> Callable[[Path], None]:
    def edit(contracts: Path) -> None:
        file = contracts / AGREEMENT_FILE
        file.write_text(file.read_text().replace("iterations: 12", f"iterations: {iterations}"))

    return edit


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found(tmp_path_factory.mktemp("banks"), ROWS, edit=allow(2))


def test_one_computation_too_many_is_stopped_by_every_node(banks: Consortium) -> None:
    """An attempt that dies counts, and so does another job of the period, with other submissions."""
    tables = {owner: banks.table(owner) for owner in OWNERS}
    first, again = ([banks.hand_in(owner, tables[owner]) for owner in OWNERS] for _ in range(2))
    dying = [banks.computation(node, first) for node in NODES]
    together([partial(attempt.meet, clock.today()) for attempt in dying])
    for attempt in dying:
        attempt.fail(LimitError("killed"))
    banks.analyse(first, attempt=2)

    for owner in OWNERS:
        banks.forget(owner)

    def refused(node: str) -> str:
        with pytest.raises(LimitError, match=r"allows 2 computations for .*, and so many there were") as error:
            compute(banks.computation(node, again))
        return str(error.value)

    before = banks.homes["node-0"].exchange.list(("evidence",))
    assert len(together([partial(refused, node) for node in NODES])) == len(NODES)
    assert banks.homes["node-0"].exchange.list(("evidence",)) == before


def test_a_column_that_is_not_admitted_is_in_no_agreement(banks: Consortium, tmp_path: Path) -> None:
    admitted = "balance, income, age, region, product, days_past_due"
    limit = {"  iterations: 2\n": f"  iterations: 2\n  columns: {{loans: [{admitted}]}}\n"}
    with pytest.raises(AgreementError, match="default_flag is not among the columns that 'limits' admits"):
        another(banks, tmp_path / "narrow", {AGREEMENT_FILE: limit})


def test_the_steps_of_a_computation_have_one_order(banks: Consortium) -> None:
    """Whatever order they are asked for in, nothing but the agreed one ends in shares that could be released."""
    terms, dice = banks.agreement, random.Random(5)
    plans = [plan.name for plan in terms.analyses]
    shares = {
        part: {
            name: np.full(spec.shape, min(max(spec.low, 0), spec.high), np.int64)
            for name, spec in array_specs(terms, part.contract, ROWS).items()
        }
        for part in terms.parts
    }

    def order(steps: list[str]) -> JointComputation:
        p = Plain()
        joint = JointComputation(p, terms)
        inputs = {part: {name: p.constant(array) for name, array in given.items()} for part, given in shares.items()}
        for step in steps:
            if step in plans:
                joint.evaluate(step)
            elif step == "check":
                joint.check(inputs, dict.fromkeys(terms.parts, ROWS))
            else:
                getattr(joint, step)()
        return joint

    right = ["check", *plans, "add_noise", "suppress"]
    assert order(right).finish().keys() == set(plans)
    for trial in range(40):
        wrong = right.copy()
        match dice.choice(("shuffle", "leave out", "twice")):
            case "shuffle":
                dice.shuffle(wrong)
            case "leave out":
                wrong.pop(dice.randrange(len(wrong)))
            case "twice":
                wrong.insert(dice.randrange(1, len(wrong) + 1), dice.choice(plans))
        if (
            [step for step in wrong if step not in plans] == ["check", "add_noise", "suppress"]
            and set(wrong[1:-2]) == {*plans}
            and len(wrong) == len(right)
        ):
            continue  # analyses among themselves may come in any order
        with pytest.raises(CounterfoilError):
            order(wrong).finish()
            raise AssertionError(f"trial {trial}: {wrong}")
