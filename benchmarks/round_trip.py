"""Count rounds as distant peers would feel them: every primitive over links with a simulated round trip of 50 ms.

The clock is simulated: a byte arrives half a round trip after its sender's clock said it left, and a party's clock
never goes back. Computing takes no time. So what a run takes, counted in half round trips, is the longest chain of
messages that wait for one another. The meter must count the rounds of the cost table exactly, and the chain is never
longer: it is shorter where a step's messages do not wait for those of the step before.

Run: `python -m benchmarks.round_trip`
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from counterfoil.mpc.circuits.core.compare import a2b, constant_slices, is_zero, less_than, less_than_public
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.truncate import multiply_pr, trunc_exact, trunc_pr
from counterfoil.mpc.circuits.tables.group import group_flags, group_sum
from counterfoil.mpc.circuits.tables.permute import SHUFFLED
from counterfoil.mpc.circuits.tables.sort import radix_permutation
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.session.in_process import deal
from counterfoil.mpc.session.session import SUITES, Hello, open_session
from counterfoil.mpc.transport.simulate import Simulation, steady

ROUND_TRIP_S: Final = 0.050
_ROWS: Final = 70
_OPENED: Final = "an opening"
_THRESHOLD: Final = constant_slices(np.array(1000, np.uint64))
_DECLARED: Final = tuple(Declared(label, 1 << 20, "part of the circuit") for label in (SHUFFLED, _OPENED))


@dataclass(frozen=True)
class Primitive:
    """A line of the cost table: a program on words and on 64 slices of bits, and its rounds in rep3 and in rep4."""

    run: Callable[[Protocol, Arith, Bits], Any]
    rounds: tuple[int, int]


def _grouped(p: Protocol, x: Arith, _: Bits) -> None:
    group_sum(p, x, [x], group_flags(p, x).last)


PRIMITIVES: Final = {
    "multiply": Primitive(lambda p, x, _: p.multiply(x, x), (1, 1)),
    "AND": Primitive(lambda p, _, b: p.and_bits(b, b), (1, 1)),
    "dot": Primitive(lambda p, x, _: p.dot(x, x), (1, 1)),
    "matmul": Primitive(lambda p, x, _: p.matmul(x.reshape(7, -1), x.reshape(-1, 7)), (1, 1)),
    "open to all": Primitive(lambda p, x, _: p.open(x, _OPENED), (1, 1)),
    "B2A": Primitive(lambda p, _, b: b2a(p, b), (2, 2)),
    "probabilistic truncation": Primitive(lambda p, x, _: trunc_pr(p, x, 16), (2, 2)),
    "truncated product": Primitive(lambda p, x, _: multiply_pr(p, x, x, 16), (2, 3)),
    "exact truncation": Primitive(lambda p, x, _: trunc_exact(p, x, 16), (10, 10)),
    "A2B": Primitive(lambda p, x, _: a2b(p, x), (8, 8)),
    "less than": Primitive(lambda p, x, _: less_than(p, x, x), (8, 8)),
    "less than a public value": Primitive(lambda p, _, b: less_than_public(p, b, _THRESHOLD), (6, 6)),
    "equality": Primitive(lambda p, x, _: is_zero(p, x), (7, 7)),
    "shuffle": Primitive(lambda p, x, _: p.shuffle([x]), (3, 4)),
    "radix sort, 8-bit keys": Primitive(lambda p, _, b: radix_permutation(p, b[:8]), (59, 73)),
    "group sum after a sort": Primitive(_grouped, (15, 16)),
}


def rounds_apart(suite: str, primitive: Primitive) -> tuple[int, int]:
    """Run the primitive; return the rounds that the meter counts, and the half round trips that the run takes."""
    n = SUITES[suite].parties
    words = np.arange(_ROWS, dtype=np.uint64)
    shares: list[Any] = list(zip(deal(words, n), deal(np.ones((64, _ROWS), np.bool_), n), strict=True))
    hello = Hello(suite, "0" * 32, 1, "", "", "", "", "", "")
    network = Simulation(n, steady(ROUND_TRIP_S / 2))
    links = network.links(hello.name)

    def run(index: int) -> tuple[int, float]:
        with open_session(links[index], hello, index, claim=lambda *_: None, declared=_DECLARED) as session:
            before, began = session.meter.rounds, network.clocks[index]
            primitive.run(session.protocol, *shares[index])
            return session.meter.rounds - before, network.clocks[index] - began

    with ThreadPoolExecutor(n) as parties:
        found = list(parties.map(run, range(n)))
    return max(rounds for rounds, _ in found), round(max(seconds for _, seconds in found) / (ROUND_TRIP_S / 2))


def main() -> None:
    """Print the table; fail if a line of it is not what the cost table says."""
    wrong = False
    print("| primitive | suite | rounds stated | rounds counted | longest chain | simulated s |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for name, primitive in PRIMITIVES.items():
        for suite, stated in zip(SUITES, primitive.rounds, strict=True):
            counted, chain = rounds_apart(suite, primitive)
            wrong |= stated != counted or chain > counted
            print(f"| {name} | {suite} | {stated} | {counted} | {chain} | {chain * ROUND_TRIP_S / 2:.3f} |")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
