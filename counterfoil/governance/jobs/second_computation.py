"""Compare a job with a second computation of the same analyses: what nodes counted in public.

The results themselves are compared by the recipient that opens them. Knows no share.
"""

from __future__ import annotations

from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError
from counterfoil.governance.agreements.signing.in_force import AUDIT, load
from counterfoil.governance.agreements.signing.signed import SignedAgreement
from counterfoil.governance.jobs.evidence import Evidence
from counterfoil.storage.records import BLOBS, Records


def counterparts(exchange: Records, agreement: SignedAgreement) -> list[SignedAgreement]:
    """Return the agreement that this one repeats, or those that repeat it: signed by the same parties, and their nodes.

    Raises: SignatureError, NotFoundError and its kin, of the one that is repeated; invalid others are left out.
    """
    if agreement.terms.repeats:
        return [load(exchange, agreement.terms.repeats.agreement, for_=AUDIT)]
    found = []
    for name in exchange.list((BLOBS, "agreement")):
        try:
            other = load(exchange, Ref(*name[1:]), for_=AUDIT)
        except CounterfoilError:  # anybody can put anything there
            continue
        if other.terms.repeats and other.terms.repeats.agreement.digest == agreement.digest:
            found.append(other)
    return found


def differing(one: Evidence, other: Evidence) -> list[str]:
    """List what the nodes counted in public and differs: each analysis with the name of the count.

    No value is needed.
    """
    return [
        f"{name}: {measure}"
        for name, output in one.outputs.items()
        for measure, count in output.measures.items()
        if name in other.outputs and other.outputs[name].measures.get(measure) != count
    ]
