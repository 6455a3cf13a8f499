"""Signed notes, cosignatures, published logs and their witnesses: C2SP forms, forks and rollbacks revealed."""

from __future__ import annotations

import base64
import hashlib
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterfoil.audit import publish as layout
from counterfoil.audit.bundle import Verified, verify_bundle
from counterfoil.audit.checkpoint import Checkpoint, cosign, cosigners, open_checkpoint, sign_checkpoint
from counterfoil.audit.merkle import MerkleTree, leaf_hash
from counterfoil.audit.publish import publish, published_parties, read_published
from counterfoil.audit.witness import witness
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.errors import DocumentError, NotFoundError, SignatureError, TamperedError
from counterfoil.home import Home

ROOT = hashlib.sha256(b"root").digest()


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> list[PrivateKeys]:
    folder = tmp_path_factory.mktemp("note-keys")
    return [PrivateKeys.create(folder / party, party) for party in ("node-0", "node-1", "node-2")]


@pytest.fixture
def homes(tmp_path: Path) -> list[Home]:
    return [Home.create(tmp_path / party, party, str(tmp_path / "exchange")) for party in ("node-0", "node-1")]


def _fill(home: Home, count: int, type: str = "share-received") -> None:
    for number in range(count):
        home.log.append(type, subject="job-1", counts={"rows": number})


# --- notes ------------------------------------------------------------------------------------------------------


def test_a_note_is_written_as_c2sp_has_it(parties: list[PrivateKeys]) -> None:
    note = sign_checkpoint(7, ROOT, parties[0])
    text, _, lines = note.partition(b"\n\n")
    assert text.decode() == f"counterfoil/node-0\n7\n{base64.b64encode(ROOT).decode()}"
    dash, name, encoded = lines.decode().removesuffix("\n").split(" ")
    raw, public = base64.b64decode(encoded), parties[0].public.sign
    assert (dash, name) == ("\N{EM DASH}", "counterfoil/node-0")
    assert raw[:4] == hashlib.sha256(b"counterfoil/node-0\n\x01" + public).digest()[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text + b"\n")
    assert open_checkpoint(note, parties[0].public) == Checkpoint("counterfoil/node-0", 7, ROOT)


def test_a_cosignature_is_written_as_c2sp_has_it(parties: list[PrivateKeys]) -> None:
    note = cosign(sign_checkpoint(7, ROOT, parties[0]), parties[1], 1679315147)
    text = note.partition(b"\n\n")[0] + b"\n"
    _, name, encoded = note.decode().removesuffix("\n").rsplit("\n", 1)[1].split(" ")
    raw, public = base64.b64decode(encoded), parties[1].public.sign
    assert name == "counterfoil/node-1"
    assert raw[:4] == hashlib.sha256(b"counterfoil/node-1\n\x04" + public).digest()[:4]
    assert int.from_bytes(raw[4:12], "big") == 1679315147
    Ed25519PublicKey.from_public_bytes(public).verify(raw[12:], b"cosignature/v1\ntime 1679315147\n" + text)


def test_the_specifications_own_example_is_in_form() -> None:
    from counterfoil.audit.checkpoint import _checkpoint, _parse

    example = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+"
        "zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5n"
        "No0xUe+mbIUBkBIfZ+qnA==\n"
    )
    text, signatures = _parse(example.encode())
    assert _checkpoint(text).size == 20852163
    assert [signature.name for signature in signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert int.from_bytes(signatures[1].value[:8], "big") == 1679315147


def test_cosigners_are_named_with_their_times(parties: list[PrivateKeys]) -> None:
    a, b, c = parties
    note = cosign(cosign(sign_checkpoint(7, ROOT, a), b, 100), c, 200)
    assert cosigners(note, [b.public, c.public]) == {"node-1": 100, "node-2": 200}
    assert cosigners(note, [b.public]) == {"node-1": 100}
    assert cosigners(note, [a.public]) == {}  # signing one's own log is not witnessing it
    assert open_checkpoint(note, a.public).size == 7


def test_every_flipped_bit_of_a_note_is_refused(parties: list[PrivateKeys]) -> None:
    a, b, _ = parties
    note = cosign(sign_checkpoint(7, ROOT, a), b, 100)
    for position in range(len(note)):
        for bit in range(8):
            changed = bytearray(note)
            changed[position] ^= 1 << bit
            with pytest.raises((SignatureError, AssertionError)):
                open_checkpoint(bytes(changed), a.public)
                assert cosigners(bytes(changed), [b.public]) == {"node-1": 100}


def test_only_the_owner_signs_its_log(parties: list[PrivateKeys]) -> None:
    a, b, _ = parties
    with pytest.raises(SignatureError, match="another log"):
        open_checkpoint(sign_checkpoint(7, ROOT, b), a.public)
    forged = sign_checkpoint(7, ROOT, b).replace(b"node-1", b"node-0")
    with pytest.raises(SignatureError, match="did not sign"):
        open_checkpoint(forged, a.public)
    cosignature_alone = cosign(sign_checkpoint(7, ROOT, a), a, 1).split(b"\n")
    del cosignature_alone[4]
    with pytest.raises(SignatureError, match="did not sign"):
        open_checkpoint(b"\n".join(cosignature_alone), a.public)


@pytest.mark.parametrize(
    "body",
    [
        "counterfoil/node-0\n07\n{root}\n",
        "counterfoil/node-0\n-7\n{root}\n",
        "counterfoil/node-0\n7\n{short}\n",
        "counterfoil/node-0\n7\n{root}\nextension\n",
        "counterfoil/node-0\n7\n",
        "counterfoil/node-0\n99999999999999999\n{root}\n",
        "counterfoil/node-0\r\n7\n{root}\n",
        "\n7\n{root}\n",
    ],
)
def test_checkpoints_out_of_form_are_refused_even_if_signed(parties: list[PrivateKeys], body: str) -> None:
    from counterfoil.audit.checkpoint import _key_id, _line

    a = parties[0]
    filled = {"root": base64.b64encode(ROOT).decode(), "short": base64.b64encode(ROOT[1:]).decode()}
    text = body.format(**filled).encode()
    note = text + b"\n" + _line("counterfoil/node-0", _key_id(a.public, b"\x01"), a.signing_key.sign(text))
    with pytest.raises(SignatureError):
        open_checkpoint(note, a.public)


@pytest.mark.parametrize("note", [b"", b"\n\n", b"x", b"x\n\ny\n", b"\xff\n\n\xff\n", b"a\n" * 99_999, b"a\n\n"])
def test_other_bytes_are_no_note(parties: list[PrivateKeys], note: bytes) -> None:
    with pytest.raises(SignatureError):
        open_checkpoint(note, parties[0].public)
    with pytest.raises(SignatureError):
        cosigners(note, [parties[0].public])


# --- published logs ---------------------------------------------------------------------------------------------


def test_tile_names_follow_the_format() -> None:
    assert layout._tile_name(0, 256) == ("000",)
    assert layout._tile_name(273, 112) == ("273.p", "112")
    assert layout._tile_name(1234067, 256) == ("x001", "x234", "067")


def test_a_published_log_is_read_and_verified(homes: list[Home]) -> None:
    a, b = homes
    _fill(a, 3)
    assert publish(a.log, a.exchange) == a.log.checkpoint()
    published = read_published(b.exchange, "node-0")
    assert published.owner == a.keys.public
    assert list(published.entries) == a.log.entries()
    assert published_parties(b.exchange) == ["node-0"]
    (line,) = verify_bundle(b.exchange, {})
    assert "log of node-0: 3 entries" in line
    assert "UNPINNED" in line
    (line,) = verify_bundle(b.exchange, {"node-0": a.keys.public})
    assert "UNPINNED" not in line


def test_tiles_of_a_larger_log(homes: list[Home], monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiles of 4 a small log has three levels; the names and hashes follow the same rule as with 256."""
    a, _ = homes
    monkeypatch.setattr(layout, "WIDTH", 4)
    monkeypatch.setattr(layout, "HEIGHT", 2)
    for count in (1, 3, 7, 10):
        _fill(a, count)
        publish(a.log, a.exchange)
        published = read_published(a.exchange, "node-0")
        assert list(published.entries) == a.log.entries()
        assert list(published.leaf_hashes) == [leaf_hash(entry) for entry in a.log.entries()]
    tiles = {name[3:]: a.exchange.get_named(name) for name in a.exchange.list(("log", "node-0", "tile"))}
    assert {name for name in tiles if name[0] == "1"} == {
        ("1", "000.p", "1"), ("1", "000.p", "2"), ("1", "000"), ("1", "001.p", "1")
    }  # fmt: skip
    leaves = [leaf_hash(entry) for entry in a.log.entries()]
    assert tiles["1", "000"] == b"".join(MerkleTree(leaves[i : i + 4]).root() for i in (0, 4, 8, 12))
    assert tiles["2", "000.p", "1"] == MerkleTree(leaves[:16]).root()


def test_publishing_again_and_after_growth(homes: list[Home]) -> None:
    a, _ = homes
    publish(a.log, a.exchange)
    assert "0 entries" in verify_bundle(a.exchange, {})[0]
    _fill(a, 2)
    publish(a.log, a.exchange)
    publish(a.log, a.exchange)
    assert len(read_published(a.exchange, "node-0").others) == 2


def test_tampering_in_the_exchange_is_named(homes: list[Home], tmp_path: Path) -> None:
    a, _ = homes
    _fill(a, 5)
    publish(a.log, a.exchange)
    bundle = tmp_path / "exchange" / "log" / "node-0" / "tile" / "entries" / "000.p" / "5"
    hashes = tmp_path / "exchange" / "log" / "node-0" / "tile" / "0" / "000.p" / "5"
    good = bundle.read_bytes()
    bundle.write_bytes(good.replace(b'"rows":3', b'"rows":4'))
    with pytest.raises(TamperedError, match="log of node-0: entry 3 was edited"):
        verify_bundle(a.exchange, {})
    hashes.write_bytes(bytes(160))
    with pytest.raises(TamperedError, match="log of node-0: entry 3 was edited"):
        verify_bundle(a.exchange, {})
    bundle.write_bytes(good[: len(good) // 2])
    with pytest.raises(TamperedError, match=r"log of node-0: entry \d was"):
        verify_bundle(a.exchange, {})
    bundle.unlink()
    with pytest.raises(TamperedError, match="log of node-0: entry 0 was dropped"):
        verify_bundle(a.exchange, {})
    bundle.write_bytes(good)
    assert verify_bundle(a.exchange, {})


def test_every_changed_byte_of_a_published_log_is_refused(homes: list[Home], tmp_path: Path) -> None:
    a, _ = homes
    _fill(a, 2)
    publish(a.log, a.exchange)
    pinned = {"node-0": a.keys.public}
    folder = tmp_path / "exchange" / "log" / "node-0"
    for path in (folder / "tile" / "entries" / "000.p" / "2", folder / "checkpoint"):
        good = path.read_bytes()
        for position in range(len(good)):
            changed = bytearray(good)
            changed[position] ^= 1 << (position % 8)
            path.write_bytes(bytes(changed))
            with pytest.raises((TamperedError, SignatureError)):
                verify_bundle(a.exchange, pinned)
        path.write_bytes(good)


def test_a_pinned_card_is_not_replaced_by_the_exchange(homes: list[Home], tmp_path: Path) -> None:
    a, b = homes
    impostor = Home.create(tmp_path / "impostor", "node-0", str(tmp_path / "exchange"))
    _fill(impostor, 1)
    publish(impostor.log, impostor.exchange)
    assert "UNPINNED" in verify_bundle(b.exchange, {})[0]
    with pytest.raises(SignatureError, match="node-0 did not sign"):
        verify_bundle(b.exchange, {"node-0": a.keys.public})


def test_a_card_of_another_party_beside_a_log_is_refused(homes: list[Home]) -> None:
    a, b = homes
    publish(a.log, a.exchange)
    publish(b.log, b.exchange)
    card = b.exchange.get_named(("log", "node-1", "card"))
    a.exchange.put_named(("log", "node-0", "card"), card, replace=True)
    with pytest.raises(DocumentError, match="that of node-1"):
        verify_bundle(a.exchange, {})
    a.exchange.put_named(("log", "node-0", "card"), b"[" * 10_000, replace=True)
    with pytest.raises(DocumentError):
        verify_bundle(a.exchange, {})


def test_a_home_put_back_from_a_backup_does_not_publish(homes: list[Home], tmp_path: Path) -> None:
    a, _ = homes
    _fill(a, 2)
    shutil.copytree(a.path, tmp_path / "backup")
    _fill(a, 2)
    publish(a.log, a.exchange)
    old = Home.open(tmp_path / "backup")
    with pytest.raises(TamperedError, match="does not continue"):
        publish(old.log, old.exchange)
    _fill(old, 5, "another-history")
    with pytest.raises(TamperedError, match="does not continue"):
        publish(old.log, old.exchange)


def test_further_checks_get_what_was_verified_and_their_lines_are_shown(homes: list[Home]) -> None:
    a, _ = homes
    publish(a.log, a.exchange)

    def releases(verified: Verified) -> list[str]:
        assert verified.keys == {"node-0": a.keys.public}
        assert verified.log("node-0").size == 0
        return ["1 release"]

    assert verify_bundle(a.exchange, {}, [releases])[-1] == "1 release"


def test_an_exchange_without_logs_is_not_called_verified(homes: list[Home]) -> None:
    with pytest.raises(NotFoundError, match="no published log"):
        verify_bundle(homes[0].exchange, {})
    with pytest.raises(NotFoundError):
        read_published(homes[0].exchange, "node-0")


# --- witnesses --------------------------------------------------------------------------------------------------


def _witness(of: Home, by: Home) -> bytes:
    return witness(of.keys.public, by.keys, by.state, by.exchange)


def test_a_witness_cosigns_a_log_that_only_grows(homes: list[Home]) -> None:
    a, b = homes
    for count in (1, 0, 4):
        _fill(a, count)
        publish(a.log, a.exchange)
        cosigned = _witness(a, b)
        assert cosigners(cosigned, [b.keys.public]).keys() == {"node-1"}
    publish(b.log, b.exchange)
    assert "cosigned by node-1" in verify_bundle(a.exchange, {})[0]


def test_an_honest_witness_reveals_a_fork_a_rollback_and_an_edit(homes: list[Home], tmp_path: Path) -> None:
    a, b = homes
    _fill(a, 3)
    shutil.copytree(a.path / "log", tmp_path / "fork")
    _fill(a, 1)
    publish(a.log, a.exchange)
    _witness(a, b)
    exchange_folder = tmp_path / "exchange"
    honest = {path: path.read_bytes() for path in exchange_folder.rglob("*") if path.is_file()}

    def show_another_log(folder: Path, more: int) -> None:
        shutil.rmtree(exchange_folder / "log")
        shutil.copytree(folder, a.path / "log", dirs_exist_ok=True)
        again = Home.open(a.path)
        _fill(again, more, "another-history")
        publish(again.log, again.exchange)

    show_another_log(tmp_path / "fork", 0)
    with pytest.raises(TamperedError, match="entry 3 was dropped: 4 entries were signed before"):
        _witness(a, b)
    show_another_log(tmp_path / "fork", 3)
    with pytest.raises(TamperedError, match="forked"):
        _witness(a, b)
    shutil.rmtree(exchange_folder / "log")
    for path, data in honest.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert _witness(a, b)


def test_a_witness_knows_the_owner_by_its_key(homes: list[Home], tmp_path: Path) -> None:
    a, b = homes
    impostor = Home.create(tmp_path / "impostor", "node-0", str(tmp_path / "exchange"))
    publish(impostor.log, impostor.exchange)
    with pytest.raises(SignatureError):
        _witness(a, b)


def test_cards_are_only_read_from_the_exchange_if_nothing_is_pinned(homes: list[Home]) -> None:
    a, _ = homes
    publish(a.log, a.exchange)
    a.exchange.put_named(("log", "node-0", "card"), b"{}", replace=True)
    assert verify_bundle(a.exchange, {"node-0": a.keys.public})
    with pytest.raises(DocumentError):
        PublicKeys.from_json({})
    with pytest.raises(DocumentError):
        verify_bundle(a.exchange, {})
