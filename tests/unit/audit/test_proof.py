"""Proofs of log entries: the form of C2SP tlog-proof, and every change of one refused."""

from __future__ import annotations

import pytest

from counterfoil.audit.checkpoint import cosign
from counterfoil.audit.log import Log
from counterfoil.audit.proof import Proof, check_proof
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import DocumentError, SignatureError, TamperedError


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[PrivateKeys]:
    folder = tmp_path_factory.mktemp("proof-keys")
    return [PrivateKeys.create(folder / party, party) for party in ("node-0", "node-1", "node-2")]


@pytest.fixture(scope="module")
def log(keys: list[PrivateKeys], tmp_path_factory: pytest.TempPathFactory) -> Log:
    log = Log.open(tmp_path_factory.mktemp("proofs") / "log", keys[0])
    for number in range(11):
        log.append("share-received", counts={"rows": number})
    return log


def prove(log: Log, index: int, keys: list[PrivateKeys]) -> Proof:
    note = cosign(cosign(log.checkpoint(), keys[1], 100), keys[2], 200)
    return Proof(index, tuple(log.inclusion_proof(index)), note)


def test_the_text_is_as_c2sp_has_it(log: Log, keys: list[PrivateKeys]) -> None:
    lines = prove(log, 10, keys).pack().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 10"]
    assert [len(line) for line in lines[2:5]] == [44, 44, 0]  # 10 is alone below 8..10: two hashes
    assert "\n".join(lines[5:]).encode() == prove(log, 10, keys).note


def test_every_entry_is_proved(log: Log, keys: list[PrivateKeys]) -> None:
    for index, entry in enumerate(log.entries()):
        text = prove(log, index, keys).pack()
        checkpoint, seen = check_proof(Proof.parse(text), entry, keys[0].public, [k.public for k in keys])
        assert (checkpoint.size, seen) == (11, {"node-1": 100, "node-2": 200})


def test_every_changed_character_is_refused(log: Log, keys: list[PrivateKeys]) -> None:
    text, entry = prove(log, 3, keys).pack(), log.entries()[3]
    for position, character in enumerate(text):
        for other in {"A", "B", "\n", "0"} - {character}:
            changed = text[:position] + other + text[position + 1 :]
            with pytest.raises((DocumentError, SignatureError, TamperedError, AssertionError)):
                _, seen = check_proof(Proof.parse(changed), entry, keys[0].public, [k.public for k in keys[1:]])
                assert len(seen) == 2  # a line that names somebody else is nobody's


def test_another_entry_or_place_is_refused(log: Log, keys: list[PrivateKeys]) -> None:
    proof, entries = prove(log, 3, keys), log.entries()
    with pytest.raises(TamperedError, match="log of node-0: entry 3 is not what its proof says"):
        check_proof(proof, entries[4], keys[0].public, [])
    with pytest.raises(TamperedError, match="entry 4 is not"):
        check_proof(Proof(4, proof.hashes, proof.note), entries[3], keys[0].public, [])
    with pytest.raises(SignatureError, match="another log"):
        check_proof(proof, entries[3], keys[1].public, [])


@pytest.mark.parametrize(
    "text",
    ["", "index 0\n\n", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nindex 01\n\nx", "c2sp.org/tlog-proof@v1\n"
     "index 1\nAAAA\n\nx", "c2sp.org/tlog-proof@v1\nindex 1\n" + f"{'A' * 43}=\n" * 64 + "\nx",
     "c2sp.org/tlog-proof@v2\nindex 1\n\nx", "c2sp.org/tlog-proof@v1\nextra AA==\nindex 1\n\nx"],
)  # fmt: skip
def test_other_texts_are_no_proof(text: str) -> None:
    with pytest.raises(DocumentError, match="tlog-proof"):
        Proof.parse(text)
