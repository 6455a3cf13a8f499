"""What runs where under an own agreement: each party's stages as Prefect's deployments, derived from the agreement.

A party's deployment of a stage is called by the party. A stage that the server starts by itself under an agreement is
called by the agreement, too, so that the same parties have several.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from counterfoil.canonical import Ref
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.governance.jobs.references import agreement_ref
from counterfoil.home import Home
from counterfoil_prefect.flows.stages import STAGES, Stage

COLLABORATE = "collaborate"


def agreed(home: Home, text: str) -> tuple[Ref, Agreement]:
    """Find the agreement that the text names, in the home's exchange.

    Raises: NotFoundError, AmbiguousError, DocumentError.
    """
    ref = agreement_ref(home.exchange, text)
    return ref, fetch_agreement(home.exchange, ref)


def roles_of(terms: Agreement) -> dict[str, tuple[str, ...]]:
    """List the parties that have a worker under the agreement, with the roles that it gives them."""
    held = {"owner": terms.owners, "node": terms.nodes, "coordinator": (terms.coordinator,)}
    parties = dict.fromkeys(party for parties in held.values() for party in parties)
    return {party: tuple(role for role, parties in held.items() if party in parties) for party in parties}


def deployments_of(terms: Agreement, ref: Ref) -> list[dict[str, Any]]:
    """List the deployments of every stage at each party that has it, as a file would."""
    return [
        item
        for stage in STAGES.values()
        for party, roles in roles_of(terms).items()
        if not set(roles).isdisjoint(stage.roles)
        for item in _of(stage, party, terms, ref)
    ]


def under(party: str, agreement: str) -> str:
    """Name a party's deployment under one agreement. No id has a dot in it."""
    return f"{party}.{agreement}"


def _of(stage: Stage, party: str, terms: Agreement, ref: Ref) -> Iterator[dict[str, Any]]:
    pool = {"name": party, **({"work_queue_name": stage.queue} if stage.queue else {})}
    plain: dict[str, Any] = {"name": party, "entrypoint": stage.entry_point, "work_pool": pool}
    if stage.schedule is None:
        yield plain
        return
    timing = stage.schedule
    when: dict[str, Any] = {"interval": timing.interval} if timing.cron is None else {"cron": timing.cron}
    slug = timing.slug
    if stage.name == COLLABORATE:
        when, slug = {"cron": terms.schedule.cron}, "periods"
    schedules = [{**when, **({"timezone": "UTC"} if "cron" in when else {}), "slug": slug}]
    if "agreement" not in stage.parameters:
        yield {**plain, "schedules": schedules}
        return
    yield plain
    own = {"parameters": {"agreement": str(ref)}, "schedules": schedules}
    yield {**plain, "name": under(party, terms.id), **own}
