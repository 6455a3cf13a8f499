"""Step at a node: cosign the other parties' published logs."""

from __future__ import annotations

from collections.abc import Iterable

from counterfoil import clock
from counterfoil.audit.publish import published_parties
from counterfoil.audit.witness import witness
from counterfoil.canonical import Ref, digest
from counterfoil.errors import (
    CounterfoilError,
    DocumentError,
    ForkedError,
    NotFoundError,
    SignatureError,
    TamperedError,
)
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil_prefect.mpc_tasks.barrier import say
from counterfoil_prefect.mpc_tasks.held import home
from counterfoil_prefect.mpc_tasks.task import mpc_task
from counterfoil_prefect.mpc_tasks.verify import signed


@mpc_task(name="cosign", version=1)
def cosign(agreement: Ref) -> Ref:
    """Check that each published log continues what was cosigned before, and cosign it; return the agreement."""
    terms = signed(agreement, clock.today()).terms
    _cosign(terms, terms.parties)
    return agreement


@mpc_task(name="cosign_nodes", version=1)
def cosign_nodes(agreement: Ref) -> Ref:
    """Do as `cosign` with the nodes' logs alone, so that no other party's delays a release; return the agreement."""
    terms = signed(agreement, clock.today()).terms
    _cosign(terms, terms.nodes)
    return agreement


def _cosign(terms: Agreement, parties: Iterable[str]) -> None:
    """Cosign every log that can be, and log each that cannot. Raises: the first error, after that."""
    here = home()
    notes, refused = dict[str, str](), list[CounterfoilError]()
    for party in sorted(set(published_parties(here.exchange)) & set(parties) - {here.party}):
        try:
            note = witness(terms.roster.party(party).keys, here.keys, here.state, here.exchange)
        except (TamperedError, SignatureError, DocumentError, NotFoundError) as error:
            proof = {"proof": digest(error.proof)} if isinstance(error, ForkedError) else {}
            here.log.append("log-refused", subject=party, refs=proof)
            refused.append(error)
        else:
            notes[party] = digest(note)
    here.log.append("logs-cosigned", subject=terms.id, refs=notes)
    say(f"cosigned the logs of {', '.join(notes) or 'nobody'}")
    if refused:
        raise refused[0]
