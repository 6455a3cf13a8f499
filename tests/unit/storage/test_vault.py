"""Shares at rest: encrypted, bound to what they are, and gone once destroyed."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import DocumentError, NotFoundError, SealError, TamperedError
from counterfoil.files import private_folder
from counterfoil.storage.arrays import pack, unpack
from counterfoil.storage.vault import Vault

SHARES = {"this": np.arange(6, dtype=np.uint64).reshape(2, 3), "next": np.array([2**64 - 1], dtype=np.uint64)}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> PrivateKeys:
    return PrivateKeys.create(tmp_path_factory.mktemp("vault") / "keys", "node-0")


@pytest.fixture
def vault(tmp_path: Path, keys: PrivateKeys) -> Vault:
    return Vault.open(tmp_path / "vault", keys)


def _same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def test_what_was_kept_is_loaded_by_another_process_too(vault: Vault, tmp_path: Path, keys: PrivateKeys) -> None:
    vault.keep("job-1", "inputs", SHARES, b"schema 1")
    for opened in (vault, Vault.open(tmp_path / "vault", keys)):
        assert _same(opened.load("job-1", "inputs", b"schema 1"), SHARES)
    assert vault.names("job-1") == ["inputs"]
    assert vault.names("job-2") == []


def test_nothing_readable_lies_on_the_disk(vault: Vault, tmp_path: Path) -> None:
    canary = np.frombuffer(b"CANARY01" * 100, dtype=np.uint64)
    vault.keep("job-1", "inputs", {"values": canary})
    files = [path for path in (tmp_path / "vault").rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all(b"CANARY" not in path.read_bytes() for path in files)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_an_item_is_only_what_it_was_kept_as(vault: Vault, tmp_path: Path) -> None:
    vault.keep("job-1", "inputs", SHARES, b"schema 1")
    vault.keep("job-1", "outputs", SHARES, b"schema 1")
    vault.keep("job-2", "inputs", SHARES, b"schema 1")
    items = tmp_path / "vault" / "items"
    with pytest.raises(TamperedError):
        vault.load("job-1", "inputs", b"schema 2")
    shutil.copy(items / "job-1" / "inputs", items / "job-1" / "outputs")
    with pytest.raises(TamperedError):
        vault.load("job-1", "outputs", b"schema 1")
    shutil.copy(items / "job-1" / "inputs", items / "job-2" / "inputs")
    with pytest.raises(TamperedError):
        vault.load("job-2", "inputs", b"schema 1")
    shutil.copy(tmp_path / "vault" / "keys" / "job-1", tmp_path / "vault" / "keys" / "job-2")
    with pytest.raises(TamperedError):
        vault.load("job-2", "inputs", b"schema 1")


def test_every_changed_byte_is_refused(vault: Vault, tmp_path: Path) -> None:
    vault.keep("job-1", "inputs", SHARES)
    for path in (tmp_path / "vault" / "items" / "job-1" / "inputs", tmp_path / "vault" / "keys" / "job-1"):
        good = path.read_bytes()
        for position in range(len(good)):
            changed = bytearray(good)
            changed[position] ^= 1 << (position % 8)
            path.write_bytes(bytes(changed))
            with pytest.raises(TamperedError):
                vault.load("job-1", "inputs")
        path.write_bytes(good)
    assert _same(vault.load("job-1", "inputs"), SHARES)


def test_destroyed_is_destroyed_even_with_the_items_restored(vault: Vault, tmp_path: Path, keys: PrivateKeys) -> None:
    vault.keep("job-1", "inputs", SHARES)
    vault.keep("job-2", "inputs", SHARES)
    shutil.copytree(tmp_path / "vault" / "items", tmp_path / "backup")
    vault.destroy("job-1")
    vault.destroy("job-1")
    assert vault.names("job-1") == []
    shutil.copytree(tmp_path / "backup", tmp_path / "vault" / "items", dirs_exist_ok=True)
    for opened in (vault, Vault.open(tmp_path / "vault", keys)):
        with pytest.raises(NotFoundError, match="destroyed"):
            opened.load("job-1", "inputs")
        with pytest.raises(NotFoundError, match="destroyed"):
            opened.keep("job-1", "inputs", SHARES)
    assert _same(vault.load("job-2", "inputs"), SHARES)


def test_no_byte_of_the_wrapped_key_is_left(vault: Vault, tmp_path: Path) -> None:
    vault.keep("job-1", "inputs", SHARES)
    wrapped = (tmp_path / "vault" / "keys" / "job-1").read_bytes()
    vault.destroy("job-1")
    left = [path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()]
    assert all(wrapped[24:56] not in data for data in left)


def test_another_partys_vault_does_not_open(vault: Vault, tmp_path: Path) -> None:
    other = PrivateKeys.create(tmp_path / "other", "node-1")
    with pytest.raises(SealError):
        Vault.open(tmp_path / "vault", other)


def test_unknown_items_and_bad_names(vault: Vault) -> None:
    with pytest.raises(NotFoundError):
        vault.load("job-1", "inputs")
    vault.keep("job-1", "inputs", SHARES)
    with pytest.raises(NotFoundError):
        vault.load("job-1", "outputs")
    for bad in ("..", "a/b", "", "A"):
        with pytest.raises(DocumentError):
            vault.keep(bad, "x", SHARES)
        with pytest.raises(DocumentError):
            vault.keep("job-1", bad, SHARES)
        with pytest.raises(DocumentError):
            vault.load(bad, "x")
        with pytest.raises(DocumentError):
            vault.destroy(bad)


ARRAYS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True),
    hnp.arrays(np.uint64, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)),
    max_size=4,
)


@given(ARRAYS)
def test_packing_is_one_to_one(arrays: dict[str, np.ndarray]) -> None:
    packed = pack(arrays)
    unpacked = unpack(packed)
    assert _same(unpacked, arrays)
    assert {name: array.shape for name, array in unpacked.items()} == {n: a.shape for n, a in arrays.items()}
    assert pack(unpacked) == packed


@given(ARRAYS, st.data())
def test_cut_or_extended_packs_are_refused(arrays: dict[str, np.ndarray], data: st.DataObject) -> None:
    packed = pack(arrays)
    with pytest.raises(DocumentError):
        unpack(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(DocumentError):
        unpack(packed + b"\0")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, len(data).to_bytes(8, "little") + data):
        with contextlib.suppress(DocumentError):
            assert pack(unpack(candidate)) == candidate


@pytest.mark.parametrize(
    "header",
    [b'{"a":[281474976710655,281474976710655]}', b'{"a":[true]}', b'{"a":[-1]}', b'{"a":[1.0]}', b'{"A":[0]}', b"[]"],
)
def test_headers_that_lie_are_refused(header: bytes) -> None:
    with pytest.raises(DocumentError):
        unpack(len(header).to_bytes(8, "little") + header)


def test_only_ring_elements_are_packed() -> None:
    with pytest.raises(DocumentError, match="int64"):
        pack({"a": np.zeros(3, dtype=np.int64)})


def test_folders_that_are_made_are_there_after_a_loss_of_power(tmp_path, monkeypatch):
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
    private_folder(tmp_path / "one" / "two")
    assert synced == [str(tmp_path / "one"), str(tmp_path)]
    private_folder(tmp_path / "one" / "two")
    assert len(synced) == 2
