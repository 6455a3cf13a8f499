"""The exchange: blobs match their digests, names cannot leave the store, a hostile store is noticed.

On a folder and on real servers of both clouds' kinds.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import secrets
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import from_url

from counterfoil.canonical import Ref, digest
from counterfoil.errors import DocumentError, NotFoundError, PlantedError, ReplayError, StoreError, TamperedError
from counterfoil.storage import folder as folders
from counterfoil.storage import records
from counterfoil.storage.exchange import Exchange
from counterfoil.storage.records import open_copy
from tests.lib.stores import KINDS, Store, started

AT_FDCWD, RENAME_EXCHANGE, RACE_S = -100, 2, 3.0


SERVED = [pytest.param(kind, marks=[] if kind == "folder" else pytest.mark.services) for kind in KINDS]


@pytest.fixture(scope="module", params=SERVED)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with started(request.param, tmp_path_factory.mktemp(request.param)) as up:
        yield up


@pytest.fixture
def exchange(store: Store) -> Exchange:
    return Exchange.open(store.place())


@pytest.fixture
def folder(tmp_path: Path) -> Exchange:
    return Exchange.open(str(tmp_path / "exchange"))


def write_past(exchange: Exchange, path: str, data: bytes) -> None:
    """As whoever runs the store could."""
    url = exchange.url if "://" in exchange.url else f"file://{exchange.url}"
    obstore.put(from_url(url), path, data)


def test_a_blob_is_known_by_its_digest(exchange: Exchange) -> None:
    ref = exchange.put("envelope", "bank-a", b"sealed")
    assert ref == Ref("envelope", "bank-a", digest(b"sealed"))
    assert exchange.get(ref) == b"sealed"
    assert exchange.put("envelope", "bank-a", memoryview(b"sealed")) == ref
    with pytest.raises(NotFoundError):
        exchange.get(Ref("envelope", "bank-b", ref.digest))


@pytest.fixture(scope="module")
def everything(store: Store) -> Exchange:
    return Exchange.open(store.place())


@settings(deadline=None, max_examples=30)
@given(data=st.binary(max_size=2000))
def test_every_blob_comes_back(everything: Exchange, data: bytes) -> None:
    exchange = everything
    assert exchange.get(exchange.put("envelope", "bank-a", data)) == data


def test_a_changed_blob_is_noticed_by_reader_and_writer(exchange: Exchange) -> None:
    ref = exchange.put("envelope", "bank-a", b"sealed")
    write_past(exchange, f"blobs/{ref.kind}/{ref.owner}/{ref.digest}", b"sealeD")
    with pytest.raises(TamperedError, match=ref.digest):
        exchange.get(ref)
    with pytest.raises(TamperedError):
        exchange.put("envelope", "bank-a", b"sealed")


def test_a_name_is_given_once_unless_replaced(exchange: Exchange) -> None:
    name = ("agreement", "2026-q4", "signed")
    exchange.put_named(name, b"one")
    with pytest.raises(ReplayError, match="2026-q4"):
        exchange.put_named(name, b"two")
    assert exchange.get_named(name) == b"one"
    exchange.put_named(name, b"two", replace=True)
    assert exchange.get_named(name) == b"two"


def test_listing_is_sorted_and_by_whole_parts(exchange: Exchange) -> None:
    for party in ("node-1", "node-10", "node-0"):
        exchange.put_named(("log", party, "card"), b"")
    assert exchange.list(("log",)) == [("log", party, "card") for party in ("node-0", "node-1", "node-10")]
    assert exchange.list(("log", "node-1")) == [("log", "node-1", "card")]
    assert exchange.list(("nothing",)) == []
    assert len(exchange.list()) == 3


def test_foreign_files_are_not_listed(exchange: Exchange) -> None:
    exchange.put_named(("log", "node-0", "card"), b"")
    write_past(exchange, "log/Thumbs.db", b"")
    write_past(exchange, "log/.hidden", b"")
    assert exchange.list() == [("log", "node-0", "card")]


def test_what_is_too_long_is_not_taken(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store says how long it is; a hostile one could fill all memory."""
    exchange.put_named(("log", "long"), bytes(100_000))
    assert len(exchange.get_named(("log", "long"), at_most=100_000)) == 100_000
    with pytest.raises(StoreError, match="has 100000 bytes; it may have 99999"):
        exchange.get_named(("log", "long"), at_most=99_999)
    monkeypatch.setattr(records, "MAX_FILE_BYTES", 50_000)
    with pytest.raises(StoreError, match="it may have 50000"):
        exchange.get_named(("log", "long"))


@pytest.mark.parametrize("part", ["..", ".", "", "a/b", "A", "a b", "a\n", "-a", "a" * 65, "über", "000.q", "x.p"])
def test_no_name_leaves_the_store(exchange: Exchange, part: str) -> None:
    for name in ((part,), ("log", part), (part, "x")):
        with pytest.raises(DocumentError):
            exchange.put_named(name, b"")
        with pytest.raises(DocumentError):
            exchange.get_named(name)
        with pytest.raises(DocumentError):
            exchange.list(name)


def test_links_that_lead_out_are_not_followed(folder: Exchange, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (tmp_path / "exchange" / "log").symlink_to(outside)
    with pytest.raises(StoreError):
        folder.get_named(("log", "secret"))
    with pytest.raises(StoreError):
        folder.put_named(("log", "new"), b"")
    assert [path.name for path in outside.iterdir()] == ["secret"]


def _swapped(folder: str, link: str) -> int:
    """A process that swaps both names all the time, as whoever else writes the folder could."""
    renameat2 = ctypes.CDLL(None).renameat2
    parent = os.getpid()
    if (pid := os.fork()) == 0:
        while os.getppid() == parent:
            renameat2(AT_FDCWD, folder.encode(), AT_FDCWD, link.encode(), RENAME_EXCHANGE)
        os._exit(0)
    return pid


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_no_race_of_links_leads_outside(folder: Exchange, tmp_path: Path, kind: str) -> None:
    """Whatever is swapped for a link between any two calls: nothing outside is read, listed, written or removed."""
    outside, inside = tmp_path / "outside", tmp_path / "exchange" / "log" / "e"
    (outside / "deep").mkdir(parents=True)
    for name in ("secret", "doomed", "deep/listed"):
        (outside / name).write_bytes(b"PRIVATE")
    inside.mkdir(parents=True)
    (inside / "secret").write_bytes(b"public")
    link = tmp_path / "exchange" / "swap"
    target, swapped = (outside, inside) if kind == "folder" else (outside / "secret", inside / "secret")
    link.symlink_to(target)
    copy = open_copy(tmp_path / "exchange")
    pid = _swapped(str(swapped), str(link))
    done: Counter[str] = Counter()
    try:
        end = time.monotonic() + RACE_S
        while time.monotonic() < end:
            for name, work in {
                "put": lambda: folder.put_named(("log", "e", "new"), b"planted", replace=True),
                "once": lambda: folder.put_named(("log", "e", secrets.token_hex(4)), b"planted"),
                "get": lambda: folder.get_named(("log", "e", "secret")),
                "copy": lambda: copy.get_named(("log", "e", "secret")),
                "list": lambda: folder.list(("log",)),
                "remove": lambda: folder.remove(("log", "e", "doomed")),
            }.items():
                try:
                    found = work()
                except StoreError as error:
                    assert "log/e" in str(error)
                    done[f"{name} refused"] += 1
                    continue
                done[name] += 1
                assert found in (None, b"public") or ("log", "e", "listed") not in found
                assert found != b"PRIVATE"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert done["put"] and done["get"] and done["copy"] and done["list"], done
    assert done["get refused"] and (kind == "file" or done["put refused"]), done
    assert sorted(path.relative_to(outside).as_posix() for path in outside.rglob("*")) == [
        "deep",
        "deep/listed",
        "doomed",
        "secret",
    ]
    assert (outside / "secret").read_bytes() == (outside / "deep" / "listed").read_bytes() == b"PRIVATE"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("planted", ["pipe", "socket", "link", "folder", "dangling"])
def test_what_is_no_file_is_refused_by_name_at_once(folder: Exchange, tmp_path: Path, planted: str) -> None:
    name = ("log", "node-0", "card")
    folder.put_named(("log", "node-0", "other"), b"here")
    place = tmp_path / "exchange" / "log" / "node-0" / "card"
    outside = tmp_path / "outside"
    match planted:
        case "pipe":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(place))
        case "folder":
            place.mkdir()
        case "link":
            outside.write_bytes(b"private")
            place.symlink_to(outside)
        case "dangling":
            place.symlink_to(outside)
    for each in (folder, open_copy(tmp_path / "exchange")):
        assert each.list() == [("log", "node-0", "other")]
    with pytest.raises(PlantedError, match="log/node-0/card in the exchange") as caught:
        folder.get_named(name)
    assert caught.value.exit_code == 94
    with pytest.raises(ReplayError):
        folder.put_named(name, b"ours")
    if planted != "folder":
        folder.put_named(name, b"ours", replace=True)
        assert folder.get_named(name) == b"ours"
    assert not outside.exists() or outside.read_bytes() == b"private"


def test_a_file_with_a_second_name_elsewhere_is_refused_until_it_is_a_copy(folder: Exchange, tmp_path: Path) -> None:
    name = ("log", "node-0", "card")
    place = tmp_path / "exchange" / "log" / "node-0" / "card"
    folder.put_named(("log", "node-0", "other"), b"here")
    (tmp_path / "outside").write_bytes(b"private")
    place.hardlink_to(tmp_path / "outside")
    assert open_copy(tmp_path / "exchange").read("log/node-0/card") == b"private"  # as a copy, which is verified
    with pytest.raises(PlantedError, match=r"log/node-0/card in the exchange.* second name .* put a copy in its place"):
        folder.get_named(name)
    place.with_name(f".card.{'0' * 16}").hardlink_to(place)  # is not all of its names
    with pytest.raises(PlantedError):
        folder.get_named(name)
    folder.put_named(name, b"ours", replace=True)
    assert folder.get_named(name) == b"ours" and (tmp_path / "outside").read_bytes() == b"private"


def test_what_an_interrupted_write_leaves_beside_a_file_does_not_keep_it_from_being_read(
    folder: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ("log", "node-0", "card")
    unlink = os.unlink
    with monkeypatch.context() as killed:
        killed.setattr(os, "unlink", lambda *_, **__: None)
        folder.put_named(name, b"ours")
    place = tmp_path / "exchange" / "log" / "node-0" / "card"
    assert place.stat().st_nlink == 2 and folder.get_named(name) == b"ours"
    (left,) = place.parent.glob(".card.*")
    listed = folders._entries

    def ends_meanwhile(at: int) -> Any:
        unlink(left)
        monkeypatch.setattr(folders, "_entries", listed)
        return listed(at)

    monkeypatch.setattr(folders, "_entries", ends_meanwhile)
    assert folder.get_named(name) == b"ours"


@pytest.mark.timeout(20)
def test_a_blob_in_place_of_which_something_is_planted_does_not_pass_for_ours(folder: Exchange, tmp_path: Path) -> None:
    ref = Ref("envelope", "bank-a", digest(b"sealed"))
    place = tmp_path / "exchange" / "blobs" / ref.kind / ref.owner
    place.mkdir(parents=True)
    os.mkfifo(place / ref.digest)
    with pytest.raises(PlantedError, match=ref.digest):
        folder.put("envelope", "bank-a", b"sealed")


def test_a_folder_is_read_and_listed_within_bounds(
    folder: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "exchange" / Path(*["d"] * (folders.MAX_DEPTH + 5))
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"")
    for number in range(5):
        folder.put_named(("log", f"n-{number}"), b"")
    assert folder.list() == [("log", f"n-{number}") for number in range(5)]
    os.utime(tmp_path / "exchange" / "log" / "n-0", (2**40, 2**40))
    assert folder.newest() is not None
    many = 300
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    for number in range(many):
        (tmp_path / "exchange" / "wide" / f"p-{number}").mkdir(parents=True)
        (tmp_path / "exchange" / "wide" / f"p-{number}" / "x").touch()
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))  # more folders than may be open at once
    try:
        assert len(folder.list(("wide",))) == many
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    monkeypatch.setattr(folders, "MAX_ENTRIES", 5)
    with pytest.raises(StoreError, match="more than 5 entries below log"):
        folder.list(("log",))
    assert not [path for path in (tmp_path / "exchange" / "log").iterdir() if path.name.startswith(".")]


def test_a_folder_that_went_away_is_not_an_empty_one(folder: Exchange, tmp_path: Path) -> None:
    (tmp_path / "exchange").rename(tmp_path / "unmounted")
    for work in (folder.list, lambda: folder.get_named(("log",)), lambda: folder.put_named(("log",), b"")):
        with pytest.raises(StoreError, match="cannot be opened") as caught:
            work()
        assert not isinstance(caught.value, NotFoundError)


def test_files_are_written_whole_by_many_at_once_and_only_one_is_first(folder: Exchange) -> None:
    with ThreadPoolExecutor(8) as pool:

        def put(number: int) -> bool:
            try:
                folder.put_named(("log", "first"), bytes([number]) * 100_000)
            except ReplayError:
                return False
            return True

        assert sum(pool.map(put, range(16))) == 1
    assert len(set(folder.get_named(("log", "first")))) == 1


def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for url in (str(tmp_path / "file"), "bogus://x/y", "nonsense://"):
        with pytest.raises(StoreError):
            Exchange.open(url)
    with pytest.raises(NotFoundError):
        Exchange.open(str(tmp_path / "missing"), existing=True)
    assert not (tmp_path / "missing").exists()


def test_a_file_url_is_the_same_folder(folder: Exchange, tmp_path: Path) -> None:
    ref = folder.put("envelope", "bank-a", b"x")
    assert Exchange.open(f"file://{tmp_path / 'exchange'}").get(ref) == b"x"


def test_large_blobs_are_stored_whole(exchange: Exchange) -> None:
    data = bytes(range(256)) * 80_000
    assert exchange.get(exchange.put("envelope", "bank-a", data)) == data


def test_what_is_removed_is_gone_and_may_be_gone_already(exchange: Exchange) -> None:
    ref = exchange.put("sealed", "node-0", b"sealed")
    name = ("blobs", ref.kind, ref.owner, ref.digest)
    exchange.remove(name)
    with pytest.raises(NotFoundError, match=ref.digest):
        exchange.get(ref)
    exchange.remove(name)
    assert exchange.list() == []
    assert exchange.put("sealed", "node-0", b"sealed") == ref


def test_stores_are_apart(store: Store) -> None:
    one, other = Exchange.open(store.place()), Exchange.open(store.place())
    one.put_named(("log", "node-0"), b"")
    assert other.list() == []


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "az://container/x?sig=secret", "s3://bucket/x#secret"])
def test_a_url_holds_no_credential(url: str) -> None:
    with pytest.raises(StoreError, match="give what opens it in the environment") as caught:
        Exchange.open(url)
    assert "secret" not in str(caught.value)


def test_a_write_that_the_disk_refuses_says_why(folder: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"cannot write log/node-0 in the exchange .*: No space left on device"):
        folder.put_named(("log", "node-0"), b"")


def test_settings_come_before_the_environment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    url = store.place()
    for name in store.environment:
        monkeypatch.setenv(name, "http://127.0.0.1:9" if "ENDPOINT" in name else os.environ[name])
    Exchange.open(url, settings=store.environment).put_named(("log", "node-0"), b"here")
    monkeypatch.undo()
    assert Exchange.open(url).get_named(("log", "node-0")) == b"here"


def test_a_wrong_key_is_refused_by_the_store_and_not_told(tmp_path: Path) -> None:
    with started("azure", tmp_path) as azure:
        wrong = {"AZURE_STORAGE_ACCOUNT_KEY": "d3Jvbmcta2V5"}
        exchange = Exchange.open(azure.place(), settings=wrong)
        with pytest.raises(StoreError, match="cannot write log/node-0 in the exchange") as caught:
            exchange.put_named(("log", "node-0"), b"")
        assert wrong["AZURE_STORAGE_ACCOUNT_KEY"] not in str(caught.value)


def test_a_missing_bucket_is_a_store_error(store: Store) -> None:
    if store.kind == "folder":
        return  # a folder is made
    url = store.place().replace("//t-", "//u-")
    with pytest.raises(StoreError):
        Exchange.open(url).put_named(("log", "node-0"), b"")
    with pytest.raises(StoreError):
        Exchange.open(url).list()
