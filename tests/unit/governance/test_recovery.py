"""A home that is lost comes back from its backup without forgetting what it published, and without forking its log."""

from __future__ import annotations

import resource
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil.audit import event as audit
from counterfoil.audit.publish import publish
from counterfoil.audit.verify import verify_log
from counterfoil.audit.witness import witness
from counterfoil.canonical import Ref
from counterfoil.cli import app
from counterfoil.errors import (
    DocumentError,
    NotFoundError,
    RefusedError,
    ReplayError,
    StoreError,
    TamperedError,
)
from counterfoil.governance.jobs.job import Event, Stage, advance, stage_of, start_attempt
from counterfoil.governance.releases.revocation import is_revoked
from counterfoil.governance.retention.recovery import back_up, restore
from counterfoil.home import Home
from tests.lib.consortium import OWNERS, REVIEWERS, Consortium, found, today

RUN = CliRunner()
JOB = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Home, Home]:
    made = [Home.create(tmp_path / name, name, str(tmp_path / "exchange"), ("node",)) for name in ("node-0", "node-1")]
    return made[0], made[1]


def fill(home: Home, count: int, what: str = "something-done") -> None:
    for _ in range(count):
        home.log.append(what)


def lose(home: Home) -> None:
    shutil.rmtree(home.path)


def test_a_restored_log_goes_on_where_the_published_one_ends(homes: tuple[Home, Home], tmp_path: Path) -> None:
    home, other = homes
    fill(home, 3)
    back_up(home, tmp_path / "backup", today())
    fill(home, 300)
    publish(home.log, home.exchange)
    witness(home.keys.public, other.keys, other.state, other.exchange)
    lose(home)

    restored = restore(tmp_path / "backup", home.path)
    assert (restored.entries, restored.renewed) == (300, False)
    again = restored.home
    assert again.keys.public == home.keys.public
    publish(again.log, again.exchange)
    witness(again.keys.public, other.keys, other.state, other.exchange)
    log = verify_log(again.log.entries(), again.log.checkpoint(), again.keys.public)
    assert (log.size, log.events[-1].type) == (305, "home-restored")
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "backup", *again.path.rglob("*")))


def test_entries_that_were_never_published_are_kept_if_the_backup_has_them(
    homes: tuple[Home, Home], tmp_path: Path
) -> None:
    home, _ = homes
    fill(home, 2)
    publish(home.log, home.exchange)
    fill(home, 2)
    back_up(home, tmp_path / "backup", today())
    lose(home)
    assert restore(tmp_path / "backup", home.path).home.log.size == 6


def test_a_backup_of_another_history_is_refused_and_leaves_no_home(homes: tuple[Home, Home], tmp_path: Path) -> None:
    home, _ = homes
    shutil.copytree(home.path, tmp_path / "twin")
    twin = Home.open(tmp_path / "twin")
    fill(twin, 5, "another-history")
    back_up(twin, tmp_path / "backup", today())
    fill(home, 9)
    publish(home.log, home.exchange)
    with pytest.raises(TamperedError, match="node-0"):
        restore(tmp_path / "backup", tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_without_its_exchange_nothing_is_restored(homes: tuple[Home, Home], tmp_path: Path) -> None:
    """A home that does not hear what it published would write a second history."""
    home, _ = homes
    fill(home, 1)
    publish(home.log, home.exchange)
    back_up(home, tmp_path / "backup", today())
    (tmp_path / "exchange").rename(tmp_path / "moved")
    (tmp_path / "exchange").write_text("not a folder")
    with pytest.raises(StoreError):
        restore(tmp_path / "backup", tmp_path / "new")
    restored = restore(tmp_path / "backup", tmp_path / "new", str(tmp_path / "moved"))
    assert Home.open(tmp_path / "new").exchange.url == str(tmp_path / "moved") == restored.home.exchange_url


def test_an_exchange_that_is_not_there_is_not_made_anew(homes: tuple[Home, Home], tmp_path: Path) -> None:
    """An empty one would say that nothing was ever published or released."""
    home, _ = homes
    publish(home.log, home.exchange)
    back_up(home, tmp_path / "backup", today())
    with pytest.raises(NotFoundError, match="no folder"):
        restore(tmp_path / "backup", tmp_path / "new", str(tmp_path / "misspelt"))
    assert not (tmp_path / "misspelt").exists()
    assert list((tmp_path / "new").iterdir()) == []


def test_an_exchange_that_is_not_mounted_is_not_taken_for_an_empty_one(
    homes: tuple[Home, Home], tmp_path: Path
) -> None:
    home, _ = homes
    fill(home, 2)
    publish(home.log, home.exchange)
    back_up(home, tmp_path / "backup", today())
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="is it the right one, and mounted"):
        restore(tmp_path / "backup", tmp_path / "new", str(tmp_path / "empty"))
    assert list((tmp_path / "new").iterdir()) == []


def test_what_was_taken_back_stays_so(homes: tuple[Home, Home], tmp_path: Path) -> None:
    home, _ = homes
    back_up(home, tmp_path / "backup", today())
    home.log.append("release-revoked", subject=JOB, refs={"evidence": "e" * 64, "to-bank-a": "a" * 64})
    publish(home.log, home.exchange)
    lose(home)
    state = restore(tmp_path / "backup", home.path).home.state
    assert is_revoked("e" * 64, "bank-a", state) and not is_revoked("e" * 64, "bank-b", state)


def test_every_changed_byte_of_a_backup_is_noticed(homes: tuple[Home, Home], tmp_path: Path) -> None:
    home, _ = homes
    home.state.put("a", "b", b"c")
    backup = tmp_path / "backup"
    back_up(home, backup, today())
    good = backup.read_bytes()
    with tarfile.open(backup) as archive:
        places = {item.name: item.offset_data + item.size // 2 for item in archive if item.size}
    assert {"party.yaml", "state.sqlite", "log/entries", "keys/sign.pem"} <= set(places)
    for place in places.values():
        changed = bytearray(good)
        changed[place] ^= 1
        backup.write_bytes(changed)
        with pytest.raises((DocumentError, StoreError, TamperedError, Exception)) as caught:
            restore(backup, tmp_path / "new")
        assert caught.type.__module__ == "counterfoil.errors"
        assert list((tmp_path / "new").iterdir()) == []
    backup.write_bytes(good[: len(good) // 2])
    with pytest.raises((DocumentError, TamperedError)):
        restore(backup, tmp_path / "new")


def test_a_crafted_archive_writes_nothing_outside(homes: tuple[Home, Home], tmp_path: Path) -> None:
    home, _ = homes
    back_up(home, tmp_path / "backup", today())
    for name, kind in (("../escaped", tarfile.REGTYPE), ("keys/sign.pem.link", tarfile.SYMTYPE), ("data/x", b"0")):
        crafted = tmp_path / "crafted"
        shutil.copy(tmp_path / "backup", crafted)
        with tarfile.open(crafted, "a") as archive:
            item = tarfile.TarInfo(name)
            item.type, item.linkname = kind, "/etc/passwd"
            archive.addfile(item)
        with pytest.raises(DocumentError, match="not one that a backup has"):
            restore(crafted, tmp_path / "new")
    assert not (tmp_path / "escaped").exists()


def _describing(kind: bytes, text: bytes) -> bytes:
    """A header that describes the one behind it."""
    item = tarfile.TarInfo("state.sqlite")
    item.type, item.size = kind, len(text)
    return item.tobuf() + text.ljust(-(-len(text) // 512) * 512, b"\0")


def _sparse(real: int) -> bytes:
    """A header of GNU's that says that of its bytes a few are in the archive."""
    item = tarfile.TarInfo("state.sqlite")
    item.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(item.tobuf())
    header[483:495] = b"%011o\0" % real
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * ord(" "))
    return bytes(header)


def _sized(size: bytes) -> bytes:
    item = tarfile.TarInfo("state.sqlite")
    header = bytearray(item.tobuf())
    header[124:136] = size.ljust(12, b"\0")
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * ord(" "))
    return bytes(header)


CRAFTED = {
    "sparse": _sparse(1 << 33),
    "sparse by a header of its own": _describing(b"x", b"34 GNU.sparse.size=8589934592\n22 GNU.sparse.map=0,1\n"),
    "a map that is none": _describing(b"x", b"20 GNU.sparse.map=a\n"),
    "a length of many digits": _describing(b"x", b"9" * 5000 + b" path=a\n"),
    "a size that no index has": _describing(b"x", b"30 size=1180591620717411303424\n"),
    "headers about headers": _describing(b"x", b"") * 2000,
    "long names about long names": _describing(b"L", b"a") * 2000,
    "a negative size": _sized(b"\xff" * 12),
    "a size beyond the file": _sized(b"77777777777"),
    "a size that is none": _sized(b"8888"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_an_archive_that_says_more_than_it_holds_is_refused_in_a_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "backup").write_bytes(CRAFTED[name] + bytes(1024))
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, limits[1]))
    try:
        with pytest.raises(DocumentError, match="is no backup of a home"):
            restore(tmp_path / "backup", tmp_path / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_attempts_and_halted_jobs_are_not_forgotten(homes: tuple[Home, Home], tmp_path: Path) -> None:
    home, _ = homes
    back_up(home, tmp_path / "backup", today())
    start_attempt(home.state, JOB, 2)
    home.log.append("attempt-begun", subject=JOB, counts={"attempt": 2})
    advance(home.state, JOB, Event.HALT)
    home.log.append("attempt-failed", subject=JOB, counts={"attempt": 2, "exit-code": 71})
    publish(home.log, home.exchange)
    lose(home)
    state = restore(tmp_path / "backup", home.path).home.state
    assert stage_of(state, JOB) is Stage.HALTED
    with pytest.raises(ReplayError):
        start_attempt(state, JOB, 2)
    with pytest.raises(RefusedError, match="halted"):
        start_attempt(state, JOB, 3)


def test_keys_renewed_after_the_backup_are_named_as_lost(homes: tuple[Home, Home], tmp_path: Path) -> None:
    home, _ = homes
    back_up(home, tmp_path / "backup", today())
    assert RUN.invoke(app, ["party", "rotate", "--home", str(home.path)]).exit_code == 0
    publish(home.log, home.exchange)
    lose(home)
    said = RUN.invoke(app, ["home", "restore", str(tmp_path / "backup"), "--home", str(home.path)])
    assert said.exit_code == 0 and "counterfoil party rotate" in said.output


def test_neither_folder_nor_file_is_overwritten(homes: tuple[Home, Home], tmp_path: Path) -> None:
    home, _ = homes
    back_up(home, tmp_path / "backup", today())
    with pytest.raises(StoreError, match="exists already"):
        back_up(home, tmp_path / "backup", today())
    with pytest.raises(StoreError, match="not empty"):
        restore(tmp_path / "backup", home.path)
    with pytest.raises(NotFoundError):
        restore(tmp_path / "none", tmp_path / "new")


@dataclass(frozen=True)
class Lost:
    """The banks after a release, and backups of node-0 from before it had anything, from its draft, and from after."""

    banks: Consortium
    submissions: tuple[Ref, ...]

    def restored(self, backup: str, folder: Path) -> Home:
        return restore(self.banks.folder / backup, folder / "node-0").home


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    folder = tmp_path_factory.mktemp("lost")
    banks = found(folder, 2_000)
    node = banks.homes["node-0"]
    back_up(node, folder / "early", today())
    submissions = tuple(banks.hand_in(owner, banks.table(owner)) for owner in OWNERS)
    banks.computation("node-0", submissions)  # takes them in
    back_up(node, folder / "taken-in", today())
    lose(node)
    banks.homes["node-0"] = restore(folder / "taken-in", node.path).home
    evidence = banks.analyse(submissions)[0].digest
    back_up(banks.homes["node-0"], folder / "drafted", today())
    banks.review(evidence, REVIEWERS[:2])
    banks.release(evidence)
    back_up(banks.homes["node-0"], folder / "released", today())
    lose(node)
    return Lost(banks, submissions)


@pytest.mark.slow
def test_a_node_that_lost_its_home_takes_part_and_releases_no_second_job(lost: Lost, tmp_path: Path) -> None:
    """It lost the shares that it had taken in before the job, too; the fixture had it take them in again."""
    banks, terms = lost.banks, lost.banks.agreement
    home = lost.restored("early", tmp_path)
    assert [event.type for event in map(audit.Event.parse, home.log.entries())][-2:] == [
        "release-approved",
        "home-restored",
    ]
    for recipient in terms.recipients:
        with pytest.raises(ReplayError):
            home.state.bind("released-job", f"{banks.ref.digest}/{banks.period}/{recipient}", JOB)


@pytest.mark.slow
def test_an_exchange_that_hides_releases_makes_nobody_forget_them(lost: Lost, tmp_path: Path) -> None:
    """The log that it must show names them. Where it hides the draft as well, nothing is restored."""
    banks = lost.banks
    shutil.copytree(banks.folder / "exchange", tmp_path / "exchange")
    for hidden in (tmp_path / "exchange" / "releases").rglob("node-0"):
        hidden.unlink()
    home = restore(banks.folder / "early", tmp_path / "node-0", str(tmp_path / "exchange")).home
    for recipient in banks.agreement.recipients:
        with pytest.raises(ReplayError):
            home.state.bind("released-job", f"{banks.ref.digest}/{banks.period}/{recipient}", JOB)
    for planted in (banks.folder / "exchange" / "releases").rglob("node-0"):
        (tmp_path / "exchange" / planted.relative_to(banks.folder / "exchange")).write_bytes(b"something else")
    assert restore(banks.folder / "early", tmp_path / "again", str(tmp_path / "exchange")).releases
    shutil.rmtree(tmp_path / "exchange" / "blobs" / "evidence")
    with pytest.raises(NotFoundError):
        restore(banks.folder / "early", tmp_path / "third", str(tmp_path / "exchange"))


@pytest.mark.slow
def test_no_share_of_a_table_is_in_a_backup(lost: Lost, tmp_path: Path) -> None:
    """What is erased later must not come back; what owners remember of released rows does (`roles.test_tables`)."""
    for name in ("drafted", "released"):
        home = lost.restored(name, tmp_path / name)
        assert not list((home.path / "vault" / "items").glob("*"))


@pytest.mark.slow
def test_what_was_erased_is_not_taken_in_again(lost: Lost, tmp_path: Path) -> None:
    banks = lost.banks
    home = lost.restored("drafted", tmp_path)
    first = lost.submissions[0]
    home.vault.destroy(first.digest)
    back_up(home, tmp_path / "backup", today())
    banks.homes["node-0"] = restore(tmp_path / "backup", tmp_path / "again").home
    banks.computation("node-0", lost.submissions, 2)
    with pytest.raises(NotFoundError, match="destroyed"):
        banks.homes["node-0"].vault.load(first.digest, "any")
