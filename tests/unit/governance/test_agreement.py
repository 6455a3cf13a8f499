"""Every rule of agreements: one broken line each, and the message that names it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import AgreementError, DocumentError, ExpiredError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.parse import parse_agreement
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.parties.roster import Roster, parse_roster
from counterfoil.governance.policies.policy import Policy, parse_policy
from counterfoil.governance.policies.rules import Rules
from tests.unit.conftest import CONTRACTS, IDS, Consortium
from tests.unit.governance.complaints import complaint, line_of

EXPOSURE = (CONTRACTS / "agreements" / "exposure.agreement.yaml").read_text()
OWNERS = "owners:\n" + "".join(f"  bank-{letter}: [loans]\n" for letter in "abcd")
LIMITS = "limits:\n  iterations: 12\n"
LOANS = (CONTRACTS / "data" / "loans.odcs.yaml").read_text()
STRICT = (CONTRACTS / "policies" / "strict-counts.policy.yaml").read_text()


CONTRACT = parse_contract(LOANS.encode(), "loans.odcs.yaml")
POLICY = parse_policy(STRICT.encode(), "strict-counts.policy.yaml")


def parse(
    text: str, roster: Roster, contracts: dict[str, Contract] | None = None, policies: list[Policy] | None = None
) -> Agreement:
    source = "exposure.agreement.yaml"
    return parse_agreement(text.encode(), source, contracts or {"loans": CONTRACT}, policies or [POLICY], roster)


THINGS = "  - {property: notAboutPersons, value: true}\n"

# name: (what stands in the agreement, what is put there, where the complaint points to, words of the complaint)
BROKEN = {
    "other kind": ("kind: Agreement", "kind: Contract", "kind:", 'must be "Agreement"'),
    "no iteration": ("iterations: 12", "iterations: 0", "iterations", "at least 1"),
    "a limit for no contract": (LIMITS, LIMITS + "  columns: {loan: [balance]}\n", "loan:", "no contract 'loan'"),
    "a limit for no column": (LIMITS, LIMITS + "  columns: {loans: [balanc]}\n", "balanc]", "did you mean 'balance'?"),
    "a column beyond the limit": (
        LIMITS,
        LIMITS + "  columns: {loans: [balance, income, age, region, product, days_past_due]}\n",
        "columns: [balance, income, age, days_past_due, default_flag]",
        "default_flag is not among the columns that 'limits' admits",
    ),
    "unknown suite": ("suite: rep3", "suite: rep5", "suite:", "must be one of rep3, rep4"),
    "suite with other nodes": ("suite: rep3", "suite: rep4", "nodes:", "takes 4 nodes, 3 are named"),
    "unknown field": ("suite: rep3", "suite: rep3\nbudgets: 1", "budgets", "did you mean 'budget'"),
    "no quorum": ("  quorum: 2\n", "", "review:", "'quorum' is missing"),
    "quorum of none": ("quorum: 2", "quorum: 0", "quorum", "at least 1"),
    "quorum beyond the reviewers": ("quorum: 2", "quorum: 4", "quorum", "more than the 3 reviewers"),
    "no proposer": ("  proposer: bank-a\n", "", "review:", "'proposer' is missing"),
    "proposer who takes no part": ("proposer: bank-a", "proposer: bank-e", "proposer:", "did you mean 'bank-"),
    "checker who receives nothing": (
        "quorum: 2",
        "quorum: 2\n  checkers: [reviewer-1]",
        "checkers:",
        "reviewer-1 is no recipient here; a checker is both",
    ),
    "checker who does not review": (
        "quorum: 2",
        "quorum: 2\n  checkers: [regulator]",
        "checkers:",
        "regulator is no reviewer here; a checker is both",
    ),
    "quorum true": ("quorum: 2", "quorum: true", "quorum", "must be a whole number"),
    "other roster": ("roster: four-banks", "roster: five-banks", "roster:", "given is 'four-banks'"),
    "contract as a path": ("loans: loans.odcs.yaml", "loans: ../loans.odcs.yaml", "loans: ..", "not written as asked"),
    "policy as a path": ("- strict-counts.policy.yaml", "- /etc/x.policy.yaml", "/etc", "not written as asked"),
    "no owner": (OWNERS, "owners: {}\n", "owners:", "at least 1"),
    "owner without a table": ("bank-d: [loans]", "bank-d: []", "bank-d:", "at least 1"),
    "table twice": ("bank-d: [loans]", "bank-d: [loans, loans]", "bank-d:", "the same entry twice"),
    "unknown table": ("bank-d: [loans]", "bank-d: [loan]", "bank-d:", "no contract 'loan'; did you mean 'loans'?"),
    "nobody's table": (OWNERS, OWNERS.replace("loans", "loan"), "loans:", "no owner has a table under this contract"),
    "unknown owner": ("bank-d: [loans]", "bank-e: [loans]", "bank-e:", "no party 'bank-e'; did you mean 'bank-"),
    "owner who is none": ("bank-d: [loans]", "regulator: [loans]", "regulator:", "is recipient, not owner"),
    "node who is none": ("node-1, node-2]", "node-1, bank-a]", "nodes:", "not node"),
    "nodes in another order": ("node-1, node-2]", "node-2, node-1]", "nodes:", "order: node-0, node-1, node-2"),
    "coordinator who is none": ("coordinator: coordinator", "coordinator: bank-a", "coordinator:", "not coordinator"),
    "reviewer who is none": ("reviewer-2, reviewer-3]", "reviewer-2, bank-b]", "reviewers:", "not reviewer"),
    "recipient who is none": (
        "recipients: [regulator, bank-a]",
        "recipients: [regulator, bank-b]",
        "recipients:",
        "not recipient",
    ),
    "starts is no day": ('starts: "2026-11-01"', 'starts: "2026-11-31"', "starts:", "not a day of the calendar"),
    "ends before it starts": ('expires: "2028-10-31"', 'expires: "2026-10-31"', "expires:", "before 'starts'"),
    "outlives its contract": ('expires: "2028-10-31"', 'expires: "2029-10-31"', "loans: loans", "before the agreement"),
    "weekly without a weekday": ("  weekday: monday\n", "", "schedule:", "needs 'weekday'"),
    "daily with a weekday": ("every: week", "every: day", "weekday:", "remove it"),
    "monthly without a day": ("every: week\n  weekday: monday", "every: month", "schedule:", "needs 'day'"),
    "time without minutes": ('at: "06:00"', 'at: "6"', "at:", "HH:MM"),
    "time beyond midnight": ('at: "06:00"', 'at: "24:00"', "at:", "HH:MM"),
    "keeps shares too long": ("shares: 30", "shares: 91", "shares:", "keep shares 90 days"),
    "two analyses of one name": (
        "name: balance-histogram",
        "name: total-exposure",
        "name: total-exposure#2",
        "is there twice",
    ),
    "analysis version 0": (
        "analysis: total\n    version: 1",
        "analysis: total\n    version: 0",
        "version: 0",
        "at least 1",
    ),
    "analysis without a purpose": (
        "    purpose: Where exposure is concentrated.\n",
        "",
        "- name: balance-by",
        "'purpose' is missing",
    ),
    "unknown contract": (
        "contract: loans\n    columns: [balance]\n    parameters:\n      column: balance\n    rec",
        "contract: loan\n    columns: [balance]\n    parameters:\n      column: balance\n    rec",
        "contract: loan\n",
        "did you mean 'loans'",
    ),
    "unknown column": (
        "columns: [balance, region, product]",
        "columns: [balance, regions, product]",
        "columns: [balance, regions",
        "no column 'regions'; did you mean 'region'?",
    ),
    "column twice": (
        "columns: [balance, region, product]",
        "columns: [balance, balance]",
        "columns: [balance, balance",
        "the same entry twice",
    ),
    "an identifier": (
        "columns: [balance, region, product]",
        "columns: [customer_id]",
        "columns: [customer_id",
        "is an identifier and never enters",
    ),
    "a column beyond its purpose": (
        "columns: [balance, region, product]",
        "columns: [income]",
        "columns: [income",
        "may not be used for 'mean_by_group'",
    ),
    "an analysis that no contract allows": (
        "analysis: total\n",
        "analysis: select\n",
        "columns: [balance]",
        "may not be used for 'select'",
    ),
    "parameter that is a mapping": (
        "      rows: local",
        "      rows: {a: {b: 1}}",
        "rows: {a",
        "must be text or a number",
    ),
    "parameter beyond what JSON can say": ("      rows: local", "      rows: 9007199254740993", "rows: 900", "at most"),
    "analysis for an outsider": (
        "recipients: [regulator]",
        "recipients: [regulatr]",
        "recipients: [regulatr]",
        "did you mean 'regulator'",
    ),
    "an interval below the schedule's": (
        "    contract: loans\n",
        "    contract: loans\n    interval: 6\n",
        "interval",
        "write 7 or more days, or 'schedule'",
    ),
    "an interval of noised results": (
        "    contract: loans\n",
        "    contract: loans\n    interval: 90\n    privacy: {mechanism: laplace, epsilon: 1}\n",
        "interval",
        "its results have noise, and leave each period",
    ),
    "analysis for nobody": ("recipients: [regulator]", "recipients: []", "recipients: []", "at least 1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_agreement_is_named_with_its_line_and_what_to_change(name: str, shared: Consortium) -> None:
    old, new, place, words = BROKEN[name]
    assert old in EXPOSURE
    text = EXPOSURE.replace(old, new, 1)
    part, _, nth = place.partition("#")
    with pytest.raises(AgreementError) as error:
        parse(text, shared.roster)
    complaint(error, "exposure.agreement.yaml", line_of(text, part, int(nth or 1)), words)


def test_a_recipient_that_no_analysis_names_is_refused(shared: Consortium) -> None:
    text = EXPOSURE.replace("    recipients: [regulator, bank-a]", "    recipients: [regulator]")
    with pytest.raises(AgreementError) as error:
        parse(text, shared.roster)
    complaint(error, "exposure.agreement.yaml", line_of(text, "recipients:"), "bank-a receives nothing")


def test_a_contract_that_no_analysis_uses_is_refused(shared: Consortium) -> None:
    text = EXPOSURE.replace("  loans: loans.odcs.yaml\n", "  loans: loans.odcs.yaml\n  spare: loans.odcs.yaml\n")
    with pytest.raises(AgreementError) as error:
        parse(text, shared.roster, {"loans": CONTRACT, "spare": CONTRACT})
    complaint(error, "exposure.agreement.yaml", line_of(text, "  spare:"), "no analysis uses this contract")


@pytest.mark.parametrize("status", ["proposed", "draft", "deprecated", "retired"])
def test_only_an_active_contract_can_be_agreed_on(status: str, shared: Consortium) -> None:
    contract = parse_contract(LOANS.replace("status: active", f"status: {status}").encode(), "loans.odcs.yaml")
    with pytest.raises(AgreementError) as error:
        parse(EXPOSURE, shared.roster, {"loans": contract})
    complaint(error, "exposure.agreement.yaml", line_of(EXPOSURE, "  loans:"), f"is {status}, not active")


def test_files_that_the_agreement_does_not_name_are_refused(shared: Consortium) -> None:
    with pytest.raises(AgreementError, match="not those that the agreement names"):
        parse(EXPOSURE, shared.roster, {"other": CONTRACT})


def test_one_organisation_cannot_run_two_nodes(shared: Consortium) -> None:
    text = shared.roster.raw.decode().replace("Data trust", "National statistics institute")
    with pytest.raises(AgreementError, match="National statistics institute would run two nodes"):
        parse(EXPOSURE, parse_roster(text.encode(), "roster.yaml"))


def test_the_strictest_minimum_count_wins(shared: Consortium) -> None:
    for policy_count, contract_count in ((10, 25), (25, 10), (25, 25)):
        policy = dataclasses.replace(POLICY, rules=Rules(safe_threshold=policy_count))
        contract = dataclasses.replace(CONTRACT, minimum_count=contract_count)
        assert parse(EXPOSURE, shared.roster, {"loans": contract}, [policy]).min_count == 25


def test_the_agreement_reads_as_written(shared: Consortium) -> None:
    agreement = shared.agreement
    assert agreement.parties == tuple(sorted(IDS))
    assert (agreement.suite, agreement.quorum, agreement.min_count) == ("rep3", 2, 10)
    assert agreement.nodes == ("node-0", "node-1", "node-2")
    assert agreement.schedule.cron == "0 6 * * 1"
    assert agreement.planned("balance-by-region-and-product").params == {
        "value": "balance",
        "by": ("region", "product"),
    }
    assert "correlation-of-shared-rows" not in [plan.name for plan in agreement.plans_for("bank-a")]
    assert agreement.plans_for("bank-b") == ()
    with pytest.raises(AgreementError, match="did you mean 'total-exposure'"):
        agreement.planned("total-exposur")


DECISIVE = {
    "analysis version": ("analysis: total\n    version: 1", "analysis: total\n    version: 2"),
    "columns": (
        "columns: [balance]\n    parameters:\n      column: balance\n    rec",
        "columns: [balance, region]\n    parameters:\n      column: balance\n    rec",
    ),
    "parameters": ("      column: balance\n    rec", "      column: region\n    rec"),
    "recipients": ("    recipients: [regulator, bank-a]", "    recipients: [bank-a, regulator]"),
    "name": ("name: total-exposure", "name: total-balance"),
    "interval": ("    contract: loans\n", "    contract: loans\n    interval: 90\n"),
}


@pytest.mark.parametrize("change", DECISIVE)
def test_a_plans_digest_changes_with_everything_that_decides_it(change: str, shared: Consortium) -> None:
    old, new = DECISIVE[change]
    assert old in EXPOSURE
    before, after = shared.agreement.analyses, parse(EXPOSURE.replace(old, new, 1), shared.roster).analyses
    assert [a.plan_digest == b.plan_digest for a, b in zip(before, after, strict=True)] == [False] + [True] * 5


def test_the_schedules_own_interval_is_what_is_agreed_without_one(shared: Consortium) -> None:
    said = parse(
        EXPOSURE.replace("    contract: loans\n", "    contract: loans\n    interval: schedule\n"), shared.roster
    )
    assert [plan.plan_digest for plan in said.analyses] == [plan.plan_digest for plan in shared.agreement.analyses]


def test_exact_numbers_about_nobody_knows_how_many_persons_are_refused(shared: Consortium) -> None:
    """Nobody could tell ten persons from one with ten rows; noise needs no count, nor do rows about things."""
    anybodys = LOANS.replace("        primaryKey: true\n", "", 1)
    assert anybodys != LOANS
    contract = parse_contract(anybodys.encode(), "loans.odcs.yaml")
    with pytest.raises(
        AgreementError, match="loans does not say whom its rows are about, so nobody can count"
    ) as error:
        parse(EXPOSURE, shared.roster, {"loans": contract})
    assert len(str(error.value).splitlines()) == len(shared.agreement.analyses)
    things = anybodys.replace("customProperties:\n  - property: law", f"customProperties:\n{THINGS}  - property: law")
    parse(EXPOSURE, shared.roster, {"loans": parse_contract(things.encode(), "loans.odcs.yaml")})


def test_a_plans_digest_changes_with_its_contract(shared: Consortium) -> None:
    contract = parse_contract(LOANS.replace("in euro cents.", "in cents.").encode(), "loans.odcs.yaml")
    other = parse(EXPOSURE, shared.roster, {"loans": contract})
    for mine, theirs in zip(shared.agreement.analyses, other.analyses, strict=True):
        assert mine.plan_digest != theirs.plan_digest


FILES: dict[str, Callable[[Consortium], Agreement]] = {
    "agreement": lambda c: parse(EXPOSURE + "\n", c.roster),
    "contract": lambda c: parse(EXPOSURE, c.roster, {"loans": parse_contract(f"{LOANS}\n".encode(), "x")}),
    "policy": lambda c: parse(EXPOSURE, c.roster, None, [parse_policy(f"{STRICT}\n".encode(), "x")]),
    "roster": lambda c: parse(EXPOSURE, parse_roster(c.roster.raw + b"\n", "x")),
}


@pytest.mark.parametrize("file", FILES)
def test_one_more_line_break_in_any_file_makes_another_agreement(file: str, shared: Consortium) -> None:
    assert FILES[file](shared).digest != shared.agreement.digest


@pytest.mark.parametrize(
    ("day", "holds"),
    [("2026-10-31", False), ("2026-11-01", True), ("2028-10-31", True), ("2028-11-01", False)],
)
def test_an_agreement_holds_from_its_first_to_its_last_day(day: str, holds: bool, shared: Consortium) -> None:
    if holds:
        shared.agreement.check_current(date.fromisoformat(day))
    else:
        with pytest.raises(ExpiredError, match="2026-11-01 to 2028-10-31"):
            shared.agreement.check_current(date.fromisoformat(day))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_agreement_or_a_named_error(shared: Consortium, raw: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_agreement(raw, "x.yaml", {}, [], shared.roster)
