"""Keep the keys of a job's noise: agreed on once, kept with the job, the same in every attempt (PROTOCOLS 11).

Noise is a function of these keys, the program, the inputs and the output it is for. So a retry adds the same noise, and
nobody gains by ending an attempt whose result they have seen. Knows neither how the keys are agreed on nor where they
are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from counterfoil.canonical import bind
from counterfoil.errors import AttemptError, IntegrityError
from counterfoil.mpc.ring.shares import Words
from counterfoil.mpc.runtime.prss import KEY_BYTES, expand
from counterfoil.secret import Secret

_FLAG_BYTES: Final = 8


class Keeping(NamedTuple):
    """Where a party keeps the noise keys of one job between attempts, as secret as shares and deleted with them."""

    load: Callable[[], bytes | None]
    """What was kept last; nothing in the job's first attempt."""
    keep: Callable[[bytes], None]
    """Durable, instead of what was there, when it returns."""


FOR_ONE_ATTEMPT: Final = Keeping(lambda: None, lambda _: None)
"""For a computation that has no second attempt."""


@dataclass(frozen=True, slots=True, repr=False)
class NoiseKeys(Secret):
    """One party's noise keys, by component. `agreed` is the transcript of the attempt in which they were agreed on.

    `settled`: every party has kept the same ones. Before that no party computes; after that they are never replaced.
    """

    agreed: bytes
    keys: Mapping[int, bytes]
    settled: bool = False

    def pack(self) -> bytes:
        """Encode the keys to be kept, as a multiple of 8 bytes."""
        flag = int(self.settled).to_bytes(_FLAG_BYTES, "little")
        return b"".join([flag, self.agreed, *(self.keys[j] for j in sorted(self.keys))])

    @classmethod
    def unpack(cls, material: bytes, components: Iterable[int]) -> Self:
        """Decode what `pack` encoded at a party that holds these components. Raises: AttemptError."""
        order = sorted(components)
        if len(material) != _FLAG_BYTES + KEY_BYTES * (1 + len(order)):
            raise AttemptError(f"noise keys of {len(material)} bytes are not those of {len(order)} components")
        start = _FLAG_BYTES + KEY_BYTES
        keys = {j: material[start + KEY_BYTES * k :][:KEY_BYTES] for k, j in enumerate(order)}
        return cls(material[_FLAG_BYTES:start], keys, material[0] == 1)


class Noise(Secret):
    """The words of one noise key for the outputs of one computation: `context` binds its program and its inputs."""

    def __init__(self, key: bytes, context: bytes) -> None:
        self._key, self._context = key, context
        self._drawn: set[str] = set()

    def words(self, output: str, count: int) -> Words:
        """Expand this output's words: F(HKDF(key, context || output), 1).

        Raises: IntegrityError when asked for again.
        """
        if output in self._drawn:
            raise IntegrityError(f"the noise of {output!r} was drawn before; two outputs never share their noise")
        self._drawn.add(output)
        info = bind("mpc/noise/1", self._context, output.encode())
        return expand(HKDFExpand(SHA256(), KEY_BYTES, info).derive(self._key), count, op=1)
