"""Entries of logs: one form each, and nothing but ids, digests and counts."""

from __future__ import annotations

import pytest

from counterfoil.audit.event import NO_ENTRY, Event
from counterfoil.errors import DocumentError

EVENT = Event(0, "share-received", "node-0", "2026-11-22T09:00:00Z", "job-1", NO_ENTRY, {"a": "1" * 64}, {"rows": 3})


def test_an_event_has_one_form() -> None:
    leaf = EVENT.leaf()
    assert Event.parse(leaf) == EVENT
    assert leaf == (
        b'{"actor":"node-0","counts":{"rows":3},"index":0,"prev":"'
        + b"0" * 64
        + b'","refs":{"a":"'
        + b"1" * 64
        + b'"},"subject":"job-1","time":"2026-11-22T09:00:00Z","type":"share-received"}'
    )


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Share received"},
        {"actor": "node 0"},
        {"subject": "Alice Smith"},
        {"time": "2026-11-22 09:00"},
        {"time": "2026-13-22T09:00:00Z"},
        {"time": 5},
        {"prev": ""},
        {"index": -1},
        {"index": True},
        {"refs": {"a": "free text"}},
        {"refs": {"a": 5}},
        {"refs": {"A": "1" * 64}},
        {"counts": {"rows": -1}},
        {"counts": {"rows": 1.5}},
        {"counts": {"rows": 2**53}},
        {"counts": {"rows": "3"}},
    ],
)
def test_only_ids_digests_and_counts_are_logged(change: dict[str, object]) -> None:
    fields = {name: getattr(EVENT, name) for name in EVENT.__slots__}
    with pytest.raises(DocumentError):
        Event(**{**fields, **change})


@pytest.mark.parametrize("leaf", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 9999, EVENT.leaf() + b" ", b'{"self":1}'])
def test_other_bytes_are_no_event(leaf: bytes) -> None:
    with pytest.raises(DocumentError):
        Event.parse(leaf)
