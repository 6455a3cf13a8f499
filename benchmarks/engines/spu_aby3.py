"""Adapt SPU, protocol ABY3, ring of 64 bits: three processes over brpc on loopback, without TLS.

Programs are JAX functions, compiled once by the dealer. A party's run is one call of `Runtime.run` on variables that
hold shares, and its result stays a variable that holds shares: nothing is opened in the timed part.

`as it comes` is SPU's default configuration and its usual fixed point. `tuned` is the fastest that we found on two
cores: one thread a process, no OpenMP threads, quicksort instead of radix sort, and moments as exact integers.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from spu import Io, Runtime, libspu

from benchmarks import encoding
from benchmarks.engines.base import Dealer, Party, Program
from benchmarks.workloads import (
    FEATURES,
    PASSES,
    SIGMOID_REACH_BITS,
    SIGMOID_SERIES,
    Array,
    Workload,
    covariance_of,
    least_squares_of,
    logistic_rate,
)

_PLAIN, _TUNED = "as it comes", "tuned"
_RESULT: Final = "result"


class SpuDealer(Dealer):
    """A dealer of shares of the data, and of compiled programs."""

    parties = 3

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._io = Io(self.parties, _config(setting))
        self.programs = _programs(exact=setting == _TUNED)
        self.about = f"SPU {importlib.metadata.version('spu')}, ABY3, FM64, without TLS, {setting}"

    def meeting(self, port: int) -> list[Any]:
        ends = [f"127.0.0.1:{port + rank}" for rank in range(self.parties)]
        return [(rank, ends, self._setting) for rank in range(self.parties)]

    def deal(self, workload: Workload, data: tuple[Array, ...]) -> list[Any]:
        program = self.programs[workload.name]
        inputs = program.encode(*data)
        names = [f"input-{place}" for place in range(len(inputs))]
        code = _compile(program.run, inputs, names)
        shared = [self._io.make_shares(np.ascontiguousarray(each), libspu.Visibility.VIS_SECRET) for each in inputs]
        return [
            (code, {name: (each[rank].meta, each[rank].share_chunks) for name, each in zip(names, shared, strict=True)})
            for rank in range(self.parties)
        ]

    def reveal(self, results: list[Any]) -> Array:
        return np.asarray(self._io.reconstruct([_share(*result) for result in results]))


class SpuParty(Party):
    """A runtime on one link."""

    def __init__(self, meeting: tuple[int, list[str], str]) -> None:
        rank, ends, setting = meeting
        description = libspu.link.Desc()
        description.recv_timeout_ms = 3_600_000
        for place, end in enumerate(ends):
            description.add_party(f"node-{place}", end)
        self._link = libspu.link.create_brpc(description, rank)
        self._runtime = Runtime(self._link, _config(setting))
        self._held: list[str] = []

    def load(self, part: tuple[bytes, dict[str, tuple[bytes, list[bytes]]]]) -> None:
        code, shares = part
        for name in self._held:
            self._runtime.del_var(name)
        self._executable = libspu.Executable()
        self._executable.ParseFromString(code)
        for name, share in shares.items():
            self._runtime.set_var(name, _share(*share))
        self._held = [*shares, _RESULT]

    def run(self) -> None:
        self._runtime.run(self._executable)

    def result(self) -> tuple[bytes, list[bytes]]:
        share = self._runtime.get_var(_RESULT)
        return share.meta, share.share_chunks

    def close(self) -> None:
        self._link.stop_link()


def dealer(setting: str) -> Dealer:
    """Make the dealer of this engine. What OpenMP must know is set for the parties, which start later."""
    if setting not in (_PLAIN, _TUNED):
        raise ValueError(f"SPU runs {_PLAIN!r} or {_TUNED!r}, not {setting!r}")
    if setting == _TUNED:
        os.environ["OMP_THREAD_LIMIT"] = "1"
    return SpuDealer(setting)


party = SpuParty


def _config(setting: str) -> libspu.RuntimeConfig:
    config = libspu.RuntimeConfig(protocol=libspu.ProtocolKind.ABY3, field=libspu.FieldType.FM64)
    if setting == _TUNED:
        config.max_concurrency = 1
        config.sort_method = libspu.RuntimeConfig.SortMethod.SORT_QUICK
    return config


def _share(meta: bytes, chunks: list[bytes]) -> libspu.Share:
    share = libspu.Share()
    share.meta, share.share_chunks = meta, chunks
    return share


def _compile(run: Callable[..., Any], inputs: tuple[Array, ...], names: list[str]) -> bytes:
    import jax
    from spu.utils import frontend

    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in inputs]
    secret = [libspu.Visibility.VIS_SECRET] * len(inputs)
    executable, _ = frontend.compile(frontend.Kind.JAX, run, shapes, {}, names, secret, lambda _: [_RESULT])
    return bytes(executable.SerializeToString())


def _programs(*, exact: bool) -> dict[str, Program]:
    """Write every workload as a user of SPU would; `exact` takes moments of integers instead of fixed point."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def cross(x: Any) -> Any:
        return jnp.concatenate([x.T @ x, x.sum(axis=0, keepdims=True)])

    def moments(x: Any, y: Any) -> Any:
        return x.T @ jnp.concatenate([x, y[:, None]], axis=1)

    def series(z: Any) -> Any:
        t = z * 0.5**SIGMOID_REACH_BITS
        square = t * t
        fourth = square * square
        first, third, fifth, seventh, ninth = SIGMOID_SERIES
        return 0.5 + t * (first + third * square + fourth * (fifth + seventh * square + ninth * fourth))

    def descend(sigmoid: Callable[[Any], Any]) -> Callable[..., Any]:
        def run(x: Any, y: Any) -> Any:
            weights = jnp.zeros(FEATURES)
            for _ in range(PASSES):
                step = logistic_rate(len(y)) / len(y)
                weights = weights - (x.T @ (sigmoid(x @ weights) - y)) * step
            return weights

        return run

    if exact:
        released = {
            "covariance": Program(cross, encoding.features, encoding.covariance),
            "ols": Program(moments, encoding.regression, encoding.least_squares),
        }
    else:
        released = {
            "covariance": Program(cross, decode=lambda out, rows: covariance_of(out[:-1], out[-1], rows)),
            "ols": Program(moments, decode=lambda out, _: least_squares_of(out)),
        }
    return {
        **released,
        "multiply": Program(lambda x, y: x * y),
        "fixed_multiply": Program(lambda x, y: x * y),
        "less_than": Program(lambda x, y: x < y),
        "sort": Program(jnp.sort, lambda keys: (keys.astype(np.uint32),), lambda out, _: out.astype(np.int64)),
        "logistic": Program(descend(jax.nn.sigmoid)),
        "logistic_series": Program(descend(series)),
    }
