"""A node keeps its shares of the sketches of released rows, so that later releases can be compared with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from counterfoil.data.row_sketch import in_domain
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.contracts.key_domain import key_domains, place_of
from counterfoil.governance.cumulative.release_history import PastRelease, drafted, guarded, item_name, remember
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.governance.jobs.retention_register import note_membership
from counterfoil.governance.jobs.submission import load_shares
from counterfoil.home import Home
from counterfoil.joint.computation import MEMBERSHIP, analyses
from counterfoil.mpc.ring.shares import Words
from counterfoil.storage.vault import Vault


def release_of(terms: Agreement, job: str, manifests: Sequence[Manifest]) -> PastRelease:
    """Say what a job's release would be about: rows under the guarded contracts, and exact numbers of them."""
    plans, names = analyses(terms), guarded(terms)
    under = {name: [each for each in manifests if each.contract == name] for name in names}
    ids = {name: terms.contracts[name].id for name in names}
    return PastRelease(
        job=job,
        suite=terms.suite,
        nodes=terms.nodes,
        owners={ids[name]: sorted(each.owner for each in under[name]) for name in names},
        rows={ids[name]: sum(each.rows for each in under[name]) for name in names},
        numbers={ids[name]: sum(p.numbers() for p in plans.values() if p.planned.contract == name) for name in names},
        until="",
        spelling={ids[name]: key_domains(terms.contracts[name])[0].name for name in names},
        tables={ids[name]: sorted(f"{each.owner}/{each.table or ids[name]}" for each in under[name]) for name in names},
        agreement=terms.repeats.agreement.digest if terms.repeats else terms.digest,
    )


def keep_membership(draft: Draft, home: Home, today: date) -> None:
    """Remember what the draft is about as released, and keep its sketches in the vault. Raises: NotFoundError."""
    evidence, agreement = draft.evidence, draft.agreement
    terms, release = draft.terms, drafted(draft.evidence.digest, home.state)
    if not release.owners:
        return
    contracts = {name: terms.contracts[name] for name in guarded(terms)}
    last = today + timedelta(days=max(each.retention_days for each in contracts.values()))
    note_membership(agreement, release.vault_id, home.state, last)
    for part in terms.parts:
        if part.contract in contracts:
            kept = home.vault.load(evidence.inputs[str(part)], MEMBERSHIP, aad=agreement.digest.encode())
            current = {index: in_domain(words, 0) for index, words in kept.items()}
            home.vault.keep(release.vault_id, item_name(part.owner, contracts[part.contract].id), current)
    remember(replace(release, until=last.isoformat()), home.state)


def load_sketches(terms: Agreement, manifests: Sequence[Manifest], vault: Vault) -> dict[Part, tuple[Words, ...]]:
    """Load this node's shares of the sketches of a job's rows under the guarded contracts, in its suite's order.

    Raises: NotFoundError, TamperedError.
    """
    return {
        Part(manifest.owner, terms.contracts[manifest.contract].id): load_shares(manifest, MEMBERSHIP, vault)
        for manifest in manifests
        if manifest.contract in guarded(terms)
    }


def domain_of(
    sketches: Mapping[Part, tuple[Words, ...]], terms: Agreement, then: PastRelease
) -> dict[Part, list[Words]]:
    """Say what of a job's sketches is in the key domains of an earlier release, which its contracts know."""
    known = {terms.contracts[name].id: terms.contracts[name] for name in guarded(terms)}
    found = {}
    for part, words in sketches.items():
        place = place_of(known[part.contract], then.domain(part.contract)) or 0
        found[part] = [in_domain(each, place) for each in words]
    return found


def load_earlier(earlier: PastRelease, release: PastRelease, vault: Vault) -> dict[Part, tuple[Words, ...]]:
    """Load, as `load_sketches`, the rows of an earlier release under contracts that this one is about, too."""
    found = {}
    for contract in sorted(set(release.owners) & set(earlier.owners)):
        for owner in earlier.owners[contract]:
            kept = vault.load(earlier.vault_id, item_name(owner, contract))
            found[Part(owner, contract)] = tuple(kept[str(index)] for index in range(len(kept)))
    return found
