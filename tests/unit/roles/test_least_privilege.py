"""Every command in the home of every role: what a role may not do is refused by name, and changes nothing."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil.audit.event import Event
from counterfoil.cli import app
from counterfoil.errors import (
    CounterfoilError,
    NotEntitledError,
    NotFoundError,
    RefusedError,
    ReviewError,
    RosterError,
    SignatureError,
)
from counterfoil.governance.parties.roster import revise_roster
from counterfoil.governance.parties.succession import follow
from counterfoil.governance.review.proposals import propose
from counterfoil.home import Home
from counterfoil.roles.owner import table_file
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE
from tests.lib.commands import commands
from tests.lib.consortium import OWNERS, Consortium, found, today, unbacked_draft
from tests.lib.private import only

pytestmark = pytest.mark.slow

ROLES = {
    "owner": "bank-b",
    "node": "node-1",
    "coordinator": "coordinator",
    "reviewer": "reviewer-3",
    "recipient": "regulator",
    "stranger": "mallory",  # can read and write the exchange, and is no party of the agreement
}
PARTIES = tuple(role for role in ROLES if role != "stranger")


@dataclass(frozen=True)
class World:
    """The banks after a release, and with another draft that waits for review, for `reviewer-3` by a proposal, too."""

    banks: Consortium
    released: str
    waiting: str

    @property
    def folder(self) -> Path:
        return self.banks.folder

    @property
    def contract(self) -> Path:
        return self.folder / "contracts" / CONTRACT_FILE

    @property
    def table(self) -> Path:
        return table_file(Home.open(self.folder / "homes" / "bank-b"), "loans")

    def run(self, role: str, words: list[str]) -> Result:
        return CliRunner().invoke(app, [*words, "--home", str(self.folder / "homes" / ROLES[role])])

    def copied(self, folder: Path) -> World:
        """The same in another folder, to change something in."""
        shutil.copytree(self.folder, folder)
        for file in folder.glob("homes/*/party.yaml"):
            file.write_text(file.read_text().replace(str(self.folder), str(folder)))
        return dataclasses.replace(self, banks=dataclasses.replace(self.banks, folder=folder))

    def state(self) -> dict[str, bytes]:
        """All that lies in the exchange, and what every party's log says, but for commands that failed."""
        files = {str(path): path.read_bytes() for path in (self.folder / "exchange").rglob("*") if path.is_file()}
        for home in (self.folder / "homes").iterdir():
            entries = Home.open(home).log.entries()
            files[home.name] = b"".join(each for each in entries if not Event.parse(each).type.endswith("-failed"))
        return files


def only_totals(contracts: Path) -> None:
    file = contracts / AGREEMENT_FILE
    file.write_text(only(file.read_text(), ["total-exposure"]))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    banks = found(tmp_path_factory.mktemp("roles") / "banks", 1000, edit=only_totals)
    released = banks.analyse([banks.hand_in(owner, banks.table(owner)) for owner in OWNERS])[0].digest
    banks.review(released, ("reviewer-1", "reviewer-2"))
    banks.release(released)
    waiting = unbacked_draft(banks)
    propose(waiting, "reviewer-3", "approve", "as agreed", banks.homes["bank-a"].exchange)
    stranger = Home.create(banks.folder / "homes" / "mallory", "mallory", str(banks.folder / "exchange"), ("auditor",))
    for home in (*banks.homes.values(), stranger):
        follow(banks.agreement.roster, home, today().date())
    (banks.folder / "roster.yaml").write_bytes(banks.agreement.roster.raw)
    (banks.folder / "next.yaml").write_bytes(revise_roster(banks.agreement.roster, today().date()).raw)
    return World(banks, released, waiting.evidence.digest)


Words = Callable[[World], list[str]]


@dataclass(frozen=True)
class Guarded:
    """A command that some roles may run: how it is typed, by whom, and by which error others are refused."""

    words: Words
    may: tuple[str, ...]
    others: type[CounterfoilError] = SignatureError
    strangers: type[CounterfoilError] = SignatureError

    def refusal(self, role: str) -> type[CounterfoilError]:
        return self.strangers if role == "stranger" else self.others


def on_agreement(*words: str) -> Words:
    return lambda world: [*words[:2], str(world.banks.ref), *words[2:]]


def on_draft(command: str, *words: str) -> Words:
    return lambda world: ["review", command, str(world.banks.ref), world.waiting, *words]


def on_rosters(*words: str) -> Words:
    return lambda world: [str(world.folder / word) if word.endswith(".yaml") else word for word in words]


GUARDED = {
    "agreement sign": Guarded(on_agreement("agreement", "sign", "--yes"), PARTIES, strangers=RosterError),
    "agreement verify": Guarded(on_agreement("agreement", "verify"), PARTIES),
    "agreement reaffirm": Guarded(on_agreement("agreement", "reaffirm", "--yes"), PARTIES),
    "agreement withdraw": Guarded(on_agreement("agreement", "withdraw", "--yes"), PARTIES, strangers=RosterError),
    "review list": Guarded(on_agreement("review", "list"), PARTIES),
    "review show": Guarded(on_draft("show"), PARTIES),
    "review comment": Guarded(on_draft("comment", "why?"), PARTIES),
    "review approve": Guarded(on_draft("approve"), ("reviewer",), ReviewError),
    "review request-changes": Guarded(on_draft("request-changes", "--comment", "more"), ("reviewer",), ReviewError),
    "review reject": Guarded(on_draft("reject", "--comment", "no"), ("reviewer",), ReviewError),
    "review confirm": Guarded(on_draft("confirm", "--yes"), ("reviewer",), NotFoundError),
    "review withdraw": Guarded(on_draft("withdraw", "--comment", "wrong file"), ("owner",), ReviewError),
    "budget show": Guarded(on_agreement("budget", "show"), PARTIES),
    "budget audit": Guarded(on_agreement("budget", "audit"), PARTIES),
    "release list": Guarded(on_agreement("release", "list"), PARTIES),
    "release revoke": Guarded(
        lambda world: ["release", "revoke", str(world.banks.ref), world.released, "--reason", "wrong"],
        ("node",),
        RefusedError,
    ),
    "attack release": Guarded(on_agreement("attack", "release", "--seconds", "600"), PARTIES),
    "open": Guarded(lambda world: ["open", str(world.banks.ref)], ("recipient",), NotEntitledError),
    "catalogue offer": Guarded(
        lambda world: ["catalogue", "offer", str(world.contract), "--table", str(world.table)],
        ("owner",),
        RosterError,
        RosterError,
    ),
    "roster sign": Guarded(
        on_rosters("roster", "sign", "roster.yaml", "next.yaml", "--yes"), PARTIES, strangers=RosterError
    ),
    "party revoke": Guarded(
        on_rosters("party", "revoke", "bank-d", "--roster", "roster.yaml", "--out", "without.yaml"),
        PARTIES,
        strangers=RosterError,
    ),
}

ANYBODYS = {
    "its own home alone": (
        *("party init", "party card", "party invite", "party rotate", "log show", "log check", "purge"),
        *("home backup", "home restore", "home upgrade", "party listen"),
        *("table list", "table name", "table give-back", "table erase"),
    ),
    "files that it has": (
        *("contract new", "contract lint", "contract show", "contract sign", "contract test", "contract risk"),
        *("contract adopt", "contract expectations export", "contract expectations import", "new consortium"),
        *(
            "contract merge",
            "contract diff",
            "contract synth",
            "agreement templates",
            "agreement new",
            "agreement lint",
        ),
        *("agreement schema", "roster new", "roster show", "warm", "rehearse", "help"),
    ),
    "papers that all who reach the exchange may read": (
        *("agreement explain", "agreement diff", "verify", "evidence", "catalogue list", "catalogue search"),
        *("catalogue show",),
    ),
    "what counts for nothing until others sign or ask for it": (
        *("agreement draft", "roster revise", "party enrol", "catalogue withdraw"),
    ),
}
"""Commands that need no right of anybody's, by what they read or write."""


def test_every_command_is_guarded_or_said_to_be_anybodys() -> None:
    anybodys = [command for group in ANYBODYS.values() for command in group]
    assert sorted([*GUARDED, *anybodys]) == sorted(commands())


@pytest.mark.parametrize(
    ("command", "role"),
    [(command, role) for command, guarded in GUARDED.items() for role in ROLES if role not in guarded.may],
)
def test_a_role_is_refused_what_is_not_its_own(command: str, role: str, world: World) -> None:
    guarded, before = GUARDED[command], world.state()
    result = world.run(role, guarded.words(world))
    assert result.exit_code == guarded.refusal(role).exit_code, result.output
    assert ROLES[role] in result.stderr
    assert world.state() == before


@pytest.mark.parametrize("command", GUARDED)
def test_whoever_may_does(command: str, world: World, tmp_path: Path) -> None:
    """So what refuses the others is who they are."""
    copy, guarded = world.copied(tmp_path / "copy"), GUARDED[command]
    result = copy.run(guarded.may[0], guarded.words(copy))
    assert result.exit_code == 0, result.output
