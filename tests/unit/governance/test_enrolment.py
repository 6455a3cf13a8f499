"""How a newcomer's keys come into a roster, and that nobody in between can put others there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from counterfoil.canonical import jcs
from counterfoil.errors import (
    CounterfoilError,
    DocumentError,
    ExpiredError,
    NotFoundError,
    ReplayError,
    RosterError,
    SignatureError,
)
from counterfoil.governance.parties.enrolment import VALID, admitted, ask_to_join, invite, read_request
from counterfoil.governance.parties.roster import Party, revise_roster
from counterfoil.home import Home
from tests.unit.conftest import NOW, TODAY, Consortium


class Joining:
    """bank-a has invited node-9, which has not asked yet."""

    def __init__(self, consortium: Consortium, folder: Path) -> None:
        self.inviter = consortium.homes["bank-a"]
        self.newcomer = Home.create(folder / "node-9", "node-9", consortium.exchange.url, ("node",))
        self.code = invite("node-9", self.inviter, NOW)
        self.folder = Path(consortium.exchange.url) / "enrolments" / "node-9"

    def ask(self, home: Home | None = None, code: str | None = None, **changes: Any) -> None:
        said: dict[str, Any] = {
            "organisation": "Institute",
            "jurisdiction": "IT",
            "address": "n9:7300",
            "hosting": "Rome",
            **changes,
        }
        ask_to_join(home or self.newcomer, code or self.code, **said)

    def read(self) -> Party:
        return read_request("node-9", self.inviter, NOW)


@pytest.fixture
def joining(consortium: Consortium, tmp_path: Path) -> Joining:
    return Joining(consortium, tmp_path)


def test_a_newcomer_is_in_the_next_version_as_it_stated_itself(joining: Joining, consortium: Consortium) -> None:
    joining.ask()
    party = joining.read()
    roster = revise_roster(consortium.roster, TODAY, joining=[party])
    assert roster.party("node-9") == party
    assert party.keys == joining.newcomer.keys.public
    assert (party.organisation, party.roles, party.address, party.hosting) == (
        "Institute",
        ("node",),
        "n9:7300",
        "Rome",
    )
    for other in consortium.roster.parties:  # nobody else needs new keys
        assert roster.party(other.id) == other


def test_a_code_may_be_typed_as_it_was_heard(joining: Joining) -> None:
    joining.ask(code=joining.code.lower().replace("-", " "))
    joining.read()


def test_a_code_counts_once(joining: Joining, consortium: Consortium) -> None:
    joining.ask()
    joining.read()
    admitted("node-9", joining.inviter)
    with pytest.raises(ReplayError):
        admitted("node-9", joining.inviter)
    roster = revise_roster(consortium.roster, TODAY, joining=[joining.read()])
    with pytest.raises(RosterError, match="another party cannot have its id"):
        revise_roster(roster, TODAY, joining=[joining.read()])


def another_key(joining: Joining, tmp_path: Path) -> None:
    """Somebody who can write to the exchange, and guesses."""
    thief = Home.create(tmp_path / "thief", "node-9", joining.newcomer.exchange_url, ("node",))
    joining.ask(thief, code="AAAA-AAAA-AAAA-AAAA-AAAA-AAAA")


def another_card(joining: Joining, tmp_path: Path) -> None:
    joining.ask()
    thief = Home.create(tmp_path / "thief", "node-9", joining.newcomer.exchange_url, ("node",))
    (joining.folder / "card").write_bytes(jcs(thief.keys.public.to_json()))


def another_sealing_key(joining: Joining, tmp_path: Path) -> None:
    joining.ask()
    thief = Home.create(tmp_path / "thief", "node-9", joining.newcomer.exchange_url, ("node",))
    card = {**joining.newcomer.keys.public.to_json(), "seal": thief.keys.public.to_json()["seal"]}
    (joining.folder / "card").write_bytes(jcs(card))


def an_older_code(joining: Joining, _: Path) -> None:
    joining.ask()
    invite("node-9", joining.inviter, NOW)


LIES: list[Callable[[Joining, Path], None]] = [another_key, another_card, another_sealing_key, an_older_code]


@pytest.mark.parametrize("lie", LIES)
def test_nobody_puts_other_keys_there(lie: Callable[[Joining, Path], None], joining: Joining, tmp_path: Path) -> None:
    lie(joining, tmp_path)
    with pytest.raises(SignatureError):
        joining.read()


def test_each_step_is_asked_for_by_name(joining: Joining) -> None:
    with pytest.raises(NotFoundError, match="node-9 has not asked to join yet: counterfoil party enrol"):
        joining.read()
    with pytest.raises(NotFoundError, match="bank-a has not invited node-8: counterfoil party invite node-8"):
        read_request("node-8", joining.inviter, NOW)
    joining.ask()
    with pytest.raises(ExpiredError, match="invite node-9 anew"):
        read_request("node-9", joining.inviter, NOW + VALID + timedelta(seconds=1))
    for change in ({"jurisdiction": "Italy"}, {"address": "nowhere"}, {"organisation": ""}):
        with pytest.raises(DocumentError, match="request of node-9"):
            joining.ask(**change)


@pytest.mark.parametrize("name", ["card", "request"])
def test_a_request_that_was_changed_is_refused(name: str, joining: Joining) -> None:
    joining.ask()
    stated = joining.read()
    path = joining.folder / name
    good = path.read_bytes()
    for at in range(0, len(good), 37):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        try:
            assert joining.read() == stated  # a bit that means nothing, at the end of a base64 text
        except CounterfoilError:
            continue
