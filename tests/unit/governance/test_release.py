"""Shares leave only when approved, only to a recipient, only sealed to the key that the reviewers saw, and once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from counterfoil.canonical import jcs
from counterfoil.crypto.sign import sign
from counterfoil.errors import (
    DocumentError,
    NotEntitledError,
    NotFoundError,
    RefusedError,
    ReplayError,
    SealError,
    SignatureError,
    TamperedError,
)
from counterfoil.governance.releases.release import Release, open_release
from counterfoil.governance.releases.release import release as hand_out
from counterfoil.governance.review.leaving import Approved
from counterfoil.home import Home
from tests.unit.conftest import NOW, Consortium
from tests.unit.governance.reviewing import NODES, announced, approved

SHARES: Mapping[str, bytes] = {node: f"the shares of {node}".encode() for node in NODES}


def release(
    made: Approved, recipient: str, shares: bytes, home: Home, consortium: Consortium, now: datetime = NOW
) -> Release:
    """As a node releases: after its announcement was cosigned."""
    return hand_out(announced(consortium, made, home.party), recipient, shares, home, now)


def release_all(consortium: Consortium, made: Approved, recipient: str) -> None:
    for node in NODES:
        release(made, recipient, SHARES[node], consortium.homes[node], consortium)


def document(consortium: Consortium, made: Approved, recipient: str, node: str) -> Path:
    return Path(consortium.exchange.url) / "releases" / made.draft.evidence.digest / recipient / node


@pytest.mark.parametrize("recipient", ["regulator", "bank-a"])
def test_a_recipient_opens_what_every_node_released(recipient: str, signed: Consortium) -> None:
    made = approved(signed)
    release_all(signed, made, recipient)
    given = open_release(made, signed.homes[recipient], NOW)
    assert {node: item.shares for node, item in given.items()} == SHARES
    assert [item.release.node for item in given.values()] == list(NODES)


@pytest.mark.parametrize("id", ["bank-b", "node-0", "coordinator", "reviewer-1"])
def test_nobody_else_is_released_to_or_opens(id: str, signed: Consortium) -> None:
    made = approved(signed)
    with pytest.raises(NotEntitledError, match=f"{id} is not a recipient"):
        release(made, id, b"", signed.homes["node-0"], signed)
    with pytest.raises(NotEntitledError):
        open_release(made, signed.homes[id], NOW)


def test_one_recipient_cannot_open_what_is_for_the_other(signed: Consortium) -> None:
    made = approved(signed)
    release_all(signed, made, "regulator")
    release_all(signed, made, "bank-a")
    for node in NODES:
        mine = document(signed, made, "bank-a", node)
        mine.write_bytes(document(signed, made, "regulator", node).read_bytes())
    with pytest.raises(TamperedError, match="another job or recipient"):
        open_release(made, signed.homes["bank-a"], NOW)


@pytest.mark.parametrize("id", ["bank-a", "coordinator", "regulator"])
def test_only_nodes_release(id: str, signed: Consortium) -> None:
    with pytest.raises(RefusedError, match=f"{id} is not a node"):
        release(approved(signed), "regulator", b"", signed.homes[id], signed)


def test_a_period_is_released_from_one_job_only(signed: Consortium) -> None:
    first, second = approved(signed), approved(signed)
    assert first.draft.evidence.job != second.draft.evidence.job
    release(first, "regulator", SHARES["node-0"], signed.homes["node-0"], signed)
    with pytest.raises(ReplayError):
        release(second, "regulator", SHARES["node-0"], signed.homes["node-0"], signed)
    release(first, "regulator", SHARES["node-0"], signed.homes["node-0"], signed)  # again, after a crash
    release(approved(signed, "2026-w47"), "regulator", SHARES["node-0"], signed.homes["node-0"], signed)


@pytest.mark.parametrize("absent", NODES)
def test_a_release_needs_every_node(absent: str, signed: Consortium) -> None:
    made = approved(signed)
    for node in NODES:
        if node != absent:
            release(made, "regulator", SHARES[node], signed.homes[node], signed)
    with pytest.raises(NotFoundError, match=f"{absent} has not released"):
        open_release(made, signed.homes["regulator"], NOW)


CHANGED: Mapping[str, dict[str, Any]] = {
    "job": {"job": "0" * 32},
    "agreement": {"agreement": "0" * 64},
    "evidence": {"evidence": "0" * 64},
    "node": {"node": "node-0"},
    "recipient": {"recipient": "bank-a"},
    "plans": {"plans": {"total-exposure": "0" * 64}},
}


@pytest.mark.parametrize("field", CHANGED)
def test_a_release_that_says_something_else_is_refused(field: str, signed: Consortium) -> None:
    made = approved(signed)
    release_all(signed, made, "regulator")
    path = document(signed, made, "regulator", "node-1")
    said = release(made, "regulator", SHARES["node-1"], signed.homes["node-1"], signed)
    path.write_bytes(sign("release", replace(said, **CHANGED[field]).pack(), signed.homes["node-1"].keys))
    with pytest.raises(TamperedError, match="release of node-1 is for another job"):
        open_release(made, signed.homes["regulator"], NOW)


def test_a_release_signed_by_another_is_refused(signed: Consortium) -> None:
    made = approved(signed)
    release_all(signed, made, "regulator")
    said = release(made, "regulator", SHARES["node-1"], signed.homes["node-1"], signed)
    path = document(signed, made, "regulator", "node-1")
    path.write_bytes(sign("release", said.pack(), signed.homes["coordinator"].keys))
    with pytest.raises(SignatureError, match="not signed by node-1"):
        open_release(made, signed.homes["regulator"], NOW)


def test_sealed_shares_of_an_earlier_draft_do_not_open_for_this_one(signed: Consortium) -> None:
    old, new = approved(signed, "2026-w47"), approved(signed)
    release_all(signed, new, "regulator")
    stale = release(old, "regulator", b"old shares", signed.homes["node-1"], signed)
    said = release(new, "regulator", SHARES["node-1"], signed.homes["node-1"], signed)
    path = document(signed, new, "regulator", "node-1")
    path.write_bytes(sign("release", replace(said, sealed=stale.sealed).pack(), signed.homes["node-1"].keys))
    with pytest.raises(SealError):
        open_release(new, signed.homes["regulator"], NOW)


def test_changed_sealed_shares_are_noticed(signed: Consortium) -> None:
    made = approved(signed)
    release_all(signed, made, "regulator")
    said = release(made, "regulator", SHARES["node-2"], signed.homes["node-2"], signed)
    path = Path(signed.exchange.url) / "blobs" / "sealed" / "node-2" / said.sealed
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(TamperedError):
        open_release(made, signed.homes["regulator"], NOW)


def test_a_release_names_who_approved_it(signed: Consortium) -> None:
    made = approved(signed)
    said = release(made, "regulator", b"", signed.homes["node-0"], signed)
    assert said.approvals == made.approvals
    assert set(said.approvals) == {"reviewer-1", "reviewer-2"}
    assert said.key == signed.roster.party("regulator").keys.seal_id
    assert "correlation-of-shared-rows" in said.plans
    assert "correlation-of-shared-rows" not in release(made, "bank-a", b"", signed.homes["node-0"], signed).plans
    assert Release.unpack(said.pack()) == said
    with pytest.raises(DocumentError):
        Release.unpack(jcs({"format": "counterfoil/release/1"}))
