"""Sealed envelopes and chunked encryption: whole or refused. Vectors: Wycheproof (filippo.io/cobblestone)."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.crypto import chunked
from counterfoil.crypto.chunked import CHUNK
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.seal import seal, sealed_bytes, unseal
from counterfoil.errors import SealError

VECTOR_KEY = b"YELLOW SUBMARINE YELLOW SUBMARIN"
VECTORS = {  # zlib-compressed ciphertext, as published: length and SHA-512 of the message
    "empty": (
        "78da004800b7ff43a2e39431cbae0389d3fc86adf46f7c3a24de88d9311617e53f3164cc1d5dc738a66b97f0bf786565c31799c2f463"
        "d50a7e10046011dc6fc3c939e3a5db7affb6191551669554fb010000ffff4bc124df",
        0,
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd4741"
        "7a81a538327af927da3e",
    ),
    "short": (
        "78da004f00b0ffa1a1b56f6db58cd1ede0c5c9db62aef20d3f96a6c594bb9252bb38122de91236502b42a1d7fcab820ffa292940d2f8"
        "6add212cfa42c38df19d3cc9139ee61a5990d3db57433514229beea49a8a72bd010000ffffdb4f2a44",
        7,
        "e85f32a85f1d4f7c9b2d36d20eca8435d81253e7075e9dea069eb1b6da48daf92ef1797367b520d8a46c4f72cecb85b1daff8887fcb4"
        "1721d39943d1952fc180",
    ),
    "a full chunk and a byte": (
        "78daecc0312b05010000e0ab33889449c9a0cb22b9ba89943f70a5fc02db1918582c6e757465a0db6eb11ad5a52e1383b2dca26c66a464"
        "7b75f55ebdf733def27d4f7ff71fd7e9db7137b778b1558707cdd27cf270d4177b2f7751f738d80e376f9ed7aaaf7c793dfa0d47ef2797"
        "b3e57ed6bf360100000000000000000000000000000030750bc9613ffc6cafd232cb57ebd3b320de5d29cedbf876a7da18ff7fffcc4c02"
        "0000ffffea552abb",
        16385,
        "db9e441f318209d02c8eaedfa94be7a08d3414057835c80ecea2deb0b16438ff97ae6dac13a749efe4a24686b01dc0dfab756703e810cc"
        "164466cd5cce99b3e8",
    ),
}


REFUSED = {  # key, context and ciphertext, zlib-compressed
    "tag cut off": (
        VECTOR_KEY.hex(),
        "",
        "78dad270329c9ddec7ada418b04767c7923331ee2c87262f125d59a0c8be7373eb2fa924762df7ae29ded2bfa34de6579c357a702440af"
        "45d1be6fae3c03200000ffff94c01721",
    ),
    "shorter than a tag": (
        VECTOR_KEY.hex(),
        "",
        "78da004400bbff679551dfcc4221c2c5f3dfcff2f94fcd7df0dc5d0dac8ceb294cda58ffffbe199532a141b16102b69550faa5e1315a3c"
        "823e58b9e3141839e1fd278b80a7dabc12eaa4ed010000ffff54b5266f",
    ),
    "no chunk": (
        VECTOR_KEY.hex(),
        "",
        "78da003800c7ffe728f14e89526f8830991f461c0fd07601a246a0c94b753ba4fab29386d9e39e72d5e8955f709651b6dedb825c64c984"
        "364f74e1b6ac93d6010000ffff198a1ded",
    ),
    "full chunk alone": (
        VECTOR_KEY.hex(),
        "",
        "78daecc0a17281010000e0ed05f6005bd8edb6b6b2956db7b2b6853581843b89eaee0fff398993088222f93d8042f0272fa0090402f557"
        "8838e73194efdb546ebb0fe7f1f772300c82bfb7ed7ba691faa9dd3ff6abedf818164abf51b957ff9f4df7f364158f16e9fccbd35df694"
        "9bdc0000000000000000000000000000000057f7997c1cc2d7a8b34e76cf5fc556f3120000ffffbcaa2611",
    ),
    "wrong commitment": (
        VECTOR_KEY.hex(),
        "",
        "78da004900b6ffa7bf214ab87afe86ae30940aba6d25aa92d1c26a7c4de03ece1f5f63bd31ca5d9517ce97effb9ce62c4f01433335d070"
        "ca3de6243f4cb67a00a4deb622c6b80140d1c88f54ade32fdc010000ffff59a52514",
    ),
    "wrong key": (
        "4f52414e4745205355424d4152494e45204f52414e4745205355424d4152494e",
        "",
        "78da004900b6ffabeb3f4f4a3ea1f1f76bc25808b37063d4cb21425ca6a8b16271ed22f6a3f51ec7e7fa4dcef196179d3c77b5b4210376"
        "6ae1975bae6ae0690079aa245e53811c13d45a553b0365b499010000ffffa0d324a1",
    ),
    "short key": (
        "4f52414e4745205355424d4152494e45204f52414e4745205355424d415249",
        "",
        "78da004900b6ff6ef808c1cd9f44167ca6def93900220263151ac63993ec688bd665a34ce4ef6ddcdef700c0a0d03f2cf4e9a9223e5beb"
        "44cf2b8648a517d800395459ad30bf0be4ebdf76177cab6b63010000ffff4e6c248e",
    ),
    "wrong context": (
        VECTOR_KEY.hex(),
        "77726f6e6720636f6e74657874",
        "78da004900b6ff36201844cafc0e596bec8782c560b7b1d065b90a94d227007f07a7185f0c1f449310232a0ff1d5667ece42aff4e7c035"
        "9df78ece43b312d50034c80236b5c7900f7eebe540d242b8eb010000ffffc64f22fe",
    ),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> PrivateKeys:
    return PrivateKeys.create(tmp_path_factory.mktemp("seal") / "keys", "node-0")


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors_open(name: str) -> None:
    compressed, length, sha512 = VECTORS[name]
    message = chunked.decrypt(VECTOR_KEY, zlib.decompress(bytes.fromhex(compressed)))
    assert (len(message), hashlib.sha512(message).hexdigest()) == (length, sha512)


@pytest.mark.parametrize("name", REFUSED)
def test_published_bad_vectors_are_refused(name: str) -> None:
    key, context, compressed = REFUSED[name]
    with pytest.raises(SealError):
        chunked.decrypt(bytes.fromhex(key), zlib.decompress(bytes.fromhex(compressed)), bytes.fromhex(context))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 300 * CHUNK + 5])
def test_sizes_around_the_chunk(keys: PrivateKeys, size: int) -> None:
    plaintext = bytes(range(256)) * (size // 256) + bytes(size % 256)
    sealed = seal(plaintext, keys.public, b"purpose")
    assert len(sealed) == sealed_bytes(size) == 1224 + size + 16 * (size // CHUNK + 1)
    assert unseal(sealed, keys, b"purpose") == plaintext


def test_views_of_wider_elements_are_sealed_whole(keys: PrivateKeys) -> None:
    words = memoryview(bytes(range(64))).cast("Q")
    assert unseal(seal(words, keys.public, b""), keys, b"") == bytes(range(64))


def test_sealing_twice_shows_no_equality(keys: PrivateKeys) -> None:
    assert seal(b"same", keys.public, b"") != seal(b"same", keys.public, b"")


def test_every_flipped_bit_is_refused(keys: PrivateKeys) -> None:
    sealed = seal(b"share", keys.public, b"purpose")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1 << (position % 8)
        with pytest.raises(SealError):
            unseal(bytes(changed), keys, b"purpose")


def test_every_truncation_and_extension_is_refused(keys: PrivateKeys) -> None:
    sealed = seal(b"share", keys.public, b"purpose")
    for size in range(len(sealed)):
        with pytest.raises(SealError):
            unseal(sealed[:size], keys, b"purpose")
    for more in (b"\0", bytes(16), bytes(chunked.CHUNK + 16)):
        with pytest.raises(SealError):
            unseal(sealed + more, keys, b"purpose")


def test_only_the_recipient_and_only_for_the_purpose(
    keys: PrivateKeys, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = PrivateKeys.create(tmp_path_factory.mktemp("other") / "keys", "node-1")
    sealed = seal(b"share", keys.public, b"job 1")
    with pytest.raises(SealError):
        unseal(sealed, other, b"job 1")
    for info in (b"job 2", b"", b"job 1\0"):
        with pytest.raises(SealError):
            unseal(sealed, keys, info)


def test_chunks_cannot_be_swapped_dropped_or_cut_at_a_boundary() -> None:
    key, tag = bytes(32), 16
    body = 24 + 32
    ciphertext = chunked.encrypt(key, bytes(3 * CHUNK + 10))
    step = CHUNK + tag
    chunks = [ciphertext[body + i * step : body + (i + 1) * step] for i in range(4)]
    header = ciphertext[:body]
    for order in ([1, 0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2, 3, 3], [0, 0, 1, 2, 3], [3], []):
        with pytest.raises(SealError):
            chunked.decrypt(key, header + b"".join(chunks[i] for i in order))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=3 * CHUNK), st.binary(max_size=40), st.binary(min_size=32, max_size=32))
def test_chunked_round_trip_and_context(plaintext: bytes, context: bytes, key: bytes) -> None:
    ciphertext = chunked.encrypt(key, plaintext, context)
    assert chunked.decrypt(key, ciphertext, context) == plaintext
    with pytest.raises(SealError):
        chunked.decrypt(key, ciphertext, context + b"x")
    with pytest.raises(SealError):
        chunked.decrypt(bytes(32) if key != bytes(32) else b"1" * 32, ciphertext, context)
