"""Backups of a home, and homes restored from them, so that a lost disk is neither a fork nor a second release.

A backup holds what only this party knows: its keys, log and memory, its sketches of released rows, what it remembers of
its own tables, and the key that tags their rows. It leaves out the keys of shares, because what was erased must not
come back with a backup, and tables and reports, which are ordinary files. What happened after the backup is learned
again from the exchange, where the party published it under its own signature.
"""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from counterfoil.audit.checkpoint import open_checkpoint
from counterfoil.audit.log import Log
from counterfoil.audit.publish import published_size, read_published
from counterfoil.audit.verify import VerifiedLog, verify_log
from counterfoil.canonical import Json, digest, jcs, load_yaml
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import DocumentError, NotFoundError, StoreError, TamperedError
from counterfoil.files import private_folder, read_file, write_file, write_output
from counterfoil.governance.cumulative.release_history import MEMBERSHIP
from counterfoil.governance.cumulative.source_tables import REMEMBERED
from counterfoil.governance.documents import read_json, write_time
from counterfoil.governance.jobs.job import relearn
from counterfoil.governance.jobs.retention_register import note_lost
from counterfoil.governance.papers import Paper
from counterfoil.governance.releases.release import relearn_released
from counterfoil.governance.releases.revocation import relearn_revoked
from counterfoil.home import MEMBERSHIP_FILE, PARTY_FILE, STATE_FILE, Home
from counterfoil.storage.exchange import Exchange
from counterfoil.storage.vault import Vault

BACKUP: Final = Paper(
    kind="backup", schema="backup", says="which files a party backed up of its home, in the backup itself"
)
_INVENTORY: Final = "backup.json"
_LOG: Final = ("log/entries", "log/checkpoint")
_NAME: Final = re.compile(
    r"(?:[a-z]+\.yaml|membership\.key|state\.sqlite|log/entries|log/checkpoint|keys/(?:[0-9]+/)?[a-z0-9.-]+"
    r"|vault/master|vault/keys/[a-z0-9-]+|vault/items/[a-z0-9-]+/[a-z0-9-]+)\Z"
)


@dataclass(frozen=True, slots=True)
class Restored:
    """A home as it was restored: how many entries of its log and how many releases were learned from the exchange.

    `renewed` says that the party renewed its keys after the backup was made: those are lost.
    """

    home: Home
    entries: int
    releases: int
    renewed: bool


def back_up(home: Home, out: Path, now: datetime) -> int:
    """Write a backup of the home into one new file that only its user can read; return its bytes.

    The file is as secret as the home: private keys lie in it as they lie there, encrypted only under a passphrase.

    Raises: StoreError, also where the file exists.
    """
    home.log.append("home-backed-up")
    files = {path.relative_to(home.path).as_posix(): read_file(path) for path in _kept_as_they_are(home)}
    files[STATE_FILE] = home.state.snapshot()
    entries, note = home.log.snapshot()  # after the state: what the log says beyond it is learned when it is restored
    files |= dict(zip(_LOG, (b"".join(entry + b"\n" for entry in entries), note), strict=True))
    if strange := sorted(name for name in files if not _NAME.match(name)):
        raise StoreError(f"{home.path / strange[0]} is no file of a home; take it out, and back up again")
    stated: Mapping[str, Json] = {
        "format": "counterfoil/backup/1",
        "party": home.party,
        "made": write_time(now),
        "published": published_size(home.exchange, home.keys.public),
        "files": {name: digest(data) for name, data in sorted(files.items())},
    }
    packed = _tar({_INVENTORY: BACKUP.sign(jcs(stated), home.keys), **dict(sorted(files.items()))})
    write_output(out, packed)
    return len(packed)


def restore(backup: Path, folder: Path, exchange_url: str | None = None) -> Restored:
    """Make a home in a new folder of a backup, and bring it up to what its party has published since.

    `exchange_url` is where the exchange is now, if it moved. If anything fails, the folder stays as empty as it was.

    Raises: NotFoundError, DocumentError, StoreError; TamperedError where the backup was changed, or does not go with
        what the party published; ForkedError where it signed two histories.
    """
    files = _untar(backup)
    where = private_folder(folder).resolve()
    if any(where.iterdir()):
        raise StoreError(f"{where} is not empty; restore into a new folder")
    try:
        return _restore(files, backup, where, exchange_url)
    except BaseException:
        for path in where.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def _restore(files: Mapping[str, bytes], backup: Path, where: Path, exchange_url: str | None) -> Restored:
    described = _described(files[PARTY_FILE], backup)
    for name, data in files.items():
        if name not in (*_LOG, _INVENTORY, PARTY_FILE):
            private_folder((where / name).parent)
            write_file(where / name, data)
    private_folder(where / "data")
    keys = PrivateKeys.load(where / "keys", described["party"])
    stated = _check_inventory(files, keys, backup)
    exchange = Exchange.open(exchange_url or described["exchange"], existing=True)  # an empty one would teach nothing
    if (there := published_size(exchange, keys.public)) < stated["published"]:
        raise StoreError(
            f"the exchange {exchange.url} holds {there} entries of the log of {keys.party}, which had published "
            f"{stated['published']} when {backup} was made; is it the right one, and mounted? Say it: --exchange"
        )
    log, added = _log_since(files[_LOG[0]].splitlines(), files[_LOG[1]], keys.public, exchange)
    Log.restore(where / "log", log.entries, log.note)
    write_file(where / PARTY_FILE, yaml.safe_dump(described | {"exchange": exchange.url}, sort_keys=False).encode())
    home = Home.open(where)
    note_lost(home.state)
    relearn(log.events, home.state)
    relearn_revoked(log.events, home.state)
    releases = relearn_released(home, log.events)
    home.log.append("home-restored", counts={"entries": added, "releases": releases})
    renewed = [event.refs["seal"] for event in log.events if event.type == "keys-renewed"]
    return Restored(home, added, releases, bool(renewed) and renewed[-1] != keys.public.seal_id)


def _described(raw: bytes, backup: Path) -> dict[str, str]:
    """Return what the party's description in the backup says, unchecked but for what must be known to check it."""
    found = load_yaml(raw, f"{PARTY_FILE} in {backup}").value
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in ("party", "exchange")):
        raise DocumentError(f"{backup} is no backup of a home: its {PARTY_FILE} names no party and exchange")
    return found


def _kept_as_they_are(home: Home) -> Iterable[Path]:
    yield from sorted(path for path in home.path.glob("*.yaml") if path.is_file())
    yield from (path for path in (home.path / MEMBERSHIP_FILE,) if path.is_file())
    yield from sorted(path for path in (home.path / "keys").rglob("*") if path.is_file() and path.name[0] != ".")
    yield from Vault.files_of(home.path / "vault", MEMBERSHIP, REMEMBERED)


def _log_since(entries: list[bytes], note: bytes, owner: PublicKeys, exchange: Exchange) -> tuple[VerifiedLog, int]:
    """Return the longer of the backup's log and the published one, which continue one another, and how many it adds."""
    try:
        published = read_published(exchange, owner.party, owner)
    except NotFoundError:
        return verify_log(entries, note, owner), 0
    signed = (published.note, *published.others)
    if max(open_checkpoint(each, owner).size for each in signed) <= len(entries):
        return verify_log(entries, note, owner, others=signed), 0
    hashes = published.leaf_hashes
    found = verify_log(published.entries, published.note, owner, others=(note, *signed), leaf_hashes=hashes)
    return found, found.size - len(entries)


def _check_inventory(files: Mapping[str, bytes], keys: PrivateKeys, backup: Path) -> dict[str, Any]:
    """Return what the party signed of the backup. Raises: TamperedError unless the backup holds exactly that."""
    stated = read_json(BACKUP.verify(files[_INVENTORY], keys.public), BACKUP.called, BACKUP.schema)
    found = {name: digest(data) for name, data in files.items() if name != _INVENTORY}
    if stated["party"] != keys.party or stated["files"] != found:
        wrong = sorted({name for name, _ in found.items() ^ stated["files"].items()})
        raise TamperedError(f"{backup} was changed since it was made: {', '.join(wrong[:3]) or 'its party'}")
    return stated


def _tar(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            item = tarfile.TarInfo(name)
            item.size, item.mode = len(data), 0o600
            archive.addfile(item, io.BytesIO(data))
    return packed.getvalue()


def _untar(path: Path) -> dict[str, bytes]:
    """Return the plain files in the archive by their names, all of which a backup has. Never unpacks to the disk.

    Each header is read by itself: those that describe the next one may give it another name, or more bytes than the
    archive has.
    """
    raw, at = read_file(path), 0
    files: dict[str, bytes] = {}
    try:
        while item := _header(raw, at):
            at += tarfile.BLOCKSIZE
            data = raw[at : at + item.size]
            if item.type != tarfile.REGTYPE or item.name in files or not _is_named(item.name):
                raise DocumentError(f"{path} is no backup of a home: a file in it is not one that a backup has")
            if not 0 <= item.size == len(data):
                raise tarfile.ReadError
            files[item.name] = data
            at += -(-item.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    except (tarfile.TarError, ValueError):
        raise DocumentError(f"{path} is no backup of a home: it is no tar archive, or was cut off") from None
    if lacking := sorted({_INVENTORY, PARTY_FILE, *_LOG} - set(files)):
        raise DocumentError(f"{path} is no backup of a home: {lacking[0]} is missing")
    return files


def _header(raw: bytes, at: int) -> tarfile.TarInfo | None:
    """Return the header there; None at the archive's end. Raises: tarfile.TarError, ValueError."""
    try:
        return tarfile.TarInfo.frombuf(raw[at : at + tarfile.BLOCKSIZE], "ascii", "strict")
    except tarfile.HeaderError:
        if at and raw[at:].count(0) == len(raw) - at >= 2 * tarfile.BLOCKSIZE:
            return None
        raise


def _is_named(name: str) -> bool:
    return name == _INVENTORY or bool(_NAME.match(name))
