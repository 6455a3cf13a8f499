"""Adapt Counterfoil: three or four processes over mutual TLS 1.3 on loopback, both ends pinned, with its handshake.

Programs are those that analyses are made of: circuits on a `Protocol`, from shares to shares.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

import counterfoil
from benchmarks import encoding
from benchmarks.encoding import FEATURE_BITS
from benchmarks.engines.base import Dealer, Party, Program
from benchmarks.workloads import (
    FEATURES,
    FRAC_BITS,
    GROUPS,
    PASSES,
    SIGMOID_REACH_BITS,
    SIGMOID_SERIES,
    Array,
    Workload,
    logistic_rate,
)
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.compare import equal, less_than
from counterfoil.mpc.circuits.core.truncate import multiply_pr, trunc_exact, trunc_pr
from counterfoil.mpc.circuits.numeric.chebyshev import fast_sigmoid
from counterfoil.mpc.circuits.numeric.fixed import Number, rescale, settle
from counterfoil.mpc.circuits.tables.group import group_flags, group_sum
from counterfoil.mpc.circuits.tables.join import UNIQUE, join
from counterfoil.mpc.circuits.tables.permute import SHUFFLED
from counterfoil.mpc.circuits.tables.sort import COMPARED, Key, sort_rows
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, Bits, concat
from counterfoil.mpc.runtime.host_memory import keep_freed_memory
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.mpc.session.in_process import deal, reveal
from counterfoil.mpc.session.session import SUITES, Hello, open_session
from counterfoil.mpc.transport.base import Attempt
from counterfoil.mpc.transport.tls import Endpoint, connect

_RESIDUAL_BITS: Final = 23
_KEY_BITS, _WIDE_KEY_BITS, _GROUP_BITS = 32, 62, 7
_DECLARED: Final = tuple(Declared(label, 1 << 40, "part of the circuit") for label in (SHUFFLED, COMPARED, UNIQUE))


_Bare: TypeAlias = tuple[tuple[Array, ...], int | None]
"""The parts of a share, which is not pickled itself, and of bits their length: on its way between our own processes."""


class CounterfoilDealer(Dealer):
    """A dealer of identities for the nodes, and of shares of the data."""

    def __init__(self, suite: str) -> None:
        self._suite = suite
        self.programs = PROGRAMS
        self.parties = SUITES[suite].parties
        self.about = f"Counterfoil {counterfoil.__version__}, {suite}, mutual TLS 1.3"
        self._homes = tempfile.TemporaryDirectory()

    def meeting(self, port: int) -> list[Any]:
        folders = [Path(self._homes.name) / f"node-{rank}" for rank in range(self.parties)]
        keys = [PrivateKeys.create(folder, folder.name) for folder in folders]
        ends = [Endpoint(each.party, "127.0.0.1", port + rank, each.public.tls) for rank, each in enumerate(keys)]
        return [(rank, str(folder), ends, self._suite) for rank, folder in enumerate(folders)]

    def deal(self, workload: Workload, data: tuple[Array, ...]) -> list[Any]:
        inputs = self.programs[workload.name].encode(*data)
        shared = [deal(each, self.parties) for each in inputs]
        return [(workload.name, [bare(each[rank]) for each in shared]) for rank in range(self.parties)]

    def reveal(self, results: list[Any]) -> Array:
        opened: Array = reveal([_shared(*each) for each in results])
        return opened if opened.dtype == np.bool_ else opened.view(np.int64)


class CounterfoilParty(Party):
    """A node: its session, and its shares."""

    def __init__(self, meeting: tuple[int, str, list[Endpoint], str]) -> None:
        keep_freed_memory()  # as a node does before it computes
        rank, folder, ends, suite = meeting
        digest = "0" * 64
        hello = Hello(suite, "0" * 32, 1, digest, digest, digest, digest, digest, digest)
        identity = PrivateKeys.load(Path(folder), f"node-{rank}")
        attempt = Attempt(bytes(16), 1)
        links = connect(rank, ends, identity.load_tls, attempt, timeout_s=3600.0)
        self._session = open_session(links, hello, rank, claim=lambda *_: None, declared=_DECLARED)
        self._result: Arith | Bits | None = None

    def load(self, part: tuple[str, list[Any]]) -> None:
        name, bare = part
        self._shares = [_shared(*each) for each in bare]
        self._program = PROGRAMS[name].run
        self._result = None

    def run(self) -> None:
        self._result = self._program(self._session.protocol, *self._shares)

    def result(self) -> _Bare | None:
        return None if self._result is None else bare(self._result)

    def rest(self) -> None:
        self._shares, self._result = [], None

    def meter(self) -> tuple[int, int]:
        cost = self._session.meter
        return cost.rounds, cost.data_bytes + cost.control_bytes

    def close(self) -> None:
        self._session.close()


def dealer(setting: str) -> Dealer:
    """Make the dealer of this engine; `setting` names the suite."""
    return CounterfoilDealer(setting)


party = CounterfoilParty


def _sorted(width: int) -> Callable[[Protocol, Arith], Arith]:
    return lambda p, keys: sort_rows(p, Key(keys, width), [keys])[0]


def _median(p: Protocol, values: Arith) -> Arith:
    (ordered,) = sort_rows(p, Key(values, _WIDE_KEY_BITS), [values])
    place = (values.size - 1) // 2
    return ordered[place : place + 1]


def _cross(p: Protocol, x: Arith) -> Arith:
    return concat([p.matmul(x.T, x), x.sum(axis=0).reshape(1, FEATURES)])


def _moments(p: Protocol, rows: Arith) -> Arith:
    return p.matmul(rows.T, rows)[:FEATURES]


def _series(p: Protocol, z: Number) -> Number:
    """Compute the logistic function for |z| <= 4, by the same polynomial that SPU gets."""
    bits, finer = FEATURE_BITS, FEATURE_BITS + SIGMOID_REACH_BITS
    first, third, fifth, seventh, ninth = (round(each * (1 << bits)) for each in SIGMOID_SERIES)
    # t = z / 4 is the same integer with two more binary places.
    square = multiply_pr(p, z.value, z.value, 2 * finer - bits)
    fourth = multiply_pr(p, square, square, bits)
    low = p.add_public(square * third, first << bits)
    inner = trunc_pr(p, p.add_public(square * seventh + fourth * ninth, fifth << bits), bits)
    odd = trunc_pr(p, low + p.multiply(fourth, inner), bits)
    half = 1 << (bits - 1)
    return Number(p.add_public(multiply_pr(p, z.value, odd, finer), half), bits, Bound(-half, 3 * half))


def _descend(approximate: Callable[[Protocol, Number], Number]) -> Callable[[Protocol, Arith, Arith], Arith]:
    """Make ten full passes from zero. The step over the number of rows is a power of two."""

    def run(p: Protocol, x: Arith, y: Arith) -> Arith:
        rows = len(x)
        rate = logistic_rate(rows)
        shift = round(np.log2(rows / rate))
        weights = p.constant(np.zeros((FEATURES, 1), np.uint64))
        for done in range(PASSES):
            reach = FEATURES * (int(rate * done) + 1) << (2 * FEATURE_BITS)
            scores = Number(p.matmul(x, weights).reshape(rows), 2 * FEATURE_BITS, Bound.symmetric(reach))
            chance = rescale(p, approximate(p, rescale(p, scores, FEATURE_BITS)), _RESIDUAL_BITS)
            residual = chance.value - y * (1 << _RESIDUAL_BITS)
            gradient = p.matmul(x.T, residual.reshape(rows, 1)).reshape(FEATURES)
            frac = FEATURE_BITS + _RESIDUAL_BITS + shift
            step = settle(p, Number(gradient, frac, Bound.symmetric(2 * rows << (frac - shift))), FEATURE_BITS)
            weights = weights - step.value.reshape(FEATURES, 1)
        return weights.reshape(FEATURES)

    return run


def _grouped(p: Protocol, keys: Arith, values: Arith) -> Arith:
    keys, values = sort_rows(p, Key(keys, _GROUP_BITS), [keys, values])
    flags = group_flags(p, keys, width=_GROUP_BITS)
    return group_sum(p, keys, [values], flags.last).columns[1][:GROUPS]


def _joined(p: Protocol, left: Arith, weight: Arith, right: Arith, value: Arith) -> Arith:
    found = join(p, Key(left, _KEY_BITS), [weight], Key(right, _KEY_BITS), [value])
    return p.dot(p.multiply(found.matched, found.left[0]), found.right[0]).reshape(1)


def _classes(x: Array, y: Array) -> tuple[Array, ...]:
    return encoding.scaled(x, FEATURE_BITS), y.astype(np.int64)


def _rows(x: Array, y: Array) -> tuple[Array, ...]:
    """Put features and target side by side, as in a table."""
    features, target = encoding.regression(x, y)
    return (np.column_stack([features, target]),)


def _fixed(*values: Array) -> tuple[Array, ...]:
    return tuple(encoding.scaled(each, FRAC_BITS) for each in values)


PROGRAMS: Final[dict[str, Program]] = {
    "multiply": Program(lambda p, x, y: p.multiply(x, y)),
    "fixed_multiply": Program(lambda p, x, y: multiply_pr(p, x, y, FRAC_BITS), _fixed, encoding.unscaled(FRAC_BITS)),
    "less_than": Program(less_than),
    "equal": Program(equal),
    "truncate": Program(lambda p, x: trunc_exact(p, x, FRAC_BITS)),
    "sort": Program(_sorted(_KEY_BITS)),
    "covariance": Program(_cross, encoding.features, encoding.covariance),
    "ols": Program(_moments, _rows, encoding.least_squares),
    "logistic": Program(_descend(fast_sigmoid), _classes, encoding.unscaled(FEATURE_BITS)),
    "logistic_series": Program(_descend(_series), _classes, encoding.unscaled(FEATURE_BITS)),
    "sort_groups": Program(_sorted(_GROUP_BITS)),
    "group_sum": Program(_grouped),
    "join_sum": Program(_joined),
    "sort_wide": Program(_sorted(_WIDE_KEY_BITS)),
    "median": Program(_median),
}


def bare(share: Arith | Bits) -> _Bare:
    """Convert a share to what `CounterfoilDealer.reveal` takes of each party."""
    return share.parts, share.length if isinstance(share, Bits) else None


def _shared(parts: tuple[Array, ...], length: int | None) -> Arith | Bits:
    return Arith(parts) if length is None else Bits(parts, length)
