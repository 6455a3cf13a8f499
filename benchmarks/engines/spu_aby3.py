"""SPU, protocol ABY3, ring of 64 bits: three processes over brpc on loopback, without TLS.

Compiled once, by the dealer. A party's run is one call of `Runtime.run` on variables that hold shares, and its result
stays a variable that holds shares: nothing is opened in the timed part.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from spu import Io, Runtime, libspu

from benchmarks.engines.base import Dealer, Party
from benchmarks.workloads import (
    FEATURES,
    FRAC_BITS,
    PASSES,
    SIGMOID_REACH_BITS,
    SIGMOID_SERIES,
    Array,
    Workload,
    covariance_of,
    least_squares_of,
    logistic_rate,
)

_MOMENT_BITS: Final = 20
_TARGET_BITS: Final = 17
_RESULT: Final = "result"
_TUNED: Final = "one thread"


@dataclass(frozen=True)
class Program:
    """One way to write a workload for SPU. `decode` turns what came out, and the number of rows, into the answer."""

    run: Callable[..., Any]
    encode: Callable[..., tuple[Array, ...]] = lambda *data: data
    decode: Callable[[Array, int], Array] = lambda opened, _: opened


class SpuDealer(Dealer):
    """Shares of the data, and compiled programs."""

    parties = 3

    def __init__(self, setting: str) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self._setting = setting
        self._io = Io(self.parties, _config(setting))
        version = importlib.metadata.version("spu")
        self.about = f"SPU {version}, ABY3, FM64, {FRAC_BITS} fraction bits, radix sort, without TLS, {setting}"

    def workloads(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(ways) for name, ways in _programs().items()}

    def meeting(self, port: int) -> list[Any]:
        ends = [f"127.0.0.1:{port + rank}" for rank in range(self.parties)]
        return [(rank, ends, self._setting) for rank in range(self.parties)]

    def deal(self, workload: Workload, way: str, data: tuple[Array, ...]) -> list[Any]:
        program = _programs()[workload.name][way]
        inputs = program.encode(*data)
        names = [f"input-{place}" for place in range(len(inputs))]
        code = _compile(program.run, inputs, names)
        shared = [self._io.make_shares(np.ascontiguousarray(each), libspu.Visibility.VIS_SECRET) for each in inputs]
        return [
            (code, names, [(each[rank].meta, each[rank].share_chunks) for each in shared])
            for rank in range(self.parties)
        ]

    def reveal(self, workload: Workload, way: str, results: list[Any], size: int) -> Array:
        opened = self._io.reconstruct([_share(*result) for result in results])
        return _programs()[workload.name][way].decode(np.asarray(opened), size)


class SpuParty(Party):
    """One runtime on one link."""

    def __init__(self, meeting: tuple[int, list[str], str]) -> None:
        rank, ends, setting = meeting
        description = libspu.link.Desc()
        description.recv_timeout_ms = 3_600_000
        for place, end in enumerate(ends):
            description.add_party(f"node-{place}", end)
        self._link = libspu.link.create_brpc(description, rank)
        self._runtime = Runtime(self._link, _config(setting))
        self._held: list[str] = []

    def load(self, part: tuple[bytes, list[str], list[tuple[bytes, list[bytes]]]]) -> None:
        code, names, shares = part
        for name in self._held:
            self._runtime.del_var(name)
        self._executable = libspu.Executable()
        self._executable.ParseFromString(code)
        for name, share in zip(names, shares, strict=True):
            self._runtime.set_var(name, _share(*share))
        self._held = [*names, _RESULT]

    def run(self) -> None:
        self._runtime.run(self._executable)

    def result(self) -> tuple[bytes, list[bytes]]:
        share = self._runtime.get_var(_RESULT)
        return share.meta, share.share_chunks

    def close(self) -> None:
        self._link.stop_link()


def environment(setting: str) -> dict[str, str]:
    """What the processes need to be told before they start: OpenMP reads its limits once."""
    return {"OMP_THREAD_LIMIT": "1"} if setting == _TUNED else {}


def _config(setting: str) -> libspu.RuntimeConfig:
    config = libspu.RuntimeConfig(protocol=libspu.ProtocolKind.ABY3, field=libspu.FieldType.FM64)
    if setting == _TUNED:
        config.max_concurrency = 1
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
    executable, _ = frontend.compile(
        frontend.Kind.JAX, run, shapes, {}, names, secret, lambda _: [_RESULT]
    )  # fmt: skip
    return bytes(executable.SerializeToString())


def _programs() -> dict[str, dict[str, Program]]:
    """For each workload, the ways to write it: first as a user of SPU would."""
    import jax
    import jax.numpy as jnp

    def integers(bits: int) -> Callable[[Array], Array]:
        return lambda x: np.rint(x * 2.0**bits).astype(np.int64)

    def cross(x: Any) -> Any:
        return jnp.concatenate([x.T @ x, x.sum(axis=0, keepdims=True)])

    def covariance(opened: Array, rows: int) -> Array:
        return covariance_of(opened[:-1], opened[-1], rows)

    def moments(x: Any, y: Any) -> Any:
        return x.T @ jnp.concatenate([x, y[:, None]], axis=1)

    def descend(sigmoid: Callable[[Any], Any]) -> Callable[..., Any]:
        def run(x: Any, y: Any) -> Any:
            weights = jnp.zeros(FEATURES)
            for _ in range(PASSES):
                step = logistic_rate(len(y)) / len(y)
                weights = weights - (x.T @ (sigmoid(x @ weights) - y)) * step
            return weights

        return run

    def series(z: Any) -> Any:
        t = z * 0.5**SIGMOID_REACH_BITS
        square = t * t
        first, third, fifth, seventh, ninth = SIGMOID_SERIES
        fourth = square * square
        return 0.5 + t * (first + third * square + fourth * (fifth + seventh * square + ninth * fourth))

    encoded = integers(_MOMENT_BITS)
    square, single = 4.0**_MOMENT_BITS, 2.0**_MOMENT_BITS
    scales = np.array([single] * FEATURES + [2.0**_TARGET_BITS])
    return {
        "multiply": {"usual": Program(lambda x, y: x * y)},
        "fixed_multiply": {"usual": Program(lambda x, y: x * y)},
        "less_than": {"usual": Program(lambda x, y: x < y)},
        "equal": {"usual": Program(lambda x, y: x == y)},
        "sort": {"usual": Program(jnp.sort, lambda keys: (keys.astype(np.uint32),), lambda out, _: out.astype(int))},
        "covariance": {
            "usual": Program(cross, decode=covariance),
            "on integers": Program(
                cross,
                lambda x: (encoded(x),),
                lambda out, rows: covariance_of(out[:-1] / square, out[-1] / single, rows),
            ),
        },
        "ols": {
            "usual": Program(moments, decode=lambda out, _: least_squares_of(out)),
            "on integers": Program(
                moments,
                lambda x, y: (encoded(x), integers(_TARGET_BITS)(y)),
                lambda out, _: least_squares_of(out / single / scales),
            ),
        },
        "logistic": {
            "usual": Program(descend(jax.nn.sigmoid)),
            "polynomial": Program(descend(series)),
        },
    }


def dealer(setting: str) -> Dealer:
    """The dealer of this engine; `setting` is `defaults` or `one thread`."""
    if setting not in ("defaults", _TUNED):
        raise ValueError(f"SPU runs with its defaults or with {_TUNED}, not with {setting!r}")
    os.environ.update(environment(setting))
    return SpuDealer(setting)


party = SpuParty
