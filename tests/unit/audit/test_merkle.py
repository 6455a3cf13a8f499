"""RFC 6962 trees: every root and every proof, beside a second implementation, and no proof of anything else."""

from __future__ import annotations

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.audit.merkle import MerkleTree, consistent, included, leaf_hash

RFC6962_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
RFC6962_ROOTS = [  # of the first 0 to 8 leaves, from the Certificate Transparency reference implementation
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_rfc6962_vectors() -> None:
    tree = MerkleTree(map(leaf_hash, RFC6962_LEAVES))
    assert [tree.root(size).hex() for size in range(9)] == RFC6962_ROOTS
    assert [node.hex() for node in tree.inclusion(5, 8)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [node.hex() for node in tree.consistency(6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 70])
def test_every_root_and_proof_agrees_with_a_second_implementation(size: int) -> None:
    entries = [b"entry %d" % number for number in range(size)]
    tree = MerkleTree(map(leaf_hash, entries))
    oracle = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries:
        oracle.append_entry(entry)
    assert tree.root() == oracle.get_root()
    for index in range(size):
        root = oracle.get_root(index + 1)
        assert tree.root(index + 1) == root
        proof = tree.inclusion(index, size)
        pymerkle.verify_inclusion(leaf_hash(entries[index]), tree.root(), oracle.prove_inclusion(index + 1, size))
        assert included(leaf_hash(entries[index]), index, size, proof, tree.root())
        path = tree.consistency(index + 1, size)
        pymerkle.verify_consistency(root, tree.root(), oracle.prove_consistency(index + 1, size))
        assert consistent(index + 1, root, size, tree.root(), path)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 80), st.data())
def test_no_proof_holds_for_anything_else(size: int, data: st.DataObject) -> None:
    tree = MerkleTree(leaf_hash(b"%d" % number) for number in range(size))
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index) if size > 1 else st.just(size))
    leaf, proof, root = tree.level(0)[index], tree.inclusion(index, size), tree.root()
    assert included(leaf, index, size, proof, root)
    assert not included(leaf, other, size, proof, root)
    assert not included(leaf_hash(b"x"), index, size, proof, root)
    assert not included(leaf, index, size, [*proof, leaf], root)
    assert not included(leaf, index, size, proof, leaf_hash(b"x"))
    old = data.draw(st.integers(1, size))
    path = tree.consistency(old, size)
    assert consistent(old, tree.root(old), size, root, path)
    assert not consistent(old, leaf_hash(b"x"), size, root, path)
    assert not consistent(old, tree.root(old), size, leaf_hash(b"x"), path)
    assert not consistent(old, tree.root(old), size, root, [*path, leaf])
    if path:
        assert not consistent(old, tree.root(old), size, root, path[:-1])
        assert not consistent(old, tree.root(old), size, root, [leaf_hash(b"x"), *path[1:]])


def test_sizes_beyond_the_tree_are_refused() -> None:
    tree = MerkleTree([leaf_hash(b"x")])
    for call in (lambda: tree.root(2), lambda: tree.inclusion(1, 1), lambda: tree.consistency(2, 1)):
        with pytest.raises(IndexError):
            call()
