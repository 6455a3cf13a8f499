"""Describe one party of an attempt: its index, links and keystreams, the operation numbers, and the meter.

Knows no suite: which components it holds is handed in with the keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from counterfoil.errors import CheatingDetected
from counterfoil.mpc.runtime.ledger import Ledger
from counterfoil.mpc.runtime.noise_keys import Noise
from counterfoil.mpc.runtime.prss import KEY_BYTES, Keystream, Permutations, Watch
from counterfoil.mpc.transport.base import Attempt, Link
from counterfoil.secret import Secret

COMMON: Final = -1
"""The group of all parties; the other groups are the holders of a component, named by its index."""


def group_name(group: int) -> str:
    """Return the group's name in key derivations and messages."""
    return "*" if group == COMMON else str(group)


@dataclass(slots=True, repr=False)
class GroupKeys(Secret):
    """The keystreams and keys that one group of parties shares, one for each purpose (PROTOCOLS 2.2.5)."""

    mask: Keystream
    perm: Permutations
    rand: Keystream
    #: authenticates what is sent to members of the group by the party that is not one of it
    check: bytes
    #: compares what its members keep of a step
    ckpt: bytes

    @classmethod
    def derive(cls, key: bytes | bytearray, group: int, watch: Watch | None = None) -> GroupKeys:
        """Derive the sub-keys of a group key, each by its purpose. The group key itself is not kept."""

        def sub(purpose: str) -> bytes:
            return HKDFExpand(SHA256(), KEY_BYTES, purpose.encode()).derive(bytes(key))

        return cls(
            Keystream(sub("mask"), f"mask {group_name(group)}", watch),
            Permutations(sub("perm")),
            Keystream(sub("rand"), f"rand {group_name(group)}", watch),
            sub("check"),
            sub("ckpt"),
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What an attempt has used so far, at this party. Bytes are payload sent; headers are counted apart."""

    rounds: int
    data_bytes: int
    control_bytes: int
    header_bytes: int
    messages: int
    seconds: float


@dataclass(slots=True, repr=False)
class Party(Secret):
    """One party of an attempt, as every primitive works with it. `op` is the last operation number given out."""

    index: int
    n: int
    attempt: Attempt
    links: Mapping[int, Link]
    keys: Mapping[int, GroupKeys]
    noise: Mapping[int, Noise]
    ledger: Ledger
    rounds: int = 0
    op: int = 0
    _started: float = field(default_factory=time.monotonic)

    def next_op(self) -> int:
        """Allot the next operation's number, the same at all parties, because all run the same program."""
        self.op += 1
        return self.op

    def peer(self, distance: int) -> int:
        """Return the index of the party so many places on."""
        return (self.index + distance) % self.n

    def for_all(self, send: Callable[[Link], None]) -> None:
        """Make the same call on every link, by index."""
        for peer in sorted(self.links):
            send(self.links[peer])

    def accuse(self, op: int, what: str, suspects: tuple[int, ...]) -> NoReturn:
        """End the job because a check failed. The session tells the peers.

        Raises: CheatingDetected.
        """
        names = " or ".join(f"party {suspect}" for suspect in suspects)
        raise CheatingDetected(f"operation {op} at party {self.index}: {what}; {names} deviated")

    def cost(self) -> Cost:
        """Read the meter."""
        traffic = [link.traffic for link in self.links.values()]
        return Cost(
            self.rounds,
            sum(t.data_sent for t in traffic),
            sum(t.control_sent for t in traffic),
            sum(t.header_bytes_sent for t in traffic),
            sum(t.messages_sent for t in traffic),
            time.monotonic() - self._started,
        )
