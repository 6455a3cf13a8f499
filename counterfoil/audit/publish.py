"""Publish a log in the exchange, laid out as C2SP tlog-tiles, so that anybody can verify it offline.

Below log/PARTY/ are `checkpoint`, `tile/entries/...` and `tile/LEVEL/...` as the format has them, and beside these
`card` (the party's public keys), `checkpoints/` (every checkpoint ever published) and `cosigned/` (by witnesses).
Knows names and layout; a reader must verify.

Source: https://c2sp.org/tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterfoil.audit.checkpoint import open_checkpoint
from counterfoil.audit.fork import Fork
from counterfoil.canonical import digest, jcs
from counterfoil.crypto.keys import PublicKeys, read_card
from counterfoil.errors import DocumentError, NotFoundError, SignatureError, TamperedError
from counterfoil.storage.records import Name, Records

if TYPE_CHECKING:
    from counterfoil.audit.log import Log
    from counterfoil.storage.exchange import Exchange

HEIGHT = 8
WIDTH = 2**HEIGHT

_LOG, _CARD, _CHECKPOINT, _HISTORY, _COSIGNED, _FORKS, _TILE, _ENTRIES = (
    "log",
    "card",
    "checkpoint",
    "checkpoints",
    "cosigned",
    "forks",
    "tile",
    "entries",
)


@dataclass(frozen=True, slots=True)
class PublishedLog:
    """A party's log as the exchange holds it, of which only the owner's signatures on checkpoints were verified.

    `others` are further checkpoints that the owner signed, `forks` proofs that it signed two histories; `foreign` names
    notes and proofs beside its log that are not: anybody may have put them there, and they show nothing.
    """

    owner: PublicKeys
    note: bytes
    entries: tuple[bytes, ...]
    leaf_hashes: tuple[bytes, ...]
    others: tuple[bytes, ...]
    forks: tuple[Fork, ...]
    foreign: tuple[str, ...]


def publish(log: Log, exchange: Exchange) -> bytes:
    """Publish the log and, after all that it counts, its checkpoint, which is returned.

    Raises: TamperedError if the exchange holds a checkpoint of ours that this log does not continue, as after a
    backup of the home folder was put back.
    """
    with log.publishing():
        return _publish(log, exchange)


def _publish(log: Log, exchange: Exchange) -> bytes:
    note, owner = log.checkpoint(), log.keys.public
    entries = log.entries()  # at least those of the checkpoint, as the log only grows
    checkpoint = open_checkpoint(note, owner)
    old = _published_size(log, exchange)
    prefix = (_LOG, log.party)
    exchange.put_named((*prefix, _CARD), jcs(owner.to_json()), replace=True)
    for name, bundle in _tiles(entries[: checkpoint.size], old):
        data = b"".join(len(entry).to_bytes(2, "big") + entry for entry in bundle)
        exchange.put_named((*prefix, _TILE, _ENTRIES, *name), data, replace=True)
    level, hashes = 0, log.level(0)[: checkpoint.size]
    while hashes:
        for name, tile in _tiles(hashes, old >> (HEIGHT * level)):
            exchange.put_named((*prefix, _TILE, str(level), *name), b"".join(tile), replace=True)
        level += 1
        hashes = log.level(HEIGHT * level)[: checkpoint.size >> (HEIGHT * level)]
    exchange.put_named((*prefix, _CHECKPOINT), note, replace=True)
    # Last: a reader meanwhile must not see an earlier checkpoint beside one that counts more.
    exchange.put_named((*prefix, _HISTORY, f"{checkpoint.size:016d}-{digest(note)[:16]}"), note, replace=True)
    return note


def published_size(exchange: Records, owner: PublicKeys) -> int:
    """Return how many entries of the owner's log the exchange holds; 0 if none. Raises: SignatureError, StoreError."""
    try:
        note = exchange.get_named((_LOG, owner.party, _CHECKPOINT))
    except NotFoundError:
        return 0
    return open_checkpoint(note, owner).size


def put_cosigned(exchange: Exchange, owner: str, witness: str, size: int, note: bytes) -> None:
    """Publish the note that the witness cosigned beside the owner's log."""
    exchange.put_named((_LOG, owner, _COSIGNED, witness, f"{size:016d}-{digest(note)[:16]}"), note, replace=True)


def put_fork(exchange: Exchange, owner: str, fork: Fork) -> None:
    """Publish the proof of a fork beside the owner's log, for everybody to see."""
    exchange.put_named((_LOG, owner, _FORKS, fork.digest), fork.pack(), replace=True)


def read_cosigned(exchange: Records, owner: str, witness: str, above: int) -> list[bytes]:
    """Read the notes of more than `above` entries that the witness is said to have cosigned.

    The smallest come first. Nothing of them is checked.
    """
    names = [name for name in exchange.list((_LOG, owner, _COSIGNED, witness)) if name[-1] >= f"{above + 1:016d}"]
    return [exchange.get_named(name) for name in names]


def published_parties(exchange: Records) -> list[str]:
    """List the parties whose logs the exchange holds."""
    return sorted({name[1] for name in exchange.list((_LOG,)) if len(name) > 2})


def read_published(exchange: Records, party: str, owner: PublicKeys | None = None) -> PublishedLog:
    """Read the party's log from the exchange, under the owner's keys or else those of the card beside the log.

    Raises: NotFoundError, SignatureError, DocumentError, StoreError.
    """
    prefix = (_LOG, party)
    owner = owner or _card(exchange.get_named((*prefix, _CARD)), party)
    # Before the checkpoint, which is put there first: a log that is published meanwhile looks like no rollback.
    kept = [name for folder in (_HISTORY, _COSIGNED, _FORKS) for name in exchange.list((*prefix, folder))]
    note = exchange.get_named((*prefix, _CHECKPOINT))
    try:
        size = open_checkpoint(note, owner).size
    except SignatureError as error:
        raise SignatureError(f"the checkpoint of {party}: {error}") from None
    others, forks, foreign = list[bytes](), list[Fork](), list[str]()
    for name in kept:
        if not _sort(exchange.get_named(name), name[2], owner, others, forks):
            foreign.append("/".join(name))
    bundles = _read_tiles(exchange, (*prefix, _TILE, _ENTRIES), size)
    hashes = _read_tiles(exchange, (*prefix, _TILE, "0"), size)
    return PublishedLog(
        owner=owner,
        note=note,
        entries=tuple(entry for bundle in bundles for entry in _split(bundle)),
        leaf_hashes=tuple(tile[i : i + 32] for tile in hashes for i in range(0, len(tile), 32)),
        others=tuple(others),
        forks=tuple(forks),
        foreign=tuple(foreign),
    )


def _sort(raw: bytes, folder: str, owner: PublicKeys, others: list[bytes], forks: list[Fork]) -> bool:
    """File the owner's checkpoint, or the proof that it forked its log; return False if it is neither."""
    try:
        if folder == _FORKS:
            if not (fork := Fork.unpack(raw)).is_by(owner):
                return False
            forks.append(fork)
        else:
            open_checkpoint(raw, owner)
            others.append(raw)
    except (SignatureError, DocumentError):
        return False
    return True


def _published_size(log: Log, exchange: Exchange) -> int:
    """Return the size of our published log, after checking that the log at home continues it."""
    try:
        note = exchange.get_named((_LOG, log.party, _CHECKPOINT))
    except NotFoundError:
        return 0
    published = open_checkpoint(note, log.keys.public)
    if published.size > log.size or log.root(published.size) != published.root:
        raise TamperedError(
            f"log of {log.party}: the exchange holds {published.size} published entries that the log at home, of "
            f"{log.size}, does not continue; was an old copy of the home folder put back?"
        )
    return published.size


def _tiles(items: Sequence[bytes], old: int) -> Iterator[tuple[Name, Sequence[bytes]]]:
    """Yield the name and the content of each tile that items from `old` on touch."""
    for number in range(old // WIDTH, -(-len(items) // WIDTH)):
        tile = items[number * WIDTH : (number + 1) * WIDTH]
        yield _tile_name(number, len(tile)), tile


def _tile_name(number: int, width: int) -> Name:
    """Write a tile's number as tlog-tiles does: 1234067 is x001/x234/067; 067.p/112 if it holds 112 of 256."""
    digits = str(number).zfill(-(-len(str(number)) // 3) * 3)
    *groups, last = (digits[i : i + 3] for i in range(0, len(digits), 3))
    thousands = tuple(f"x{group}" for group in groups)
    return (*thousands, last) if width == WIDTH else (*thousands, f"{last}.p", str(width))


def _read_tiles(exchange: Records, prefix: Name, size: int) -> Iterator[bytes]:
    """Read the tiles of a log of this size, up to the first that is missing."""
    for start in range(0, size, WIDTH):
        name = _tile_name(start // WIDTH, min(WIDTH, size - start))
        try:
            yield exchange.get_named((*prefix, *name))
        except NotFoundError:
            return


def _split(bundle: bytes) -> Iterator[bytes]:
    """Split a bundle into entries. A last one that is cut short comes out with its length, and will not verify."""
    start = 0
    while start < len(bundle):
        end = start + 2 + int.from_bytes(bundle[start : start + 2], "big")
        yield bundle[start + 2 : end] if end <= len(bundle) else bundle[start:]
        start = end


def _card(raw: bytes, party: str) -> PublicKeys:
    card = read_card(raw)
    if card.party != party:
        raise DocumentError(f"the card beside the log of {party} is that of {card.party}")
    return card
