"""Adapt MPyC: three processes over TCP on loopback, without TLS.

It computes on Shamir shares over a prime field, in numpy arrays of integers. What MPyC has no function for (a logistic
function) is not run. Its fixed point and comparisons are its own.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from benchmarks import encoding
from benchmarks.engines.base import Dealer, Party, Program
from benchmarks.workloads import FRAC_BITS, Array, Workload

KINDS: Final = {
    "multiply": (64, 0),
    "fixed_multiply": (32, FRAC_BITS),
    "less_than": (64, 0),
    "sort": (34, 0),
    "covariance": (64, 0),
    "ols": (64, 0),
}
"""For each workload the bits of the secure type, and those after the binary point."""


class MpycDealer(Dealer):
    """A dealer that hands plain arrays to the first party, which shares them before the clock starts."""

    parties = 3

    def __init__(self) -> None:
        self.programs = PROGRAMS
        version = importlib.metadata.version("mpyc")
        self.about = f"MPyC {version}, Shamir over a prime field, without TLS, with gmpy2"

    def meeting(self, port: int) -> list[Any]:
        return [(rank, port) for rank in range(self.parties)]

    def deal(self, workload: Workload, data: tuple[Array, ...]) -> list[Any]:
        inputs = self.programs[workload.name].encode(*data)
        nothing = tuple(np.zeros_like(each) for each in inputs)
        return [(workload.name, nothing if rank else inputs) for rank in range(self.parties)]

    def reveal(self, results: list[Any]) -> Array:
        return np.asarray(results[0])


class MpycParty(Party):
    """An MPyC runtime, which is a module and is set up by the arguments of the process."""

    def __init__(self, meeting: tuple[int, int]) -> None:
        rank, port = meeting
        sys.argv = [sys.argv[0], "-M3", f"-I{rank}", "-B", str(port), "--no-log"]
        from mpyc.runtime import mpc

        self._mpc = mpc
        mpc.run(mpc.start())

    def load(self, part: tuple[str, tuple[Array, ...]]) -> None:
        name, inputs = part
        self._program, (bits, self._frac) = PROGRAMS[name], KINDS[name]
        secure = _arrays(self._mpc, bits, self._frac)
        self._result = None
        self._shares = [self._mpc.input(secure(each), senders=0) for each in inputs]
        self._mpc.run(_settled(self._mpc, self._shares))

    def run(self) -> None:
        self._result = self._program.run(self._mpc, *self._shares)
        self._mpc.run(_settled(self._mpc, [self._result]))

    def result(self) -> Array:
        opened = self._mpc.run(self._mpc.output(self._result))
        return np.asarray(opened).astype(float if self._frac else np.int64)

    def close(self) -> None:
        self._mpc.run(self._mpc.shutdown())


def dealer(_setting: str) -> Dealer:
    """Make the dealer of this engine, which has one setting."""
    return MpycDealer()


party = MpycParty


async def _settled(mpc: Any, arrays: list[Any]) -> None:
    """Wait until all computations that the arrays depend on are over at this party."""
    for each in arrays:
        await mpc.gather(each)


def _arrays(mpc: Any, bits: int, frac: int) -> Callable[[Array], Any]:
    if frac:
        # Without `integral` each party would guess by its own values, of which only the first has any.
        return lambda values: mpc.SecFxp(bits, frac).array(values, integral=False)
    return lambda values: mpc.SecInt(bits).array(values)


def _cross(mpc: Any, x: Any) -> Any:
    return mpc.np_vstack((x.T @ x, mpc.np_sum(x, axis=0)))


def _moments(mpc: Any, x: Any, y: Any) -> Any:
    return x.T @ mpc.np_column_stack((x, y))


PROGRAMS: Final[dict[str, Program]] = {
    "multiply": Program(lambda _, x, y: x * y),
    "fixed_multiply": Program(lambda _, x, y: x * y),
    "less_than": Program(lambda _, x, y: x < y, decode=lambda opened, _: opened.astype(bool)),
    "sort": Program(lambda mpc, keys: mpc.np_sort(keys)),
    "covariance": Program(_cross, encoding.features, encoding.covariance),
    "ols": Program(_moments, encoding.regression, encoding.least_squares),
}
