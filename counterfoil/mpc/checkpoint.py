"""Steps that a later attempt need not compute again: shares kept at a step's end, and compared (PROTOCOLS 2.5).

A step counts as done when all parties have written their components and the holders of each have compared it, under a
key that they alone share. An attempt resumes from the last step that all parties still hold, and compares it again
under its own keys, so that shares that rotted or were exchanged are found before anything depends on them.
Knows neither where shares are kept nor what a step computes.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from counterfoil.canonical import Json, bind, jcs
from counterfoil.errors import AttemptError, TamperedError
from counterfoil.mpc.checks import barrier
from counterfoil.mpc.party import COMMON, Party
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.replicated import components
from counterfoil.mpc.shares import Arith, Bits, Words
from counterfoil.mpc.transport.base import Kind

Shares: TypeAlias = Mapping[str, Arith | Bits]
Step: TypeAlias = Callable[[Protocol, Shares], Shares]
"""From the shares that the step before left, or the inputs, to those that the next one needs."""

_PUBLIC: Final = "public"
_DIGEST_BYTES: Final = 32
#: how many checkpoints a party tells its peers of: the last ones
MOST_TOLD: Final = 8


class Shelf(NamedTuple):
    """Where a party keeps the checkpoints of one job: as secret as inputs, and gone when they are."""

    ids: Callable[[], Iterable[str]]
    """Of all that were kept."""
    load: Callable[[str], Mapping[str, Words]]
    """What was kept under an id. Raises: TamperedError if it is not what it was."""
    keep: Callable[[str, Mapping[str, Words]], None]
    """Durable when it returns. An id is kept once."""


def _nothing(*_: object) -> Any:
    raise AttemptError("this computation keeps no checkpoints")


NO_SHELF: Final = Shelf(tuple, _nothing, _nothing)
"""For a computation that starts anew in every attempt."""


def checkpoint_id(step: int, attempt: int) -> str:
    """Names what an attempt kept after so many steps; later ones come later in the alphabet."""
    return f"{step:04d}-{attempt:010d}"


def steps_done(id: str) -> int:
    """How many steps a checkpoint saves; none if there is no checkpoint."""
    return int(id.partition("-")[0]) if id else 0


def told(shelf: Shelf) -> list[str]:
    """The checkpoints that this party tells its peers of."""
    return sorted(shelf.ids())[-MOST_TOLD:]


def common(kept: Iterable[Sequence[str]]) -> str:
    """The last checkpoint that all parties hold; empty if there is none."""
    return max(set.intersection(*(set(each) for each in kept)), default="")


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """A party's checkpoints in one attempt of one computation, which `context` binds."""

    party: Party
    shelf: Shelf
    context: bytes

    def keep(self, step: int, shares: Shares) -> None:
        """Every party has the shares on its disk, and all holders of a component the same.

        Cost: 2 rounds; 32 B to each peer, and 32 B for each component that both hold.
        Reveals: nothing; no digest of a component goes to a party that lacks it.
        Raises: CheatingDetected, AttemptError, StoreError.
        """
        id = checkpoint_id(step, self.party.attempt.number)
        # 1 (one round). Nothing unchecked is written down.
        barrier(self.party, f"checkpoint {id}")
        # 2 (local). Written, by component, with what is public of it.
        parts = _by_component(self.party, shares)
        public = jcs({"ledger": self.party.ledger.kept(), "shares": {name: _form(s) for name, s in shares.items()}})
        self.shelf.keep(id, {**parts, _PUBLIC: _words(public)})
        # 3 (one round).
        self._compare(id, parts, public)

    def resume(self, id: str) -> Shares:
        """What was kept, the same as at all its holders; what was opened until then counts as opened.

        Cost: 1 round; 32 B for each component that both hold, and 32 B, to each peer.
        Raises: TamperedError when this party's copy was changed; CheatingDetected when holders have different ones.
        """
        found = dict(self.shelf.load(id))
        try:
            public = _bytes(found.pop(_PUBLIC))
            stated = json.loads(public)
            shares = {name: _share(self.party, name, form, found) for name, form in sorted(stated["shares"].items())}
        except (KeyError, ValueError, TypeError):
            raise TamperedError(f"checkpoint {id} of party {self.party.index} is not what was kept") from None
        self._compare(id, found, public)
        self.party.ledger.take_up(stated["ledger"])
        return shares

    def _compare(self, id: str, parts: Mapping[str, Words], public: bytes) -> None:
        """One round. HMAC under each group's own key, to the other members of the group."""
        party, op = self.party, self.party.next_op()
        held = {j: _content(parts, j) for j in components(party.n, party.index)} | {COMMON: public}
        ours = {
            group: hmac.digest(
                party.keys[group].ckpt, bind("mpc/checkpoint/1", self.context, id.encode(), content), "sha256"
            )
            for group, content in held.items()
        }
        shared = {
            peer: sorted({*components(party.n, party.index)} & {*components(party.n, peer)} | {COMMON})
            for peer in sorted(party.links)
        }
        for peer, groups in shared.items():
            party.links[peer].send_bytes(Kind.OK, op, b"".join(ours[group] for group in groups))
        party.rounds += 1
        for peer, groups in shared.items():
            theirs = party.links[peer].receive_bytes(Kind.OK, op, exactly=_DIGEST_BYTES * len(groups))
            if not hmac.compare_digest(theirs, b"".join(ours[group] for group in groups)):
                party.accuse(op, f"another checkpoint {id}", (peer, party.index))


def run_steps(
    checkpoints: Checkpoints, protocol: Protocol, steps: Sequence[Step], inputs: Shares, resumed: str
) -> Shares:
    """What the last step leaves, computed from the checkpoint `resumed` on, or from the inputs; each step is kept.

    Steps pass on shares alone, so that what one leaves is all that the next one knows.
    Raises: as the steps; AttemptError if there is no such step.
    """
    done = steps_done(resumed)
    if done > len(steps):
        raise AttemptError(f"checkpoint {resumed} is of another program, which has {len(steps)} steps here")
    shares = checkpoints.resume(resumed) if done else inputs
    for number, step in enumerate(steps[done:], done + 1):
        shares = step(protocol, shares)
        checkpoints.keep(number, shares)
    return shares


def _by_component(party: Party, shares: Shares) -> dict[str, Words]:
    return {
        f"{name}--{j}": part
        for name, share in sorted(shares.items())
        for j, part in zip(components(party.n, party.index), share.parts, strict=True)
    }


def _content(parts: Mapping[str, Words], j: int) -> bytes:
    """All that belongs to one component, with names and lengths."""
    mine = sorted(name for name in parts if name.rpartition("--")[2] == str(j))
    return bind("mpc/component/1", *(field for name in mine for field in (name.encode(), parts[name].tobytes())))


def _form(share: Arith | Bits) -> dict[str, Json]:
    return {"shape": list(share.parts[0].shape), "bits": share.length if isinstance(share, Bits) else -1}


def _share(party: Party, name: str, form: Mapping[str, Any], found: Mapping[str, Words]) -> Arith | Bits:
    shape, bits = form["shape"], form["bits"]
    parts = tuple(found[f"{name}--{j}"].reshape(shape) for j in components(party.n, party.index))
    return Arith(parts) if bits < 0 else Bits(parts, bits)


def _words(text: bytes) -> Words:
    """Bytes as words: how many, then they, filled up."""
    return np.frombuffer(len(text).to_bytes(8, "little") + text + bytes(-len(text) % 8), np.uint64)


def _bytes(words: Words) -> bytes:
    raw = words.tobytes()
    return raw[8 : 8 + int.from_bytes(raw[:8], "little")]
