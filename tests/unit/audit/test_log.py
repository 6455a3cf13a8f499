"""The audit log: no accepted entry lost, every change named."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.audit.event import MAX_LEAF_BYTES, NO_ENTRY, Event
from counterfoil.audit.log import Log
from counterfoil.audit.merkle import MerkleTree, consistent, included, leaf_hash
from counterfoil.audit.verify import verify_log
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import BusyError, CounterfoilError, DocumentError, SignatureError, TamperedError
from tests.unit.audit.test_event import EVENT


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> PrivateKeys:
    return PrivateKeys.create(tmp_path_factory.mktemp("log-keys") / "keys", "node-0")


@pytest.fixture
def log(tmp_path: Path, keys: PrivateKeys) -> Log:
    return Log.open(tmp_path / "log", keys)


def _fill(log: Log, count: int) -> None:
    for number in range(count):
        log.append("share-received", subject="job-1", refs={"agreement": "0" * 64}, counts={"rows": number})


# --- durability -------------------------------------------------------------------------------------------------


def test_a_log_grows_and_opens_again(log: Log, tmp_path: Path, keys: PrivateKeys) -> None:
    assert log.size == 0
    assert log.root() == hashlib.sha256().digest()
    _fill(log, 5)
    again = Log.open(tmp_path / "log", keys)
    assert (again.size, again.root()) == (5, log.root())
    events = [Event.parse(entry) for entry in again.entries()]
    assert [event.index for event in events] == list(range(5))
    assert [event.counts["rows"] for event in events] == list(range(5))
    assert verify_log(again.entries(), again.checkpoint(), keys.public).size == 5
    assert included(leaf_hash(again.entries()[2]), 2, 5, again.inclusion_proof(2), again.root())
    assert consistent(3, again.root(3), 5, again.root(), again.consistency_proof(3))


def test_two_objects_and_threads_share_a_log(log: Log, tmp_path: Path, keys: PrivateKeys) -> None:
    other = Log.open(tmp_path / "log", keys)
    threads = [threading.Thread(target=_fill, args=(each, 10)) for each in (log, other, log)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify_log(log.entries(), log.checkpoint(), keys.public).size == 30


def _append(folder: Path, key_folder: Path) -> None:
    _fill(Log.open(folder, PrivateKeys.load(key_folder, "node-0")), 15)


def test_processes_share_a_log(tmp_path: Path) -> None:
    keys = PrivateKeys.create(tmp_path / "keys", "node-0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append, args=(tmp_path / "log", tmp_path / "keys")) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    log = Log.open(tmp_path / "log", keys)
    assert verify_log(log.entries(), log.checkpoint(), keys.public).size == 45


def test_a_log_that_is_held_for_too_long_is_busy(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterfoil.audit.log._LOCK_S", 0.05)
    with log.publishing(), pytest.raises(BusyError, match="another process holds the log"), log.publishing():
        pass
    with log.publishing():
        log.append("done")
    assert log.size == 1


def test_a_torn_record_is_cut_at_every_byte(log: Log, tmp_path: Path, keys: PrivateKeys) -> None:
    """As a crash leaves it: the entries of the checkpoint, then any beginning of one more record."""
    _fill(log, 3)
    root = log.root()
    checkpoint = (tmp_path / "log" / "checkpoint").read_bytes()
    log.append("x")
    entries = (tmp_path / "log" / "entries").read_bytes()
    accepted = len(b"".join(line + b"\n" for line in entries.splitlines()[:3]))
    for end in range(accepted, len(entries) + 1):
        (tmp_path / "log" / "checkpoint").write_bytes(checkpoint)
        (tmp_path / "log" / "entries").write_bytes(entries[:end])
        again = Log.open(tmp_path / "log", keys)
        assert (again.size, again.root()) == (3, root)
        assert again.append("y") == 3
        assert Log.open(tmp_path / "log", keys).size == 4


def test_an_open_log_cuts_what_another_process_left(log: Log, tmp_path: Path, keys: PrivateKeys) -> None:
    _fill(log, 2)
    with (tmp_path / "log" / "entries").open("ab") as file:
        file.write(b'{"actor":"no')
    assert log.append("x") == 2
    assert verify_log(log.entries(), log.checkpoint(), keys.public).size == 3


def test_a_failed_write_accepts_nothing(
    log: Log, tmp_path: Path, keys: PrivateKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(log, 2)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CounterfoilError, match="No space left"):
        log.append("x")
    monkeypatch.undo()
    assert log.append("y") == 2
    assert [Event.parse(entry).type for entry in Log.open(tmp_path / "log", keys).entries()][2:] == ["y"]


@pytest.mark.parametrize("appends", [0, 1, 2, 5, 9, 17])
def test_kill_at_any_moment_loses_no_accepted_entry(tmp_path: Path, appends: int) -> None:
    keys = PrivateKeys.create(tmp_path / "keys", "node-0")
    script = (
        "import sys; from pathlib import Path\n"
        "from counterfoil.audit.log import Log; from counterfoil.crypto.keys import PrivateKeys\n"
        "folder = Path(sys.argv[1])\n"
        "log = Log.open(folder / 'log', PrivateKeys.load(folder / 'keys', 'node-0'))\n"
        "print('open', flush=True)\n"
        "while True: print(log.append('x'), flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(appends + 1)]
    os.kill(child.pid, signal.SIGKILL)
    told += child.stdout.read().splitlines()
    child.wait()
    log = Log.open(tmp_path / "log", keys)
    accepted = len(told) - 1
    assert accepted <= log.size <= accepted + 1  # one more if it was killed before it could say so
    assert log.append("y") == log.size - 1
    assert verify_log(log.entries(), log.checkpoint(), keys.public).size == log.size


def test_an_event_too_long_for_a_tile_is_refused(log: Log) -> None:
    with pytest.raises(DocumentError, match=str(MAX_LEAF_BYTES)):
        log.append("x", refs={f"r{number}": "0" * 64 for number in range(1000)})
    assert log.append("x") == 0


# --- tampering --------------------------------------------------------------------------------------------------


def _edit(index: int) -> Callable[[list[bytes]], list[bytes]]:
    def change(entries: list[bytes]) -> list[bytes]:
        return [*entries[:index], entries[index].replace(b'"rows":', b'"rows":1'), *entries[index + 1 :]]

    return change


TAMPERING: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "first edited": (_edit(0), "entry 0 was edited"),
    "middle edited": (_edit(4), "entry 4 was edited"),
    "last but one edited": (_edit(8), "entry 8 was edited"),
    "chain edited": (lambda e: [*e[:3], e[3].replace(b'"prev":"', b'"prev":"0')[:-1] + b"}", *e[4:]], "entry 3 was"),
    "first dropped": (lambda e: e[1:], "entry 0 was dropped"),
    "middle dropped": (lambda e: [*e[:5], *e[6:]], "entry 5 was dropped"),
    "last dropped": (lambda e: e[:-1], "entry 9 was dropped"),
    "many dropped": (lambda e: e[:2], "entry 2 was dropped"),
    "all dropped": (lambda e: [], "entry 0 was dropped"),
    "swapped": (lambda e: [*e[:2], e[3], e[2], *e[4:]], "entry 2 was moved"),
    "moved to the end": (lambda e: [*e[:2], *e[3:], e[2]], "entry 2 was moved"),
    "repeated": (lambda e: [*e[:4], e[3], *e[4:]], "entry 4 was"),
    "added": (lambda e: [*e, EVENT.leaf()], "entry 10 was added"),
    "garbage": (lambda e: [*e[:6], b"garbage", *e[7:]], "entry 6 was edited"),
}


@pytest.mark.parametrize("with_hashes", [False, True])
@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_named(log: Log, keys: PrivateKeys, name: str, with_hashes: bool) -> None:
    _fill(log, 10)
    entries, note = log.entries(), log.checkpoint()
    tamper, message = TAMPERING[name]
    hashes = log.level(0) if with_hashes else []
    with pytest.raises(TamperedError, match=f"log of node-0: {message}"):
        verify_log(tamper(entries), note, keys.public, leaf_hashes=hashes)


@pytest.mark.parametrize("index", range(10))
def test_a_rewritten_chain_is_named_by_the_published_hashes(log: Log, keys: PrivateKeys, index: int) -> None:
    _fill(log, 10)
    rewritten, note = _rechain(log.entries(), index), log.checkpoint()
    with pytest.raises(TamperedError, match=f"entry {index} was edited"):
        verify_log(rewritten, note, keys.public, leaf_hashes=log.level(0))


def test_a_rewritten_chain_is_bracketed_by_earlier_checkpoints(log: Log, keys: PrivateKeys) -> None:
    notes = []
    for _ in range(5):
        _fill(log, 2)
        notes.append(log.checkpoint())
    rewritten = _rechain(log.entries(), 4)
    with pytest.raises(TamperedError, match="an entry from 4 to 5 was edited or replaced"):
        verify_log(rewritten, notes[-1], keys.public, others=notes[:-1])
    with pytest.raises(TamperedError, match="an entry from 0 to 9 was edited or replaced"):
        verify_log(rewritten, notes[-1], keys.public)


def test_a_fork_and_a_rollback_by_the_owner_are_named(tmp_path: Path, keys: PrivateKeys) -> None:
    log = Log.open(tmp_path / "log", keys)
    _fill(log, 4)
    shutil.copytree(tmp_path / "log", tmp_path / "fork")
    fork = Log.open(tmp_path / "fork", keys)
    short = log.checkpoint()
    entries = log.entries()
    log.append("release-approved")
    fork.append("release-refused")
    with pytest.raises(TamperedError, match="forked: entry 4"):
        verify_log(fork.entries(), fork.checkpoint(), keys.public, others=[short, log.checkpoint()])
    with pytest.raises(TamperedError, match="entry 4 was dropped: 5 entries were signed before"):
        verify_log(entries, short, keys.public, others=[log.checkpoint()])


def test_an_owner_cannot_sign_a_log_that_is_no_log(tmp_path: Path, keys: PrivateKeys) -> None:
    from counterfoil.audit.checkpoint import sign_checkpoint

    fields = {name: getattr(EVENT, name) for name in EVENT.__slots__}
    for leaves, message in (
        ([b"garbage"], "not in an entry's form"),
        ([Event(**{**fields, "index": 1}).leaf()], "entry 0"),
        ([Event(**{**fields, "prev": "1" * 64}).leaf()], "entry 0"),
        ([Event(**{**fields, "actor": "node-1"}).leaf()], "speaks for node-1"),
    ):
        note = sign_checkpoint(len(leaves), MerkleTree(map(leaf_hash, leaves)).root(), keys)
        with pytest.raises(TamperedError, match=message):
            verify_log(leaves, note, keys.public)


def test_opening_names_what_was_done_to_the_files(log: Log, tmp_path: Path, keys: PrivateKeys) -> None:
    _fill(log, 10)
    path = tmp_path / "log" / "entries"
    good = path.read_bytes()
    for name, (tamper, message) in TAMPERING.items():
        path.write_bytes(b"".join(entry + b"\n" for entry in tamper(good.splitlines())))
        if name == "added":  # one record behind the checkpoint is what a crash leaves
            assert Log.open(tmp_path / "log", keys).size == 10
        else:
            with pytest.raises(TamperedError, match=message):
                Log.open(tmp_path / "log", keys)
    path.write_bytes(good + EVENT.leaf() + b"\n" + EVENT.leaf() + b"\n")
    with pytest.raises(TamperedError, match="entry 10 was added"):
        Log.open(tmp_path / "log", keys)


def test_every_flipped_bit_of_the_files_is_refused(log: Log, tmp_path: Path, keys: PrivateKeys) -> None:
    _fill(log, 3)
    for name, error in (("entries", TamperedError), ("checkpoint", (SignatureError, TamperedError))):
        path = tmp_path / "log" / name
        good = path.read_bytes()
        for position in range(len(good)):
            changed = bytearray(good)
            changed[position] ^= 1 << (position % 8)
            path.write_bytes(bytes(changed))
            with pytest.raises(error):
                Log.open(tmp_path / "log", keys)
        path.write_bytes(good)


@pytest.mark.parametrize("name", ["entries", "checkpoint"])
def test_a_missing_file_is_refused(log: Log, tmp_path: Path, keys: PrivateKeys, name: str) -> None:
    _fill(log, 2)
    (tmp_path / "log" / name).unlink()
    with pytest.raises(TamperedError, match=name):
        Log.open(tmp_path / "log", keys)


def test_an_old_checkpoint_put_back_under_an_open_log_is_refused(log: Log, tmp_path: Path) -> None:
    _fill(log, 2)
    old = {name: (tmp_path / "log" / name).read_bytes() for name in ("entries", "checkpoint")}
    _fill(log, 2)
    for name, data in old.items():
        (tmp_path / "log" / name).write_bytes(data)
    with pytest.raises(TamperedError, match="entry 2 was dropped"):
        log.append("x")


def test_another_partys_log_is_not_opened(log: Log, tmp_path: Path) -> None:
    _fill(log, 1)
    with pytest.raises(SignatureError):
        Log.open(tmp_path / "log", PrivateKeys.create(tmp_path / "other", "node-1"))


def _rechain(entries: list[bytes], index: int) -> list[bytes]:
    """The entries with one edited, and every later one chained to it anew."""
    changed = _edit(index)(entries)
    prev = NO_ENTRY
    for place, entry in enumerate(changed):
        event = Event.parse(entry)
        fields = {name: getattr(event, name) for name in Event.__slots__}
        changed[place] = Event(**{**fields, "prev": prev}).leaf()
        prev = leaf_hash(changed[place]).hex()
    return changed
