"""What signers read: of minimisation, of who could collude, of what protects each step."""

from __future__ import annotations

import dataclasses

from counterfoil.governance.agreements.diff import changes
from counterfoil.governance.agreements.where import Condition
from counterfoil.governance.contracts.empty_cells import Missing
from counterfoil.governance.contracts.minimisation import Demands, Generalisation
from counterfoil.report.explain import explain, facts
from counterfoil.report.gaps import gaps
from counterfoil.report.guarantees import collusions, guarantees
from tests.unit.conftest import Consortium


def test_signers_read_what_stays_at_the_owners(shared: Consortium) -> None:
    contract = shared.agreement.contracts["loans"]
    coarse = {"age": Generalisation(bottom=20, top=80, band=10), "region": Generalisation(prefix=1)}
    columns = tuple(dataclasses.replace(each, generalise=coarse.get(each.name)) for each in contract.columns)
    demands = Demands(k=5, diversity=2, closeness=0.4, left_behind=2.5, sample=50)
    changed = dataclasses.replace(contract, columns=columns, demands=demands)
    words = explain(dataclasses.replace(shared.agreement, contracts={"loans": changed}))
    for line in (
        "age leaves its owner nothing below 20, nothing above 80, in bands of 10",
        "region leaves its owner by the first 1 characters",
        "50 % of the rows, taken at random, take part",
        "5 rows or more are alike in their quasi-identifiers, or nothing leaves",
        "up to 2.5 % of the rows stay behind, because too few are like them",
        "rows that are alike have 2 values or more of every sensitive column",
        "rows that are alike are within 0.4 of all rows in every sensitive column",
    ):
        assert f"  {line}\n" in words
    assert "leaves its owner" not in explain(shared.agreement)


def test_it_says_who_must_work_together_to_learn_what(shared: Consortium) -> None:
    told = {each.who: each.learns for each in collusions(shared.agreement)}
    assert next(iter(told)) == "any two of node-0, node-1, node-2"
    assert told["any two of node-0, node-1, node-2"] == "everything that all owners hand in"
    assert "by subtracting their own" in told["all but one of the 4 owners under loans, with bank-a or regulator"]
    assert told["one node and all recipients"] == "nothing but the released results"
    text = explain(shared.agreement)
    assert all(f"  {who}: {learns}" in text for who, learns in told.items())
    assert facts(shared.agreement)["collusions"] == [{"who": who, "learns": told[who]} for who in told]


def test_it_says_what_protects_each_step(shared: Consortium) -> None:
    for suite, words in (("rep3", "follows the protocol"), ("rep4", "does whatever it likes")):
        steps = {each.step: each for each in guarantees(dataclasses.replace(shared.agreement, suite=suite))}
        assert list(steps) == ["check and minimise", "hand in", "compute", "open counts", "review", "release", "read"]
        assert words in steps["compute"].against
    assert "  open counts: how many inputs were rejected" in explain(shared.agreement)


def test_each_step_says_who_could_read_what(shared: Consortium) -> None:
    steps = {each.step: each.reads for each in guarantees(shared.agreement)}
    assert {step for step, reads in steps.items() if reads["two nodes"] == "everything"} == {*steps} - {
        "check and minimise"
    }
    for step, reads in steps.items():
        assert reads["one node"] in ("nothing", "counts"), step
        assert reads["coordinator or exchange"] in ("nothing", "counts"), step
        assert reads["reviewers"] in ("nothing", "counts"), step
        assert (reads["recipients"] == "results") == (step in ("release", "read")), step
        assert "checkers" not in reads
    checked = dataclasses.replace(shared.agreement, checkers=("regulator",))
    assert {each.step: each.reads["checkers"] for each in guarantees(checked)}["review"] == "results"
    line = (
        "everything: two nodes; counts: one node, coordinator or exchange, reviewers and recipients; its own: an owner"
    )
    assert f"    {line}\n" in explain(shared.agreement)


def test_signers_read_what_is_limited(shared: Consortium) -> None:
    limited = dataclasses.replace(shared.agreement, admitted={"loans": ("balance", "region")}, iterations=3)
    words = explain(limited)
    assert "No analysis uses other columns of loans than balance and region.\n" in words
    assert "Nodes compute 3 times at most for one week" in words
    assert "other columns" not in explain(shared.agreement)
    assert changes(shared.agreement, limited) == [
        "computations for one period: was 12, becomes 3",
        "columns of loans that analyses may use: balance, region added",
        "columns of loans that analyses may use: every column removed",
    ]


def test_it_says_which_rows_each_analysis_is_about_and_why(shared: Consortium) -> None:
    whole = shared.agreement
    assert "no empty cell" not in explain(whole)
    contract = whole.contracts["loans"]
    column = next(plan.columns[0] for plan in whole.analyses if plan.contract == "loans")
    users = [plan.name for plan in whole.analyses if plan.contract == "loans" and column in plan.columns]
    columns = [
        dataclasses.replace(each, missing=Missing("leave-out")) if each.name == column else each
        for each in contract.columns
    ]
    gappy = dataclasses.replace(
        whole, contracts={**whole.contracts, "loans": dataclasses.replace(contract, columns=tuple(columns))}
    )
    said = [line for line in explain(gappy).split("\n") if "no empty cell" in line]
    assert len(said) == sum(plan.contract == "loans" for plan in whole.analyses)
    assert all(f"no empty cell in {column}; " in line for line in said)
    assert all(facts(gappy)["analyses"][each]["left_out_where_empty"] == [column] for each in users)
    assert all(line.endswith(f"{column} is needed by {', '.join(users)}") for line in said)


def test_a_column_of_a_filter_leaves_out_rows_like_any_other(shared: Consortium) -> None:
    whole = shared.agreement
    contract = whole.contracts["loans"]
    columns = [
        dataclasses.replace(each, missing=Missing("leave-out")) if each.name == "age" else each
        for each in contract.columns
    ]
    plans = [
        dataclasses.replace(plan, where=(Condition("age", 18, 64, "age is from 18 to 64"),))
        if plan.analysis == "total"
        else plan
        for plan in whole.analyses
        if "age" not in plan.columns
    ]
    gappy = dataclasses.replace(
        whole,
        contracts={**whole.contracts, "loans": dataclasses.replace(contract, columns=tuple(columns))},
        analyses=tuple(plans),
    )
    filtered = [plan.name for plan in plans if plan.where]
    assert filtered and gaps(gappy, "loans") == {"age": filtered}
