"""Keep and compare shares at a step's end, so that a later attempt need not compute the step again (PROTOCOLS 2.5).

A step counts as done when all parties have written their components and the holders of each have compared it, under a
key that they alone share. An attempt resumes from the last step that all parties still hold, and compares it again
under its own keys, so that shares that rotted or were exchanged are found before anything depends on them. What a step
leaves as it was is not written again: a checkpoint is an index of its shares' places, with those that were new at some
step.
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
from counterfoil.errors import AttemptError, NotFoundError, TamperedError
from counterfoil.mpc.ring.shares import Arith, Bits, Words
from counterfoil.mpc.runtime.barrier import barrier
from counterfoil.mpc.runtime.party import COMMON, Party
from counterfoil.mpc.suites.replicated import components
from counterfoil.mpc.transport.base import Kind

Shares: TypeAlias = Mapping[str, Arith | Bits]

CHECKPOINT: Final = "mpc/checkpoint/1"
"""What is kept of a step, and how the parties compare it."""

_PUBLIC: Final = "public"
_SHARES: Final = "-shares"
_DIGEST_BYTES: Final = 32
#: how many checkpoints a party tells its peers of: the last ones
MOST_TOLD: Final = 8
#: rounds that it takes to keep one
ROUNDS: Final = 2


class Shelf(NamedTuple):
    """Where a party keeps the checkpoints of one computation, as secret as inputs and deleted with them."""

    names: Callable[[], Iterable[str]]
    """Of all that is kept."""
    load: Callable[[str], Mapping[str, Words]]
    """What was kept under a name. Raises: TamperedError if it is not what it was; NotFoundError."""
    keep: Callable[[str, Mapping[str, Words]], None]
    """Durable when it returns. A name is used once."""
    drop: Callable[[str], None]
    """What was kept under the name is not there any more."""


def _nothing(*_: object) -> Any:
    raise AttemptError("this computation keeps no checkpoints")


NO_SHELF: Final = Shelf(tuple, _nothing, _nothing, _nothing)
"""For a computation that starts anew in every attempt."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint's content: shares by name, and what the parties said of them, which is public among them."""

    shares: Shares
    said: Json


def checkpoint_id(step: int, attempt: int) -> str:
    """Name what an attempt kept after so many steps; later ones come later in the alphabet."""
    return f"{step:04d}-{attempt:010d}"


def steps_done(id: str) -> int:
    """Return the number of steps that a checkpoint saves; 0 if there is no checkpoint."""
    return int(id.partition("-")[0]) if id else 0


def shares_of(id: str) -> str:
    """Return the name of the shares that were new at a checkpoint, whose index has the id as its name."""
    return f"{id}{_SHARES}"


def told(shelf: Shelf) -> list[str]:
    """List the checkpoints that this party tells its peers of."""
    return sorted(name for name in shelf.names() if not name.endswith(_SHARES))[-MOST_TOLD:]


def common(kept: Iterable[Sequence[str]]) -> str:
    """Find the last checkpoint that all parties hold; empty if there is none."""
    return max(set.intersection(*(set(each) for each in kept)), default="")


class Checkpoints:
    """A party's checkpoints in one attempt of one computation, which `context` binds."""

    def __init__(self, party: Party, shelf: Shelf, context: bytes) -> None:
        self._party, self._shelf, self._context = party, shelf, context
        #: of each share that is kept, its checkpoint and its place there
        self._places: dict[str, tuple[str, int]] = {}
        #: names of all that the last checkpoint rests on, and of itself
        self._needed: set[str] = set()

    def keep(self, step: int, shares: Shares, said: Json = None) -> None:
        """Write the shares at every party, durably, and check that all parties wrote and said the same.

        All holders of a component have the same. A share that the last checkpoint had under the same name is the same,
        and is not written again. This checkpoint and the last one are kept, and all that they rest on: since all
        parties hold this one, no other is needed.

        Cost: 2 rounds; 32 B to each peer, and 32 B for each component that both hold.
        Reveals: nothing; no digest of a component goes to a party that lacks it.
        Raises: CheatingDetected, AttemptError, StoreError.
        """
        id = checkpoint_id(step, self._party.attempt.number)
        # 1 (one round). Nothing unchecked is written down.
        barrier(self._party, f"checkpoint {id}")
        # 2 (local). Written, by component, with what is public of it.
        fresh = sorted(set(shares) - set(self._places))
        places = {name: (id, place) for place, name in enumerate(fresh)}
        self._places = {name: places.get(name) or self._places[name] for name in shares}
        parts = {
            _part_name(place, j): part
            for place, name in enumerate(fresh)
            for j, part in zip(components(self._party.n, self._party.index), shares[name].parts, strict=True)
        }
        forms: Json = {name: _form(share, *self._places[name]) for name, share in shares.items()}
        public = jcs({"ledger": self._party.ledger.kept(), "shares": forms, "said": said})
        if parts:
            self._shelf.keep(shares_of(id), parts)
        self._shelf.keep(id, {_PUBLIC: _words(public)})
        # 3 (one round). What earlier ones hold was compared then.
        self._compare(id, {(id, name): part for name, part in parts.items()}, public)
        # 4 (local). Every party has compared, and so written, this one.
        needed = {id, *(shares_of(kept_in) for kept_in, _ in self._places.values())}
        old = set(self._shelf.names()) - needed - self._needed
        for name in sorted(old, key=lambda name: name.endswith(_SHARES)):  # no index is left without its shares
            self._shelf.drop(name)
        self._needed = needed

    def resume(self, id: str) -> Kept:
        """Load what was kept, check that all its holders have the same, and charge what was opened until then.

        Cost: 1 round; 32 B for each component that both hold, and 32 B, to each peer.
        Raises: TamperedError when this party's copy was changed; CheatingDetected when holders have different ones.
        """
        own = components(self._party.n, self._party.index)
        try:
            public = _bytes(self._shelf.load(id)[_PUBLIC])
            stated = json.loads(public)
            places = {name: (str(form["in"]), int(form["at"])) for name, form in stated["shares"].items()}
            kept = {kept_in: self._shelf.load(shares_of(kept_in)) for kept_in in {each for each, _ in places.values()}}
            parts = {
                (kept_in, _part_name(place, j)): kept[kept_in][_part_name(place, j)]
                for kept_in, place in places.values()
                for j in own
            }
            shares = {
                name: _share([parts[kept_in, _part_name(place, j)] for j in own], stated["shares"][name])
                for name, (kept_in, place) in sorted(places.items())
            }
        except (KeyError, ValueError, TypeError, NotFoundError):
            raise TamperedError(f"checkpoint {id} of party {self._party.index} is not what was kept") from None
        self._compare(id, parts, public)
        self._party.ledger.take_up(stated["ledger"])
        self._places, self._needed = places, {id, *map(shares_of, kept)}
        return Kept(shares, stated["said"])

    def _compare(self, id: str, parts: Mapping[tuple[str, str], Words], public: bytes) -> None:
        """Compare in one round: HMAC under each group's own key, to the other members of the group."""
        party, op = self._party, self._party.next_op()
        held = {j: _content(parts, j) for j in components(party.n, party.index)} | {COMMON: public}
        ours = {
            group: hmac.digest(party.keys[group].ckpt, bind(CHECKPOINT, self._context, id.encode(), content), "sha256")
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


def _part_name(place: int, component: int) -> str:
    return f"{place}--{component}"


def _content(parts: Mapping[tuple[str, str], Words], j: int) -> bytes:
    """Hash all that belongs to one component, with names and lengths."""
    mine = sorted(key for key in parts if key[1].rpartition("--")[2] == str(j))
    hashed = (bind("mpc/part/1", in_.encode(), name.encode(), parts[in_, name].tobytes()) for in_, name in mine)
    return bind("mpc/component/1", *hashed)


def _form(share: Arith | Bits, kept_in: str, place: int) -> dict[str, Json]:
    bits = share.length if isinstance(share, Bits) else -1
    return {"shape": list(share.parts[0].shape), "bits": bits, "in": kept_in, "at": place}


def _share(parts: Sequence[Words], form: Mapping[str, Any]) -> Arith | Bits:
    shaped = tuple(part.reshape(form["shape"]) for part in parts)
    return Arith(shaped) if form["bits"] < 0 else Bits(shaped, form["bits"])


def _words(text: bytes) -> Words:
    """Encode bytes as words: their number, then the bytes, padded."""
    return np.frombuffer(len(text).to_bytes(8, "little") + text + bytes(-len(text) % 8), np.uint64)


def _bytes(words: Words) -> bytes:
    raw = words.tobytes()
    return raw[8 : 8 + int.from_bytes(raw[:8], "little")]
