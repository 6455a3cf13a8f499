"""Review dates: who is told when, when jobs stop, who lets them go on, and that an end stays an end."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.canonical import jcs
from counterfoil.cli import app
from counterfoil.crypto.sign import sign
from counterfoil.errors import (
    AgreementError,
    ContractError,
    ExpiredError,
    RefusedError,
    ReviewDueError,
    RosterError,
)
from counterfoil.governance.agreements.diff import changes
from counterfoil.governance.agreements.signing.reaffirmation import (
    MOST_DAYS,
    WARN_DAYS,
    check_reviewed,
    next_review,
    reaffirm,
    remind,
    review_dates,
)
from counterfoil.governance.agreements.signing.signed import read_agreement
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.contracts.diff import compare
from counterfoil.governance.documents import write_time
from counterfoil.home import Home
from counterfoil.report.explain import explain, facts
from counterfoil.roles.node.intake import take_in
from counterfoil.roles.owner import Contribution
from counterfoil_prefect.mpc_tasks.remind import describe
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, POLICY_FILE
from tests.lib.clock import at
from tests.lib.consortium import found
from tests.unit.conftest import CONTRACTS, NOW, TODAY, Consortium

BY = date(2028, 4, 30)
LATER = datetime(2028, 4, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def test_the_first_of_all_review_dates_counts(shared: Consortium) -> None:
    assert review_dates(shared.agreement) == {
        "agreement exposure 1.0.0": BY,
        "contract loans 1.0.0": date(2028, 6, 30),
        "policy strict-counts 1.0.0": date(2028, 6, 30),
    }
    due = next_review(shared.agreement, shared.exchange, LATER.date())
    assert due is not None and (due.what, due.by) == ("agreement exposure 1.0.0", BY)
    sooner = dataclasses.replace(shared.agreement.contracts["loans"], review_by=BY - DAY)
    due = next_review(dataclasses.replace(shared.agreement, contracts={"loans": sooner}), shared.exchange, LATER.date())
    assert due is not None and (due.what, due.by) == ("contract loans 1.0.0", BY - DAY)


def test_people_are_told_a_month_before(shared: Consortium) -> None:
    due = next_review(shared.agreement, shared.exchange, LATER.date())
    assert due is not None
    assert due.reminder(BY - timedelta(days=WARN_DAYS + 1)) == ""
    told = due.reminder(BY - timedelta(days=WARN_DAYS))
    assert told.startswith(f"the review date of agreement exposure 1.0.0, {BY}, is in 30 days; it waits for bank-a, ")
    assert remind("it", BY, BY - DAY).endswith("is in 1 day")
    assert remind("it", BY, BY).endswith("is today")
    assert remind("it", BY, BY + DAY).endswith("has passed")
    words = explain(shared.agreement)
    assert "The agreement ends on 2028-10-31, for good.\nBefore that it is to be looked at anew: agreement" in words
    assert facts(shared.agreement)["review_dates"] == {
        what: by.isoformat() for what, by in review_dates(shared.agreement).items()
    }


def test_the_day_itself_is_the_last_on_which_jobs_start(signed: Consortium) -> None:
    check_reviewed(signed.agreement, signed.exchange, BY)
    with pytest.raises(ReviewDueError, match=r"exposure 1\.0\.0: the review date .* has passed, and bank-a, bank-b, "):
        check_reviewed(signed.agreement, signed.exchange, BY + DAY)
    undated = dataclasses.replace(signed.agreement, contracts={}, policies=(), review_by=None)
    assert next_review(undated, signed.exchange, LATER.date()) is None
    check_reviewed(undated, signed.exchange, BY + DAY)


def test_jobs_wait_for_the_last_party_and_go_on_to_the_earliest_day_that_any_named(signed: Consortium) -> None:
    *most, last = signed.agreement.parties
    for number, party in enumerate(most):
        reaffirm(signed.agreement, date(2028, 9, 1) + number * DAY, signed.homes[party], LATER)
    with pytest.raises(ReviewDueError, match=f"and {last} did not look at it since"):
        check_reviewed(signed.agreement, signed.exchange, BY + DAY)
    reaffirm(signed.agreement, date(2028, 10, 1), signed.homes[last], LATER)
    check_reviewed(signed.agreement, signed.exchange, date(2028, 9, 1))
    with pytest.raises(ReviewDueError, match=f"2028-09-01, has passed, and {most[0]} did not"):
        check_reviewed(signed.agreement, signed.exchange, date(2028, 9, 2))


def test_a_review_carries_nothing_beyond_the_end(signed: Consortium) -> None:
    home = signed.homes["bank-a"]
    with pytest.raises(ExpiredError, match="ends on 2028-10-31; a review cannot"):
        reaffirm(signed.agreement, date(2028, 11, 1), home, LATER)
    with pytest.raises(ExpiredError, match="agree on a new version"):
        reaffirm(signed.agreement, date(2028, 11, 2), home, datetime(2028, 11, 1, tzinfo=UTC))
    for day in (TODAY - DAY, TODAY + timedelta(days=MOST_DAYS + 1)):
        with pytest.raises(RefusedError, match="past, or more than 366 days ahead"):
            reaffirm(signed.agreement, day, home, NOW)


def test_nobody_reaffirms_for_another(signed: Consortium, tmp_path: Path) -> None:
    agreement, liar = signed.agreement, signed.homes["coordinator"]
    statement = {
        "format": "counterfoil/reaffirmation/1", "agreement": agreement.digest, "party": "bank-b",
        "reaffirmed": write_time(LATER), "until": "2028-10-01",
    }  # fmt: skip
    keys = signed.homes["bank-b"].keys
    too_far = (LATER.date() + timedelta(days=MOST_DAYS + 1)).isoformat()
    for forged in (
        b"junk",
        sign("reaffirmation", jcs(statement), liar.keys),
        sign("withdrawal", jcs(statement), keys),
        sign("reaffirmation", jcs({**statement, "agreement": "0" * 64}), keys),
        sign("reaffirmation", jcs({**statement, "party": "bank-c"}), keys),
        sign("reaffirmation", jcs({**statement, "until": too_far}), keys),
        sign("reaffirmation", jcs({**statement, "until": "2028-02-31"}), keys),
        sign("reaffirmation", jcs({**statement, "reaffirmed": "2028-04-22T00:00:00Z"}), keys),
        sign("reaffirmation", jcs({**statement, "reaffirmed": "9999-06-01T00:00:00Z", "until": "9999-12-31"}), keys),
    ):
        signed.exchange.put_named(("reaffirmations", agreement.digest, "bank-b"), forged, replace=True)
        due = next_review(agreement, signed.exchange, LATER.date())
        assert due is not None and due.holds["bank-b"] == BY
    reaffirm(agreement, date(2028, 10, 1), signed.homes["bank-b"], LATER)
    due = next_review(agreement, signed.exchange, LATER.date())
    assert due is not None and due.holds["bank-b"] == date(2028, 10, 1)
    for name, id in (("stranger", "stranger"), ("other-keys", "bank-b")):
        with pytest.raises(RosterError):
            reaffirm(agreement, BY, Home.create(tmp_path / name, id, signed.exchange.url), NOW)


def overdue(contracts: Path) -> None:
    """The contract's review date was yesterday."""
    file = contracts / CONTRACT_FILE
    text, found = re.subn(r'(property: reviewBy\n +value:) "[0-9-]+"', rf'\1 "{clock.today() - DAY}"', file.read_text())
    assert found == 1
    file.write_text(text)


def test_neither_owner_nor_node_begins_a_job_until_all_have_looked(tmp_path: Path) -> None:
    banks = found(tmp_path, 1000, edit=overdue)
    with pytest.raises(ReviewDueError, match="contract loans"):
        Contribution(banks.homes["bank-a"], banks.signed("bank-a"), "loans", banks.period, clock.now())
    with pytest.raises(ReviewDueError, match="contract loans"):
        take_in(banks.homes["node-1"], banks.signed("node-1"), banks.period, (), clock.now())
    run = CliRunner()
    listed = run.invoke(app, ["agreement", "verify", str(banks.ref), "--home", str(banks.homes["bank-a"].path)])
    assert listed.exit_code == ReviewDueError.exit_code
    for party in banks.agreement.parties:
        home = banks.homes[party]
        arguments = ["agreement", "reaffirm", str(banks.ref), "--home", str(home.path)]
        if party == "bank-a":
            assert "Stand by this as bank-a until " in run.invoke(app, arguments, input="n\n").output
            assert home.log.size == 0
        done = run.invoke(app, [*arguments, "--yes"])
        assert done.exit_code == 0, done.output
        assert ("still to look at it: " in done.output) == (party != banks.agreement.parties[-1])
    assert run.invoke(app, [*arguments, "--yes", "--until", "soon"]).exit_code == 10
    Contribution(banks.homes["bank-a"], banks.signed("bank-a"), "loans", banks.period, clock.now())
    with pytest.raises(RefusedError):  # for want of submissions
        take_in(banks.homes["node-1"], banks.signed("node-1"), banks.period, (), clock.now())
    listed = run.invoke(app, ["agreement", "verify", str(banks.ref), "--home", str(banks.homes["bank-a"].path)])
    assert listed.exit_code == 0, listed.output


def test_the_coordinators_page_says_who_has_looked(signed: Consortium) -> None:
    terms = signed.agreement
    reaffirm(terms, date(2028, 10, 1), signed.homes["bank-b"], LATER)
    due = next_review(terms, signed.exchange, LATER.date())
    assert due is not None
    page = describe(terms, signed.ref, due, LATER.date())
    assert f"After {BY} no job starts until" in page and "ends on 2028-10-31" in page
    assert "| contract loans 1.0.0 | 2028-06-30 |" in page
    assert "| bank-b (Bank B) | 2028-10-01 | done |" in page
    assert f"| bank-c (Bank C) | {BY} | to look at it |" in page
    assert "\nNo job starts until" in describe(terms, signed.ref, due, BY + DAY)


def test_lint_says_that_a_review_is_near_or_past(tmp_path: Path) -> None:
    file = tmp_path / "loans.odcs.yaml"
    for days, words in ((WARN_DAYS + 1, ""), (WARN_DAYS - 1, "is in"), (-1, "has passed")):
        text = (CONTRACTS / CONTRACT_FILE).read_text()
        file.write_text(text.replace('"2028-06-30"', f'"{TODAY + timedelta(days=days)}"'))
        with at(NOW):
            linted = CliRunner().invoke(app, ["contract", "lint", str(file)])
        assert linted.exit_code == 0 and "right; loans 1.0.0" in linted.output
        assert ("note: the review date" in linted.output) == bool(words) and words in linted.output


def test_a_review_date_that_is_never_reached_is_refused(shared: Consortium, tmp_path: Path) -> None:
    contract = (CONTRACTS / CONTRACT_FILE).read_bytes()
    with pytest.raises(ContractError, match="the contract has ended by then, on 2028-12-31"):
        parse_contract(contract.replace(b'"2028-06-30"', b'"2029-01-01"'), "loans.odcs.yaml")
    later = tmp_path / "contracts"
    for name in (AGREEMENT_FILE, CONTRACT_FILE, POLICY_FILE):
        (later / name).parent.mkdir(parents=True)
        (later / name).write_bytes((CONTRACTS / name).read_bytes())
    for day in ("2028-11-01", "2026-10-31", "2028-02-31"):
        text = (CONTRACTS / AGREEMENT_FILE).read_text().replace('reviewBy: "2028-04-30"', f'reviewBy: "{day}"')
        (later / AGREEMENT_FILE).write_text(text)
        with pytest.raises(AgreementError, match="reviewBy: "):
            read_agreement(later / AGREEMENT_FILE, shared.roster)


def test_signers_read_that_a_review_date_moves(shared: Consortium) -> None:
    moved = dataclasses.replace(shared.agreement, review_by=None)
    assert "review date: was 2028-04-30, becomes none" in changes(shared.agreement, moved)
    contract = shared.agreement.contracts["loans"]
    told = compare(contract, dataclasses.replace(contract, review_by=BY)).changes
    assert [(change.place, change.text) for change in told] == [
        ("contract", "review date 2028-06-30 becomes 2028-04-30")
    ]
