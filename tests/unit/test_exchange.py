"""The exchange: blobs match their digests, names cannot leave the store, a hostile store is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.canonical import Ref, digest
from counterfoil.errors import DocumentError, NotFoundError, ReplayError, StoreError, TamperedError
from counterfoil.exchange import Exchange


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange.open(str(tmp_path / "exchange"))


def _blob(tmp_path: Path) -> Path:
    return next(path for path in (tmp_path / "exchange").rglob("*") if path.is_file())


def test_a_blob_is_known_by_its_digest(exchange: Exchange) -> None:
    ref = exchange.put("envelope", "bank-a", b"sealed")
    assert ref == Ref("envelope", "bank-a", digest(b"sealed"))
    assert exchange.get(ref) == b"sealed"
    assert exchange.put("envelope", "bank-a", memoryview(b"sealed")) == ref
    with pytest.raises(NotFoundError):
        exchange.get(Ref("envelope", "bank-b", ref.digest))


@settings(deadline=None, max_examples=30)
@given(data=st.binary(max_size=2000))
def test_every_blob_comes_back(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    exchange = Exchange.open(str(tmp_path_factory.getbasetemp() / "every-blob"))
    assert exchange.get(exchange.put("envelope", "bank-a", data)) == data


def test_a_changed_blob_is_noticed_by_reader_and_writer(exchange: Exchange, tmp_path: Path) -> None:
    ref = exchange.put("envelope", "bank-a", b"sealed")
    _blob(tmp_path).write_bytes(b"sealeD")
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


def test_foreign_files_are_not_listed(exchange: Exchange, tmp_path: Path) -> None:
    exchange.put_named(("log", "node-0", "card"), b"")
    (tmp_path / "exchange" / "log" / "Thumbs.db").write_bytes(b"")
    (tmp_path / "exchange" / "log" / ".hidden").write_bytes(b"")
    assert exchange.list() == [("log", "node-0", "card")]


@pytest.mark.parametrize("part", ["..", ".", "", "a/b", "A", "a b", "a\n", "-a", "a" * 65, "über", "000.q", "x.p"])
def test_no_name_leaves_the_store(exchange: Exchange, part: str) -> None:
    for name in ((part,), ("log", part), (part, "x")):
        with pytest.raises(DocumentError):
            exchange.put_named(name, b"")
        with pytest.raises(DocumentError):
            exchange.get_named(name)
        with pytest.raises(DocumentError):
            exchange.list(name)


def test_links_that_lead_out_are_not_followed(exchange: Exchange, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (tmp_path / "exchange" / "log").symlink_to(outside)
    with pytest.raises(StoreError):
        exchange.get_named(("log", "secret"))
    with pytest.raises(StoreError):
        exchange.put_named(("log", "new"), b"")
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for url in (str(tmp_path / "file"), "bogus://x/y", "nonsense://"):
        with pytest.raises(StoreError):
            Exchange.open(url)
    with pytest.raises(NotFoundError):
        Exchange.open(str(tmp_path / "missing"), existing=True)
    assert not (tmp_path / "missing").exists()


def test_a_file_url_is_the_same_folder(exchange: Exchange, tmp_path: Path) -> None:
    ref = exchange.put("envelope", "bank-a", b"x")
    assert Exchange.open(f"file://{tmp_path / 'exchange'}").get(ref) == b"x"


def test_large_blobs_are_stored_whole(exchange: Exchange) -> None:
    data = bytes(range(256)) * 80_000
    assert exchange.get(exchange.put("envelope", "bank-a", data)) == data
