"""The ledger of privacy budgets: what was charged stays charged, at every node, whatever happens to one of them."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.cli import app
from counterfoil.crypto.sign import sign
from counterfoil.errors import BudgetError, RefusedError, StoreError
from counterfoil.governance.cumulative import budget_ledger
from counterfoil.governance.cumulative.charge import CHARGES, Charge, check_charged, check_lines
from counterfoil.home import Home
from counterfoil.report.pages.budget_page import page
from tests.lib.trials import dice, trials
from tests.unit.conftest import TODAY, Consortium
from tests.unit.governance.spending import EVIDENCE, NODES, charge, charge_all, found_private, job, lines


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """Every test has a copy of its own."""
    return found_private(tmp_path_factory.mktemp("budget"))


def copy(banks: Consortium, folder: Path) -> Consortium:
    """The same parties with the same keys and agreement, in another folder."""
    before = next(iter(banks.homes.values())).path.parent
    shutil.copytree(before, folder)
    for id in banks.homes:
        file = folder / id / "party.yaml"
        file.write_text(file.read_text().replace(str(before), str(folder)))
    homes = {id: Home.open(folder / id) for id in banks.homes}
    return dataclasses.replace(banks, homes=homes, _known={})


@pytest.fixture
def banks(founded: Consortium, tmp_path: Path) -> Consortium:
    """The banks under their noised agreement, which nobody has run yet."""
    return copy(founded, tmp_path / "homes")


def known(home: Home) -> dict[str, Charge]:
    """What the node knows, by job; its own charges before those of others."""
    charges = budget_ledger.ledger(home.state)
    return {charge.job: charge for charge in sorted(charges, key=lambda each: each.node == home.party)}


def events(home: Home, type: str) -> list[dict[str, object]]:
    return [event for event in map(json.loads, home.log.entries()) if event["type"] == type]


# --- charging ---------------------------------------------------------------------------------------------------


def test_a_charge_is_durable_signed_and_logged_and_made_once(banks: Consortium) -> None:
    home = banks.homes["node-0"]
    for _ in range(3):
        charge(banks, "node-0", 1)
    again = Home.open(home.path)
    assert list(known(again)) == [job(1)] and known(again)[job(1)].lines == lines(banks)
    assert len(events(again, "budget-charged")) == 1
    (published,) = budget_ledger.published(banks.exchange, [home.keys.public])
    assert published == known(again)[job(1)]
    assert not budget_ledger.published(banks.exchange, [banks.homes["node-1"].keys.public])


def test_every_node_refuses_what_does_not_fit_by_the_same_error(banks: Consortium) -> None:
    charge_all(banks, 1)  # ε = 1.92 of 3 at once
    for node in NODES:
        home = banks.homes[node]
        with pytest.raises(
            BudgetError, match=r"regulator may learn of loans in all ε = 3, .*; with job .* agree on a new budget"
        ) as error:
            charge(banks, node, 2)
        assert error.value.exit_code == 36
        with pytest.raises(BudgetError):
            budget_ledger.check(banks.agreement, job(2), lines(banks), home, TODAY)
        assert list(known(home)) == [job(1)]
    with pytest.raises(BudgetError, match="node-0 has not charged"):
        check_charged(banks.agreement, job(2), lines(banks), banks.exchange)


def test_the_same_job_costs_nothing_again(banks: Consortium) -> None:
    charge_all(banks, 1)
    for node in NODES:
        budget_ledger.check(banks.agreement, job(1), lines(banks), banks.homes[node], TODAY + timedelta(days=9))
        charge(banks, node, 1, TODAY + timedelta(days=9))
        assert known(banks.homes[node])[job(1)].day == TODAY
    check_charged(banks.agreement, job(1), lines(banks), banks.exchange)


def test_a_job_is_not_charged_otherwise_later(banks: Consortium) -> None:
    charge(banks, "node-0", 1)
    other = lines(banks)[:-1]
    with pytest.raises(BudgetError, match="charged otherwise before"):
        budget_ledger.charge(banks.agreement, job(1), EVIDENCE, other, banks.homes["node-0"], TODAY)
    with pytest.raises(RefusedError, match=r"the charge is not that of|is not charged what"):
        check_lines(other, banks.agreement)


@pytest.mark.parametrize(
    ("field", "value"), [("epsilon", Decimal("0.25")), ("rho", Decimal("0.1")), ("epsilon", Decimal(0))]
)
def test_evidence_that_charges_less_than_agreed_is_refused(field: str, value: Decimal, banks: Consortium) -> None:
    right = lines(banks)
    check_lines(right, banks.agreement)
    for at, line in enumerate(right):
        wrong = dataclasses.replace(line, loss=dataclasses.replace(line.loss, **{field: value}))
        if wrong == line:
            continue
        with pytest.raises(RefusedError):
            check_lines((*right[:at], wrong, *right[at + 1 :]), banks.agreement)
    with pytest.raises(RefusedError):
        check_lines((), banks.agreement)


def test_what_another_node_signed_counts(banks: Consortium) -> None:
    charge(banks, "node-1", 1)
    with pytest.raises(BudgetError):
        charge(banks, "node-0", 2)
    home = banks.homes["node-0"]
    assert list(known(home)) == [job(1)]
    (learned,) = events(home, "budget-learned")
    assert learned["refs"] == {"charge": f"charge:node-1:{known(home)[job(1)].cost}"}
    # Knowing of it is not making it: the node decides for itself, and does not say that it charged.
    assert not budget_ledger.published(banks.exchange, [home.keys.public])
    with pytest.raises(BudgetError, match="node-0 has not charged"):
        check_charged(banks.agreement, job(1), lines(banks), banks.exchange)
    # But if the exchange loses it, the node puts it back as its maker signed it.
    banks.exchange.remove(("charges", "node-1", job(1)))
    budget_ledger.learn(banks.agreement, home)
    assert [each.node for each in budget_ledger.published(banks.exchange, [banks.homes["node-1"].keys.public])] == [
        "node-1"
    ]


def test_what_nobody_of_the_agreement_signed_counts_for_nothing(banks: Consortium) -> None:
    charge(banks, "node-1", 1)
    envelope = banks.exchange.get_named(("charges", "node-1", job(1)))
    banks.exchange.put_named(("charges", "node-2", job(1)), envelope)
    banks.exchange.put_named(("charges", "node-1", job(7)), envelope)
    banks.exchange.put_named(("charges", "node-0", job(8)), b"{}")
    keys = [banks.homes[node].keys.public for node in NODES]
    assert [(each.node, each.job) for each in budget_ledger.published(banks.exchange, keys)] == [("node-1", job(1))]


def test_a_node_that_charges_too_much_spends_for_nobody_else(banks: Consortium) -> None:
    """A dishonest node publishes charges beyond every budget: the others count them, and make none themselves."""
    liar = banks.homes["node-2"]
    for number in (1, 2):
        made = Charge(job(number), banks.agreement.digest, EVIDENCE, "node-2", TODAY, lines(banks))
        banks.exchange.put_named(("charges", "node-2", job(number)), sign("charge", made.pack(), liar.keys))
    for number in (1, 2):
        with pytest.raises(BudgetError, match="agree on a new budget"):
            charge(banks, "node-0", number)
    assert {each.node for each in budget_ledger.ledger(banks.homes["node-0"].state)} == {"node-2"}


def test_spans_end_and_the_rest_is_for_good(banks: Consortium) -> None:
    charge_all(banks, 1)
    within, after = TODAY + timedelta(days=89), TODAY + timedelta(days=90)
    standing = {
        day: {
            each.recipient: each.spent
            for each in budget_ledger.balances(banks.agreement, known(banks.homes["node-0"]).values(), day)
        }
        for day in (TODAY, within, after)
    }
    assert standing[TODAY]["bank-a"] == standing[within]["bank-a"] > 0 == standing[after]["bank-a"]
    assert standing[TODAY]["regulator"] == standing[after]["regulator"]


def test_alerts_are_logged_without_values(banks: Consortium) -> None:
    charge(banks, "node-0", 1)
    alerts = events(banks.homes["node-0"], "budget-alert")
    assert [(each["subject"], each["counts"]) for each in alerts] == [("bank-a", {"alert": 50, "percent": 57})]


# --- what befalls a node ----------------------------------------------------------------------------------------


def set_back(home: Home, copy: Path) -> None:
    """The node's disk is what it was when it was copied."""
    shutil.rmtree(home.path)
    shutil.copytree(copy, home.path)
    for name in ("state", "log", "vault"):
        home.__dict__.pop(name, None)


def test_a_node_that_is_set_back_learns_what_it_forgot(banks: Consortium, tmp_path: Path) -> None:
    home = banks.homes["node-1"]
    shutil.copytree(home.path, tmp_path / "copy")
    charge_all(banks, 1)
    set_back(home, tmp_path / "copy")
    assert not known(home)
    with pytest.raises(BudgetError):
        charge(banks, "node-1", 2)
    assert list(known(home)) == [job(1)]
    assert budget_ledger.standing_digest(banks.agreement, home.state) == budget_ledger.standing_digest(
        banks.agreement, banks.homes["node-0"].state
    )


def test_a_node_that_cannot_learn_what_it_forgot_says_another_digest(banks: Consortium, tmp_path: Path) -> None:
    home = banks.homes["node-1"]
    shutil.copytree(home.path, tmp_path / "copy")
    charge_all(banks, 1)
    set_back(home, tmp_path / "copy")
    shutil.rmtree(tmp_path / "homes" / "exchange" / "charges")  # its operator helps
    budget_ledger.learn(banks.agreement, home)
    digests = [budget_ledger.standing_digest(banks.agreement, banks.homes[node].state) for node in NODES]
    assert digests[0] == digests[2] != digests[1]
    # The others put back what they know, and then it is known to all again.
    budget_ledger.learn(banks.agreement, banks.homes["node-0"])
    budget_ledger.learn(banks.agreement, home)
    assert list(known(home)) == [job(1)]
    assert budget_ledger.standing_digest(banks.agreement, home.state) == digests[0]


def test_a_charge_that_was_not_published_is_published_later(banks: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    home = banks.homes["node-0"]

    with monkeypatch.context() as patch:
        patch.setattr(budget_ledger._Signed, "publish", _dies)
        with pytest.raises(StoreError):
            charge(banks, "node-0", 1)
    assert list(known(home)) == [job(1)]
    with pytest.raises(BudgetError, match="node-0 has not charged"):
        check_charged(banks.agreement, job(1), lines(banks), banks.exchange)
    charge(banks, "node-0", 1)
    assert len(events(home, "budget-charged")) == 1
    charge_all(banks, 1)
    check_charged(banks.agreement, job(1), lines(banks), banks.exchange)


@pytest.mark.slow
@trials(quick=2, full=300)
def test_no_course_of_events_releases_more_than_is_charged(
    trials: range, founded: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crashes, retries, replays, a disk set back, an exchange that forgets: no release beyond the ledger or the cap."""
    released_in_all = refused_in_all = 0
    for seed in trials:
        rng, folder = dice(seed), tmp_path / str(seed)
        banks = copy(founded, folder / "homes")
        # Twice the budget, so that several jobs fit.
        larger = (
            dataclasses.replace(b, cap=dataclasses.replace(b.cap, epsilon=Decimal(5)))
            for b in founded.agreement.budgets
        )
        banks = dataclasses.replace(banks, agreement=dataclasses.replace(banks.agreement, budgets=tuple(larger)))
        victim = NODES[rng.integers(3)]
        released: set[str] = set()
        seen: set[str] = set()
        shutil.copytree(banks.homes[victim].path, folder / "copy")
        for _ in range(40):
            node, number, dice_ = NODES[rng.integers(3)], int(rng.integers(5)), rng.random()
            if dice_ < 0.55:
                with monkeypatch.context() as patch:
                    if rng.random() < 0.25:
                        patch.setattr(budget_ledger._Signed, "publish", _dies)
                    try:
                        charge(banks, node, number)
                    except BudgetError:
                        refused_in_all += 1
                    except StoreError:
                        pass
            elif dice_ < 0.65:
                set_back(banks.homes[victim], folder / "copy")
            elif dice_ < 0.72:
                shutil.rmtree(folder / "copy")
                shutil.copytree(banks.homes[victim].path, folder / "copy")
            elif dice_ < 0.8:
                for name in banks.exchange.list(("charges",)):
                    if rng.random() < 0.5:
                        banks.exchange.remove(name)
            else:
                for each in range(5):
                    try:
                        check_charged(banks.agreement, job(each), lines(banks), banks.exchange)
                        released.add(job(each))
                    except BudgetError:
                        continue
            for honest in sorted(set(NODES) - {victim}) if released != seen else ():
                ledger = {c.job: c for c in budget_ledger.ledger(banks.homes[honest].state) if c.node == honest}
                assert released <= ledger.keys(), f"SEED={seed}"
                kept = [ledger[each] for each in released]
                for balance in budget_ledger.balances(banks.agreement, kept, TODAY):
                    assert balance.spent <= float(balance.cap.epsilon), f"SEED={seed}"
            seen = set(released)
        released_in_all += len(released)
    assert released_in_all and refused_in_all


def _dies(*_: object) -> None:
    raise StoreError("the exchange is away")


def test_a_charge_reads_as_it_was_written(banks: Consortium) -> None:
    made = Charge(job(3), "a" * 64, EVIDENCE, "node-0", TODAY, lines(banks))
    assert Charge.unpack(made.pack()) == made
    bad: Mapping[str, object] = {**json.loads(made.pack()), "day": "2026-02-30"}
    with pytest.raises(Exception, match="not a day of the calendar"):
        Charge.unpack(json.dumps(bad, separators=(",", ":"), sort_keys=True).encode())


# --- what people see --------------------------------------------------------------------------------------------


def shown(banks: Consortium, party: str, *options: str) -> str:
    home = str(banks.homes[party].path)
    done = CliRunner().invoke(app, ["budget", "show", str(banks.ref), "--home", home, *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_anybody_of_the_agreement_sees_what_is_spent_and_left(
    banks: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    banks.sign()
    assert "regulator, loans: ε = 0 of 3 spent (0 %), 3 left" in shown(banks, "bank-b")
    charge_all(banks, 1, clock.today())
    text = shown(banks, "bank-b")
    assert re.search(r"bank-a, loans: ε = 1\.7\d+ of 3 spent \(57 %\), 1\.2\d+ left, .* 90 days; ALERT", text), text
    assert f"{job(1)}: balance-by-region-and-product (ρ = " in text
    assert "total-exposure (ε = 0.5)" in text
    (facts,) = [each for each in json.loads(shown(banks, "node-0", "--json")) if each["recipient"] == "bank-a"]
    assert facts["alert"] and [each["job"] for each in facts["jobs"]] == [job(1)]
    # A node also counts what the exchange has lost; nobody else can.
    for name in banks.exchange.list(("charges",)):
        banks.exchange.remove(name)
    assert "(0 %)" in shown(banks, "bank-b") and "(57 %)" in shown(banks, "node-0")


def test_the_page_draws_budgets_over_time_and_needs_nothing_but_itself(banks: Consortium) -> None:
    for number, day in enumerate((TODAY, TODAY + timedelta(days=30), TODAY + timedelta(days=120))):
        made = Charge(job(number), banks.agreement.digest, EVIDENCE, "node-0", day, lines(banks)[:1])
        banks.homes["node-0"].state.put(CHARGES, f"node-0/{number}", budget_ledger._Signed(made, b"-").pack())
    charges, until = budget_ledger.ledger(banks.homes["node-0"].state), TODAY + timedelta(days=130)
    (regulator, bank) = budget_ledger.history(banks.agreement, charges, until)
    assert [value for _, value in regulator] == [0.0]  # only bank-a was charged
    days = [day for day, _ in bank]
    assert days == [TODAY, TODAY + timedelta(days=30), TODAY + timedelta(days=90)]
    values = [value for _, value in bank]
    assert values[0] < values[1] > values[2] == values[0]  # after 90 days the first counts no more; then one for one
    text = page(banks.agreement, charges, until)
    assert text == page(banks.agreement, list(reversed(charges)), until)
    assert text.count("<svg ") == 2 and "ε spent over time" in text
    assert not re.search(r"(src|href)=|https?://|@import|url\(", text.replace("url(#", ""))
