"""The same analyses a second time, at other nodes or by another suite: an agreement that repeats another one.

It is an agreement of its own, which everybody signs, so owners hand their tables in a second time and know to whom.
Knows no evidence and no share.
"""

from __future__ import annotations

from counterfoil.errors import AgreementError
from counterfoil.governance.agreements.agreement import REPEATED, Agreement


def check_repeats(second: Agreement, first: Agreement) -> None:
    """Check that the second asks for what the first does, of the same parties but the nodes. Raises: AgreementError."""
    repeats, source = second.repeats, second.source
    if repeats is None or repeats.agreement.digest != first.digest:
        raise AgreementError(f"{source}: it does not repeat agreement {first.id} {first.version}")
    if repeats.nodes != first.nodes:
        raise AgreementError(
            f"{source}: repeats: the nodes of {first.id} are {', '.join(first.nodes)}; name these, so that owners read "
            "where else their tables lie"
        )
    if (second.suite, second.nodes) == (first.suite, first.nodes):
        raise AgreementError(f"{source}: it repeats {first.id} at the same nodes by the same suite; change one of them")
    same = {
        "contracts": ([each.digest for each in of.contracts.values()] for of in (first, second)),
        "policies": ([each.digest for each in of.policies] for of in (first, second)),
        "owners": (dict(of.holdings) for of in (first, second)),
        "analyses": ({each.name: each.plan_digest for each in of.analyses} for of in (first, second)),
        "schedule": (of.schedule for of in (first, second)),
        "corrections": (of.corrections for of in (first, second)),
        "coordinator, recipients and reviewers": (
            (of.coordinator, of.recipients, of.reviewers, of.quorum, of.proposer) for of in (first, second)
        ),
        "signing keys of parties": (
            {
                party: of.roster.party(party).keys.sign
                for party in of.parties
                if party not in (*first.nodes, *second.nodes)
            }
            for of in (first, second)
        ),
    }
    if differ := [what for what, (one, other) in same.items() if one != other]:
        raise AgreementError(
            f"{source}: its {', '.join(differ)} are not those of {first.id}, which it repeats; make them the same"
        )
    check_repeatable(second)


def check_repeatable(agreement: Agreement) -> None:
    """Refuse where the same tables would not give the same numbers twice. Raises: AgreementError."""
    if noised := [plan.name for plan in agreement.charged]:
        raise AgreementError(
            f"{agreement.source}: {', '.join(noised)}: noise differs from one computation to the next, and a second "
            "one would tell as much again; leave 'privacy' and 'noiseInstead' out, or do not repeat"
        )
    drawn = [
        name for name, each in agreement.contracts.items() if each.demands.left_behind or each.demands.sample < 100
    ]
    if drawn:
        raise AgreementError(
            f"{agreement.source}: contract {', '.join(drawn)} has rows drawn anew each time ('sample', 'leftBehind'), "
            "so two computations are about other rows; change the contract, or do not repeat"
        )


def asks_twice(agreement: Agreement) -> bool:
    """Tell whether a result is shown only beside that of a second computation."""
    return agreement.repeats is not None or REPEATED in agreement.cross_checks
