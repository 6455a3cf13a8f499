"""Noise and budgets as they are agreed: every rule broken once, and what signers read."""

from __future__ import annotations

import dataclasses

import pytest

from counterfoil.errors import AgreementError, ContractError, PlanError, RangeError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.diff import changes
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import compare
from counterfoil.governance.contracts.minimisation import Demands
from counterfoil.joint.computation import analyses, losses
from counterfoil.report.explain import explain, facts
from counterfoil.report.leakage import statement
from tests.lib.private import BUDGET, GAUSSIAN, NOISED, private
from tests.unit.conftest import Consortium
from tests.unit.governance.complaints import complaint, line_of
from tests.unit.governance.test_agreement import CONTRACT, EXPOSURE, LOANS, parse

PRIVATE = private(EXPOSURE)
END = "  - property: minimumCount\n"


def contract(*properties: str) -> Contract:
    """The contract of the loans with further properties."""
    text = LOANS.replace(END, "".join(f"  - {each}\n" for each in properties) + END)
    return parse_contract(text.encode(), "loans.odcs.yaml")


PERSON = "{property: rowsPerPerson, value: {columns: [customer_id], most: 2}}"
CAP = "{property: privacyBudget, value: {epsilon: 2, delta: 0.0001}}"

BROKEN = {
    "unknown mechanism": ("mechanism: laplace", "mechanism: uniform", "privacy:", "one of laplace, gaussian"),
    "epsilon of nothing": ("laplace, epsilon: 0.5", "laplace, epsilon: 0", "privacy:", "must be more than 0"),
    "epsilon as text": ("laplace, epsilon: 0.5", "laplace, epsilon: '1'", "privacy:", "must be a number"),
    "no epsilon": ("laplace, epsilon: 0.5", "laplace", "privacy:", "'epsilon' is missing"),
    "laplace with a delta": ("laplace, epsilon: 0.5", "laplace, epsilon: 1, delta: 0.1", "privacy:", "has no delta"),
    "gaussian without one": (GAUSSIAN, "{mechanism: gaussian, epsilon: 1}", "privacy: {mechanism: g", "needs a delta"),
    "delta of a half": ("delta: 0.0000001", "delta: 0.5", "privacy: {mechanism: g", "at most 0.1"),
    "more than the budget": ("laplace, epsilon: 0.5", "laplace, epsilon: 3.1", "privacy:", "the whole budget of reg"),
    "more delta than the budget": ("delta: 0.0000001", "delta: 0.00001", "privacy: {mechanism: g", "the whole budget"),
    "no budget": (BUDGET, "analyses:\n", "privacy:", "bank-a has no budget for loans; add a line"),
    "two budgets": ("bank-a, epsilon: 3", "regulator, epsilon: 3", "recipient: regulator#2", "an earlier line"),
    "budget for a stranger": ("recipient: bank-a,", "recipient: bank-b,", "recipient: bank-b", "no analysis under"),
    "budget without delta": ("3, delta: 0.000001}", "3}", "recipient: regulator", "'delta' is missing"),
    "alert beyond all": ("alert: 50", "alert: 101", "alert", "at most 100"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named_with_its_line_and_what_to_change(name: str, shared: Consortium) -> None:
    old, new, place, words = BROKEN[name]
    assert old in PRIVATE
    text = PRIVATE.replace(old, new, 1)
    part, _, nth = place.partition("#")
    with pytest.raises(AgreementError) as error:
        parse(text, shared.roster)
    complaint(error, "exposure.agreement.yaml", line_of(text, part, int(nth or 1)), words)


def test_noise_is_not_for_rows_that_stay_behind_because_of_others(shared: Consortium) -> None:
    shy = dataclasses.replace(CONTRACT, demands=Demands(k=3, left_behind=5))
    with pytest.raises(AgreementError) as error:
        parse(PRIVATE, shared.roster, {"loans": shy})
    complaint(error, "exposure.agreement.yaml", line_of(PRIVATE, "privacy:"), "one person decides about many")


def test_the_contracts_own_budget_binds_too(shared: Consortium) -> None:
    agreement = parse(PRIVATE, shared.roster, {"loans": contract(CAP)})
    assert [str(cap) for cap in agreement.caps("loans", "bank-a")] == [
        "ε = 3, δ = 0.000001, over any 90 days",
        "ε = 2, δ = 0.0001, for good",
    ]
    small = CAP.replace("epsilon: 2", "epsilon: 0.4")
    with pytest.raises(AgreementError, match=r"more than the whole budget of regulator, ε = 0\.4"):
        parse(PRIVATE, shared.roster, {"loans": contract(small)})


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (PERSON.replace("customer_id", "customer"), "no column 'customer'; did you mean 'customer_id'?"),
        (PERSON.replace("most: 2", "most: 0"), "at least 1"),
        (CAP.replace("delta: 0.0001", "delta: 1"), "at most 0.1"),
        (CAP.replace(", delta: 0.0001", ""), "'delta' is missing"),
    ],
)
def test_a_contract_that_says_nonsense_of_persons_is_refused(broken: str, words: str) -> None:
    with pytest.raises(ContractError) as error:
        contract(broken)
    assert words in str(error.value)
    assert str(error.value).startswith("loans.odcs.yaml:")


def test_persons_are_told_apart_by_columns_that_are_never_empty() -> None:
    text = LOANS.replace(END, f"  - {PERSON}\n{END}")
    before, after = text.split("- name: customer_id", 1)
    text = (
        before
        + "- name: customer_id"
        + after.replace("required: true", "required: false", 1).replace("primaryKey: true", "primaryKey: false", 1)
    )
    with pytest.raises(ContractError, match="tells persons apart, so it is never empty"):
        parse_contract(text.encode(), "loans.odcs.yaml")


def test_a_plans_digest_binds_its_noise(shared: Consortium) -> None:
    digests = [{plan.name: plan.plan_digest for plan in each.analyses} for each in versions(shared)]
    for name in ("total-exposure", "balance-histogram", "balance-by-region-and-product"):
        assert len({each[name] for each in digests}) == (3 if name == "total-exposure" else 2)
    assert len({each["correlation-of-shared-rows"] for each in digests}) == 1


def versions(shared: Consortium) -> list[Agreement]:
    """Exact, noised, and noised otherwise."""
    louder = private(EXPOSURE, {**NOISED, "total-exposure": "{mechanism: laplace, epsilon: 0.25}"})
    return [shared.agreement, parse(PRIVATE, shared.roster), parse(louder, shared.roster)]


def test_signers_read_what_noise_protects_whom_and_what_it_may_cost(shared: Consortium) -> None:
    exact, noised, _ = versions(shared)
    assert "All results are exact: no noise is added." in explain(exact)
    words = explain(parse(PRIVATE, shared.roster, {"loans": contract(PERSON)}))
    for line in (
        "    with Laplace noise, ε = 0.5\n",
        "    with Gaussian noise, ε = 1, δ = 0.0000001\n",
        "It does not cover correlation-of-pre-aggregates, correlation-of-shared-rows and exposure-without-one-bank, "
        "whose results are exact.\n",
        "  under loans it hides one person with up to 8 rows in all\n",
        "  regulator may learn of loans in all ε = 3, δ = 0.000001, for good; then every node refuses\n",
        "  bank-a may learn of loans in all ε = 3, δ = 0.000001, over any 90 days; then every node refuses\n",
    ):
        assert line in words, line
    assert "  under loans it hides one row\n" in explain(noised)
    assert [line["caps"] for line in facts(noised)["budgets"]] == [
        ["ε = 3, δ = 0.000001, for good"],
        ["ε = 3, δ = 0.000001, over any 90 days"],
    ]


def test_the_leakage_statement_says_it_too(shared: Consortium) -> None:
    exact, noised, _ = versions(shared)
    told = [statement(each, tuple(analyses(each).values()), ()) for each in (exact, noised)]
    assert "Noise that no node knows" not in told[0]
    for words in (
        "- total-exposure: Laplace noise, ε = 0.5\n",
        "- loans: one row\n",
        "- regulator, of loans: ε = 3, δ = 0.000001, for good",
        "No noise is added to correlation-of-pre-aggregates, correlation-of-shared-rows and exposure-without-one-bank.",
    ):
        assert words in told[1], words


def test_changes_of_noise_and_budgets_are_told(shared: Consortium) -> None:
    exact, noised, other = versions(shared)
    found = changes(exact, noised)
    assert "total-exposure: was exact, becomes Laplace noise, ε = 0.5" in found
    assert (
        "what noised results under loans may tell regulator: was nothing, becomes ε = 3, δ = 0.000001, for good"
    ) in found
    assert "total-exposure: was Laplace noise, ε = 0.5, becomes Laplace noise, ε = 0.25" in changes(noised, other)
    quiet = parse(PRIVATE.replace("alert: 50", "alert: 60"), shared.roster)
    assert changes(noised, quiet) == [
        "what noised results under loans may tell bank-a: an alert was at 50 %, becomes at 60 %"
    ]


def test_a_contract_that_protects_others_is_told_apart() -> None:
    comparison = compare(contract(PERSON), contract(PERSON.replace("most: 2", "most: 1"), CAP))
    assert {change.text.split(":")[0] for change in comparison.changes} != set()
    assert "protection" in comparison.broken


def test_every_analysis_of_the_demo_but_one_takes_noise(shared: Consortium) -> None:
    names = {plan.name for plan in shared.agreement.analyses} - {"exposure-without-one-bank"}
    for clause in set(NOISED.values()):
        agreement = parse(private(EXPOSURE, dict.fromkeys(names, clause)), shared.roster)
        assert set(losses(agreement)) == names


def test_an_analysis_that_takes_no_noise_says_so(shared: Consortium) -> None:
    agreement = parse(
        private(EXPOSURE, {**NOISED, "exposure-without-one-bank": NOISED["total-exposure"]}), shared.roster
    )
    with pytest.raises(PlanError, match="leave_one_out takes no noise; remove 'privacy'"):
        analyses(agreement)


def test_noise_that_could_wrap_is_refused(shared: Consortium) -> None:
    agreement = parse(
        private(EXPOSURE, {**NOISED, "total-exposure": "{mechanism: laplace, epsilon: 0.0000001}"}), shared.roster
    )
    with pytest.raises(RangeError, match=r"could pass 2\^62|not above 0 and below"):
        analyses(agreement)
