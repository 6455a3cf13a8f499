"""A node takes in what the agreement asks for, from who may give it, whole, once; and refuses the rest by name."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterfoil.canonical import Ref
from counterfoil.crypto.sign import sign
from counterfoil.errors import (
    CounterfoilError,
    ExpiredError,
    NotFoundError,
    OutOfBoundsError,
    RefusedError,
    ReplayError,
    SealError,
    ShapeError,
    SignatureError,
    StoreError,
    TamperedError,
)
from counterfoil.governance.jobs.acceptance import check_intakes
from counterfoil.governance.jobs.manifest import ArraySpec, Manifest, check_manifest
from counterfoil.governance.jobs.submission import accept, load_shares, read_manifest
from counterfoil.mpc.suites import input as shared_input
from tests.lib.trials import dice, trials
from tests.unit.conftest import NOW, Consortium
from tests.unit.governance.submitting import OWNERS, ROWS, arrays, hand_in, manifest, specs

NODES = ("node-0", "node-1", "node-2")


def take_in(consortium: Consortium, ref: Ref, node: str = "node-0", **changes: Any) -> Manifest:
    return accept(
        ref,
        consortium.known(node),
        consortium.homes[node],
        changes.get("specs", specs),
        changes.get("now", NOW),
    )


def put_manifest(consortium: Consortium, made: Manifest, signer: str | None = None, owner: str | None = None) -> Ref:
    """The manifest lies in the exchange as if its owner had signed it."""
    keys = consortium.homes[signer or made.owner].keys
    return consortium.exchange.put("manifest", owner or made.owner, sign("manifest", made.pack(), keys))


def envelope_of(consortium: Consortium, made: Manifest, node: str) -> Path:
    return Path(consortium.exchange.url) / "envelopes" / made.digest / node


@pytest.mark.parametrize("owner", OWNERS)
def test_what_the_nodes_hold_adds_up_to_what_was_handed_in(owner: str, shared: Consortium) -> None:
    ref = hand_in(shared, owner)
    made = [take_in(shared, ref, node) for node in NODES]
    assert made[0] == made[1] == made[2]
    for name, values in arrays().items():
        held = [load_shares(made[0], name, shared.homes[node].vault) for node in NODES]
        for index in range(3):  # P_i holds x_i and x_{i+1}
            assert (held[index][1] == held[(index + 1) % 3][0]).all()
        assert ((held[0][0] + held[1][0] + held[2][0]).view(np.int64) == values).all()
        assert held[0][0].shape == values.shape
    check_intakes(made[0], shared.known(owner), shared.exchange)


def test_nobody_sees_a_value_on_the_way(shared: Consortium) -> None:
    canary = 123_456_789
    hand_in(shared, "bank-a")
    seen = b"".join(path.read_bytes() for path in Path(shared.exchange.url).rglob("*") if path.is_file())
    assert canary.to_bytes(8, "little") not in seen
    assert str(canary).encode() not in seen


def test_a_submission_counts_once_even_after_a_restart(shared: Consortium) -> None:
    ref = hand_in(shared, "bank-a")
    made = take_in(shared, ref)
    with pytest.raises(ReplayError, match="counts once"):
        take_in(shared, ref)
    again = shared.exchange.put("manifest", "bank-a", sign("manifest", made.pack(), shared.homes["bank-a"].keys))
    with pytest.raises(ReplayError):
        take_in(shared, again)
    other = put_manifest(shared, replace(made, rows=ROWS - 1, arrays=specs(shared.agreement, "loans", ROWS - 1)))
    with pytest.raises(ReplayError):
        take_in(shared, other)
    take_in(shared, ref, "node-1")


def test_nobody_uses_up_the_submission_of_another_owner(shared: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are public as soon as a manifest is; an owner that states another's must not come before it."""
    agreement = shared.known("node-0")
    theirs = hand_in(shared, "bank-a")
    made = read_manifest(theirs, agreement, shared.exchange, NOW)
    with monkeypatch.context() as attacker:
        attacker.setattr(secrets, "token_hex", lambda _: made.submission)
        same = hand_in(shared, "bank-b")
    assert take_in(shared, same).submission == made.submission
    assert take_in(shared, theirs) == made
    assert load_shares(made, next(iter(arrays())), shared.homes["node-0"].vault)


@pytest.mark.parametrize("node", NODES)
def test_another_nodes_envelope_does_not_open(node: str, shared: Consortium) -> None:
    ref = hand_in(shared, "bank-b")
    made = read_manifest(ref, shared.known("node-0"), shared.exchange, NOW)
    other = NODES[(NODES.index(node) + 1) % 3]
    envelope_of(shared, made, node).write_bytes(envelope_of(shared, made, other).read_bytes())
    with pytest.raises(SealError):
        take_in(shared, ref, node)


def test_an_envelope_of_another_submission_does_not_open(shared: Consortium) -> None:
    first, second = hand_in(shared, "bank-b"), hand_in(shared, "bank-b")
    agreement = shared.known("node-0")
    one, two = (read_manifest(ref, agreement, shared.exchange, NOW) for ref in (first, second))
    envelope_of(shared, two, "node-0").write_bytes(envelope_of(shared, one, "node-0").read_bytes())
    with pytest.raises(SealError):
        take_in(shared, second)


def test_an_envelope_opens_for_the_manifest_that_it_was_sealed_under_alone(shared: Consortium) -> None:
    agreement = shared.known("node-0")
    made = read_manifest(hand_in(shared, "bank-b"), agreement, shared.exchange, NOW)
    other = replace(made, not_after=made.not_after + timedelta(hours=1))
    envelope = envelope_of(shared, made, "node-0").read_bytes()
    shared.exchange.put_named(("envelopes", other.digest, "node-0"), envelope)
    with pytest.raises(SealError):
        take_in(shared, put_manifest(shared, other))


def test_a_changed_or_missing_envelope_is_noticed_and_the_submission_still_counts_later(shared: Consortium) -> None:
    ref = hand_in(shared, "bank-c")
    path = envelope_of(shared, read_manifest(ref, shared.known("node-0"), shared.exchange, NOW), "node-0")
    held = path.read_bytes()
    for position in (0, len(held) // 2, len(held) - 1):
        path.write_bytes(held[:position] + bytes([held[position] ^ 1]) + held[position + 1 :])
        with pytest.raises(SealError):
            take_in(shared, ref)
    path.unlink()
    with pytest.raises(NotFoundError):
        take_in(shared, ref)
    path.write_bytes(held)
    take_in(shared, ref)


CHANGES: dict[str, Callable[[bytes, list[bytes], np.random.Generator], bytes]] = {
    "bit flipped": lambda sealed, others, rng: with_bit_flipped(sealed, int(rng.integers(8 * len(sealed)))),
    "truncated": lambda sealed, others, rng: sealed[: int(rng.integers(len(sealed)))],
    "extended": lambda sealed, others, rng: sealed + rng.bytes(int(rng.integers(1, 64))),
    "exchanged": lambda sealed, others, rng: others[int(rng.integers(len(others)))],
    "spliced": lambda sealed, others, rng: spliced(sealed, others[int(rng.integers(len(others)))], rng),
}
"""What lies in the exchange for an envelope, which is given with those of other nodes, times and owners."""


def with_bit_flipped(sealed: bytes, place: int) -> bytes:
    return sealed[: place // 8] + bytes([sealed[place // 8] ^ 1 << place % 8]) + sealed[place // 8 + 1 :]


def spliced(one: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(1, min(len(one), len(other))))
    return one[:at] + other[at:]


@pytest.mark.timeout(3600)
@trials(quick=10, full=1000)
@pytest.mark.parametrize("change", CHANGES)
def test_every_changed_envelope_is_refused(change: str, trials: range, shared: Consortium) -> None:
    ref, *more = [hand_in(shared, owner) for owner in ("bank-a", "bank-a", "bank-b")]
    made, *theirs = [read_manifest(each, shared.known("node-0"), shared.exchange, NOW) for each in (ref, *more)]
    path = envelope_of(shared, made, "node-0")
    held = path.read_bytes()
    others = [envelope_of(shared, made, "node-1"), *(envelope_of(shared, each, "node-0") for each in theirs)]
    found = [each.read_bytes() for each in others]
    for seed in trials:
        path.write_bytes(CHANGES[change](held, found, dice(seed)))
        with pytest.raises((SealError, TamperedError, StoreError)):
            take_in(shared, ref)
            pytest.fail(f"seed {seed}")
    path.write_bytes(held)
    take_in(shared, ref)


def test_a_component_that_was_not_committed_to_is_refused(shared: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner that deals inconsistent shares: its manifest commits to something else."""

    def lying(values: Any, n: int, submission_id: str) -> Any:
        made = honest(values, n, submission_id)
        return replace(made, commitments=(b"\0" * 32, *made.commitments[1:]))

    honest = shared_input.split
    monkeypatch.setattr(shared_input, "split", lying)
    ref = hand_in(shared, "bank-d")
    with pytest.raises(TamperedError, match="component 0"):
        take_in(shared, ref, "node-0")
    take_in(shared, ref, "node-1")  # holds components 1 and 2 only: the job will not start, as node-0 has no receipt
    with pytest.raises(NotFoundError, match="node-0 has not taken in"):
        check_intakes(
            read_manifest(ref, shared.known("node-1"), shared.exchange, NOW), shared.known("node-1"), shared.exchange
        )


REFUSED: dict[str, tuple[Callable[[Manifest], Manifest], type[CounterfoilError], str]] = {
    "another agreement": (lambda m: replace(m, agreement="0" * 64), RefusedError, "another agreement"),
    "another roster": (lambda m: replace(m, roster="0" * 64), RefusedError, "another agreement or roster"),
    "unknown contract": (lambda m: replace(m, contract="other"), RefusedError, "another contract"),
    "older contract": (lambda m: replace(m, contract_digest="0" * 64), RefusedError, "another contract"),
    "another suite": (lambda m: replace(m, suite="rep4"), RefusedError, "split for rep4"),
    "four commitments": (lambda m: replace(m, commitments=(*m.commitments, b"x" * 32)), RefusedError, "split for"),
    "period to come": (lambda m: replace(m, period="2026-w49"), RefusedError, "2026-w49"),
    "period before the start": (lambda m: replace(m, period="2026-w43"), RefusedError, "2026-w43"),
    "consent to less": (lambda m: replace(m, plans=dict([*m.plans.items()][1:])), RefusedError, "consents to other"),
    "consent to another plan": (
        lambda m: replace(m, plans={**m.plans, "total-exposure": "0" * 64}),
        RefusedError,
        "consents to other",
    ),
    "consent to more": (lambda m: replace(m, plans={**m.plans, "extra": "0" * 64}), RefusedError, "consents to other"),
    "more rows than the contract allows": (lambda m: replace(m, rows=200_001), RefusedError, "allows 200000"),
    "bounds too wide to check": (
        lambda m: replace(m, arrays={**m.arrays, "total--sum": ArraySpec((), 0, (1 << 61) + 1)}),
        RefusedError,
        "cannot be checked",
    ),
    "bounds the wrong way round": (
        lambda m: replace(m, arrays={**m.arrays, "total--sum": ArraySpec((), 1, 0)}),
        RefusedError,
        "cannot be checked",
    ),
    "too late": (lambda m: replace(m, not_after=NOW - timedelta(seconds=1)), ExpiredError, "submit again"),
    "wider bounds than agreed": (
        lambda m: replace(m, arrays={**m.arrays, "total--sum": ArraySpec((), 0, 10**13)}),
        RefusedError,
        "other arrays than agreed",
    ),
    "one array less": (
        lambda m: replace(m, arrays={"total--sum": m.arrays["total--sum"]}),
        RefusedError,
        "other arrays than agreed",
    ),
    "more rows in the arrays than stated": (
        lambda m: replace(m, arrays=specs(None, "", ROWS + 1)),
        RefusedError,
        "other arrays than agreed",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_manifest_that_is_not_as_agreed_is_refused(name: str, shared: Consortium) -> None:
    change, error, words = REFUSED[name]
    ref = put_manifest(shared, change(manifest(shared, "bank-a")))
    with pytest.raises(error, match=words):
        take_in(shared, ref)


def test_only_an_owner_hands_in(shared: Consortium) -> None:
    made = manifest(shared, "regulator")
    with pytest.raises(RefusedError, match="not an owner"):
        check_manifest(made, shared.known("node-0"), NOW)
    with pytest.raises(RefusedError, match="is not a submission of an owner"):
        take_in(shared, put_manifest(shared, made))
    with pytest.raises(RefusedError, match="not an owner"):
        hand_in(shared, "regulator")


@pytest.mark.parametrize("signer", ["bank-b", "node-1", "coordinator"])
def test_only_the_owner_itself_signs_for_itself(signer: str, shared: Consortium) -> None:
    made = manifest(shared, "bank-a")
    with pytest.raises(SignatureError, match="not signed by bank-a"):
        take_in(shared, put_manifest(shared, made, signer=signer))
    if signer == "bank-b":
        with pytest.raises(SignatureError, match="names bank-a as its owner"):
            take_in(shared, put_manifest(shared, made, signer=signer, owner=signer))


def test_a_document_of_another_kind_is_no_manifest(shared: Consortium) -> None:
    made = manifest(shared, "bank-a")
    envelope = sign("receipt", made.pack(), shared.homes["bank-a"].keys)
    with pytest.raises(SignatureError):
        take_in(shared, shared.exchange.put("manifest", "bank-a", envelope))
    with pytest.raises(RefusedError):
        take_in(shared, shared.exchange.put("receipt", "bank-a", envelope))


def test_only_a_node_takes_in(shared: Consortium) -> None:
    ref = hand_in(shared, "bank-a")
    with pytest.raises(RefusedError, match="coordinator is not a node"):
        take_in(shared, ref, "coordinator")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"rows": 200_001}, RefusedError),
        ({"contract": "other"}, RefusedError),
        ({"period": "2026-w49"}, RefusedError),
        ({"arrays": {"total--sum": np.array(1, np.int64)}}, ShapeError),
        ({"arrays": {}, "specs": {}}, ShapeError),
        ({"arrays": {**arrays(), "total--sum": np.array([1], np.int64)}}, ShapeError),
        ({"arrays": {**arrays(), "total--sum": np.array(1, np.uint64)}}, ShapeError),
        ({"arrays": {**arrays(), "total--sum": np.array(-1, np.int64)}}, OutOfBoundsError),
        ({"arrays": {**arrays(), "total--sum": np.array(10**12 + 1, np.int64)}}, OutOfBoundsError),
    ],
)
def test_an_owner_is_told_before_anything_leaves(
    change: dict[str, Any], error: type[CounterfoilError], shared: Consortium
) -> None:
    before = shared.exchange.list()
    with pytest.raises(error):
        hand_in(shared, "bank-a", **change)
    assert shared.exchange.list() == before


def test_receipts_of_others_or_for_others_do_not_count(shared: Consortium) -> None:
    ref = hand_in(shared, "bank-a")
    *_, made = [take_in(shared, ref, node) for node in NODES]
    agreement, folder = shared.known("bank-a"), Path(shared.exchange.url) / "receipts"
    path = folder / made.digest / "node-2"
    held = path.read_bytes()
    path.write_bytes((folder / made.digest / "node-1").read_bytes())
    with pytest.raises(SignatureError, match="not signed by node-2"):
        check_intakes(made, agreement, shared.exchange)
    other = take_in(shared, hand_in(shared, "bank-a"), "node-2")
    path.write_bytes((folder / other.digest / "node-2").read_bytes())
    with pytest.raises(SignatureError, match="is for another submission"):
        check_intakes(made, agreement, shared.exchange)
    path.write_bytes(held)
    check_intakes(made, agreement, shared.exchange)


def test_a_receipt_follows_the_shares(shared: Consortium) -> None:
    """A node that dies before it has the shares has given no receipt and takes the submission in afterwards."""
    ref = hand_in(shared, "bank-a")
    home = shared.homes["node-0"]
    made = read_manifest(ref, shared.known("node-0"), shared.exchange, NOW)

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home.vault, "keep", full)
        with pytest.raises(OSError, match="no space"):
            take_in(shared, ref)
    with pytest.raises(NotFoundError, match="node-0 has not taken in"):
        check_intakes(made, shared.known("node-0"), shared.exchange)
    take_in(shared, ref)
