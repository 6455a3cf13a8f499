"""A party that rewrites its own log, keys and exchange in hand, before one honest witness (T19).

Each trial grows a log, has it witnessed, and then shows another history, as its owner could sign it or as whoever runs
the exchange could fake it. The witness refuses every one of them by name; two histories leave a proof for everybody.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from counterfoil.audit.bundle import verify_logs
from counterfoil.audit.checkpoint import sign_checkpoint
from counterfoil.audit.event import NO_ENTRY, Event
from counterfoil.audit.fork import Fork
from counterfoil.audit.merkle import MerkleTree, leaf_hash
from counterfoil.audit.publish import publish
from counterfoil.audit.witness import witness
from counterfoil.errors import DocumentError, ForkedError, SignatureError, StoreError, TamperedError
from counterfoil.home import Home
from counterfoil.storage.records import open_copy
from tests.lib.trials import trials

Lie = Callable[[list[Event], int, random.Random], list[Event]]


def _edit(events: list[Event], seen: int, dice: random.Random) -> list[Event]:
    index = dice.randrange(seen)
    return [*events[:index], replace(events[index], counts={"rows": 10_000}), *events[index + 1 :]]


def _drop(events: list[Event], seen: int, dice: random.Random) -> list[Event]:
    index = dice.randrange(seen)
    return [*events[:index], *events[index + 1 :]]


def _insert(events: list[Event], seen: int, dice: random.Random) -> list[Event]:
    index = dice.randrange(seen)
    return [*events[:index], replace(events[0], type="inserted"), *events[index:]]


def _swap(events: list[Event], seen: int, dice: random.Random) -> list[Event]:
    if len(events) == 1:
        return _drop(events, seen, dice)
    first = dice.randrange(seen)
    second = dice.choice([place for place in range(len(events)) if place != first])
    moved = list(events)
    moved[first], moved[second] = moved[second], moved[first]
    return moved


def _cut(events: list[Event], seen: int, dice: random.Random) -> list[Event]:
    return events[: dice.randrange(seen)]


def _fork(events: list[Event], seen: int, dice: random.Random) -> list[Event]:
    """Back to some point that was seen, and on differently from there, shorter or longer than what was seen."""
    kept = dice.randrange(seen)
    more = dice.randrange(1, 2 * seen + 2)
    return [*events[:kept], *[replace(events[0], type="another-history", counts={"rows": k}) for k in range(more)]]


OWNERS_LIES: dict[str, Lie] = {
    "edit": _edit, "drop": _drop, "insert": _insert, "swap": _swap, "cut": _cut, "fork": _fork,
}  # fmt: skip
EXCHANGES_LIES = ("flip", "lose", "old", "mix")


class Trial:
    """An owner and a witness, and a log that the witness has seen."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.folder = folder
        self.owner = Home.create(folder / "owner", "node-0", str(folder / "exchange"))
        self.witness = Home.create(folder / "witness", "node-1", str(folder / "exchange"))
        self.size = 0
        self.old: dict[Path, bytes] = {}
        for _ in range(self.dice.randrange(1, 4)):
            self.old = self.published()
            self.grow(self.dice.randrange(1, 12))
            publish(self.owner.log, self.owner.exchange)
            self.see()
        self.seen = self.size
        self.grow(self.dice.randrange(4))
        publish(self.owner.log, self.owner.exchange)

    def grow(self, count: int) -> None:
        self.show([*self.events(), *[self.event(self.size + k) for k in range(count)]])
        self.size += count

    def event(self, rows: int) -> Event:
        return Event(0, "share-received", "node-0", "2026-11-24T12:00:00Z", "job-1", NO_ENTRY, {}, {"rows": rows})

    def events(self) -> list[Event]:
        return [Event.parse(entry) for entry in self.owner.log.entries()]

    def show(self, events: list[Event]) -> None:
        """The owner's log is this one, well formed, chained and signed."""
        prev, leaves = NO_ENTRY, []
        for index, event in enumerate(events):
            leaves.append(replace(event, index=index, prev=prev).leaf())
            prev = leaf_hash(leaves[-1]).hex()
        log = self.owner.path / "log"
        (log / "entries").write_bytes(b"".join(leaf + b"\n" for leaf in leaves))
        root = MerkleTree(map(leaf_hash, leaves)).root()
        (log / "checkpoint").write_bytes(sign_checkpoint(len(leaves), root, self.owner.keys))
        self.owner = Home.open(self.owner.path)

    def see(self) -> bytes:
        return witness(self.owner.keys.public, self.witness.keys, self.witness.state, self.witness.exchange)

    def published(self) -> dict[Path, bytes]:
        folder = self.folder / "exchange" / "log"
        return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    def lie(self, kind: str) -> None:
        exchange = self.folder / "exchange" / "log" / "node-0"
        if kind in OWNERS_LIES:
            honest = self.events()
            told = OWNERS_LIES[kind](honest, self.seen, self.dice)
            self.show(told)
            shutil.rmtree(exchange)
            publish(self.owner.log, self.owner.exchange)
            return
        names = [f"tile/entries/000.p/{self.size}", "checkpoint"]
        entries, checkpoint = (exchange / name for name in names)
        if kind == "flip":
            path = self.dice.choice((entries, checkpoint))
            raw = bytearray(path.read_bytes())
            raw[self.dice.randrange(len(raw))] ^= 1 << self.dice.randrange(8)
            path.write_bytes(raw)
        elif kind == "lose":
            entries.unlink()
        elif kind == "old":  # all that the exchange had before the witness last looked
            shutil.rmtree(exchange)
            for path, raw in self.old.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(raw)
        else:  # the entries of one history under the checkpoint of another
            signed = checkpoint.read_bytes()
            self.show(_edit(self.events(), self.seen, self.dice))
            shutil.rmtree(exchange)
            publish(self.owner.log, self.owner.exchange)
            checkpoint.write_bytes(signed)


@pytest.mark.slow
@trials(40, 1_000)
def test_one_honest_witness_sees_every_other_history(trials: range, tmp_path: Path) -> None:
    kinds = (*OWNERS_LIES, *EXCHANGES_LIES)
    came: Counter[tuple[str, str]] = Counter()
    for seed in trials:
        kind, folder = kinds[seed % len(kinds)], tmp_path / str(seed)
        trial = Trial(folder, seed)
        trial.lie(kind)
        try:
            trial.see()
        except ForkedError as error:
            came[kind, "proved"] += 1
            assert Fork.unpack(error.proof).is_by(trial.owner.keys.public), f"seed {seed}, {kind}"
            with pytest.raises(ForkedError, match="log of node-0"):  # an outsider, who keeps nothing, sees it too
                verify_logs(open_copy(folder / "exchange"), {"node-0": trial.owner.keys.public})
        except (TamperedError, SignatureError, DocumentError, StoreError) as error:
            came[kind, type(error).__name__] += 1
            assert "node-0" in str(error), f"seed {seed}, {kind}: {error}"
        else:
            raise AssertionError(f"seed {seed}: {kind} went unseen")
        shutil.rmtree(folder)
    assert sum(came.values()) == len(trials)
    assert {kind for kind, _ in came} == set(kinds)
    assert came["edit", "proved"] and came["fork", "proved"]


@trials(10, 100)
def test_a_log_that_only_grows_is_always_cosigned(trials: range, tmp_path: Path) -> None:
    for seed in trials:
        trial = Trial(tmp_path / str(seed), seed)
        assert trial.see()
        assert verify_logs(open_copy(tmp_path / str(seed) / "exchange"), {}).log("node-0").size == trial.size


def test_nobody_can_prove_that_an_honest_party_forked(tmp_path: Path) -> None:
    """Whatever notes of one log are put together, and whatever root and hashes are made up for them."""
    owner = Home.create(tmp_path / "owner", "node-0", str(tmp_path / "exchange"))
    notes = [owner.log.checkpoint()]
    for _ in range(6):
        owner.log.append("share-received")
        notes.append(owner.log.checkpoint())
    log, dice = owner.log, random.Random(0)
    for earlier in range(7):
        for later in range(7):
            roots = [log.root(earlier), log.root(later), bytes(32), *log.level(0)]
            proofs = [(), (bytes(32),), tuple(log.level(0))]
            if earlier <= later:
                proofs.append(tuple(log.consistency_proof(earlier, later)))
            for root in roots:
                for hashes in (*proofs, tuple(dice.choices(log.level(0), k=3))):
                    assert not Fork(notes[earlier], notes[later], root, hashes).is_by(owner.keys.public)


def test_a_made_up_proof_beside_a_log_shows_nothing(tmp_path: Path) -> None:
    owner = Home.create(tmp_path / "owner", "node-0", str(tmp_path / "exchange"))
    owner.log.append("share-received")
    note = publish(owner.log, owner.exchange)
    for number, raw in enumerate((Fork(note, note, bytes(32), ()).pack(), b"{}", b"[" * 10_000, b"x" * 999_999)):
        owner.exchange.put_named(("log", "node-0", "forks", f"{number:064x}"), raw)
    assert verify_logs(owner.exchange, {}).log("node-0").size == 1
