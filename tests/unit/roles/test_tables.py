"""An owner's tables: one name each, leased to one agreement, and what of them is remembered since releases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from counterfoil import clock
from counterfoil.cli import app
from counterfoil.data.changes import Asked
from counterfoil.data.reading.table import Table
from counterfoil.data.reading.table import load as load_table
from counterfoil.data.row_memory import rows_of
from counterfoil.data.row_tags import domain_names, with_tags
from counterfoil.errors import LeaseError, NotFoundError, ReconstructionError
from counterfoil.governance.agreements.agreement import Part
from counterfoil.governance.agreements.schedule import window
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.cumulative.release_history import (
    PastRelease,
    check_numbers,
    remember,
    table_releases,
)
from counterfoil.governance.cumulative.source_tables import (
    Lease,
    all_states,
    check_window,
    forget_state,
    give_back,
    lease,
    lease_days,
    lease_of,
    name_table,
    note_lease_used,
    note_state,
    released_states,
    table_name,
)
from counterfoil.governance.jobs.evidence import read_evidence
from counterfoil.governance.releases.release import RELEASE
from counterfoil.governance.retention.recovery import back_up, restore
from counterfoil.home import Home
from counterfoil.joint.computation import analyses
from counterfoil.joint.table_changes import aligned, change_input, counted, due_layout
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.suites.plain import Plain
from counterfoil.roles.owner import Contribution, table_file
from counterfoil.roles.preparation import Preparation
from counterfoil.roles.table_comparison import Known, changes_since, count_since, known_states, load_rows, too_few
from counterfoil.roles.table_memory import erase_persons, identify, learn
from counterfoil.storage.state import State
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, another
from tests.lib.consortium import NODES, OWNERS, Consortium, found
from tests.unit.governance.test_contract import SMALL, own
from tests.unit.roles.test_differences import keep, publish

TODAY = date(2026, 11, 23)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.open(tmp_path / "state.sqlite")


def test_exact_numbers_of_a_table_go_to_one_agreement_until_its_interval_is_over(state: State) -> None:
    """Two agreements with other tables about the same rows: the one's numbers restore what the other's hide."""
    assert lease("loans", "exposure", 90, state, TODAY) == Lease("loans", "exposure", "2026-11-23", "2027-02-20")
    lease("loans", "exposure", 7, state, TODAY + timedelta(days=7))
    held = lease_of("loans", state)
    assert held is not None and held.until == "2027-02-20"
    with pytest.raises(LeaseError, match=r"go to agreement exposure until 2027-02-20; .* have them from 2027-02-21"):
        lease("loans", "other", 7, state, date(2027, 2, 20))
    assert lease("loans", "other", 7, state, date(2027, 2, 21)).since == "2027-02-21"
    assert lease("stores", "third", 7, state, TODAY).agreement == "third"


def test_a_lease_is_given_back_only_while_nothing_was_released_under_it(state: State) -> None:
    with pytest.raises(NotFoundError, match="counterfoil table list"):
        give_back("loans", state)
    lease("loans", "exposure", 90, state, TODAY)
    assert give_back("loans", state).agreement == "exposure"
    lease("loans", "other", 7, state, TODAY)
    note_lease_used("loans", state)
    lease("loans", "other", 7, state, TODAY + timedelta(days=7))
    with pytest.raises(LeaseError, match="were released under agreement other, so its lease lasts until 2026-12-06"):
        give_back("loans", state)


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """Four banks, which ask for a total each week and for a histogram once in 90 days."""

    def edit(contracts: Path) -> None:
        keep("total-exposure", "balance-histogram")(contracts)
        file = contracts / AGREEMENT_FILE
        head, tail = file.read_text().split("  - name: balance-histogram\n")
        tail = tail.replace("    contract: loans\n", "    contract: loans\n    interval: 90\n")
        file.write_text(f"{head}  - name: balance-histogram\n{tail}")

    return found(tmp_path_factory.mktemp("banks"), 200, edit=edit)


def contribution(banks: Consortium, owner: str = "bank-a") -> Contribution:
    """As `contribute` begins, without the seconds that it takes to check the rules of the contract."""
    made = Contribution(banks.homes[owner], banks.signed(owner), "loans", banks.period, clock.now())
    terms, home = banks.agreement, banks.homes[owner]
    made._table = read(home, terms.contracts["loans"])
    made.minimise()
    return made


def read(home: Home, contract: Contract) -> Table:
    return load_table(table_file(home, "loans"), contract, home.data / "faults.html")


def test_a_lease_lasts_as_long_as_the_longest_interval_of_what_is_due(banks: Consortium) -> None:
    terms = banks.agreement
    first = terms.schedule.period(terms.starts)
    assert lease_days(terms, "loans", first) == 90
    following = [terms.schedule.period(terms.starts + timedelta(days=days)) for days in (7, 84, 91, 98)]
    assert [lease_days(terms, "loans", period) for period in following] == [7, 7, 90, 7]
    assert lease_days(terms.all_noised_instead, "loans", first) in (90, None)


@pytest.fixture(scope="module")
def released(banks: Consortium) -> Consortium:
    """Every bank handed its table in, and one job on them was released."""
    submissions = [contribution(banks, owner).share(clock.now()) for owner in OWNERS]
    assert not released_states("loans", banks.homes["bank-a"].state)
    publish(banks, submissions)
    for owner in OWNERS:
        learn(banks.homes[owner], clock.now())
    return banks


def test_what_was_handed_in_is_remembered_as_released_once_it_is(released: Consortium) -> None:
    home, terms = released.homes["bank-a"], released.agreement
    (known,) = released_states("loans", home.state)
    assert (known.rows, known.agreement, known.period) == (200, terms.id, released.period)
    assert sorted(known.owners) == sorted(OWNERS) and set(known.plans) <= {"total-exposure", "balance-histogram"}
    assert learn(home, clock.now()) == []
    (state,) = known_states("loans", terms, released.table("bank-a"), "2027-w01", home)
    assert state.name == known.job and state.rows is not None
    held = lease_of("loans", home.state)
    assert held is not None and held.released
    # What is on the disk says nothing of a row.
    balances = state.rows.columns["balance"].tobytes()
    assert not any(balances[:64] in file.read_bytes() for file in home.path.rglob("*") if file.is_file())


@pytest.mark.parametrize(("changed", "said"), [(0, "0 persons"), (1, "1 person "), (3, "3 persons"), (10, "")])
def test_a_table_in_which_few_rows_changed_is_told_so_before_it_is_handed_in(
    released: Consortium, changed: int, said: str, tmp_path: Path
) -> None:
    """The owner's own trial of a file says what the nodes would find: that its numbers wait, and what to do."""
    home, terms = released.homes["bank-a"], released.agreement
    frame = released.frames[Part("bank-a", "loans")].copy()
    frame.loc[: changed - 1, "balance"] = (frame.loc[: changed - 1, "balance"] + 1) % 1000
    frame.to_csv(tmp_path / "loans.csv", index=False)
    loaded = load_table(tmp_path / "loans.csv", terms.contracts["loans"], tmp_path / "faults.html")
    steps = Preparation(terms, "loans", "2027-w01", lambda: home.membership_key, bytes)
    table = steps.minimise(loaded, tmp_path / "risk.html").table
    found = too_few(table, terms, "2027-w01", home, clock.now())
    assert terms.rules.safe_difference == 10
    assert (f"of {released.period}, which was released, the rows of {said}" in found) if said else not found
    assert not said or "Hand it in all the same, or agree on longer periods, or on noise" in found


def test_what_somebody_planted_releases_no_state(released: Consortium) -> None:
    """Evidence that no node signed, or a release by nobody, would push true states out of memory."""
    home = released.homes["bank-b"]
    (known,) = released_states("loans", home.state)
    real = read_evidence(home.exchange, next(name[1] for name in home.exchange.list(RELEASE.name())))
    note_state(replace(known, manifest="f" * 64, job="", released=""), home.state)
    planted = replace(real, inputs=dict.fromkeys(real.inputs, "f" * 64))
    stored = home.exchange.put("evidence", "nodes", planted.pack())
    home.exchange.put_named(RELEASE.name(stored.digest, "regulator", "node-0"), b"released")
    assert read_evidence(home.exchange, stored.digest) == planted  # it is there, and can be read
    assert learn(home, clock.now()) == []
    assert released_states("loans", home.state) == [known]
    forget_state(replace(known, manifest="f" * 64), home.state)


def test_the_next_manifest_names_the_table_and_the_states_that_are_out(released: Consortium, tmp_path: Path) -> None:
    again = another(released, tmp_path, {AGREEMENT_FILE: {"version: 1.0.0": "version: 1.0.7"}})
    made = contribution(again)
    table = made._checked()
    name, states = made._remembered(table, clock.now())
    assert name == "loans"
    assert [each.name for each in states] == [
        each.job for each in released_states("loans", again.homes["bank-a"].state)
    ]


def test_no_other_agreement_gets_exact_numbers_meanwhile_and_noised_ones_are_free(
    released: Consortium, tmp_path: Path
) -> None:
    """two_jobs_same_rows (c), and an agreement under another contract id (g): the table is the same."""
    other = another(released, tmp_path / "agreement", {AGREEMENT_FILE: {"id: exposure\n": "id: margins\n"}})
    with pytest.raises(LeaseError, match=r"table loans go to agreement exposure until .* ask for noise"):
        contribution(other).share(clock.now())
    renamed = another(
        released,
        tmp_path / "contract",
        {AGREEMENT_FILE: {"id: exposure\n": "id: margins\n"}, CONTRACT_FILE: {"id: loans\n": "id: credits\n"}},
    )
    with pytest.raises(LeaseError, match=r"mostly the same .* table loans .* counterfoil table name credits loans"):
        contribution(renamed).share(clock.now())
    name_table("credits", "loans", renamed.homes["bank-a"].state)
    with pytest.raises(LeaseError, match="table loans go to agreement exposure"):
        contribution(renamed).share(clock.now())


def changes(banks: Consortium, table: Table, states: list[str]) -> dict[str, list[int]]:
    """Test helper: how many changed of the contract's exact sums since the remembered states, by feature."""
    terms, home = banks.agreement, banks.homes["bank-a"]
    layout = due_layout(analyses(terms), terms, "loans", terms.schedule.period(terms.starts))
    known = known_states("loans", terms, table, "2027-w01", home)
    assert layout is not None and [each.name for each in known] == states
    line, spec = changes_since(layout, table, known)[0], change_input(layout, states)
    assert spec is not None and (1, line.size) == spec.shape and spec.low <= line.min() <= line.max() <= spec.high
    return {each.asked.name: line[each.at : each.at + each.cells].tolist() for each in counted(layout)}


def test_changes_are_counted_for_each_sum_and_cell_since_what_is_remembered(released: Consortium) -> None:
    home, contract = released.homes["bank-a"], released.agreement.contracts["loans"]
    jobs = [each.job for each in released_states("loans", home.state)]
    table = contribution(released)._checked()
    same = changes(released, table, jobs)
    assert set(same) == {"number of rows", "sum of balance", "number of rows by balance"}
    # Where the histogram was not due, its cells were not shown: all of them may have changed.
    due = "balance-histogram" in released_states("loans", home.state)[0].plans
    hidden = 2 * contract.most_rows
    assert set(same.pop("number of rows by balance")) == {0 if due else hidden}
    assert not any(any(cells) for cells in same.values())
    fewer = changes(released, table.take(np.arange(table.rows - 3)), jobs)
    assert fewer["number of rows"] == [3] and fewer["sum of balance"] == [2]  # from the value of one of them
    assert sum(fewer["number of rows by balance"]) == (3 if due else hidden * len(fewer["number of rows by balance"]))
    # Another spelling of the keys changes nobody.
    read_again = read(home, contract)
    at = read_again.names.index("customer_id")
    spelt = pa.array([f" {cell} " for cell in read_again.data["customer_id"].to_pylist()])
    respelt = with_tags(
        replace(read_again, data=read_again.data.set_column(at, "customer_id", spelt)), home.membership_key
    )
    assert respelt.who is not None and table.who is not None
    assert respelt.who[:, 0].tolist() == table.who[:, 0].tolist()


def test_where_other_owners_handed_in_nothing_counts_as_changed(released: Consortium) -> None:
    terms, home = released.agreement, released.homes["bank-a"]
    fewer = replace(terms, holdings={owner: held for owner, held in terms.holdings.items() if owner != "bank-d"})
    table = released.table("bank-a")
    (state,) = known_states("loans", fewer, table, "2027-w01", home)
    assert state.rows is None
    # Until most persons are others: then little of the total is theirs who were there.
    assert table.who is not None
    kept = np.arange(table.rows) < 90
    others = replace(table, who=np.where(kept[:, np.newaxis], table.who, table.who + np.uint64(1)))
    (state,) = known_states("loans", fewer, others, "2027-w01", home)
    assert state.rows is not None


def test_of_events_a_correction_alone_is_a_change(released: Consortium) -> None:
    terms, home, table = released.agreement, released.homes["bank-a"], released.table("bank-a")
    events = replace(table, contract=replace(table.contract, kind="events"))
    again = replace(terms, version="1.0.9", raw=terms.raw + b" ")
    assert known_states("loans", again, events, "2027-w01", home) == []
    assert len(known_states("loans", again, events, released.period, home)) == 1


def test_exact_numbers_of_events_are_of_periods_that_have_no_day_in_common(released: Consortium) -> None:
    """A month less its weeks is the days that no week of it has."""
    state, (first, last) = released.homes["bank-a"].state, window(released.period)
    for day in (first, last):
        for period in (f"{day:%Y-%m}", day.isoformat()):
            with pytest.raises(LeaseError, match=f"{period} has days in common with it.*begins after {last}"):
                check_window("loans", period, state)
    check_window("loans", released.period, state)
    check_window("loans", (last + timedelta(days=1)).isoformat(), state)
    check_window("loans", (first - timedelta(days=1)).isoformat(), state)


@pytest.mark.parametrize("kind", ["events", "stock"])
def test_a_day_of_a_week_that_is_out_is_not_handed_in_again(
    released: Consortium, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = contribution(released)
    contract = replace(released.agreement.contracts["loans"], kind=kind)
    terms = replace(released.agreement, contracts={**released.agreement.contracts, "loans": contract})
    made.agreement = replace(made.agreement, terms=terms)
    made.period = f"{window(released.period)[1]}"
    if kind == "stock":
        assert made._remembered(made._checked(), clock.now())[0] == "loans"
        return
    with pytest.raises(LeaseError, match="has days in common"):
        made._remembered(made._checked(), clock.now())


def test_a_restored_home_remembers_what_it_backed_up_and_that_it_forgot_the_rest(
    released: Consortium, tmp_path: Path
) -> None:
    home = released.homes["bank-b"]
    back_up(home, tmp_path / "backup", clock.now())
    again = restore(tmp_path / "backup", tmp_path / "restored").home
    (kept,) = released_states("loans", again.state)
    rows = load_rows(kept, released.agreement.contracts["loans"], again)
    assert rows is not None and rows.size == 200
    bare = Home.open(tmp_path / "restored")
    for each in all_states(bare.state):
        bare.vault.destroy(each.vault_id)
    assert load_rows(kept, released.agreement.contracts["loans"], bare) is None


def test_erased_persons_are_erased_from_what_is_remembered(released: Consortium, tmp_path: Path) -> None:
    home, contract = released.homes["bank-c"], released.agreement.contracts["loans"]
    gone = released.table("bank-c")
    keys = read(home, contract).data["customer_id"].to_pylist()[:5]
    (tmp_path / "gone.csv").write_text("customer_id\n" + "\n".join(keys) + "\n")
    before = [path.read_bytes() for path in (home.path / "vault" / "keys").glob("remembered-*")]
    assert erase_persons(contract, tmp_path / "gone.csv", home) == (5, 1)
    (kept,) = released_states("loans", home.state)
    rows = load_rows(kept, contract, home)
    assert rows is not None and rows.size == gone.rows - 5
    after = [path.read_bytes() for path in (home.path / "vault" / "keys").glob("remembered-*")]
    assert not set(before) & set(after)  # what a disk still holds of the old state opens for nobody
    assert erase_persons(contract, tmp_path / "gone.csv", home) == (5, 0)


def test_the_commands_say_what_is_leased_and_remembered(released: Consortium) -> None:
    home = str(released.homes["bank-d"].path)
    listed = CliRunner().invoke(app, ["table", "list", "--home", home])
    assert "loans, handed in under loans: exact numbers go to exposure until" in listed.output
    assert f"released 1 times since {released.period}; 200 rows of 1 states are remembered" in listed.output
    refused = CliRunner().invoke(app, ["table", "give-back", "loans", "--home", home])
    assert refused.exit_code == LeaseError.exit_code
    renamed = CliRunner().invoke(app, ["table", "name", "loans", "other", "--home", home])
    assert renamed.exit_code == LeaseError.exit_code
    assert CliRunner().invoke(app, ["table", "name", "credits", "loans", "--home", home]).exit_code == 0
    assert table_name("credits", released.homes["bank-d"].state) == "loans"


def test_one_table_has_one_name(released: Consortium) -> None:
    """Another contract for mostly the same customers is refused, one for others is not."""
    home, contract = released.homes["bank-a"], released.agreement.contracts["loans"]
    table = with_tags(read(home, contract), home.membership_key)
    other = replace(contract, id="elsewhere")
    assert table.who is not None
    with pytest.raises(LeaseError, match="counterfoil table name elsewhere loans"):
        identify(other, table.take(np.arange(120)), home)
    strangers = replace(table, who=table.who + np.uint64(1))
    assert identify(other, strangers, home) == "elsewhere"
    assert domain_names(contract) == domain_names(other)


def test_edges_and_grids_follow_from_the_agreement(banks: Consortium) -> None:
    terms = banks.agreement
    periods = [terms.schedule.period(terms.starts + timedelta(days=days)) for days in (0, 7)]
    first, second = (due_layout(analyses(terms), terms, "loans", period) for period in periods)
    assert first is not None and second is not None
    assert list(first.edges) == ["balance"] and not second.edges
    assert [str(each.asked.name) for each in counted(first)] == [
        "number of rows", "sum of balance", "number of rows by balance"
    ]  # fmt: skip
    assert [str(each.asked.name) for each in counted(second)] == ["number of rows", "sum of balance"]


def test_owners_that_name_other_states_are_put_in_one_order() -> None:
    """Of a state that an owner does not name nothing changed at it."""
    p = Plain()
    handed, zero = p.constant(np.array([[1, 2], [3, 4]], np.int64)), p.constant(np.zeros((1, 2), np.int64))
    assert as_signed(aligned(handed, [1, None, 0], zero).parts[0]).tolist() == [[3, 4], [0, 0], [1, 2]]
    assert as_signed(aligned(None, [None, None], zero).parts[0]).tolist() == [[0, 0], [0, 0]]


def test_what_is_handed_in_does_not_grow_with_the_years(banks: Consortium) -> None:
    terms = banks.agreement
    layout = due_layout(analyses(terms), terms, "loans", terms.schedule.period(terms.starts))
    assert layout is not None and change_input(layout, []) is None
    week_53, later = (change_input(layout, [f"{at:032}" for at in range(weeks)]) for weeks in (52, 500))
    assert week_53 is not None and week_53 == later
    assert week_53.shape == (4, 1 + 1 + counted(layout)[2].cells + 2 * 3)
    assert 0 == week_53.low < week_53.high < 1 << 61


def test_what_is_checked_and_minimised_has_tags_of_persons_and_no_identifiers(tmp_path: Path) -> None:
    """The numbers of customers are needed until their tags are made, and never leave the step that makes them."""
    banks = found(tmp_path, 1010, edit=keep("total-exposure"))
    made = Contribution(banks.homes["bank-d"], banks.signed("bank-d"), "loans", banks.period, clock.now())
    made.validate(clock.now())
    assert "customer_id" in made._checked().names
    made.minimise()
    table = made._checked()
    assert set(table.names) == {"balance"}
    assert table.who is not None and np.unique(table.who[:, 0]).size == table.rows


def visits(former: str = "") -> Contract:
    now = "{property: privacyRole, value: key}\n          - {property: keySpelling, value: {case: upper}}"
    text = SMALL.replace("{property: privacyRole, value: key}", now) + former
    return parse_contract(text.encode(), "visits.odcs.yaml")


@pytest.mark.parametrize("former", [own("formerKeySpelling", "[{patient: {form: NFC}}]"), ""], ids=["named", "unknown"])
def test_persons_who_were_told_apart_otherwise_are_found_again_or_have_not_changed(former: str) -> None:
    """A next version of a contract that spells keys anew would make another person of everybody."""

    def patients(contract: Contract, names: list[str]) -> Table:
        data = pa.table({"patient": pa.array(names), "ward": pa.array(["a"] * len(names))})
        return with_tags(Table(contract, "visits.csv", data), b"k" * 32)

    before = parse_contract(SMALL.encode(), "visits.odcs.yaml")
    then = patients(before, ["P1", "P2", "p3"])
    now = patients(visits(former), ["P1", "P2", "p3", "p4"])
    known = [Known("job", domain_names(before)[0], rows_of(then))]
    changed = count_since([Asked("rows", ())], now, known)["rows"].changed.tolist()
    assert changed == ([[1]] if former else [[0]])


def past(job: str, contract: str, numbers: int, rows: int = 100, **more: Any) -> PastRelease:
    given = {"suite": "rep3", "nodes": NODES, "until": "2027-12-31"} | more
    return PastRelease(job, owners={contract: ["bank-a"]}, rows={contract: rows}, numbers={contract: numbers}, **given)


def test_numbers_count_by_owner_and_table_whatever_the_contract_and_the_nodes_are_called(
    banks: Consortium, tmp_path: Path
) -> None:
    """f5: nodes in another order forgot each other's releases; (g): another contract's id was another table."""
    state = State.open(tmp_path / "state.sqlite")
    remember(past("one", "loans", 20, nodes=tuple(reversed(NODES))), state)
    remember(past("two", "credits", 20, tables={"credits": ["bank-a/loans"]}), state)
    remember(past("three", "stores", 20), state)
    release = past("four", "loans", 11, agreement="a")
    earlier = table_releases(state, banks.agreement, release, TODAY)
    assert sorted(each.job for each in earlier) == ["one", "two"]
    with pytest.raises(ReconstructionError, match="51 exact numbers about 100 rows with those of table loans of bank"):
        check_numbers(earlier, release, 2)
    check_numbers(earlier, past("four", "loans", 10), 2)
    # A second computation gives the same numbers once more.
    remember(past("five", "loans", 20, suite="rep4", agreement="a"), state)
    assert len(table_releases(state, banks.agreement, release, TODAY)) == 2
    assert len(table_releases(state, banks.agreement, replace(release, agreement="b"), TODAY)) == 3
