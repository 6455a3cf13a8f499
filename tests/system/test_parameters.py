"""What a coordinator may say: everything that is not a reference, an id or a small number is refused by name."""

from typing import Any

import pytest

from counterfoil.canonical import Ref
from counterfoil.errors import RefusedError
from counterfoil_prefect.flows.analyse import analyse
from counterfoil_prefect.flows.collaborate import collaborate
from counterfoil_prefect.flows.parameters import parse

REF = Ref("agreement", "bank-a", "0" * 64)
GOOD: dict[str, Any] = {"agreement": str(REF), "period": "2026-w47", "submissions": [str(REF)], "attempt": 1}


def test_what_is_asked_for_comes_typed() -> None:
    assert parse(analyse.fn, GOOD) == {"agreement": REF, "period": "2026-w47", "submissions": (REF,), "attempt": 1}


def test_a_default_stands_in() -> None:
    assert parse(collaborate.fn, {"agreement": str(REF)}) == {"agreement": REF, "period": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agreement", "../../etc/passwd"),
        ("agreement", f"agreement:bank-a:{'0' * 63}g"),
        ("agreement", f"agreement:Bank A:{'0' * 64}"),
        ("agreement", None),
        ("agreement", {"__prefect_kind": "jinja", "template": "{{ env }}"}),
        ("agreement", 7),
        ("period", "2026-w47; rm -rf /"),
        ("period", ""),
        ("period", "x" * 65),
        ("period", ["2026-w47"]),
        ("submissions", str(REF)),
        ("submissions", [str(REF)] * 65),
        ("submissions", ["x"]),
        ("submissions", {"0": str(REF)}),
        ("attempt", "1"),
        ("attempt", 1.0),
        ("attempt", True),
        ("attempt", -1),
        ("attempt", 10**9),
        ("more", "2026-w47"),
    ],
)
def test_all_else_is_refused_by_name_and_without_its_value(name: str, value: object) -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(analyse.fn, {**GOOD, name: value})
    assert name in str(refusal.value)
    assert "passwd" not in str(refusal.value)
    assert "rm -rf" not in str(refusal.value)


def test_what_is_missing_is_refused() -> None:
    with pytest.raises(RefusedError, match="'attempt' of analyse: missing"):
        parse(analyse.fn, {name: value for name, value in GOOD.items() if name != "attempt"})


def test_a_hostile_name_is_not_repeated() -> None:
    with pytest.raises(RefusedError) as refusal:
        parse(analyse.fn, {**GOOD, "<script>alert(1)</script>": 1})
    assert "script" not in str(refusal.value)
