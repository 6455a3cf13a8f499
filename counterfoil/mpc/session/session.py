"""Begin an attempt: agree on what is computed, then on keys that nobody outside a group has.

PROTOCOLS 2.1 and 2.2. Fresh contributions of every member in every attempt make sure that no mask ever meets a second
input; only the keys of the job's noise are those of its first attempt. The only place that picks a suite. Knows nothing
of rosters or logs: the caller signs and logs `transcript`.
"""

from __future__ import annotations

import hmac
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Final, NamedTuple, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from counterfoil.canonical import Json, bind, jcs
from counterfoil.errors import AttemptError, CheatingDetected, DocumentError
from counterfoil.mpc.runtime.ledger import Declared, Ledger
from counterfoil.mpc.runtime.noise_keys import FOR_ONE_ATTEMPT, Keeping, Noise, NoiseKeys
from counterfoil.mpc.runtime.party import COMMON, Cost, GroupKeys, Party, group_name
from counterfoil.mpc.runtime.prss import KEY_BYTES
from counterfoil.mpc.session.step_checkpoint import NO_SHELF, Checkpoints, Kept, Shares, Shelf, common, told
from counterfoil.mpc.suites import registry
from counterfoil.mpc.suites.replicated import Replicated, components
from counterfoil.mpc.transport.base import Attempt, Kind, Link, end_all
from counterfoil.secret import Secret


def running() -> dict[str, type[Replicated]]:
    """Return the classes that run the suites, by protocol and version."""
    return {suite.protocol: suite.load() for suite in registry.SUITES.values()}


SUITES: Final[Mapping[str, type[Replicated]]] = running()

HANDSHAKE: Final = "mpc/hello/2"
"""The handshake and its messages, by their version."""

_HELLO, _ECHO, _SEEDS, _CONFIRM = range(1, 5)
_MAX_HELLO: Final = 16384
_MAX_SEEDS: Final = 4096
_NONCE_BYTES: Final = 32
_SOFTWARE: Final = re.compile(r"([0-9a-f]{64})?")


@dataclass(frozen=True, slots=True)
class Hello:
    """What all parties must agree on before they start. Digests are lower-case hex; `job` is 32 hex digits.

    `versions` are those of protocols, formats and plans. `software` is the digest of what the party says that it runs:
    that alone may differ, is no part of what is meant, and is bound by the transcript as evidence.

    `ledger` is a digest of the privacy budgets that the party remembers, `earlier` of the releases: a party that forgot
    any has another digest.
    """

    suite: str
    job: str
    attempt: int
    roster: str
    program: str
    contracts: str
    inputs: str
    params: str
    versions: str
    ledger: str = "none"
    earlier: str = "none"
    software: str = ""

    @property
    def name(self) -> Attempt:
        """The attempt as frames name it."""
        return Attempt(bytes.fromhex(self.job), self.attempt)

    @property
    def computation(self) -> bytes:
        """A digest of what noise depends on: the program and its inputs, whatever the attempt."""
        return bind("mpc/computation/1", self.program.encode(), self.inputs.encode())

    @property
    def meant(self) -> bytes:
        """A digest of what checkpoints depend on: all that the parties agree on, whatever the attempt."""
        return bind("mpc/meant/1", jcs({**asdict(self), "attempt": 0, "software": ""}))

    def pack(self, nonce: bytes, noise: bytes = b"", kept: Sequence[str] = ()) -> bytes:
        """Encode the message of a party with this nonce.

        It keeps the noise keys that were agreed on in attempt `noise`, and the checkpoints `kept`.
        """
        return jcs({**asdict(self), "nonce": nonce.hex(), "noise": noise.hex(), "kept": list(kept)})


class Sealing(NamedTuple):
    """The sealing of key contributions to a peer, and their opening, on top of the link's own encryption."""

    seal: Callable[[int, bytes, bytes], bytes]
    """(peer, plaintext, info) to sealed bytes."""
    unseal: Callable[[bytes, bytes], bytes]
    """(sealed, info) to plaintext."""


class Session(Secret):
    """A running attempt at this party. Leaving it by an error tells the peers; in any case the links are closed."""

    def __init__(
        self,
        protocol: Replicated,
        transcript: bytes,
        checkpoints: Checkpoints,
        resumed: str = "",
        software: tuple[str, ...] = (),
    ) -> None:
        self.protocol, self.transcript = protocol, transcript
        #: the digest of the software that each party said it runs, in their order
        self.software = software
        #: the last checkpoint that all parties hold; empty if there is none
        self.resumed = resumed
        self._checkpoints = checkpoints

    def resume(self) -> Kept:
        """Load the checkpoint `resumed`. Cost, Raises: as `Checkpoints.resume`."""
        return self._checkpoints.resume(self.resumed)

    def keep(self, step: int, shares: Shares, said: Json = None) -> None:
        """Keep these shares, so that a later attempt may go on after so many steps.

        Cost, Raises: as `Checkpoints.keep`.
        """
        self._checkpoints.keep(step, shares, said)

    @property
    def ledger(self) -> Ledger:
        """The ledger of what was declared and what was opened."""
        return self.protocol.party.ledger

    @property
    def meter(self) -> Cost:
        """Rounds, bytes, messages and seconds so far."""
        return self.protocol.party.cost()

    def close(self) -> None:
        """Close the links. What was sent still arrives."""
        end_all(self.protocol.party.links)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        end_all(self.protocol.party.links, error, self.protocol.party.op)


def open_session(
    links: Mapping[int, Link],
    hello: Hello,
    index: int,
    *,
    claim: Callable[[str, int], None],
    declared: Iterable[Declared] = (),
    sealing: Sealing | None = None,
    keeping: Keeping = FOR_ONE_ATTEMPT,
    shelf: Shelf = NO_SHELF,
) -> Session:
    """Agree with all parties on the attempt, on fresh keys by group, and on the job's noise keys.

    `claim(job, attempt)` makes the attempt durable at this party and raises ReplayError unless it is newer than every
    earlier one; it is called before anything is sent. `sealing` adds a second, post-quantum lock to the keys. `keeping`
    holds the noise keys from the job's first attempt on; once all parties had them, losing them ends the job. `shelf`
    holds the checkpoints of all attempts that mean the same: whose `hello.meant` is the same.

    Cost: 4 rounds, under 2 kB to each peer.
    Raises: ReplayError; AttemptError naming the fields that differ, or the party without noise keys; CheatingDetected
        if a peer told others something else than us; SealError; TransportError. The links are closed then.
    """
    suite = SUITES.get(hello.suite)
    if suite is None or set(links) | {index} != set(range(suite.parties)):
        raise AttemptError(f"suite {hello.suite!r} with {len(links) + 1} parties does not exist")
    claim(hello.job, hello.attempt)
    try:
        handshake = _Handshake(links, hello, index, suite.parties, sealing, keeping, told(shelf))
        transcript = handshake.agree()
        keys = handshake.exchange_keys(transcript)
    except BaseException as error:
        end_all(links, error)
        raise
    noise = {j: Noise(key, hello.computation) for j, key in handshake.noise.keys.items()}
    party = Party(index, suite.parties, hello.name, links, keys, noise, Ledger(declared))
    checkpoints = Checkpoints(party, shelf, hello.meant)
    return Session(suite(party), transcript, checkpoints, handshake.resumed, handshake.software)


class _Handshake(Secret):
    def __init__(
        self,
        links: Mapping[int, Link],
        hello: Hello,
        index: int,
        n: int,
        sealing: Sealing | None,
        keeping: Keeping,
        kept: Sequence[str],
    ) -> None:
        self.links, self.hello, self.index, self.n = links, hello, index, n
        self.sealing, self.keeping, self.kept, self.resumed = sealing, keeping, kept, ""
        self.software: tuple[str, ...] = ()
        material = keeping.load()
        #: the noise keys of earlier attempts; from the key exchange on, those of this one
        self.noise = NoiseKeys.unpack(material, components(n, index)) if material else NoiseKeys(b"", {})

    def agree(self) -> bytes:
        """Exchange HELLOs and return T, the same at all parties: the digest of everybody's HELLO."""
        # 1 (one round). HELLO to all; all that is meant must be ours.
        hellos = {self.index: self.hello.pack(os.urandom(_NONCE_BYTES), self.noise.agreed, self.kept)}
        for link in self.links.values():
            link.send_bytes(Kind.READY, _HELLO, hellos[self.index])
        for peer, link in self.links.items():
            hellos[peer] = self._same(peer, link.receive_bytes(Kind.READY, _HELLO, at_most=_MAX_HELLO))
        transcript = bind(HANDSHAKE, *(hellos[party] for party in range(self.n)))
        # 2 (one round). Echo: nobody told two parties different things.
        self._compare(_ECHO, dict.fromkeys(self.links, transcript), dict.fromkeys(self.links, transcript), "hello")
        self.resumed = common(json.loads(raw)["kept"] for raw in hellos.values())
        self.software = tuple(json.loads(hellos[party])["software"] for party in range(self.n))
        lacking = [party for party, raw in hellos.items() if json.loads(raw)["noise"] != self.noise.agreed.hex()]
        if lacking and self.noise.settled:
            raise AttemptError(f"party {lacking[0]} no longer has the noise keys of job {self.hello.job}")
        if lacking:
            # Some party did not live to keep them, so no party has computed with them yet.
            self.noise = NoiseKeys(b"", {})
        return transcript

    def exchange_keys(self, transcript: bytes) -> dict[int, GroupKeys]:
        """Agree on the keys of every group that this party belongs to."""
        groups = {group: members for group, members in _groups(self.n).items() if self.index in members}
        shared = {peer: [group for group, members in groups.items() if peer in members] for peer in self.links}
        # 3 (one round). A fresh contribution to each group, to its other members alone.
        drawn = {group: {self.index: bytearray(os.urandom(KEY_BYTES))} for group in groups}
        for peer, link in self.links.items():
            seeds = b"".join(drawn[group][self.index] for group in shared[peer])
            link.send_bytes(Kind.READY, _SEEDS, self._seal(peer, seeds, transcript))
        for peer, link in self.links.items():
            seeds = self._unseal(peer, link.receive_bytes(Kind.READY, _SEEDS, at_most=_MAX_SEEDS), transcript)
            if len(seeds) != KEY_BYTES * len(shared[peer]):
                raise CheatingDetected(f"party {peer} sent {len(seeds)} bytes of key contributions")
            for place, group in enumerate(shared[peer]):
                drawn[group][peer] = bytearray(seeds[KEY_BYTES * place : KEY_BYTES * (place + 1)])
        keys = {group: self._group_key(group, drawn[group], transcript) for group in groups}
        if not self.noise.agreed:
            # The first attempt's keys give those of the job's noise, kept before any other party may rely on them.
            self.noise = NoiseKeys(transcript, {j: _noise_key(keys[j]) for j in groups if j != COMMON})
            self.keeping.keep(self.noise.pack())

        # 4 (one round). Key confirmation: all members of a group have the same keys.
        def confirm(member: int, peer: int) -> bytes:
            of_attempt = [_confirm(keys[group], member, group_name(group), transcript) for group in shared[peer]]
            of_noise = [
                _confirm(self.noise.keys[j], member, f"noise {j}", transcript) for j in shared[peer] if j != COMMON
            ]
            return b"".join(of_attempt + of_noise)

        ours = {peer: confirm(self.index, peer) for peer in self.links}
        theirs = {peer: confirm(peer, peer) for peer in self.links}
        self._compare(_CONFIRM, ours, theirs, "key confirmation")
        if not self.noise.settled:
            self.noise = replace(self.noise, settled=True)
            self.keeping.keep(self.noise.pack())
        derived = {group: GroupKeys.derive(key, group) for group, key in keys.items()}
        for secret in (*keys.values(), *(seed for seeds_of in drawn.values() for seed in seeds_of.values())):
            secret[:] = bytes(len(secret))
        return derived

    def _same(self, peer: int, raw: bytes) -> bytes:
        """Check that a HELLO says what ours says, and return it."""
        try:
            found = json.loads(raw)
            nonce, noise = bytes.fromhex(found["nonce"]), bytes.fromhex(found["noise"])
            kept = [str(id) for id in found["kept"]]
            theirs = replace(self.hello, software=str(found["software"]))
            same = raw == theirs.pack(nonce, noise, kept)
        except (ValueError, TypeError, KeyError, RecursionError, DocumentError):
            raise AttemptError(f"party {peer} sent something that is not a HELLO") from None
        known = _SOFTWARE.fullmatch(theirs.software) and bool(theirs.software) is bool(self.hello.software)
        if not known or not same or len(nonce) != _NONCE_BYTES:
            mine = asdict(theirs)
            differ = sorted(name for name in mine if found.get(name) != mine[name]) or ["form"]
            raise AttemptError(
                f"party {peer} means another {', '.join(differ)} than party {self.index}"
                + _versions(str(found.get("versions", "")), self.hello.versions)
            )
        return raw

    def _compare(self, step: int, ours: Mapping[int, bytes], theirs: Mapping[int, bytes], what: str) -> None:
        for peer, link in self.links.items():
            link.send_bytes(Kind.READY, step, ours[peer])
        for peer, link in self.links.items():
            found = link.receive_bytes(Kind.READY, step, exactly=len(theirs[peer]))
            if not hmac.compare_digest(found, theirs[peer]):
                raise CheatingDetected(f"{what} at party {self.index}: party {peer} has another one; somebody deviated")

    def _group_key(self, group: int, drawn: Mapping[int, bytearray], transcript: bytes) -> bytearray:
        info = f"mpc/prss/1|{self.hello.suite}|{group_name(group)}".encode()
        contributions = b"".join(drawn[member] for member in sorted(drawn))
        return bytearray(HKDF(SHA256(), KEY_BYTES, salt=transcript, info=info).derive(contributions))

    def _seal(self, peer: int, seeds: bytes, transcript: bytes) -> bytes:
        return self.sealing.seal(peer, seeds, _info(transcript, self.index, peer)) if self.sealing else seeds

    def _unseal(self, peer: int, sealed: bytes, transcript: bytes) -> bytes:
        return self.sealing.unseal(sealed, _info(transcript, peer, self.index)) if self.sealing else sealed


def _versions(theirs: str, ours: str) -> str:
    """Name the versions that only one of two parties runs, and what to do."""
    if theirs == ours:
        return ""
    there, here = (set(each.split("; ")) for each in (theirs, ours))
    lacking = " and ".join(
        f"{who} {', '.join(sorted(only))[:200]}"
        for who, only in (("there it runs", there - here), ("here it runs", here - there))
        if only
    )
    return f": {lacking}; update the software of the one that is behind"


def _groups(n: int) -> dict[int, tuple[int, ...]]:
    """Map each component to the parties that hold it, and COMMON to all parties."""
    holders = {j: tuple(i for i in range(n) if j in components(n, i)) for j in range(n)}
    return {**holders, COMMON: tuple(range(n))}


def _confirm(key: bytes | bytearray, member: int, name: str, transcript: bytes) -> bytes:
    return hmac.digest(bytes(key), b"kc" + bytes([member]) + name.encode() + transcript, "sha256")


def _noise_key(group_key: bytearray) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, b"noise").derive(bytes(group_key))


def _info(transcript: bytes, sender: int, receiver: int) -> bytes:
    return b"mpc/seeds/1" + transcript + bytes([sender, receiver])
