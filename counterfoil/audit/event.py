"""Write and parse one entry of an audit log: who did what when, to which documents, and counts; no value of the data.

Knows the form alone, not which events a job must have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from counterfoil import clock
from counterfoil.canonical import Ref, check_id, jcs
from counterfoil.errors import DocumentError

MAX_LEAF_BYTES = 2**16 - 1  # C2SP tlog-tiles writes an entry's length in two bytes
MAX_COUNT = 2**53 - 1
NO_ENTRY = "0" * 64

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of a log. `subject` is the id of a job or document; `refs` maps names to digests or references.

    `index` is its place in the log and `prev` the leaf hash of the entry before it, so that an entry which was
    edited, dropped or moved can be named.
    """

    index: int
    type: str
    actor: str
    time: str
    subject: str | None
    prev: str
    refs: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_id(self.type, "type of event")
        check_id(self.actor, "actor of event")
        if self.subject is not None:
            check_id(self.subject, "subject of event")
        _check_count("index", self.index)
        for name, count in self.counts.items():
            _check_count(check_id(name, "name of a count"), count)
        for name, ref in self.refs.items():
            check_id(name, "name of a reference")
            if not isinstance(ref, str) or not _DIGEST.match(ref):
                Ref.parse(ref)
        if not isinstance(self.prev, str) or not _DIGEST.match(self.prev):
            raise DocumentError("prev of an event must be 64 lower-case hex digits")
        _check_time(self.time)

    def leaf(self) -> bytes:
        """Encode the entry as its bytes in the log, canonical JSON. Raises: DocumentError if they are too long."""
        raw = jcs(
            {
                "index": self.index,
                "type": self.type,
                "actor": self.actor,
                "time": self.time,
                "subject": self.subject,
                "prev": self.prev,
                "refs": dict(self.refs),
                "counts": dict(self.counts),
            }
        )
        if len(raw) > MAX_LEAF_BYTES:
            raise DocumentError(f"an event of {len(raw)} bytes; a log entry may have {MAX_LEAF_BYTES}")
        return raw

    @classmethod
    def parse(cls, leaf: bytes) -> Event:
        """Parse an entry, refusing any but the canonical form. Raises: DocumentError."""
        try:
            event = cls(**json.loads(leaf))
        except (TypeError, ValueError, AttributeError, RecursionError):
            raise DocumentError("not a log entry") from None
        if event.leaf() != leaf:
            raise DocumentError("a log entry that is not in canonical form")
        return event


def now() -> str:
    """Write the time as events do: UTC, to the second."""
    return clock.now().strftime(_TIME)


def _check_count(name: str, count: object) -> None:
    if type(count) is not int or not 0 <= count <= MAX_COUNT:
        raise DocumentError(f"{name} of an event must be a whole number from 0 to 2^53-1")


def _check_time(text: object) -> None:
    try:
        if isinstance(text, str) and datetime.strptime(text, _TIME).strftime(_TIME) == text:
            return
    except ValueError:
        pass
    raise DocumentError("time of an event is written 2026-01-31T12:00:00Z")
