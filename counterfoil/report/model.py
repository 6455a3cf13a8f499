"""Describe a report as data. Knows neither pages nor figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterfoil.analyses.base import Result
    from counterfoil.report.guarantees import Guarantee


@dataclass(frozen=True, slots=True)
class Approval:
    """One reviewer's signed yes. `time` is ISO 8601."""

    reviewer: str
    time: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The nodes' record of the run: sizes and names, no value of anybody's data.

    `openings` counts openings by label, `rejected` rejected inputs by owner, `suppressed` hidden cells by planned
    analysis; `min_count` is the agreement's smallest group, `rules` say in plain words when a cell is hidden.
    `by_rule` counts the cells that each rule hid, where the policy lets that be known.
    """

    openings: Mapping[str, int]
    rejected: Mapping[str, int]
    suppressed: Mapping[str, int]
    min_count: int
    rules: tuple[str, ...] = ()
    by_rule: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A report's content. `parties` lists party ids by role; `verify` is a command to run.

    `guarantees` is the agreement's matrix, as its parties read it before they signed: steps, and who could read what.
    `entitled` says why its reader gets each result: named, or by which attributes. `licence` is an SPDX identifier
    under which the tables may be published, "" if none was agreed. `again` is the command that makes the report anew.
    `rehearsal` says what a rehearsal was made of, and is empty for a release: nobody approved or signed a rehearsal.
    """

    title: str
    purpose: str
    job: str
    period: str
    agreement: str
    agreement_version: str
    agreement_digest: str
    suite: str
    parties: Mapping[str, tuple[str, ...]]
    results: tuple[Result, ...]
    quorum: int
    approvals: tuple[Approval, ...]
    evidence: Evidence
    leakage: str
    guarantees: tuple[Guarantee, ...]
    entitled: tuple[str, ...]
    release_digest: str
    signed_by: tuple[str, ...]
    verify: str
    licence: str = ""
    again: str = "counterfoil open"
    rehearsal: tuple[str, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners whose tables the results come from."""
        return next((ids for role, ids in self.parties.items() if role.lower() == "owners"), ())
