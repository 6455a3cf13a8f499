"""A roster's next version: who must sign it, what it stops, and that nobody is shown an older one again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from counterfoil.audit.event import Event
from counterfoil.canonical import jcs, load_yaml
from counterfoil.crypto.sign import sign as sign_document
from counterfoil.errors import ExpiredError, NotFoundError, RevokedError, RosterError, SignatureError
from counterfoil.governance.agreements.signing.in_force import REVIEW, check_in_force, load
from counterfoil.governance.agreements.signing.signed import (
    own_keys,
    publish,
    read_agreement,
    sign_agreement,
)
from counterfoil.governance.parties.enrolment import publish_card, read_renewed
from counterfoil.governance.parties.roster import MOST_DAYS, Roster, fill_roster, parse_roster, revise_roster
from counterfoil.governance.parties.succession import follow, latest, missing, sign_successor
from counterfoil.governance.retention.purge import destroy_unused_keys
from counterfoil.home import HOME, Home
from counterfoil_prefect.mpc_tasks import held
from counterfoil_prefect.mpc_tasks.verify import verify
from tests.unit.conftest import CONTRACTS, IDS, TODAY, Consortium

ENOUGH = [id for id in IDS if id != "node-1"][:7]  # more than half of the twelve


def sign(consortium: Consortium, new: Roster, ids: Iterable[str], old: Roster | None = None) -> None:
    for id in ids:
        sign_successor(old or consortium.roster, new, consortium.homes[id].keys, consortium.exchange)


@pytest.fixture
def without_node(signed: Consortium) -> Roster:
    return revise_roster(signed.roster, TODAY, without=["node-1"])


def test_enough_parties_of_both_versions_revoke_a_key_for_all(signed: Consortium, without_node: Roster) -> None:
    assert (without_node.version, without_node.threshold, signed.roster.threshold) == (2, 6, 7)
    sign(signed, without_node, ENOUGH[:6])
    assert missing(signed.roster, without_node, signed.exchange) == (1, 0)
    for id in IDS:
        check_in_force(signed.agreement, signed.homes[id], TODAY)
    sign(signed, without_node, ENOUGH[6:])
    for id in IDS:
        with pytest.raises(RevokedError, match=r"the keys of node-1 in agreement exposure 1.0.0 are not in roster"):
            check_in_force(signed.agreement, signed.homes[id], TODAY)


def test_a_step_refuses_by_name_and_logs_it(
    signed: Consortium, without_node: Roster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(signed, without_node, ENOUGH)
    for id in ("node-0", "node-1", "bank-a"):
        home = signed.homes[id]
        monkeypatch.setenv(HOME, str(home.path))
        held.home.cache_clear()
        with pytest.raises(RevokedError, match="node-1"):
            verify.fn(signed.ref)
        last = Event.parse(home.log.entries()[-1])
        assert (last.type, last.subject, last.counts["exit-code"]) == ("verify-failed", "revoked-error", 35)
    held.home.cache_clear()


def test_a_version_that_takes_no_key_away_stops_nothing(signed: Consortium) -> None:
    same = revise_roster(signed.roster, TODAY)
    sign(signed, same, ENOUGH)
    assert latest(signed.roster, signed.homes["node-0"]).version == 2
    check_in_force(signed.agreement, signed.homes["node-0"], TODAY)


def test_new_keys_for_one_are_new_keys_for_nobody_else(signed: Consortium, tmp_path: Path) -> None:
    renewed = Home.create(tmp_path / "renewed", "bank-b", signed.exchange.url, ("owner",))
    roster = revise_roster(signed.roster, TODAY, cards=[renewed.keys.public])
    sign(signed, roster, ENOUGH)
    assert missing(signed.roster, roster, signed.exchange) == (0, 1)  # bank-b's old key is not of the new version
    sign_successor(signed.roster, roster, renewed.keys, signed.exchange)
    with pytest.raises(RevokedError, match="the keys of bank-b"):
        check_in_force(signed.agreement, signed.homes["node-0"], TODAY)

    again = read_agreement(CONTRACTS / "agreements" / "exposure.agreement.yaml", roster)
    ref = publish(again, signed.exchange, "bank-a")
    homes = {**signed.homes, "bank-b": renewed}
    for home in homes.values():
        sign_agreement(again, home.keys, home.exchange)
    for home in homes.values():
        load(home, ref, for_=REVIEW, today=TODAY)
        check_in_force(again, home, TODAY)
    with pytest.raises(SignatureError, match="not signed by bank-b"):  # with the old keys
        load(signed.homes["bank-b"], ref, for_=REVIEW, today=TODAY)


def test_a_thief_of_one_key_cannot_make_a_roster_of_its_own(signed: Consortium, tmp_path: Path) -> None:
    fakes = [Home.create(tmp_path / f"fake-{id}", id, signed.exchange.url) for id in IDS if id != "node-0"]
    taken = revise_roster(signed.roster, TODAY, cards=[fake.keys.public for fake in fakes])
    sign(signed, taken, ["node-0"])
    for fake in fakes:
        sign_successor(signed.roster, taken, fake.keys, signed.exchange)
    assert missing(signed.roster, taken, signed.exchange) == (6, 0)
    assert latest(signed.roster, signed.homes["bank-a"]) == signed.roster


def test_who_has_seen_a_version_is_shown_no_older_one(signed: Consortium, without_node: Roster) -> None:
    sign(signed, without_node, ENOUGH)
    with pytest.raises(RevokedError):
        check_in_force(signed.agreement, signed.homes["node-0"], TODAY)
    shutil.rmtree(Path(signed.exchange.url) / "rosters")
    with pytest.raises(RevokedError):
        check_in_force(signed.agreement, Home.open(signed.homes["node-0"].path), TODAY)


def test_versions_follow_one_another(signed: Consortium, without_node: Roster) -> None:
    third = revise_roster(without_node, TODAY, without=["reviewer-3"])
    sign(signed, without_node, ENOUGH)
    sign(signed, third, ENOUGH, without_node)
    assert latest(signed.roster, signed.homes["bank-a"]).raw == third.raw
    with pytest.raises(RosterError, match="the next version is four-banks 2"):
        sign(signed, third, ENOUGH[:1])


def test_two_successors_stop_everything(signed: Consortium, without_node: Roster) -> None:
    sign(signed, without_node, ENOUGH)
    sign(signed, revise_roster(signed.roster, TODAY, without=["node-2"]), ENOUGH)
    with pytest.raises(RosterError, match="two successors of version 1"):
        check_in_force(signed.agreement, signed.homes["bank-a"], TODAY)


def test_only_what_was_signed_counts(signed: Consortium, without_node: Roster) -> None:
    sign(signed, without_node, ENOUGH)
    folder = Path(signed.exchange.url) / "rosters" / signed.roster.digest / without_node.digest
    changed = load_yaml(without_node.raw, "roster").value
    changed["parties"].pop()
    (folder / "roster").write_text(yaml.safe_dump(changed))
    check_in_force(signed.agreement, signed.homes["bank-a"], TODAY)
    (folder / "roster").write_bytes(without_node.raw)
    signature = folder / signed.homes["bank-a"].keys.public.sign_id
    signature.write_bytes((folder / signed.homes["bank-b"].keys.public.sign_id).read_bytes())
    check_in_force(signed.agreement, signed.homes["bank-a"], TODAY)


def test_a_stranger_signs_nothing(signed: Consortium, without_node: Roster, tmp_path: Path) -> None:
    stranger = Home.create(tmp_path / "stranger", "bank-a", signed.exchange.url)
    with pytest.raises(RosterError, match="lists the signing key of bank-a"):
        sign_successor(signed.roster, without_node, stranger.keys, signed.exchange)
    with pytest.raises(RosterError, match="no party 'node-7'"):
        revise_roster(signed.roster, TODAY, without=["node-7"])


# --- how long a roster holds, and that nobody is kept at an old one ---------------------------------------------------

OVER = TODAY + timedelta(days=MOST_DAYS + 1)


def test_a_roster_that_nobody_renewed_stops_its_agreements(signed: Consortium) -> None:
    """Whoever hides the next version from a party gains ninety days, not for ever."""
    home = signed.homes["node-0"]
    check_in_force(signed.agreement, home, OVER - timedelta(days=1))
    with pytest.raises(ExpiredError, match="roster four-banks 1 holds from 2026-11-23 to 2027-02-21"):
        check_in_force(signed.agreement, home, OVER)
    with pytest.raises(ExpiredError, match="four-banks 1 holds from"):
        check_in_force(signed.agreement, home, TODAY - timedelta(days=1))
    sign(signed, revise_roster(signed.roster, OVER), ENOUGH)
    check_in_force(signed.agreement, home, OVER)


def test_a_party_goes_by_the_latest_roster_alone(signed: Consortium, without_node: Roster) -> None:
    home = signed.homes["bank-a"]
    follow(signed.roster, home, TODAY)
    sign(signed, without_node, ENOUGH[:5])
    follow(signed.roster, home, TODAY)
    with pytest.raises(RosterError, match="have this one signed as its next version"):
        follow(without_node, home, TODAY)
    sign(signed, without_node, ENOUGH)
    follow(without_node, home, TODAY)
    shutil.rmtree(Path(signed.exchange.url) / "rosters")
    for late in (home, Home.open(home.path)):  # and remembers it
        with pytest.raises(RosterError, match="is not version 2 of roster four-banks, the latest that bank-a knows"):
            follow(signed.roster, late, TODAY)
    with pytest.raises(ExpiredError):
        follow(without_node, home, OVER)


def test_another_roster_of_the_same_name_is_refused(signed: Consortium, tmp_path: Path) -> None:
    fakes = [Home.create(tmp_path / f"fake-{id}", id, signed.exchange.url).keys.public for id in IDS]
    members = (CONTRACTS / "rosters" / "four-banks.roster.yaml").read_bytes()
    follow(signed.roster, signed.homes["bank-a"], TODAY)
    with pytest.raises(RosterError, match="the latest that bank-a knows"):
        follow(fill_roster(members, "fake.yaml", fakes, TODAY), signed.homes["bank-a"], TODAY)


# --- keys that are renewed ------------------------------------------------------------------------------------------


def renew(consortium: Consortium, id: str) -> Roster:
    """The party renewed its keys, and enough have signed the roster with the new ones."""
    home = consortium.homes[id]
    home.renew_keys()
    publish_card(home)
    card = read_renewed(id, consortium.roster, consortium.homes["bank-a"])
    roster = revise_roster(consortium.roster, TODAY, cards=[card])
    sign(consortium, roster, [*ENOUGH, id])
    return roster


@pytest.mark.slow
def test_an_agreement_outlives_a_renewal_until_the_earlier_keys_are_not_honoured(signed: Consortium) -> None:
    home, before = signed.homes["node-1"], signed.homes["node-1"].keys
    roster = renew(signed, "node-1")
    assert home.keys.public.sign == before.public.sign
    assert home.keys.public.seal != before.public.seal
    assert home.keys.public.tls_pin != before.public.tls_pin
    last = TODAY + timedelta(days=MOST_DAYS)
    for id in IDS:
        check_in_force(signed.agreement, signed.homes[id], TODAY)
        load(signed.homes[id], signed.ref, for_=REVIEW, today=TODAY)
    assert own_keys(signed.agreement, Home.open(home.path)).public == before.public
    follow(roster, home, TODAY)
    assert destroy_unused_keys(home, last) == 0
    sign(signed, third := revise_roster(roster, last), [*ENOUGH, "node-1"], roster)
    check_in_force(signed.agreement, signed.homes["bank-a"], last)
    with pytest.raises(RevokedError, match="the keys of node-1"):
        check_in_force(signed.agreement, signed.homes["bank-a"], last + timedelta(days=1))
    assert destroy_unused_keys(home, last + timedelta(days=1)) == 1
    with pytest.raises(NotFoundError, match="does not hold the keys that are listed for it"):
        own_keys(signed.agreement, Home.open(home.path))
    assert third.party("node-1").keys == Home.open(home.path).keys.public
    assert Event.parse(home.log.entries()[-1]).type == "keys-destroyed"


def test_renewed_keys_sign_nobody_else_in(signed: Consortium) -> None:
    thief = signed.homes["node-0"]
    thief.renew_keys()
    for name in ("node-1", "node-0"):  # its own card in node-1's name, or node-1's name in its own
        card = {**thief.keys.public.to_json(), "party": "node-1"}
        envelope = sign_document("card", jcs(card), thief.keys)
        signed.exchange.put_named(("cards", name), envelope, replace=True)
        with pytest.raises((SignatureError, RosterError)):
            read_renewed(name, signed.roster, signed.homes["bank-a"])


def test_revoked_keys_are_not_honoured_because_they_were_renewed_before(signed: Consortium) -> None:
    roster = renew(signed, "node-1")
    gone = revise_roster(roster, TODAY, without=["node-1"])
    sign(signed, gone, [id for id in ENOUGH if id != "node-1"], roster)
    with pytest.raises(RevokedError, match="the keys of node-1"):
        check_in_force(signed.agreement, signed.homes["bank-a"], TODAY)


def test_earlier_keys_are_honoured_for_ninety_days_at_most(signed: Consortium) -> None:
    value = load_yaml(renew(signed, "node-1").raw, "roster").value
    (listed,) = [party for party in value["parties"] if "earlier" in party]
    for until, words in (("2027-02-22", "at most 90 days"), ("2027-02-30", "not a day")):
        listed["earlier"][0]["until"] = until
        with pytest.raises(RosterError, match=words):
            parse_roster(yaml.safe_dump(value).encode(), "roster")
    listed["earlier"][0] |= {"until": "2027-01-01", "seal": "AAAA"}
    with pytest.raises(RosterError, match="wrong length; remove it"):
        parse_roster(yaml.safe_dump(value).encode(), "roster")


def test_keys_whose_destruction_was_cut_off_are_destroyed_the_next_time(
    signed: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = signed.homes["node-1"]
    follow(renew(signed, "node-1"), home, TODAY)
    after = TODAY + timedelta(days=MOST_DAYS + 1)
    left = ("tls.pem", "seal-mlkem768.pem", "seal-x25519.pem")
    unlink = Path.unlink

    def die(path: Path, missing_ok: bool = False) -> None:
        if path.name in left:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            destroy_unused_keys(home, after)
    again = Home.open(home.path)
    assert all((home.path / "keys" / name).exists() for name in left)
    assert destroy_unused_keys(again, after) == 0
    assert not any((home.path / "keys" / name).exists() for name in left)
    assert again.keys.public == Home.open(home.path).keys.public == home.keys.public
