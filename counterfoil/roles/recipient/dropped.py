"""What a result rests on, for its report: how many rows each owner handed in, and which were left out before and after.

From signed manifests, owners' published logs and the nodes' evidence: numbers of rows, as all parties can read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from counterfoil.audit.publish import read_published
from counterfoil.audit.verify import VerifiedLog, verify_log
from counterfoil.canonical import Ref
from counterfoil.errors import CounterfoilError, NotFoundError
from counterfoil.governance.agreements.agreement import Part, Planned
from counterfoil.governance.jobs.evidence import Draft
from counterfoil.governance.verification.verify import find_manifest
from counterfoil.report import wording
from counterfoil.storage.exchange import Exchange

_STAYED: Final = {
    "opted-out": "whose people opted out",
    "incomplete": "with an empty cell",
    "left-behind": "that too few others were like",
}
"""Rows that an owner's log says it did not hand in, by the name of their count, in words."""


class Rests:
    """What the results of one draft rest on; each log and manifest is read once."""

    def __init__(self, exchange: Exchange, draft: Draft) -> None:
        self._exchange, self._draft = exchange, draft
        self._logs = {owner: self._log(owner) for owner in draft.agreement.terms.owners}
        self._handed_in = {part: self._rows(part) for part in draft.agreement.terms.parts}

    def on(self, plan: Planned) -> tuple[str, ...]:
        """Sentences on the rows behind one result; what nothing is known of any more is not mentioned."""
        return tuple(self._lines(plan))

    def _lines(self, plan: Planned) -> Iterator[str]:
        terms, measures = self._draft.agreement.terms, self._draft.evidence.outputs[plan.name].measures
        owners = terms.owners_under(plan.contract)
        known = {owner: found for owner in owners if (found := self._handed_in[Part(owner, plan.contract)])}
        if known:
            rows = [f"{owner} {number:,}" for owner, (_, number) in known.items()]
            yield f"Rows handed in under {plan.contract}: {wording.listing(rows)}."
        rejected = {owner: count for owner in owners if (count := measures.get(f"rejected-{owner}", 0))}
        if rejected:
            told = wording.listing([f"{count:,} of {owner}" for owner, count in rejected.items()])
            yield f"Out of the agreed ranges, and counted for nothing: {told}."
        for owner, (manifest, _) in known.items():
            if stayed := self._stayed(owner, manifest):
                yield f"{owner} left out, before it handed anything in, {stayed}."
        sample = terms.contracts[plan.contract].demands.sample
        if sample < 100:
            yield f"{sample:g} % of the other rows, taken at random, take part."

    def _stayed(self, owner: str, manifest: Ref) -> str:
        log = self._logs[owner]
        for event in log.of("shares-submitted", "manifest", str(manifest)) if log else ():
            told = [f"{count:,} {words}" for name, words in _STAYED.items() if (count := event.counts.get(name, 0))]
            return f"rows: {wording.listing(told)}" if told else ""
        return ""

    def _rows(self, part: Part) -> tuple[Ref, int] | None:
        try:
            ref, manifest = find_manifest(self._exchange, self._draft.agreement, self._draft.evidence, part)
        except NotFoundError:
            return None
        return ref, manifest.rows

    def _log(self, owner: str) -> VerifiedLog | None:
        """Read the owner's published log; one that cannot be verified tells nothing, and `verify` tells why."""
        try:
            log = read_published(self._exchange, owner, self._draft.agreement.terms.roster.party(owner).keys)
            return verify_log(log.entries, log.note, log.owner, others=log.others, leaf_hashes=log.leaf_hashes)
        except CounterfoilError:
            return None
