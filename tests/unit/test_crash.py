"""A process dies at each system call that changes the disk; what it reported as done must be there afterwards.

The child counts its calls of open, fsync, link, rename and unlink, and ends without any clean-up at the n-th, for
every n until it gets through.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from counterfoil.audit.event import Event
from counterfoil.audit.log import Log
from counterfoil.audit.verify import verify_log
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import NotFoundError
from counterfoil.storage.vault import Vault

CALLS = ("open", "fsync", "link", "replace", "rename", "unlink")
Say = Callable[[str], None]


def _die_at(number: int, work: Callable[[Say], None]) -> tuple[list[str], bool]:
    """What a child reported that died before its n-th call, and whether it got through instead."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        left = number

        def dying(call: Callable[..., object]) -> Callable[..., object]:
            def wrapped(*arguments: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(9)
                return call(*arguments, **options)

            return wrapped

        try:
            for name in CALLS:
                setattr(os, name, dying(getattr(os, name)))
            work(lambda text: (os.write(writer, f"{text}\n".encode()), None)[1])
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        lines = told.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9), f"the child failed by itself after {number} calls"
    return lines, status == 0


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> PrivateKeys:
    return PrivateKeys.create(tmp_path_factory.mktemp("crash-keys") / "keys", "node-0")


def test_a_log_loses_no_accepted_entry_wherever_it_dies(tmp_path: Path, keys: PrivateKeys) -> None:
    for number in range(200):
        folder = tmp_path / str(number)

        def work(say: Say, folder: Path = folder) -> None:
            log = Log.open(folder, keys)
            for name in ("one", "two", "three"):
                log.append(name)
                say(name)

        told, through = _die_at(number, work)
        log = Log.open(folder, keys)
        found = [Event.parse(entry).type for entry in log.entries()]
        assert found[: len(told)] == told, f"died at call {number}"
        assert len(found) <= len(told) + 1
        assert log.append("after") == len(found)
        assert verify_log(log.entries(), log.checkpoint(), keys.public).size == len(found) + 1
        if through:
            assert number > 15  # the calls were counted
            return
    raise AssertionError("the child never got through")


def test_a_vault_keeps_and_destroys_wholly_wherever_it_dies(tmp_path: Path, keys: PrivateKeys) -> None:
    old, new = (np.full(4, value, dtype=np.uint64) for value in (1, 2))
    for number in range(200):
        folder = tmp_path / str(number)

        def work(say: Say, folder: Path = folder) -> None:
            vault = Vault.open(folder, keys)
            vault.keep("job", "item", {"a": old})
            say("old")
            vault.keep("job", "item", {"a": new})
            say("new")
            vault.destroy("job")
            say("destroyed")

        told, through = _die_at(number, work)
        vault = Vault.open(folder, keys)
        try:
            value = int(vault.load("job", "item")["a"][0])
        except NotFoundError:
            assert not told or "new" in told, f"died at call {number}"
        else:
            assert value in {"": (1,), "old": (1, 2), "new": (2,)}["".join(told[-1:])], f"died at call {number}"
        vault.destroy("job")
        with pytest.raises(NotFoundError):
            vault.load("job", "item")
        if through:
            assert told == ["old", "new", "destroyed"]
            return
    raise AssertionError("the child never got through")


def test_half_made_keys_are_never_loaded(tmp_path: Path) -> None:
    for number in range(200):
        folder = tmp_path / str(number)

        def work(say: Say, folder: Path = folder) -> None:
            PrivateKeys.create(folder, "node-0")
            say("made")

        told, through = _die_at(number, work)
        if told:
            assert PrivateKeys.load(folder, "node-0").party == "node-0"
        elif not (folder / "tls.crt").exists():
            with pytest.raises(NotFoundError):
                PrivateKeys.load(folder, "node-0")
        if through:
            return
    raise AssertionError("the child never got through")
