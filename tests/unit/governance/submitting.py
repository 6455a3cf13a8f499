"""Submissions for tests: small arrays, and every part of a manifest open to change."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import Ref
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.jobs.manifest import ArraySpec, Manifest, consented_plans
from counterfoil.governance.jobs.submission import submit
from tests.unit.conftest import NOW, PERIOD, Consortium

OWNERS = ("bank-a", "bank-b", "bank-c", "bank-d")
ROWS = 5


def specs(terms: Agreement, contract: str, rows: int, states: Sequence[str] = ()) -> Mapping[str, ArraySpec]:
    """What the tests' analyses would ask for: one array a row, and one number."""
    return {"total--sum": ArraySpec((), 0, 10**12), "correlation--z": ArraySpec((rows, 2), -(1 << 20), 1 << 20, 20)}


def arrays() -> dict[str, NDArray[np.int64]]:
    return {
        "total--sum": np.array(123_456_789, np.int64),
        "correlation--z": np.arange(-5, 5, dtype=np.int64).reshape(ROWS, 2),
    }


def hand_in(consortium: Consortium, owner: str, **changes: Any) -> Ref:
    """The owner's submission lies in the exchange."""
    home = consortium.homes[owner]
    given: dict[str, Any] = {
        "contract": "loans",
        "rows": ROWS,
        "period": PERIOD,
        "agreement": consortium.known(owner),
        "keys": home.keys,
        "exchange": home.exchange,
        "now": NOW,
        **changes,
    }
    values, described = given.pop("arrays", arrays()), given.pop("specs", specs(consortium.agreement, "loans", ROWS))
    return submit(values, described, **given)


def manifest(consortium: Consortium, owner: str, **changes: Any) -> Manifest:
    """A manifest as the owner would make it, but for the changes; nobody signed it."""
    terms = consortium.agreement
    made = Manifest(
        submission=secrets.token_hex(16),
        owner=owner,
        agreement=terms.digest,
        roster=terms.roster.digest,
        contract="loans",
        contract_digest=terms.contracts["loans"].digest,
        suite="rep3",
        period=PERIOD,
        plans=consented_plans(terms, "loans"),
        rows=ROWS,
        arrays=specs(terms, "loans", ROWS),
        commitments=(b"\0" * 32, b"\1" * 32, b"\2" * 32),
        not_after=NOW + timedelta(days=1),
    )
    return replace(made, **changes)
