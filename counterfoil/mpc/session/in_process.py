"""Run all parties of a suite in this process, a thread each, over links in memory: for tests and design runs.

Everything is as between machines, except that nothing is kept from anybody: the process holds all keys and all shares.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import numpy as np

from counterfoil.mpc.ring.chunks import trim
from counterfoil.mpc.ring.packing import pack, unpack
from counterfoil.mpc.ring.shares import Arith, Bits, Words, as_ring
from counterfoil.mpc.runtime.ledger import Declared, Ledger
from counterfoil.mpc.runtime.noise_keys import Noise
from counterfoil.mpc.runtime.party import COMMON, GroupKeys, Party
from counterfoil.mpc.runtime.prss import KEY_BYTES, Watch, expand
from counterfoil.mpc.session.session import SUITES
from counterfoil.mpc.suites.output import recombine
from counterfoil.mpc.suites.replicated import components
from counterfoil.mpc.transport.base import Attempt, end_all
from counterfoil.mpc.transport.memory import Tamper, connect_all
from counterfoil.mpc.transport.record import Record
from counterfoil.mpc.transport.simulate import Simulation

T = TypeVar("T")

_ATTEMPT = Attempt(bytes(16), 1)


class _NothingDeclared(Ledger):
    """A ledger that allows any opening, and still records it."""

    def charge(self, label: str) -> None:
        pass


@dataclass(slots=True)
class Outcome(Generic[T]):
    """The end of a run at one party: a result, or an error."""

    party: Party
    record: Record
    result: T | None = None
    error: BaseException | None = None
    ended: float = 0.0


def run_local(
    suite: str,
    program: Callable[..., T],
    *,
    inputs: Sequence[Any] = (),
    seed: bytes | None = None,
    tamper: Tamper | None = None,
    declared: Iterable[Declared] | None = None,
    timeout_s: float = 60.0,
) -> list[T]:
    """Run `program(protocol, *shares)` at every party, and return the results by index.

    `inputs` are plain arrays, shared as `deal` does: integers as Arith, booleans as Bits. With a `seed`, keys and
    shares are the same in every run. Without `declared`, anything may be opened.

    Raises: the first error of any party.
    """
    outcomes = try_local(
        suite, program, inputs=inputs, seed=seed, tamper=tamper, declared=declared, timeout_s=timeout_s
    )
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        raise min(failed, key=lambda outcome: outcome.ended).error or AssertionError
    return [cast(T, outcome.result) for outcome in outcomes]


def try_local(
    suite: str,
    program: Callable[..., T],
    *,
    inputs: Sequence[Any] = (),
    seed: bytes | None = None,
    tamper: Tamper | None = None,
    declared: Iterable[Declared] | None = None,
    timeout_s: float = 60.0,
    watch: Watch | None = None,
    network: Simulation | None = None,
) -> list[Outcome[T]]:
    """Run as `run_local` does, and return each party's outcome, errors included, with its record of the network.

    With a `network`, which has time-outs of its own, time is simulated.
    """
    kind = SUITES[suite]
    n = kind.parties
    master = seed or os.urandom(KEY_BYTES)
    shares = [deal(value, n, _sub(master, f"input {place}")) for place, value in enumerate(inputs)]
    keys = {group: _sub(master, f"group {group}") for group in (*range(n), COMMON)}
    outcomes = []
    connected = network.links(_ATTEMPT) if network else connect_all(n, _ATTEMPT, timeout_s=timeout_s, tamper=tamper)
    for index, links in enumerate(connected):
        record = Record()
        held = {group: GroupKeys.derive(keys[group], group, watch) for group in (*components(n, index), COMMON)}
        noise = {j: Noise(_sub(master, f"noise {j}"), b"") for j in components(n, index)}
        ledger = _NothingDeclared(()) if declared is None else Ledger(declared)
        for link in links.values():
            record.watch(link)
        outcomes.append(Outcome[T](Party(index, n, _ATTEMPT, links, held, noise, ledger), record))

    def run(outcome: Outcome[T]) -> None:
        party = outcome.party
        try:
            outcome.result = program(kind(party), *(share[party.index] for share in shares))
        except BaseException as error:
            outcome.error = error
        outcome.ended = time.monotonic()
        end_all(party.links, outcome.error, party.op)

    threads = [threading.Thread(target=run, args=(outcome,), daemon=True) for outcome in outcomes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def deal(value: Any, n: int, seed: bytes | None = None) -> list[Arith] | list[Bits]:
    """Share a plain array among n parties: integers as Arith, booleans as Bits."""
    plain = np.asarray(value)
    stream = seed or os.urandom(KEY_BYTES)
    packed = plain.dtype == np.bool_
    words = pack(plain) if packed else as_ring(plain)
    parts: list[Words] = []
    for j in range(n - 1):
        drawn = expand(stream, words.size, op=j + 1).reshape(words.shape)
        parts.append(trim(drawn.reshape(-1), plain.shape[-1]).reshape(words.shape) if packed else drawn)
    last = words.copy()
    for part in parts:
        last = last ^ part if packed else last - part
    parts.append(last)
    held = [tuple(parts[j].copy() for j in components(n, party)) for party in range(n)]
    return [Bits(own, plain.shape[-1]) for own in held] if packed else [Arith(own) for own in held]


def reveal(shares: Sequence[Arith] | Sequence[Bits]) -> Any:
    """Recombine all parties' shares to the plain array. Raises: TamperedError if they do not fit together."""
    n = len(shares)
    copies = [dict(zip(components(n, party), share.parts, strict=True)) for party, share in enumerate(shares)]
    first = shares[0]
    if isinstance(first, Bits):
        return unpack(recombine(copies, np.bitwise_xor), first.length)
    return recombine(copies)


def _sub(master: bytes, purpose: str) -> bytes:
    return hashlib.sha256(master + purpose.encode()).digest()
