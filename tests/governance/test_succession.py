"""A roster's next version: who must sign it, what it stops, and that nobody is shown an older one again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from counterfoil.audit.event import Event
from counterfoil.canonical import load_yaml
from counterfoil.cli import app
from counterfoil.errors import RevokedError, RosterError, SignatureError
from counterfoil.governance.roster import Roster, parse_roster, revise_roster
from counterfoil.governance.signing import load_agreement, publish, read_agreement, sign_agreement
from counterfoil.governance.standing import check_standing
from counterfoil.governance.succession import latest, missing, sign_successor
from counterfoil.home import HOME, Home
from mpc_tasks import held
from mpc_tasks.verify import verify

from .conftest import CONTRACTS, IDS, TODAY, Consortium

ENOUGH = [id for id in IDS if id != "node-1"][:7]  # more than half of the twelve


def sign(consortium: Consortium, new: Roster, ids: Iterable[str], old: Roster | None = None) -> None:
    for id in ids:
        sign_successor(old or consortium.roster, new, consortium.homes[id].keys, consortium.exchange)


@pytest.fixture
def without_node(signed: Consortium) -> Roster:
    return revise_roster(signed.roster, ["node-1"], [])


def test_enough_parties_of_both_versions_revoke_a_key_for_all(signed: Consortium, without_node: Roster) -> None:
    assert (without_node.version, without_node.threshold, signed.roster.threshold) == (2, 6, 7)
    sign(signed, without_node, ENOUGH[:6])
    assert missing(signed.roster, without_node, signed.exchange) == (1, 0)
    for id in IDS:
        check_standing(signed.agreement, signed.homes[id])
    sign(signed, without_node, ENOUGH[6:])
    for id in IDS:
        with pytest.raises(RevokedError, match=r"the keys of node-1 in agreement exposure 1.0.0 are not in roster"):
            check_standing(signed.agreement, signed.homes[id])


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
    same = revise_roster(signed.roster, [], [])
    sign(signed, same, ENOUGH)
    assert latest(signed.roster, signed.homes["node-0"]).version == 2
    check_standing(signed.agreement, signed.homes["node-0"])


def test_new_keys_for_one_are_new_keys_for_nobody_else(signed: Consortium, tmp_path: Path) -> None:
    renewed = Home.create(tmp_path / "renewed", "bank-b", signed.exchange.url, ("owner",))
    roster = revise_roster(signed.roster, [], [renewed.keys.public])
    sign(signed, roster, ENOUGH)
    assert missing(signed.roster, roster, signed.exchange) == (0, 1)  # bank-b's old key is not of the new version
    sign_successor(signed.roster, roster, renewed.keys, signed.exchange)
    with pytest.raises(RevokedError, match="the keys of bank-b"):
        check_standing(signed.agreement, signed.homes["node-0"])

    again = read_agreement(CONTRACTS / "agreements" / "exposure.agreement.yaml", roster)
    ref = publish(again, signed.exchange, "bank-a")
    homes = {**signed.homes, "bank-b": renewed}
    for home in homes.values():
        sign_agreement(again, home.keys, home.exchange)
    for home in homes.values():
        load_agreement(home.exchange, ref, home.keys.public, TODAY)
        check_standing(again, home)
    with pytest.raises(SignatureError, match="not signed by bank-b"):  # with the old keys
        load_agreement(signed.exchange, ref, signed.homes["bank-b"].keys.public, TODAY)


def test_a_thief_of_one_key_cannot_make_a_roster_of_its_own(signed: Consortium, tmp_path: Path) -> None:
    fakes = [Home.create(tmp_path / f"fake-{id}", id, signed.exchange.url) for id in IDS if id != "node-0"]
    taken = revise_roster(signed.roster, [], [fake.keys.public for fake in fakes])
    sign(signed, taken, ["node-0"])
    for fake in fakes:
        sign_successor(signed.roster, taken, fake.keys, signed.exchange)
    assert missing(signed.roster, taken, signed.exchange) == (6, 0)
    assert latest(signed.roster, signed.homes["bank-a"]) == signed.roster


def test_who_has_seen_a_version_is_shown_no_older_one(signed: Consortium, without_node: Roster) -> None:
    sign(signed, without_node, ENOUGH)
    with pytest.raises(RevokedError):
        check_standing(signed.agreement, signed.homes["node-0"])
    shutil.rmtree(Path(signed.exchange.url) / "rosters")
    with pytest.raises(RevokedError):
        check_standing(signed.agreement, Home.open(signed.homes["node-0"].path))


def test_versions_follow_one_another(signed: Consortium, without_node: Roster) -> None:
    third = revise_roster(without_node, ["reviewer-3"], [])
    sign(signed, without_node, ENOUGH)
    sign(signed, third, ENOUGH, without_node)
    assert latest(signed.roster, signed.homes["bank-a"]).raw == third.raw
    with pytest.raises(RosterError, match="the next version is four-banks 2"):
        sign(signed, third, ENOUGH[:1])


def test_two_successors_stop_everything(signed: Consortium, without_node: Roster) -> None:
    sign(signed, without_node, ENOUGH)
    sign(signed, revise_roster(signed.roster, ["node-2"], []), ENOUGH)
    with pytest.raises(RosterError, match="two successors of version 1"):
        check_standing(signed.agreement, signed.homes["bank-a"])


def test_only_what_was_signed_counts(signed: Consortium, without_node: Roster) -> None:
    sign(signed, without_node, ENOUGH)
    folder = Path(signed.exchange.url) / "rosters" / signed.roster.digest / without_node.digest
    changed = load_yaml(without_node.raw, "roster").value
    changed["parties"].pop()
    (folder / "roster").write_text(yaml.safe_dump(changed))
    check_standing(signed.agreement, signed.homes["bank-a"])
    (folder / "roster").write_bytes(without_node.raw)
    signature = folder / signed.homes["bank-a"].keys.public.sign_id
    signature.write_bytes((folder / signed.homes["bank-b"].keys.public.sign_id).read_bytes())
    check_standing(signed.agreement, signed.homes["bank-a"])


def test_a_stranger_signs_nothing(signed: Consortium, without_node: Roster, tmp_path: Path) -> None:
    stranger = Home.create(tmp_path / "stranger", "bank-a", signed.exchange.url)
    with pytest.raises(RosterError, match="lists the present keys of bank-a"):
        sign_successor(signed.roster, without_node, stranger.keys, signed.exchange)
    with pytest.raises(RosterError, match="no party 'node-7'"):
        revise_roster(signed.roster, ["node-7"], [])


def test_the_commands(signed: Consortium, tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_bytes(signed.roster.raw)
    revised = CliRunner().invoke(app, ["roster", "revise", str(old), "--without", "node-1", "--out", str(new)])
    assert revised.exit_code == 0, revised.output
    assert "roster four-banks version 2" in revised.output
    assert "node-1" not in [party.id for party in parse_roster(new.read_bytes(), "new").parties]
    for id in ENOUGH:
        result = CliRunner().invoke(app, ["roster", "sign", str(old), str(new), "--home", str(signed.homes[id].path)])
        assert result.exit_code == 0, result.output
    assert "needs 0 more of version 1, 0 of 2" in result.output
    refused = CliRunner().invoke(
        app, ["agreement", "verify", str(signed.ref), "--home", str(signed.homes["bank-a"].path)]
    )
    assert refused.exit_code == RevokedError.exit_code
