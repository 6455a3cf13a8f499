"""How a node meets the other nodes of a job: pinned links, what all must mean alike, and fresh keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from counterfoil.address import parse_address
from counterfoil.canonical import Json, digest, jcs
from counterfoil.crypto.seal import seal, unseal
from counterfoil.errors import AttemptError, NotFoundError, RefusedError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import own_keys
from counterfoil.governance.cumulative import budget_ledger
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.parties.roster import Party
from counterfoil.home import Home
from counterfoil.joint.openings import declared
from counterfoil.mpc.runtime.noise_keys import Keeping
from counterfoil.mpc.session.session import Hello, Sealing, Session, open_session
from counterfoil.mpc.suites.registry import SUITES
from counterfoil.mpc.transport.base import end_all
from counterfoil.mpc.transport.listen import listen
from counterfoil.mpc.transport.tls import Endpoint, connect
from counterfoil.roles.node.steps import clear_steps, shelf_of
from counterfoil.roles.node.versions import check_pinned, versions
from counterfoil.software import software_digest
from counterfoil.storage.vault import Vault

PEER_TIMEOUT_S: Final = 60.0
"""For how long a node waits for its peers to come, and then for each of their messages."""


def meet_nodes(home: Home, terms: Agreement, job: Job, attempt: int, past: Json, timeout_s: float) -> Session:
    """Meet the peers: agree on the same attempt of the job, and share keys that nobody had before.

    The attempt was started, durably, before. `past` is what this node remembers of releases. Checkpoints of attempts
    that meant something else are gone.

    Raises: TransportError, AttemptError, CheatingDetected, SealError; RefusedError for a node whose software is none of
        those that the agreement pins.
    """
    check_pinned(terms, home.party, software_digest())
    peers = [terms.roster.party(node) for node in terms.nodes]
    index, keys = terms.nodes.index(home.party), own_keys(terms, home)
    hello = hello_of(home, terms, job, attempt, past)
    clear_steps(home.vault, job.id, [plan.name for plan in terms.analyses], but=hello.meant)
    ends = _endpoints(peers)
    listener = listen(home.listen or parse_address(str(peers[index].address)))
    links = connect(index, ends, keys.load_tls, hello.name, timeout_s=timeout_s, connect_s=timeout_s, listener=listener)
    sealing = Sealing(
        seal=lambda peer, plaintext, info: seal(plaintext, peers[peer].keys, info),
        unseal=lambda sealed, info: unseal(sealed, keys, info),
    )
    try:
        session = open_session(
            links,
            hello,
            index,
            claim=lambda *_: None,
            declared=declared(terms),
            sealing=sealing,
            keeping=_keep_noise_keys(home.vault, job.id),
            shelf=shelf_of(home.vault, job.id, hello.meant),
        )
    except AttemptError as error:  # a session knows parties by their place alone
        raise AttemptError(re.sub(r"\bparty (\d)\b", lambda at: terms.nodes[int(at[1])], str(error))) from None
    try:
        for node, software in zip(terms.nodes, session.software, strict=True):
            check_pinned(terms, node, software)
    except RefusedError as error:
        end_all(links, error)
        raise
    return session


def hello_of(home: Home, terms: Agreement, job: Job, attempt: int, past: Json) -> Hello:
    """Say what this node means by an attempt of the job."""
    return Hello(
        suite=SUITES[terms.suite].protocol,
        job=job.id,
        attempt=attempt,
        roster=terms.roster.digest,
        program=digest(jcs({plan.name: plan.plan_digest for plan in terms.analyses})),
        contracts=digest(jcs({name: contract.digest for name, contract in terms.contracts.items()})),
        inputs=digest(jcs(dict(job.submissions))),
        params=job.agreement,
        versions=versions(terms),
        ledger=budget_ledger.standing_digest(terms, home.state),
        earlier=digest(jcs(past)),
        software=software_digest(),
    )


def _endpoints(peers: Sequence[Party]) -> list[Endpoint]:
    endpoints = []
    for peer in peers:
        address = parse_address(str(peer.address))
        endpoints.append(Endpoint(peer.id, address.host, address.port, peer.keys.tls))
    return endpoints


def _keep_noise_keys(vault: Vault, job: str) -> Keeping:
    """Keep noise keys in the vault, with the job, by a name that no plan can have: job ids depend on those of plans."""
    name = f"noise-keys-{job}"

    def load() -> bytes | None:
        try:
            return vault.load(job, name)["keys"].tobytes()
        except NotFoundError:
            return None

    def keep(material: bytes) -> None:
        vault.keep(job, name, {"keys": np.frombuffer(material, np.uint64)})

    return Keeping(load, keep)
