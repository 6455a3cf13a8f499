"""`counterfoil verify` as an auditor has it: quick, from one file, without the software that computes."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from counterfoil.audit.bundle import verify_logs
from counterfoil.audit.checkpoint import sign_checkpoint
from counterfoil.audit.event import NO_ENTRY, Event
from counterfoil.audit.merkle import MerkleTree, leaf_hash
from counterfoil.audit.publish import publish
from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError, NotFoundError, StoreError, TamperedError
from counterfoil.home import Home
from counterfoil.storage.records import open_copy

HEAVY = ("prefect", "numba", "pandas", "obstore", "scipy", "pyarrow", "great_expectations", "matplotlib")
ENTRIES = 1_000


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A party's published log of a thousand entries, in an exchange."""
    folder = tmp_path_factory.mktemp("large")
    home = Home.create(folder / "home", "node-0", str(folder / "exchange"))
    prev, leaves = NO_ENTRY, []
    for index in range(ENTRIES):
        refs = {"evidence": f"{index:064x}", "agreement": "a" * 64}
        event = Event(
            index, "draft-made", "node-0", "2026-11-24T12:00:00Z", f"job-{index}", prev, refs, {"rows": index}
        )
        leaves.append(event.leaf())
        prev = leaf_hash(leaves[-1]).hex()
    (home.path / "log" / "entries").write_bytes(b"".join(leaf + b"\n" for leaf in leaves))
    root = MerkleTree(map(leaf_hash, leaves)).root()
    (home.path / "log" / "checkpoint").write_bytes(sign_checkpoint(ENTRIES, root, home.keys))
    publish(Home.open(home.path).log, home.exchange)
    return folder / "exchange"


@pytest.fixture
def archive(exchange: Path, tmp_path: Path) -> Path:
    return pack(exchange, tmp_path / "bundle.zip")


def pack(folder: Path, into: Path) -> Path:
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder).as_posix())
    return into


def test_a_thousand_entries_verify_within_a_second_and_without_heavy_software(archive: Path) -> None:
    script = """
import json, sys, time
from counterfoil.cli import app
try:
    app(["verify", sys.argv[1]])
except SystemExit as end:
    print(json.dumps({"code": end.code, "cpu_s": time.process_time(), "modules": sorted(sys.modules)}))
"""
    done = subprocess.run([sys.executable, "-c", script, archive], check=True, capture_output=True, text=True)
    line, told = done.stdout.splitlines()
    assert line.startswith("log of node-0: 1000 entries")
    said = json.loads(told)
    assert said["code"] == 0
    assert said["cpu_s"] < 1.0  # the whole command, from the interpreter's start
    assert not [name for name in said["modules"] if name.split(".")[0] in HEAVY]


def test_a_folder_and_an_archive_say_the_same(exchange: Path, archive: Path) -> None:
    folder, packed = open_copy(exchange), open_copy(archive)
    assert folder.list() == packed.list()
    assert folder.list(("log", "node-0", "tile")) == packed.list(("log", "node-0", "tile"))
    assert verify_logs(folder, {}).log("node-0").checkpoint == verify_logs(packed, {}).log("node-0").checkpoint
    for records in (folder, packed):
        with pytest.raises(NotFoundError):
            records.get(Ref("evidence", "nodes", "0" * 64))
        with pytest.raises(NotFoundError):
            records.get_named(("log", "node-1", "card"))


def test_every_entry_that_is_changed_in_an_archive_is_named(exchange: Path, tmp_path: Path) -> None:
    tile = exchange / "log" / "node-0" / "tile" / "entries" / "001"
    good = tile.read_bytes()
    for index in (256, 300, 511):
        tile.write_bytes(good.replace(b'"rows":%d,' % index, b'"rows":0%d,' % index).replace(
            b'"rows":%d}' % index, b'"rows":9%d}' % index
        ))  # fmt: skip
        changed = pack(exchange, tmp_path / f"{index}.zip")
        tile.write_bytes(good)
        with pytest.raises(TamperedError, match=rf"log of node-0: entry {index} was"):
            verify_logs(open_copy(changed), {})


def _link(file: zipfile.ZipFile) -> None:
    item = zipfile.ZipInfo("log/node-0/card")
    item.external_attr = (stat.S_IFLNK | 0o777) << 16
    file.writestr(item, "/etc/passwd")


def _twice(file: zipfile.ZipFile) -> None:
    file.writestr("log/node-0/card", b"{}")
    with pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("log/node-0/card", b"{}")


def _outside(file: zipfile.ZipFile) -> None:
    for name in ("../evil", "/etc/evil", "log/../../evil", "log/node-0/../card", "log//card", "log\\node-0\\card"):
        file.writestr(name, b"evil")


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [(_link, StoreError, "a link"), (_twice, StoreError, "twice"), (_outside, NotFoundError, "no published log")],
)
def test_a_crafted_archive_is_refused(
    spoil: Callable[[zipfile.ZipFile], None], error: type[CounterfoilError], words: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "crafted.zip", "w") as file:
        spoil(file)
    with pytest.raises(error, match=words):
        verify_logs(open_copy(tmp_path / "crafted.zip"), {})
    assert {path.name for path in tmp_path.iterdir()} == {"crafted.zip"}  # nothing was unpacked


def test_an_archive_that_would_grow_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from counterfoil.storage import records

    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("log/node-0/card", bytes(2_000_000))
    assert (tmp_path / "bomb.zip").stat().st_size < 4_000
    monkeypatch.setattr(records, "MAX_FILE_BYTES", 1_000_000)
    with pytest.raises(StoreError, match="2000000 bytes"):
        open_copy(tmp_path / "bomb.zip").get_named(("log", "node-0", "card"))
    monkeypatch.setattr(records, "MAX_ARCHIVE_BYTES", 1_000_000)
    with pytest.raises(StoreError, match="bytes when read"):
        open_copy(tmp_path / "bomb.zip")
    raw = (tmp_path / "bomb.zip").read_bytes()
    lying = raw.replace((2_000_000).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    (tmp_path / "lying.zip").write_bytes(lying)
    with pytest.raises((StoreError, TamperedError)):
        open_copy(tmp_path / "lying.zip").get_named(("log", "node-0", "card"))


@pytest.mark.parametrize("raw", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"x" * 10_000])
def test_other_files_are_no_archive(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises((StoreError, NotFoundError)):
        verify_logs(open_copy(tmp_path / "file"), {})


def test_links_in_a_folder_are_not_followed(exchange: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "log").symlink_to(exchange / "log")
    with pytest.raises(NotFoundError, match="no published log"):
        verify_logs(open_copy(tmp_path / "copy"), {})
    with pytest.raises(NotFoundError, match="no folder and no file"):
        open_copy(tmp_path / "nowhere")


def test_an_archive_that_was_changed_anywhere_is_no_fault_of_ours(tmp_path: Path) -> None:
    """Every byte of a small one, those of its own directory, too: it reads as it did, or is refused by name."""
    small = tmp_path / "small.zip"
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("log/node-0/checkpoint", b"x" * 100)
        file.writestr("bundle.json", b"{}")
    good = small.read_bytes()
    for place, before in enumerate(good):
        for byte in {0, 12, 14, 93, 255, before ^ 1, before ^ 0x80} - {before}:
            small.write_bytes(good[:place] + bytes([byte]) + good[place + 1 :])
            with suppress(CounterfoilError):
                found = open_copy(small)
                for path in found.paths:
                    found.read(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_what_is_packed_by_another_method_is_not_unpacked(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w", method) as file:
        file.writestr("log/node-0/checkpoint", b"x" * 100)
    with pytest.raises(StoreError, match="another method than deflate"):
        open_copy(tmp_path / "other.zip")
