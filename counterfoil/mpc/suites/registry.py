"""The suites of protocols that an agreement may name, each stated once: who takes part, whom it withstands, its cost.

Schemas, the prose of agreements, cost estimates and the choice of a session derive from these descriptors. Knows
nothing of how a suite computes: its class is imported when a session asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from counterfoil.canonical import Json

if TYPE_CHECKING:
    from counterfoil.mpc.suites.replicated import Replicated

Price: TypeAlias = tuple[int, int]
"""Rounds of one interactive operation, and bytes over all links for each 64-bit word that it makes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long nodes compute: processor seconds of all of them together for a round, and for a byte between them.

    The figures are assumptions, and `explain` says so: jobs of the demo at 1,000 and 20,000 rows an owner, over TLS on
    one machine that had other work. A job takes between half and twice as long there (`test_estimate.py`).
    """

    round_s: float
    byte_s: float

    ASSUMED: ClassVar[str] = "two cores of an AMD EPYC server that has other work, too"

    def seconds(self, rounds: int, sent_bytes: int) -> float:
        """Return the processor seconds of all nodes together."""
        return self.round_s * rounds + self.byte_s * sent_bytes


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite of protocols.

    `name` is what agreements call it, `protocol` the protocol and version that nodes agree on before they compute, and
    `implementation` the module and class that run it. `corrupted`, `protected` and `withstood` say what one corrupted
    node may do: as a sentence about that node, as the condition under which data are protected, and in brief. `prices`
    are by the kind of operation, without digests; by `pace` an agreement's seconds are estimated.
    """

    name: str
    protocol: str
    nodes: int
    implementation: str
    corrupted: str
    protected: str
    withstood: str
    prices: Mapping[str, Price]
    pace: Pace

    def load(self) -> type[Replicated]:
        """Import the class that runs the suite, and return it."""
        module, name = self.implementation.split(":")
        found: type[Replicated] = getattr(import_module(module), name)
        return found


REP3: Final = Suite(
    name="rep3",
    protocol="rep3-sh/1",
    nodes=3,
    implementation="counterfoil.mpc.suites.rep3.protocol:Rep3",
    corrupted="That node may read everything it gets, but it follows the protocol.",
    protected="at most one of the three nodes is dishonest, and even that one follows the protocol",
    withstood="one node that reads everything it gets and follows the protocol",
    prices={
        "product": (1, 24),
        "halves": (1, 8),
        "product of halves": (1, 24),
        "truncation": (2, 8),
        "truncated product": (2, 24),
        "lanes of a truncation": (0, 24),  # in the rounds of either
        "shuffle": (3, 48),
        "open": (1, 24),
    },
    pace=Pace(round_s=9.0e-4, byte_s=3.4e-9),
)

REP4: Final = Suite(
    name="rep4",
    protocol="rep4-mal/1",
    nodes=4,
    implementation="counterfoil.mpc.suites.rep4.protocol:Rep4",
    corrupted="That node may do whatever it likes; the others notice what would change a result, and stop.",
    protected="at most one of the four nodes is dishonest, whatever it does; a wrong step of it stops the job",
    withstood="one node that does whatever it likes; a wrong step stops the job",
    prices={
        "product": (1, 48),
        "halves": (1, 16),
        "product of halves": (1, 32),
        "truncation": (2, 16),
        "truncated product": (3, 48),
        "lanes of a truncation": (0, 48),
        "shuffle": (4, 96),
        "open": (1, 32),
    },
    pace=Pace(round_s=2.0e-3, byte_s=5.2e-9),
)

SUITES: Final[Mapping[str, Suite]] = {suite.name: suite for suite in (REP3, REP4)}
"""By the names that agreements use."""


def schema() -> Mapping[str, Mapping[str, Json]]:
    """Return what the suites put into JSON schemas: by schema, the values at JSON pointers."""
    names, nodes = list(SUITES), [suite.nodes for suite in SUITES.values()]
    repeated = "/properties/repeats/properties/nodes"
    return {
        "agreement": {
            "/properties/suite/enum": names,
            f"{repeated}/minItems": min(nodes),
            f"{repeated}/maxItems": max(nodes),
        },
        "manifest": {"/properties/suite/enum": names},
    }


def table() -> list[dict[str, str]]:
    """Return the suites as the rows of a table for people, with the rounds and bytes of a product and of an opening."""
    return [
        {
            "suite": suite.name,
            "protocol": suite.protocol,
            "nodes": str(suite.nodes),
            "withstands": suite.withstood,
            **{f"{what}: rounds, bytes a word": "{}, {}".format(*suite.prices[what]) for what in ("product", "open")},
        }
        for suite in SUITES.values()
    ]
