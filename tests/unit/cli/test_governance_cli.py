"""The commands of contracts, agreements and reviews, as people type them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.cli import app
from counterfoil.errors import (
    AgreementError,
    ContractError,
    NotFoundError,
    ReplayError,
    ReviewError,
    RosterError,
    SignatureError,
    TextError,
    WithdrawnError,
)
from counterfoil.governance.agreements.signing.signed import publish, read_agreement
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.review.proposals import propose
from tests.unit.conftest import CONTRACTS, IDS, Consortium, make_consortium
from tests.unit.governance.reviewing import draft

AGREEMENT = CONTRACTS / "agreements" / "exposure.agreement.yaml"
LOANS = CONTRACTS / "data" / "loans.odcs.yaml"


def run(*arguments: object, home: Path | None = None, input: str | None = None) -> Result:
    options = ["--home", str(home)] if home else []
    return CliRunner().invoke(app, [*map(str, arguments), *options], input=input)


def test_lint_says_that_a_contract_is_right() -> None:
    result = run("contract", "lint", LOANS)
    assert result.exit_code == 0
    assert "right; loans 1.0.0, 8 columns" in result.output


def test_lint_names_every_problem_of_every_file_on_a_line_of_its_own(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.odcs.yaml"
    text = LOANS.read_text().replace("status: active", "status: live").replace("value: quasi", "value: quasy", 1)
    wrong.write_text(text)
    result = run("contract", "lint", LOANS, wrong)
    assert result.exit_code == ContractError.exit_code
    lines = result.output.splitlines()
    assert "right" in lines[0]
    wanted = [index for index, line in enumerate(text.splitlines(), 1) if line.endswith((": live", ": quasy"))]
    assert [int(line.split(": ")[0].rsplit(":", 1)[1]) for line in lines[1:]] == wanted
    assert len(wanted) == 2


def test_show_prints_columns_and_rules() -> None:
    result = run("contract", "show", LOANS)
    assert result.exit_code == 0
    for word in ("balance", "rowCount mustBeBetween 1000 to 200000", "2028-12-31"):
        assert word in result.output


@pytest.fixture
def consortium(tmp_path: Path) -> Consortium:
    """As commands see it, which go by the clock."""
    return make_consortium(tmp_path, today=clock.today())


@pytest.fixture
def roster_file(consortium: Consortium, tmp_path: Path) -> Path:
    path = tmp_path / "roster.yaml"
    path.write_bytes(consortium.roster.raw)
    return path


def test_from_cards_to_a_binding_agreement(consortium: Consortium, tmp_path: Path) -> None:
    cards: list[object] = []
    for id in IDS:
        (tmp_path / f"{id}.json").write_text(json.dumps(consortium.homes[id].keys.public.to_json()))
        cards += ["--card", tmp_path / f"{id}.json"]
    roster = tmp_path / "roster.yaml"
    filled = run("roster", "new", CONTRACTS / "rosters" / "four-banks.roster.yaml", *cards, "--out", roster)
    assert filled.exit_code == 0, filled.output
    assert consortium.homes["bank-c"].keys.public.sign_id in filled.output

    owner = consortium.homes["bank-a"].path
    drafted = run("agreement", "draft", AGREEMENT, "--roster", roster, home=owner)
    assert drafted.exit_code == 0, drafted.output
    ref = drafted.stdout.strip()
    Ref.parse(ref)

    explained = run("agreement", "explain", ref, home=consortium.homes["node-1"].path)
    assert "Two nodes together could see everything." in explained.output
    assert "fewer than 10 rows" in explained.output
    facts = json.loads(run("agreement", "explain", ref, "--json", home=owner).stdout)
    assert facts["agreement"] == Ref.parse(ref).digest
    assert facts["recipients"]["bank-a"] == [name for name in facts["analyses"] if name != "correlation-of-shared-rows"]

    for id in IDS[:-1]:
        assert run("agreement", "sign", ref, "--yes", home=consortium.homes[id].path).exit_code == 0
    incomplete = run("agreement", "verify", ref, home=owner)
    assert incomplete.exit_code == SignatureError.exit_code
    assert "not signed by regulator" in incomplete.output

    last = consortium.homes["regulator"].path
    declined = run("agreement", "sign", ref, home=last, input="n\n")
    assert declined.exit_code != 0
    assert run("agreement", "verify", ref, home=owner).exit_code == SignatureError.exit_code
    assert run("agreement", "sign", ref, home=last, input="y\n").exit_code == 0
    verified = run("agreement", "verify", ref, home=owner)
    assert verified.exit_code == 0, verified.output
    expires = yaml.safe_load(AGREEMENT.read_text())["expires"]
    assert f"exposure 1.0.0 binds until {expires}" in verified.output
    assert [event.type for event in _events(consortium, "bank-a")] == ["agreement-proposed", "agreement-signed"]


def _events(consortium: Consortium, id: str) -> list[Event]:
    return [Event.parse(leaf) for leaf in consortium.homes[id].log.entries()]


def test_a_missing_card_is_named(tmp_path: Path, consortium: Consortium) -> None:
    card = tmp_path / "bank-a.json"
    card.write_text(json.dumps(consortium.homes["bank-a"].keys.public.to_json()))
    members = CONTRACTS / "rosters" / "four-banks.roster.yaml"
    result = run("roster", "new", members, "--card", card, "--out", tmp_path / "r.yaml")
    assert result.exit_code == RosterError.exit_code
    assert "no card of bank-b is given" in result.output
    assert not (tmp_path / "r.yaml").exists()


def test_a_wrong_agreement_is_not_proposed(consortium: Consortium, roster_file: Path, tmp_path: Path) -> None:
    for folder in ("data", "policies"):
        (tmp_path / folder).symlink_to(CONTRACTS / folder)
    (tmp_path / "agreements").mkdir()
    wrong = tmp_path / "agreements" / "wrong.agreement.yaml"
    wrong.write_text(AGREEMENT.read_text().replace("columns: [balance]", "columns: [customer_id]"))
    result = run("agreement", "draft", wrong, "--roster", roster_file, home=consortium.homes["bank-a"].path)
    assert result.exit_code == AgreementError.exit_code
    assert "customer_id is an identifier and never enters an analysis" in result.output


def test_an_agreement_that_is_not_there_is_named(consortium: Consortium) -> None:
    ref = f"agreement:bank-a:{'0' * 64}"
    assert run("agreement", "verify", ref, home=consortium.homes["bank-a"].path).exit_code == NotFoundError.exit_code


def test_reviewers_list_show_and_decide(signed: Consortium) -> None:
    made = draft(signed)
    ref, evidence = str(signed.ref), made.evidence.digest
    homes = {id: home.path for id, home in signed.homes.items()}
    listed = run("review", "list", ref, home=homes["reviewer-1"])
    assert f"{evidence} 2026-w48 attempt 1: submitted: 0 of 2 approvals; undecided: you" in listed.output
    shown = run("review", "show", ref, evidence, home=homes["reviewer-1"])
    for words in (made.evidence.job, "24 cells", "rests on", "regulator (Banking supervisor) reads with the key"):
        assert words in shown.output

    assert run("review", "approve", ref, evidence, home=homes["reviewer-1"]).exit_code == 0
    assert run("review", "approve", ref, evidence, home=homes["reviewer-1"]).exit_code == ReplayError.exit_code
    assert run("review", "approve", ref, evidence, home=homes["bank-a"]).exit_code == ReviewError.exit_code
    listed = run("review", "list", ref, home=homes["reviewer-3"])
    assert "partially-reviewed: 1 of 2 approvals, of reviewer-1; undecided: reviewer-2, you" in listed.output
    hidden = run("review", "comment", ref, evidence, "a holiday\x1b[2J in bank-c", home=homes["bank-c"])
    assert hidden.exit_code == TextError.exit_code and "U+001B" in hidden.output
    remarked = run("review", "comment", ref, evidence, "a holiday\nin bank-c", home=homes["bank-c"])
    assert remarked.exit_code == 0, remarked.output
    assert run("review", "approve", ref, evidence, "--comment", "fine", home=homes["reviewer-2"]).exit_code == 0
    listed = run("review", "list", ref, home=homes["regulator"])
    assert "approved, approved by reviewer-1, reviewer-2" in listed.output

    assert run("review", "reject", ref, evidence, home=homes["reviewer-3"]).exit_code == ReviewError.exit_code
    rejected = run("review", "reject", ref, evidence, "--comment", "too few", home=homes["reviewer-3"])
    assert rejected.exit_code == 0, rejected.output
    shown = run("review", "show", ref, evidence, home=homes["regulator"]).output
    for words in ("state: rejected: reject by reviewer-3", 'reject: "too few"', 'approve: "fine"'):
        assert words in shown
    assert "bank-c, " in shown and 'remarks: "a holiday in bank-c"' in shown
    events = [event.type for event in _events(signed, "reviewer-3")]
    assert events[-1] == "review-reject"


def test_changes_are_asked_for_and_parts_taken_back(signed: Consortium) -> None:
    first, second = draft(signed).evidence.digest, draft(signed).evidence.digest
    homes = {id: home.path for id, home in signed.homes.items()}
    asked = run("review", "request-changes", signed.ref, first, "--comment", "March lacks", home=homes["reviewer-2"])
    assert asked.exit_code == 0, asked.output
    stopped = run("review", "approve", signed.ref, first, home=homes["reviewer-1"])
    assert stopped.exit_code == ReviewError.exit_code
    assert "the draft is changes-requested: approve does not follow" in stopped.output
    back = run("review", "withdraw", signed.ref, second, "--comment", "an old file", home=homes["bank-b"])
    assert back.exit_code == 0, back.output
    listed = run("review", "list", signed.ref, home=homes["coordinator"]).output
    assert "changes-requested: request-changes by reviewer-2" in listed
    assert "withdrawn: withdraw by bank-b" in listed


def test_diff_says_what_changes_and_who_signs(consortium: Consortium, tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(CONTRACTS, contracts)
    file = contracts / "agreements" / "exposure.agreement.yaml"
    text = file.read_text()
    for old, new in (
        ("version: 1.0.0", "version: 2.0.0"),
        ("quorum: 2", "quorum: 3"),
        ("columns: [balance, region, product]", "columns: [balance, region]"),
        ("by: [region, product]", "by: [region]"),
        ("      rows: shared\n    recipients: [regulator]", "      rows: shared\n    recipients: [regulator, bank-a]"),
        ("shares: 30", "shares: 14"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)
    new = publish(read_agreement(file, consortium.roster), consortium.exchange, "bank-b")
    result = run("agreement", "diff", consortium.ref, new, home=consortium.homes["bank-a"].path)
    assert result.exit_code == 0, result.output
    for line in (
        "name: was exposure 1.0.0, becomes exposure 2.0.0",
        "approvals needed: was 2, becomes 3",
        "days that nodes keep shares: was 30, becomes 14",
        "balance-by-region-and-product: columns: product removed",
        "balance-by-region-and-product, by: was region, product, becomes region",
        "correlation-of-shared-rows: recipients: bank-a added",
        f"must sign again: {', '.join(sorted(IDS))}",
    ):
        assert line in result.output.splitlines(), result.output
    assert "title" not in result.output

    same = run("agreement", "diff", new, new, home=consortium.homes["bank-a"].path)
    assert same.output.split("\n") == ["", "this is one and the same agreement; nobody signs again", ""]


def test_new_descriptions_are_signed_by_the_owners_alone(consortium: Consortium, tmp_path: Path) -> None:
    shutil.copytree(CONTRACTS, tmp_path / "new")
    file = tmp_path / "new" / "data" / "loans.odcs.yaml"
    file.write_text(
        file.read_text().replace("description: What the loan is for.", "description: What it was taken for.")
    )
    compared = run("contract", "diff", LOANS, file)
    assert "Only descriptions differ. Agreements on loans 1.0.0 go on as they are" in " ".join(compared.output.split())
    raw = consortium.agreement.raw.decode()
    (tmp_path / "new" / "agreements" / "exposure.agreement.yaml").write_text(raw)
    own = parse_contract(consortium.agreement.contracts["loans"].raw, "x")
    file.write_bytes(own.raw.replace(b"description: What the loan is for.", b"description: What it was taken for."))
    for path in (tmp_path / "new" / "policies").iterdir():
        path.write_bytes(
            next((p.raw for p in consortium.agreement.policies if p.source == path.name), path.read_bytes())
        )
    agreed = tmp_path / "new" / "agreements" / "exposure.agreement.yaml"
    new = publish(read_agreement(agreed, consortium.roster), consortium.exchange, "bank-b")
    result = run("agreement", "diff", consortium.ref, new, home=consortium.homes["bank-a"].path)
    lines = result.output.splitlines()
    assert lines[0] == "contract loans changes in its descriptions alone, for which its owners stand"
    owners = "bank-a, bank-b, bank-c, bank-d"
    assert f"must sign the new texts, by themselves: {owners}: counterfoil contract sign" in lines
    assert not [line for line in lines if line.startswith("must sign again")]


def test_who_withdraws_ends_the_agreement_for_all(signed: Consortium) -> None:
    waiting = draft(signed).evidence.digest
    homes = {id: home.path for id, home in signed.homes.items()}
    asked = run("agreement", "withdraw", signed.ref, home=homes["bank-d"], input="n\n")
    assert asked.exit_code == 1
    assert run("agreement", "verify", signed.ref, home=homes["bank-a"]).exit_code == 0
    left = run("agreement", "withdraw", signed.ref, home=homes["bank-d"], input="y\n")
    assert left.exit_code == 0, left.output
    for refused in (
        run("agreement", "verify", signed.ref, home=homes["bank-a"]),
        run("review", "approve", signed.ref, waiting, home=homes["reviewer-1"]),
    ):
        assert refused.exit_code == WithdrawnError.exit_code
        assert "error: bank-d withdrew from agreement exposure 1.0.0; agree on a new version" in refused.output


def test_a_reviewer_signs_what_was_typed_for_it(signed: Consortium) -> None:
    made = draft(signed)
    ref, evidence = str(signed.ref), made.evidence.digest
    home = signed.homes["reviewer-2"].path
    nothing = run("review", "confirm", ref, evidence, home=home)
    assert nothing.exit_code == NotFoundError.exit_code
    propose(made, "reviewer-2", "request-changes", "March lacks", signed.exchange)
    line = 'proposed on the page, not signed: request-changes for reviewer-2: "March lacks"'
    for command in (("list", ref), ("show", ref, evidence)):
        assert line in run("review", *command, home=signed.homes["regulator"].path).output
    declined = run("review", "confirm", ref, evidence, home=home, input="n\n")
    assert (declined.exit_code, line in declined.output) == (1, True)
    propose(made, "reviewer-2", "approve", "fine", signed.exchange)
    assert run("review", "confirm", ref, evidence, "--yes", home=home).exit_code == ReviewError.exit_code
    assert run("review", "approve", ref, evidence, home=home).exit_code == 0
    confirmed = run("review", "confirm", ref, evidence, home=home, input="y\n")
    assert confirmed.exit_code == 0, confirmed.output
    assert "reviewer-2: request-changes on job" in confirmed.output
    assert "changes-requested: request-changes by reviewer-2" in run("review", "list", ref, home=home).output
