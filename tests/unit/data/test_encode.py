"""Encodings: exact, or within the stated error, and always within public bounds."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.data.encode import LARGEST, Encoded, encode, encode_scaled
from counterfoil.data.reading.cells import TYPES
from counterfoil.data.reading.table import Table
from counterfoil.errors import MissingValueError, OutOfBoundsError, RangeError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract, parse_contract

PATH = Path(__file__).parents[2] / "lib" / "contracts" / "visits.odcs.yaml"
CONTRACT = parse_contract(PATH.read_bytes(), PATH.name)


def table(name: str, cells: list[Any], contract: Contract = CONTRACT) -> Table:
    kind = TYPES[contract.column(name).type]
    return Table(contract, "visits.csv", pa.table({name: pa.array(cells, kind)}))


def bounded(low: int, high: int) -> Contract:
    """The contract with other bounds for `score`."""
    return replace(CONTRACT, columns=(Column("score", "integer", "measure", "any", minimum=low, maximum=high),))


@pytest.mark.parametrize(
    ("name", "cells", "values", "low", "high"),
    [
        ("score", [0, 9, 5], [0, 9, 5], 0, 9),
        ("amount", [-1050, 100_000, 1], [-1050, 100_000, 1], -1050, 100_000),
        ("area", ["no", "north", "south"], [2, 0, 1], 0, 2),
        ("active", [True, False], [1, 0], 0, 1),
        ("day", [date(2000, 1, 1), date(2030, 12, 31)], [10957, 22279], 10957, 22279),
    ],
)
def test_exact_encodings(name: str, cells: list[Any], values: list[int], low: int, high: int) -> None:
    encoded = encode(table(name, cells), name)
    assert (encoded.name, encoded.frac_bits, encoded.low, encoded.high, encoded.per_row) == (name, 0, low, high, True)
    assert encoded.values.dtype == np.int64
    assert encoded.values.tolist() == values
    assert str(values[0]) not in repr(encoded).replace(str(low), "").replace(str(high), "")


@given(st.data(), st.integers(0, 40))
def test_scaled_values_are_within_the_stated_error(data: st.DataObject, frac_bits: int) -> None:
    low, high = sorted((data.draw(st.integers(-(1 << 50), 1 << 50)), data.draw(st.integers(-(1 << 50), 1 << 50))))
    high += low == high
    cells = [*data.draw(st.lists(st.integers(low, high), min_size=1, max_size=20)), low, high]
    encoded = encode_scaled(table("score", cells, bounded(low, high)), "score", frac_bits)
    one = 1 << frac_bits
    assert encoded.values[-2:].tolist() == [-one, one] == [encoded.low, encoded.high]
    for cell, value in zip(cells, encoded.values.tolist(), strict=True):
        z = Fraction(2 * cell - low - high, high - low)
        assert abs(Fraction(value, one) - z) <= Fraction(1, 2 * one) + Fraction(1, 1 << 52)


def test_ties_go_to_the_even_integer() -> None:
    encoded = encode_scaled(table("score", [1, 3, 5, 7], bounded(0, 8)), "score", 1)
    assert encoded.values.tolist() == [-2, 0, 0, 2]  # -1.5, -0.5, 0.5, 1.5


def test_a_value_that_the_contract_excludes_is_not_encoded() -> None:
    for name, cell in (("score", 10), ("amount", -1051), ("area", "east"), ("day", date(1999, 12, 31))):
        with pytest.raises(OutOfBoundsError) as caught:
            encode(table(name, [cell]), name)
        assert name in str(caught.value)
        assert str(cell) not in str(caught.value)


def test_empty_cells_and_columns_without_bounds_are_refused() -> None:
    with pytest.raises(MissingValueError, match="score: 2 cells"):
        encode(table("score", [None, 1, None]), "score")
    with pytest.raises(RangeError, match="code"):
        encode(table("code", ["0001"]), "code")
    with pytest.raises(RangeError, match="score"):
        encode_scaled(table("score", [3], bounded(3, 3)), "score", 16)
    with pytest.raises(RangeError, match="score"):
        encode_scaled(table("score", [3], bounded(0, 1 << 53)), "score", 16)


def test_aggregates_carry_bounds_that_nodes_can_check() -> None:
    values = np.array([[LARGEST]], dtype=np.int64)
    assert not Encoded("sum", values, 0, -LARGEST, LARGEST, per_row=False).per_row
    for low, high in ((0, LARGEST + 1), (-LARGEST - 1, 0), (1, 0)):
        with pytest.raises(RangeError):
            Encoded("sum", values, 0, low, high, per_row=False)
    with pytest.raises(OutOfBoundsError):
        Encoded("sum", values, 0, 0, LARGEST - 1, per_row=False)
