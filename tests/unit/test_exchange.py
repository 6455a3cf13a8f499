"""The exchange: blobs match their digests, names cannot leave the store, a hostile store is noticed.

On a folder and on real servers of both clouds' kinds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import from_url

from counterfoil import records
from counterfoil.canonical import Ref, digest
from counterfoil.errors import DocumentError, NotFoundError, ReplayError, StoreError, TamperedError
from counterfoil.exchange import Exchange
from tests.stores import KINDS, Store, started


@pytest.fixture(scope="module", params=KINDS)
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
