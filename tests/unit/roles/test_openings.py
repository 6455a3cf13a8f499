"""What evidence says was opened: as often as declared, or at most as often where that varies."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from counterfoil.errors import IntegrityError
from counterfoil.mpc.runtime.ledger import Declared, Ledger, Opened
from counterfoil.roles.node.drafting import check_openings

ALLOWED = (Declared("counts", 1, "how many"), Declared("order", 3, "in which order", varies=True))
JOB = SimpleNamespace(id="j")


def opened(*labels: str) -> Ledger:
    ledger = Ledger(ALLOWED)
    ledger.opened = [Opened(label, op, (1,)) for op, label in enumerate(labels)]
    return ledger


@pytest.mark.parametrize("orders", [0, 1, 3])
def test_what_varies_may_be_opened_less_often(orders: int) -> None:
    expected = {"counts": 1} | ({"order": orders} if orders else {})
    assert check_openings(JOB, opened("counts", *["order"] * orders), ALLOWED) == expected


@pytest.mark.parametrize(
    "labels", [(), ("order",), ("counts", "counts"), ("counts", *["order"] * 4), ("counts", "sum")]
)
def test_anything_else_is_no_draft(labels: tuple[str, ...]) -> None:
    with pytest.raises(IntegrityError, match=f"job j: {len(labels)} openings, declared are 2"):
        check_openings(JOB, opened(*labels), ALLOWED)
