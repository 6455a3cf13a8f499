"""A manifest has exactly its form, and any bytes are one or a named error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.canonical import jcs
from counterfoil.errors import (
    DocumentError,
)
from counterfoil.governance.jobs.manifest import ArraySpec, Manifest
from tests.unit.conftest import Consortium
from tests.unit.governance.submitting import manifest

BROKEN: dict[str, Any] = {
    "format": "counterfoil/manifest/2",
    "submission": "x",
    "owner": "../bank-a",
    "agreement": "ABC",
    "suite": "rep2",
    "rows": 0,
    "arrays": {},
    "commitments": [],
    "not_after": "tomorrow",
    "extra": 1,
}


@pytest.mark.parametrize("field", BROKEN)
def test_a_manifest_has_exactly_its_form(field: str, shared: Consortium) -> None:
    value = json.loads(manifest(shared, "bank-a").pack())
    with pytest.raises(DocumentError):
        Manifest.unpack(jcs({**value, field: BROKEN[field]}))
    if field in value:
        del value[field]
        with pytest.raises(DocumentError):
            Manifest.unpack(jcs(value))


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "float64"}, {"dtype": "object"}, {"shape": [-1]}, {"shape": [0]}, {"shape": [1.5]}, {"shape": 5},
        {"low": 0}, {"low": "-0"}, {"low": "01"}, {"high": "1e3"}, {"high": "9" * 20}, {"frac_bits": 41},
        {"frac_bits": True}, {"frac_bits": -1},
    ],
)  # fmt: skip
def test_an_array_has_exactly_its_form(change: dict[str, Any], shared: Consortium) -> None:
    value = json.loads(manifest(shared, "bank-a").pack())
    value["arrays"]["total--sum"] |= change
    with pytest.raises(DocumentError):
        Manifest.unpack(jcs(value))


def test_a_manifest_in_another_order_or_with_spaces_is_refused(shared: Consortium) -> None:
    payload = manifest(shared, "bank-a").pack()
    assert Manifest.unpack(payload).pack() == payload
    for other in (json.dumps(json.loads(payload)).encode(), payload + b"\n", payload[:-1] + b',"rows":5}'):
        with pytest.raises(DocumentError):
            Manifest.unpack(other)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9]{0,8}(--[a-z0-9]{1,8})?", fullmatch=True),
        st.builds(
            ArraySpec,
            st.lists(st.integers(1, 1 << 40), max_size=4).map(tuple),
            st.integers(-(1 << 61), 1 << 61),
            st.integers(-(1 << 61), 1 << 61),
            st.integers(0, 40),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_manifest_survives_packing(shared: Consortium, described: dict[str, ArraySpec]) -> None:
    made = manifest(shared, "bank-a", arrays=described)
    assert Manifest.unpack(made.pack()) == made


@given(st.binary(max_size=100))
def test_any_bytes_are_a_manifest_or_a_named_error(payload: bytes) -> None:
    with pytest.raises(DocumentError):
        Manifest.unpack(payload)
