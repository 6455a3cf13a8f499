"""The catalogue as people use it: offering, searching, listing, showing, withdrawing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil import clock
from counterfoil.cli import app
from counterfoil.crypto.sign import claimed
from counterfoil.data.synthetic.synth import make_tables, write_table
from counterfoil.errors import NotFoundError, RosterError, SignatureError
from counterfoil.governance.catalogue.catalogue import offer
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.parties.succession import follow
from counterfoil.storage.exchange import Exchange
from tests.unit.conftest import CONTRACTS, LOANS, Consortium, make_consortium


def run(*arguments: object, home: Path) -> Result:
    return CliRunner().invoke(app, ["catalogue", *map(str, arguments), "--home", str(home)])


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    """Banks that offer loans, and one that offers something else, as commands see it, which go by the clock."""
    now = clock.now()
    banks = make_consortium(tmp_path_factory.mktemp("market"), today=now.date())
    for party, file, rows in (("bank-a", "loans", 5000), ("bank-b", "loans", 50_000), ("bank-c", "stores", 700)):
        raw = (CONTRACTS / "data" / f"{file}.odcs.yaml").read_bytes()
        until = now.date() + timedelta(days=30)
        offer(parse_contract(raw, file), rows, until, banks.homes[party], banks.exchange, now)
    follow(banks.roster, banks.homes["regulator"], now.date())
    return banks


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((), ["bank-a loans", "bank-b loans", "bank-c stores"]),
        (("balance",), ["bank-a loans", "bank-b loans"]),
        (("--column", "balance"), ["bank-a loans", "bank-b loans"]),
        (("--column", "balance", "--role", "quasi"), []),
        (("--role", "measure", "--analysis", "correlation"), ["bank-a loans", "bank-b loans"]),
        (("--analysis", "no-such-one"), []),
        (("--type", "date"), []),
        (("zebra",), []),
    ],
)
def test_people_search_by_words_columns_roles_and_analyses(
    asked: tuple[str, ...], found: list[str], market: Consortium
) -> None:
    result = run("search", *asked, "--json", home=market.homes["regulator"].path)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [f"{entry['party']} {entry['contract']['id']}" for entry in told] == found


def test_list_names_what_it_does_not_believe_and_shows_the_rest(market: Consortium) -> None:
    home = market.homes["regulator"].path
    listed = run("list", home=home)
    assert listed.exit_code == 0, listed.output
    assert [line.split(":")[0] for line in listed.stdout.splitlines()] == [
        "bank-a loans 1.0.0", "bank-b loans 1.0.0", "bank-c stores 1.0.0",
    ]  # fmt: skip
    name = ("catalogue", "bank-b", "loans")
    kept = market.exchange.get_named(name)
    market.exchange.put_named(name, kept.replace(b"payload", b"pay1oad", 1), replace=True)
    try:
        listed = run("list", home=home)
        assert listed.exit_code == SignatureError.exit_code
        assert "refused: bank-b loans: " in listed.stderr and "bank-a loans 1.0.0: " in listed.stdout
        shown = run("show", "bank-b", "loans", home=home)
        assert shown.exit_code == SignatureError.exit_code
    finally:
        market.exchange.put_named(name, kept, replace=True)


def test_show_prints_columns_bounds_and_where_the_contract_is(market: Consortium, loans: Contract) -> None:
    shown = run("show", "bank-a", "loans", home=market.homes["regulator"].path)
    assert shown.exit_code == 0, shown.output
    for word in ("of Bank A", "balance", "measure", "a new table every 7 d", loans.digest):
        assert word in shown.output, shown.output
    missing = run("show", "bank-d", "loans", home=market.homes["regulator"].path)
    assert missing.exit_code == NotFoundError.exit_code
    stranger = run("show", "bank-z", "loans", home=market.homes["regulator"].path)
    assert stranger.exit_code == RosterError.exit_code


def test_a_newcomer_gives_the_roster_and_a_folder_serves_as_a_catalogue(
    market: Consortium, loans: Contract, tmp_path: Path
) -> None:
    home, roster = market.homes["bank-d"].path, tmp_path / "roster.yaml"
    unknown = run("list", home=home)
    assert unknown.exit_code == NotFoundError.exit_code and "--roster" in unknown.output
    roster.write_bytes(market.roster.raw)
    folder = Exchange.open(str(tmp_path / "folder"))
    now = clock.now()
    offer(loans, 5000, now.date(), market.homes["bank-a"], folder, now)
    listed = run("list", "--roster", roster, "--at", tmp_path / "folder", home=home)
    assert listed.exit_code == 0, listed.output
    assert listed.stdout.startswith("bank-a loans 1.0.0: ")
    taken = run("withdraw", "loans", "--at", tmp_path / "folder", home=market.homes["bank-a"].path)
    assert taken.exit_code == 0, taken.output
    gone = run("list", "--roster", roster, "--at", tmp_path / "folder", home=home)
    assert gone.exit_code == 0 and "nobody offers such data here" in gone.stderr


@pytest.mark.slow
def test_no_cell_of_the_table_is_in_an_entry(tmp_path: Path) -> None:
    banks = make_consortium(tmp_path, today=clock.today())
    home = banks.homes["bank-a"]
    table = make_tables({LOANS.name: parse_contract(LOANS.read_bytes(), LOANS.name)}, 1500, 5)[LOANS.name]
    write_table(table, tmp_path / "loans.csv")
    done = run("offer", LOANS, "--table", tmp_path / "loans.csv", home=home.path)
    assert done.exit_code == 0, done.output
    payload = claimed(banks.exchange.get_named(("catalogue", "bank-a", "loans"))).decode()
    low = json.loads(payload)["rows"]["at_least"]
    assert 800 <= low < 1200 and "bank-a offers loans 1.0.0: " in done.output
    frame = table.frame()
    public = LOANS.read_text()
    canaries = {str(cell) for name in frame for cell in frame[name] if len(str(cell)) >= 4 and str(cell) not in public}
    assert len(canaries) > 3000
    log = b"".join(home.log.entries()).decode()
    told = set(_words(payload)) | set(_words(log)) | set(_words(done.output))
    assert not told & canaries
    assert "1500" not in told and "1,500" not in done.output


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter in "-." else " " for letter in text).split()
