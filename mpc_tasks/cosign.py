"""Step: a node cosigns the other parties' published logs."""

from __future__ import annotations

from counterfoil.audit.publish import published_parties
from counterfoil.audit.witness import witness
from counterfoil.canonical import Ref, digest
from mpc_tasks.barrier import say
from mpc_tasks.held import home
from mpc_tasks.task import mpc_task
from mpc_tasks.verify import signed


@mpc_task(name="cosign", version=1)
def cosign(agreement: Ref) -> Ref:
    """Each log that a party published is whole, continues what was cosigned before, and is cosigned; the agreement."""
    here, terms = home(), signed(agreement).terms
    published = set(published_parties(here.exchange)) & set(terms.parties) - {here.party}
    notes = {
        party: digest(witness(terms.roster.party(party).keys, here.keys, here.state, here.exchange))
        for party in sorted(published)
    }
    here.log.append("logs-cosigned", subject=terms.id, refs=notes)
    say(f"cosigned the logs of {', '.join(notes) or 'nobody'}")
    return agreement
