"""Submissions: an owner's shares on their way to the nodes, taken in by each node once.

The owner signs a manifest and seals to each node the components that it holds. A node checks the signature, what the
agreement asks for, and each component against its commitment; equal manifests at all nodes are then consistent
sharings, without a message between nodes (PROTOCOLS 3). Knows nothing of tables or analyses.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.canonical import Ref, bind
from counterfoil.crypto.keys import PrivateKeys, PublicKeys
from counterfoil.crypto.seal import seal, sealed_bytes, unseal
from counterfoil.errors import (
    NotFoundError,
    OutOfBoundsError,
    RefusedError,
    ReplayError,
    SealError,
    ShapeError,
    SignatureError,
)
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import SignedAgreement, own_keys
from counterfoil.governance.jobs.acceptance import sign_intake
from counterfoil.governance.jobs.envelopes import VALID, envelope_name
from counterfoil.governance.jobs.manifest import MANIFEST, ArraySpec, Manifest, check_manifest, consented_plans
from counterfoil.governance.jobs.retention_register import is_lost, note_found, note_held
from counterfoil.home import Home
from counterfoil.mpc.ring.shares import Words, as_ring
from counterfoil.mpc.suites import input as shared_input
from counterfoil.storage.vault import Vault

if TYPE_CHECKING:
    from counterfoil.storage.exchange import Exchange

Specs: TypeAlias = Callable[[Agreement, str, int, Sequence[str]], Mapping[str, ArraySpec]]
"""The arrays that an agreement's analyses ask for, given the contract, the number of rows, and the states named."""

_MANIFEST: Final = MANIFEST.kind


def submit(
    arrays: Mapping[str, NDArray[np.int64]],
    specs: Mapping[str, ArraySpec],
    *,
    contract: str,
    rows: int,
    period: str,
    agreement: SignedAgreement,
    keys: PrivateKeys,
    exchange: Exchange,
    now: datetime,
    correction: int = 0,
    keep: Callable[[Manifest, str, bytes], None] = lambda *_: None,
    table: str = "",
    states: Sequence[str] = (),
    note: Callable[[Manifest, bytes], None] = lambda *_: None,
) -> Ref:
    """Split the arrays, seal them to each node and publish them, and then the signed manifest.

    `table` and `states` are what the manifest says of them. `keep` is given what is sealed to each node, and `note` the
    signed manifest, before anybody else can know of it.

    Raises: RefusedError, ShapeError, OutOfBoundsError; nothing is in the exchange then.
    """
    terms = agreement.terms
    submission = secrets.token_hex(16)
    shares = shared_input.split(_flatten(arrays, specs), len(terms.nodes), submission)
    manifest = Manifest(
        submission=submission,
        owner=keys.party,
        agreement=agreement.digest,
        roster=terms.roster.digest,
        contract=contract,
        contract_digest=terms.contracts[contract].digest if contract in terms.contracts else "",
        suite=terms.suite,
        period=period,
        plans=consented_plans(terms, contract),
        rows=rows,
        arrays={name: specs[name] for name in sorted(specs)},
        commitments=shares.commitments,
        not_after=now + VALID,
        correction=correction,
        table=table,
        states=tuple(states),
    )
    check_manifest(manifest, agreement, now)
    for node, envelope in zip(terms.nodes, shares.envelopes, strict=True):
        recipient = terms.roster.party(node).keys
        sealed = seal(envelope, recipient, _info(manifest, recipient))
        keep(manifest, node, sealed)
        exchange.put_named(envelope_name(manifest.digest, node), sealed)
    signed = MANIFEST.sign(manifest.pack(), keys)
    note(manifest, signed)
    return exchange.put(_MANIFEST, keys.party, signed)


def read_manifest(ref: Ref, agreement: SignedAgreement, exchange: Exchange, now: datetime) -> Manifest:
    """Read the manifest, signed by the owner that it names and as the agreement asks.

    Raises: SignatureError, RefusedError, ExpiredError, NotFoundError, TamperedError, DocumentError.
    """
    if ref.kind != _MANIFEST or ref.owner not in agreement.terms.owners:
        raise RefusedError(f"{ref} is not a submission of an owner in agreement {agreement.terms.id}")
    manifest = Manifest.verified(exchange.get(ref), agreement.terms.roster.party(ref.owner).keys)
    if manifest.owner != ref.owner:
        raise SignatureError(f"{ref} is signed by {ref.owner} but names {manifest.owner} as its owner")
    check_manifest(manifest, agreement, now)
    return manifest


def accept(ref: Ref, agreement: SignedAgreement, home: Home, specs: Specs, now: datetime) -> Manifest:
    """Take this node's components into its vault, once, and publish its signed receipt.

    `specs` says which arrays the agreement's analyses ask for; the manifest must state exactly these.

    Raises: ReplayError, RefusedError, TamperedError, SealError, and what `read_manifest` raises.
    """
    manifest = read_manifest(ref, agreement, home.exchange, now)
    if taken_in(manifest, home):
        raise ReplayError(f"submission {manifest.submission} of {manifest.owner} was taken in before; it counts once")
    terms = agreement.terms
    terms.check_node(home.party)
    if manifest.arrays != specs(terms, manifest.contract, manifest.rows, manifest.states):
        raise RefusedError(f"submission {manifest.submission} of {manifest.owner} holds other arrays than agreed")
    longest = sealed_bytes(shared_input.longest_envelope(len(terms.nodes), manifest.size))
    remedy = f"have {manifest.owner} contribute again: it puts back what it sealed"
    try:
        sealed = home.exchange.get_named(envelope_name(manifest.digest, home.party), at_most=longest)
        keys = own_keys(terms, home)
        envelope = unseal(sealed, keys, _info(manifest, keys.public))
    except NotFoundError:
        raise NotFoundError(
            f"submission {manifest.submission} of {manifest.owner}: the exchange has no envelope for {home.party}; "
            f"{remedy}"
        ) from None
    except SealError:
        raise SealError(
            f"submission {manifest.submission} of {manifest.owner}: its envelope for {home.party} was changed in the "
            f"exchange, or is for another key; {remedy}"
        ) from None
    node = terms.nodes.index(home.party)
    parts = shared_input.accept(
        envelope, manifest.commitments, manifest.submission, n=len(terms.nodes), node=node, size=manifest.size
    )
    note_held(agreement, "submission", manifest.digest, home.state, now.date())
    for name, cut in _cuts(manifest):
        spec = manifest.arrays[name]
        kept = {str(index): part[cut].reshape(spec.shape) for index, part in enumerate(parts)}
        home.vault.keep(manifest.digest, name, kept, aad=manifest.agreement.encode())
    # The shares are in the vault before the submission counts as accepted, and it counts before anybody can see that.
    if is_lost(manifest.digest, home.state):
        note_found(manifest.digest, home.state)
    else:
        home.state.remember_once(_MANIFEST, manifest.key)
    sign_intake(manifest, home.keys, home.exchange, now)
    return manifest


def discard_envelope(manifest: str, home: Home) -> None:
    """Discard from the exchange what was sealed to this node under the manifest's digest, if it is there."""
    home.exchange.remove(envelope_name(manifest, home.party))


def taken_in(manifest: Manifest, home: Home) -> bool:
    """Tell whether this node has the submission in its vault, as it may not after its home was lost and restored."""
    return home.state.seen(_MANIFEST, manifest.key) and not is_lost(manifest.digest, home.state)


def load_shares(manifest: Manifest, name: str, vault: Vault) -> tuple[Words, ...]:
    """Load this node's components of a submitted array, in its suite's order. Raises: NotFoundError, TamperedError."""
    kept = vault.load(manifest.digest, name, aad=manifest.agreement.encode())
    return tuple(kept[str(index)] for index in range(len(kept)))


def check_arrays(arrays: Mapping[str, NDArray[np.int64]], specs: Mapping[str, ArraySpec]) -> None:
    """Check that the arrays are those that are described, in their ranges. Raises: ShapeError, OutOfBoundsError."""
    if set(arrays) != set(specs) or not arrays:
        raise ShapeError("the arrays to submit are not those that are described")
    for name, spec in specs.items():
        array = arrays[name]
        if array.shape != spec.shape or array.dtype != np.int64:
            raise ShapeError(f"{name} is {array.dtype} of shape {array.shape}, described is int64 of {spec.shape}")
        if array.size and not spec.low <= int(array.min()) <= int(array.max()) <= spec.high:
            raise OutOfBoundsError(f"{name} holds values outside [{spec.low}, {spec.high}]")


def _flatten(arrays: Mapping[str, NDArray[np.int64]], specs: Mapping[str, ArraySpec]) -> Words:
    """Flatten all arrays into one vector, in the order of their names."""
    check_arrays(arrays, specs)
    return np.concatenate([as_ring(arrays[name]).ravel() for name in sorted(arrays)])


def _cuts(manifest: Manifest) -> Iterator[tuple[str, slice]]:
    """Yield where each array is in the one vector."""
    start = 0
    for name in sorted(manifest.arrays):
        end = start + manifest.arrays[name].size
        yield name, slice(start, end)
        start = end


def _info(manifest: Manifest, node: PublicKeys) -> bytes:
    """Return what an envelope is sealed for: one submission, one node's key, one manifest."""
    return bind("mpc/envelope/1", manifest.submission.encode(), node.seal_id.encode(), manifest.digest.encode())
