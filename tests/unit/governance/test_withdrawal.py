"""Who withdraws, for whom it counts, and that neither a liar nor a forgetful exchange changes that."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.canonical import jcs
from counterfoil.crypto.sign import sign
from counterfoil.errors import RosterError, StoreError, WithdrawnError
from counterfoil.governance.agreements.signing.withdrawal import check_not_withdrawn, withdraw, withdrawn_by
from counterfoil.governance.documents import write_time
from counterfoil.home import Home
from counterfoil.storage.exchange import Exchange
from tests.unit.conftest import IDS, NOW, Consortium


@pytest.mark.parametrize("leaver", ["bank-b", "node-1", "reviewer-3", "regulator"])
def test_everybody_refuses_by_name_what_one_has_left(leaver: str, signed: Consortium) -> None:
    for id in IDS:
        check_not_withdrawn(signed.agreement, signed.homes[id])
    withdraw(signed.agreement, signed.homes[leaver], NOW)
    for id in IDS:
        with pytest.raises(WithdrawnError, match=f"{leaver} withdrew from agreement exposure 1.0.0"):
            check_not_withdrawn(signed.agreement, signed.homes[id])


def test_who_has_heard_does_not_forget(signed: Consortium) -> None:
    withdraw(signed.agreement, signed.homes["bank-b"], NOW)
    with pytest.raises(WithdrawnError):
        check_not_withdrawn(signed.agreement, signed.homes["node-0"])
    path(signed, "bank-b").unlink()
    for id in ("bank-b", "node-0"):
        again = Home.open(signed.homes[id].path)
        with pytest.raises(WithdrawnError, match="bank-b"):
            check_not_withdrawn(signed.agreement, again)
    check_not_withdrawn(signed.agreement, signed.homes["node-1"])  # it was never shown


def test_who_could_not_tell_the_others_has_left_all_the_same(
    signed: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("the exchange is full")

    with monkeypatch.context() as broken:
        broken.setattr(Exchange, "put_named", full)
        with pytest.raises(StoreError):
            withdraw(signed.agreement, signed.homes["bank-b"], NOW)
    with pytest.raises(WithdrawnError, match="bank-b"):
        check_not_withdrawn(signed.agreement, signed.homes["bank-b"])
    check_not_withdrawn(signed.agreement, signed.homes["node-0"])
    withdraw(signed.agreement, signed.homes["bank-b"], NOW)
    with pytest.raises(WithdrawnError, match="bank-b"):
        check_not_withdrawn(signed.agreement, signed.homes["node-0"])


def test_nobody_withdraws_for_another(signed: Consortium) -> None:
    liar, digest = signed.homes["coordinator"], signed.agreement.digest
    statement = {"format": "counterfoil/withdrawal/1", "agreement": digest, "party": "bank-b"}
    statement["withdrawn"] = write_time(NOW)
    put(signed, digest, "bank-b", sign("withdrawal", jcs(statement), liar.keys))
    put(signed, digest, "stranger", sign("withdrawal", jcs({**statement, "party": "stranger"}), liar.keys))
    put(signed, digest, "bank-c", b"junk")
    of_another = jcs({**statement, "agreement": "0" * 64, "party": "bank-d"})
    put(signed, digest, "bank-d", sign("withdrawal", of_another, signed.homes["bank-d"].keys))
    put(signed, digest, "node-0", sign("agreement", jcs({**statement, "party": "node-0"}), signed.homes["node-0"].keys))
    check_not_withdrawn(signed.agreement, signed.homes["node-1"])
    assert withdrawn_by(digest, signed.homes["node-1"].state) == ()


def test_only_parties_withdraw(signed: Consortium, tmp_path: Path) -> None:
    for name, id in (("a-stranger", "stranger"), ("other-keys", "bank-b")):
        with pytest.raises(RosterError):
            withdraw(signed.agreement, Home.create(tmp_path / name, id, signed.exchange.url), NOW)


def put(consortium: Consortium, digest: str, party: str, envelope: bytes) -> None:
    consortium.exchange.put_named(("withdrawals", digest, party), envelope, replace=True)


def path(consortium: Consortium, party: str) -> Path:
    return Path(consortium.exchange.url) / "withdrawals" / consortium.agreement.digest / party
