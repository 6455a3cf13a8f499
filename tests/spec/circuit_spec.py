"""One table line for one circuit: what it computes in numpy, and what it must cost. Run on every suite there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from counterfoil.mpc.ring.packing import unpack
from counterfoil.mpc.ring.shares import U64, Arith, Bits
from counterfoil.mpc.session import session
from counterfoil.mpc.session.in_process import reveal, try_local
from counterfoil.mpc.suites.plain import Cost, Plain, price

SUITES = ("plain", *session.SUITES)

EDGES = np.array(
    [0, *(sign * (2**i + d) for sign in (1, -1) for i in (0, 8, 31, 61, 62) for d in (-1, 0, 1)), 2**63 - 1]
)
EDGES = np.append(EDGES, [-(2**63), 1 - 2**63])

Draw = Callable[[np.random.Generator, int], tuple[NDArray[Any], ...]]
Costs = dict[str, Callable[[int], tuple[int, float]]]


@dataclass(frozen=True)
class Spec:
    """A circuit, how to draw inputs for n rows, its meaning in numpy, and its cost as a function of n."""

    name: str
    program: Callable[..., Any]
    inputs: Draw
    reference: Callable[..., Any]
    cost: Costs

    def __str__(self) -> str:
        return self.name


def per_element(rounds3: int, bytes3: float, rounds4: int, bytes4: float) -> Costs:
    """A cost of so many rounds, and bytes for each element."""
    return {"rep3": lambda n: (rounds3, bytes3 * n), "rep4": lambda n: (rounds4, bytes4 * n)}


def exact_truncations(*fracs: int) -> Costs:
    """The cost of exact truncations one after the other. 104 / 160 B each, and 120 bits of carries, or a few more."""

    def more_bits(frac: int) -> int:
        # A whole block of the tree ends at place frac - 1, or it is put together of blocks, one for each bit that is
        # set above the lowest clear one: two products each, and one for the last, which passes nothing on.
        place = frac - 1
        while place % 2:
            place //= 2
        return max(0, 2 * place.bit_count() - 1)

    bits = sum(120 + more_bits(frac) for frac in fracs)
    rounds = 10 * len(fracs)
    return per_element(rounds, 104 * len(fracs) + bits * 24 / 64, rounds, 160 * len(fracs) + bits * 48 / 64)


@dataclass(frozen=True)
class Ran:
    """What came out of a run, what it cost in which suite, and what an observer saw of it."""

    values: Any
    costs: dict[str, Cost]
    trace: Any


def run(suite: str, program: Callable[..., Any], inputs: Sequence[NDArray[Any]], seed: bytes | None = None) -> Ran:
    """The program on shares of the inputs: integers as Arith, booleans as Bits."""
    return run_plain(program, inputs, seed) if suite == "plain" else run_suite(suite, program, inputs, seed)


def run_plain(program: Callable[..., Any], inputs: Sequence[NDArray[Any]], seed: bytes | None = None) -> Ran:
    p = Plain(seed=seed)
    shares = [p.constant_bits(value) if value.dtype == np.bool_ else p.constant(value) for value in inputs]
    result = program(p, *shares)
    return Ran(clear([result]), {each: price(p.calls, each) for each in ("rep3", "rep4")}, p.calls)


def run_suite(
    suite: str, program: Callable[..., Any], inputs: Sequence[NDArray[Any]], seed: bytes | None = None
) -> Ran:
    outcomes = try_local(suite, program, inputs=inputs, seed=seed)
    for outcome in outcomes:
        if outcome.error:
            raise outcome.error
    met = [outcome.party.cost() for outcome in outcomes]
    cost = Cost(max(each.rounds for each in met), sum(each.data_bytes for each in met))
    return Ran(
        clear([outcome.result for outcome in outcomes]),
        {suite.partition("-")[0]: cost},
        [o.record.events for o in outcomes],
    )


def clear(shares: Sequence[Any]) -> Any:
    """Test oracle: the plain arrays of all parties' shares, in the same nesting. Unused bits must be zero."""
    first = shares[0]
    if not isinstance(first, Arith | Bits):
        return [clear(each) for each in zip(*shares, strict=True)]
    if isinstance(first, Bits) and first.length % 64:
        tails = [part[..., -1] >> U64(first.length % 64) for share in shares for part in share.parts]
        assert not np.any(tails), "tail bits are not zero"
    if len(shares) > 1:
        return reveal(shares)
    return unpack(first.parts[0], first.length) if isinstance(first, Bits) else first.parts[0]


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


#: as many elements as a release is tried with
MILLION = pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])


def check_values(spec: Spec, suite: str, seed: int, n: int) -> Ran:
    """The circuit equals numpy on n rows drawn from this seed."""
    inputs = spec.inputs(np.random.default_rng(seed), n)
    ran = run(suite, spec.program, inputs)
    same(ran.values, spec.reference(*inputs))
    return ran


def check_cost(spec: Spec, ran: Ran, n: int) -> None:
    """The circuit costs what the table says, in every suite that the run was measured or priced for."""
    expected = {suite: Cost(rounds, round(sent)) for suite in ran.costs for rounds, sent in [spec.cost[suite](n)]}
    assert ran.costs == expected


def words(*, bits: int = 64) -> Draw:
    """One column of n signed values of so many bits; edge values of that width come first."""

    def draw(rng: np.random.Generator, n: int) -> tuple[NDArray[Any], ...]:
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        column = rng.integers(low, high, n, dtype=np.int64, endpoint=True)
        edges = EDGES[(low <= EDGES) & (high >= EDGES)][:n]
        column[: edges.size] = edges
        return (column,)

    return draw


def columns(*each: Draw) -> Draw:
    """Several such draws side by side."""
    return lambda rng, n: tuple(column for draw in each for column in draw(rng, n))


def bits(*lead: int) -> Draw:
    """Booleans of shape (*lead, n)."""
    return lambda rng, n: (rng.integers(0, 2, (*lead, n)).astype(np.bool_),)


def key_columns(width: int, *, ordered: bool = False, others: int = 1) -> Draw:
    """A key column of so many bits with many ties, then columns of any words."""

    def draw(rng: np.random.Generator, n: int) -> tuple[NDArray[Any], ...]:
        key = rng.choice(rng.integers(0, 1 << width, max(1, n // 3)), n)
        return (np.sort(key) if ordered else key, *(rng.integers(0, 1 << 40, n) for _ in range(others)))

    return draw


def costs(rep3: Callable[[int], tuple[int, float]], rep4: Callable[[int], tuple[int, float]]) -> Costs:
    """A cost as a function of the number of rows."""
    return {"rep3": rep3, "rep4": rep4}
