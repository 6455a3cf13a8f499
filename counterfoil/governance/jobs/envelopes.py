"""What an owner sealed to each node, kept in its home until its time is over, so that it can be put back.

An envelope that somebody destroyed or changed in the exchange is replaced by the same bytes, under the same manifest:
one submission stays one. Only the node can open it. Knows no share.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from counterfoil.errors import DocumentError, NotFoundError, SignatureError
from counterfoil.files import private_folder, read_file, remove_file, write_file
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.jobs.acceptance import Intake
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.home import Home
from counterfoil.storage.exchange import Exchange
from counterfoil.storage.records import Name

VALID: Final = timedelta(days=7)
"""How long a submission may be taken in."""

_FOLDER: Final = "sealed"


def envelope_name(manifest: str, node: str) -> Name:
    """Name in an exchange what was sealed to the node under the manifest with the digest."""
    return ("envelopes", manifest, node)


def keep_envelope(manifest: Manifest, node: str, sealed: bytes, home: Home) -> None:
    """Keep in the owner's home what it is about to publish for the node. Raises: StoreError."""
    write_file(private_folder(private_folder(home.path / _FOLDER) / manifest.digest) / node, sealed, replace=True)


def put_back(manifest: Manifest, terms: Agreement, home: Home) -> None:
    """Publish again, as it was, what this owner sealed to each node that has not signed for it. Raises: StoreError."""
    for node in terms.nodes:
        with suppress(NotFoundError):  # as in a home that was restored: a backup has no envelopes
            sealed = read_file(home.path / _FOLDER / manifest.digest / node)
            if not _is_taken_in(manifest, node, terms, home.exchange):
                home.exchange.put_named(envelope_name(manifest.digest, node), sealed, replace=True)


def forget_envelopes(home: Home, now: datetime) -> None:
    """Delete from the home what nobody takes in any more. Raises: StoreError."""
    for folder in _folders(home.path / _FOLDER):
        with suppress(OSError):  # another process deletes it as well
            if now - datetime.fromtimestamp(folder.stat().st_mtime, UTC) > VALID:
                for path in folder.iterdir():
                    remove_file(path)
                folder.rmdir()


def _folders(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else []


def _is_taken_in(manifest: Manifest, node: str, terms: Agreement, exchange: Exchange) -> bool:
    with suppress(NotFoundError, SignatureError, DocumentError):  # anybody can put anything there
        Intake.read(exchange, terms.roster.party(node).keys, manifest=manifest.digest)
        return True
    return False
