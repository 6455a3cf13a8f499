"""One table line for one circuit: what it computes in numpy, and what it must cost. Run on every suite there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfoil.mpc.packing import unpack
from counterfoil.mpc.plain import Call, Cost, Plain, price
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.shares import U64, Arith, Bits

SUITES = ("plain",)
PRICED = ("rep3", "rep4")

EDGES = np.array(
    [0, *(sign * (2**i + d) for sign in (1, -1) for i in (0, 8, 31, 61, 62) for d in (-1, 0, 1)), 2**63 - 1]
)
EDGES = np.append(EDGES, [-(2**63), 1 - 2**63])

Shared = Arith | Bits | Sequence["Shared"]


@dataclass(frozen=True)
class Spec:
    """A circuit, how to draw inputs for n rows, its meaning in numpy, and its cost as a function of n."""

    name: str
    program: Callable[..., Any]
    inputs: Callable[[np.random.Generator, int], tuple[NDArray[Any], ...]]
    reference: Callable[..., Any]
    cost: dict[str, Callable[[int], tuple[int, float]]]

    def __str__(self) -> str:
        return self.name


def per_element(
    rounds3: int, bytes3: float, rounds4: int, bytes4: float
) -> dict[str, Callable[[int], tuple[int, float]]]:
    """A cost of so many rounds, and bytes for each element."""
    return {"rep3": lambda n: (rounds3, bytes3 * n), "rep4": lambda n: (rounds4, bytes4 * n)}


def share(p: Protocol, value: NDArray[Any]) -> Arith | Bits:
    """Booleans as bits, everything else as ring elements."""
    return p.constant_bits(value) if value.dtype == np.bool_ else p.constant(value)


def reveal(shared: Any) -> Any:
    """Test oracle: what plain's only component says."""
    if isinstance(shared, Arith):
        return shared.parts[0]
    if isinstance(shared, Bits):
        words = shared.parts[0]
        if shared.length % 64:
            assert not (words[..., -1] >> U64(shared.length % 64)).any(), "tail bits are not zero"
        return unpack(words, shared.length)
    return [reveal(each) for each in shared]


def run(suite: str, program: Callable[..., Any], inputs: Sequence[NDArray[Any]]) -> tuple[Any, list[Call]]:
    """Outputs in the clear, and the calls that were made."""
    assert suite == "plain"
    p = Plain()
    result = program(p, *(share(p, value) for value in inputs))
    return reveal(result), p.calls


def same(got: Any, expected: Any) -> None:
    """Equal values, and equal shapes."""
    if isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            same(one, other)
        return
    expected = np.asarray(expected)
    if expected.dtype != np.bool_:
        expected = expected.astype(U64)
    np.testing.assert_array_equal(got, expected)


def check_values(spec: Spec, suite: str, seed: int, n: int) -> list[Call]:
    """The circuit equals numpy on n rows drawn from this seed."""
    inputs = spec.inputs(np.random.default_rng(seed), n)
    got, calls = run(suite, spec.program, inputs)
    same(got, spec.reference(*inputs))
    return calls


def check_cost(spec: Spec, suite: str, calls: Sequence[Call], n: int) -> None:
    """The circuit costs what the table says."""
    rounds, sent = spec.cost[suite](n)
    assert price(calls, suite) == Cost(rounds, round(sent))


def words(*, bits: int = 64) -> Callable[[np.random.Generator, int], tuple[NDArray[Any], ...]]:
    """One column of n signed values of so many bits; edge values of that width come first."""

    def draw(rng: np.random.Generator, n: int) -> tuple[NDArray[Any], ...]:
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        column = rng.integers(low, high, n, dtype=np.int64, endpoint=True)
        edges = EDGES[(low <= EDGES) & (high >= EDGES)][:n]
        column[: edges.size] = edges
        return (column,)

    return draw


def columns(*each: Callable[[np.random.Generator, int], tuple[NDArray[Any], ...]]):
    """Several such draws side by side."""
    return lambda rng, n: tuple(column for draw in each for column in draw(rng, n))


def bits(*lead: int) -> Callable[[np.random.Generator, int], tuple[NDArray[Any], ...]]:
    """Booleans of shape (*lead, n)."""
    return lambda rng, n: (rng.integers(0, 2, (*lead, n)).astype(np.bool_),)
