"""Write what each recipient of a rehearsal would read: the page, tables and JSON of a report, marked as rehearsed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from counterfoil.analyses.base import Result
from counterfoil.files import private_folder
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.rehearsal.computing import Computed
from counterfoil.report.assemble import assemble
from counterfoil.report.model import Evidence
from counterfoil.report.render import write


def write_pages(
    terms: Agreement,
    period: str,
    results: Mapping[str, Result],
    computed: Computed,
    folder: Path,
    made_of: tuple[str, ...],
) -> list[Path]:
    """Write a folder for each recipient into this one, and return the paths of the pages.

    `made_of` says what it was made of. Raises: StoreError.
    """
    private_folder(folder)
    evidence = _evidence(terms, computed)
    return [
        write(
            assemble(
                terms, recipient, [results[plan.name] for plan in terms.plans_for(recipient)], evidence,
                job="rehearsal", period=period, approvals=(), release_digest="", signed_by=(), verify="",
                again="counterfoil rehearse", rehearsal=(*made_of, f"It is what {recipient} would get."),
            ),
            folder / recipient,
        )
        for recipient in terms.recipients
    ]  # fmt: skip


def _evidence(terms: Agreement, computed: Computed) -> Evidence:
    """State the counts that the nodes of a job would sign."""
    by_rule: dict[str, int] = {}
    for counts in computed.by_rule.values():
        by_rule |= {rule: by_rule.get(rule, 0) + count for rule, count in counts.items()}
    return Evidence(
        openings={f"opened-{label.replace(' ', '-')}": times for label, times in computed.opened.items()},
        rejected={
            owner: sum(count for (of, _), count in computed.rejected.items() if of == owner) for owner in terms.owners
        },
        suppressed=computed.hidden,
        min_count=terms.min_count,
        rules=tuple(terms.rules.describe()),
        by_rule=by_rule,
    )
