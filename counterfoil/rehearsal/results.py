"""What came of a rehearsal, as an analyst works with it: results, what is hidden and why, and what the job costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from counterfoil.errors import NotFoundError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.documents import did_you_mean
from counterfoil.governance.policies.rules import RULES
from counterfoil.rehearsal.brought import Brought
from counterfoil.rehearsal.computing import Computed
from counterfoil.rehearsal.pages import write_pages
from counterfoil.report import wording
from counterfoil.report.results import Results

COMPLEMENT = "with it, a hidden cell could be worked out from a total"
"""Why a cell is hidden that no rule forbids by itself."""


@dataclass(frozen=True, repr=False, kw_only=True)
class Rehearsal(Results):
    """What the recipients of an agreement would get of these tables. No release: nobody approved or signed it.

    Attributes:
        terms: The agreement.
        brought: What each owner brought.
        computed: What was computed of it, with what it cost.
        has_keys: Whether the roster has the parties' own keys, so that the agreement's digest is the one they sign.
    """

    terms: Agreement
    brought: Mapping[Part, Brought]
    computed: Computed
    has_keys: bool

    @property
    def plan_digests(self) -> dict[str, str]:
        """The digest of each planned analysis, as nodes and evidence name it; the same before and after signing."""
        return {plan.name: plan.plan_digest for plan in self.terms.analyses}

    @property
    def agreement_digest(self) -> str | None:
        """The digest that parties would sign; None while their keys are missing in the roster, which is part of it."""
        return self.terms.digest if self.has_keys else None

    @property
    def owned(self) -> tuple[Part, ...]:
        """Whose tables have somebody's rows; the others were made."""
        return tuple(part for part, each in self.brought.items() if each.own)

    @property
    def account(self) -> pd.DataFrame:
        """Each owner's rows, by what became of them."""
        rows = [
            {"owner": part.owner, "contract": part.contract, "table": "given" if each.own else "made", **each.account}
            for part, each in self.brought.items()
        ]
        return pd.DataFrame(rows).set_index(["owner", "contract"])

    @cached_property
    def why(self) -> Mapping[str, pd.DataFrame]:
        """By analysis with hidden cells, which are hidden and by which rules. Nobody learns this of a real job."""
        return {name: frame for name in self.results if len(frame := self._why(name))}

    def _why(self, name: str) -> pd.DataFrame:
        result, fails = self.results[name], self.computed.fails[name]
        gone = self.computed.numbers[name]["safe"].reshape(-1) == 0
        broken = [
            [_meaning(self.terms, name, rule) for rule, each in fails.items() if each.reshape(-1)[at]]
            for at in np.flatnonzero(gone)
        ]
        words = ["; ".join(each) or COMPLEMENT for each in broken]
        table = result.tables[0]
        index = table.frame[[column for column in table.frame if str(column) not in table.measures]]
        if len(index) == gone.size and index.shape[1]:
            shown: pd.DataFrame = index[gone].reset_index(drop=True).assign(why=words)
            return shown
        if gone.size == 1:
            return pd.DataFrame({"why": words})
        counted = pd.Series(words, dtype=object).value_counts()
        return pd.DataFrame({"cells": counted.to_numpy(), "why": counted.index})

    @property
    def costs(self) -> pd.DataFrame:
        """Rounds, and megabytes between all nodes, of each step."""
        steps = self.computed.cost.steps
        rows = {step: {"rounds": cost.rounds, "MB": cost.sent_bytes / 1e6} for step, cost in steps.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["rounds", "MB"]).rename_axis("step")

    def seconds(self, round_trip_ms: float = 1.0) -> float:
        """Estimate how long nodes on machines of their own take to compute this, so far from one another."""
        return self.computed.cost.seconds(round_trip_ms / 1000)

    def for_recipient(self, recipient: str) -> Results:
        """Return what one recipient would get. Raises: NotFoundError."""
        if recipient not in self.terms.recipients:
            known = self.terms.recipients
            raise NotFoundError(
                f"{recipient!r} is no recipient{did_you_mean(recipient, known)}; there are {', '.join(known)}"
            )
        given = {plan.name: self.results[plan.name] for plan in self.terms.plans_for(recipient)}
        return Results(self.title, self.period, given, self.about, self.rehearsed)

    def save(self, folder: Path | str) -> list[Path]:
        """Write each recipient's page, tables and JSON into a folder of its own, and return the pages' paths.

        Raises: StoreError.
        """
        return write_pages(self.terms, self.period, self.results, self.computed, Path(folder), self.about)


def made_of(brought: Mapping[Part, Brought], seed: int) -> tuple[str, ...]:
    """Say in sentences what a rehearsal was made of."""
    lines = []
    if own := [part for part, each in brought.items() if each.own]:
        lines.append(
            f"{_given(own)}: own rows. Whoever gets this learns about them, and no review or budget protected them; "
            "keep it where the tables are."
        )
    if made := [part for part, each in brought.items() if not each.own]:
        counts = [f"{rows:,}" for rows in sorted({brought[part].account["read"] for part in made})]
        lines.append(
            f"{_given(made) if own else 'All tables'}: made up from their contracts, with {wording.listing(counts)} "
            f"rows each, seed {seed}. They say nothing about anybody, and have in common only what the contracts say."
        )
    return tuple(lines)


def _meaning(terms: Agreement, name: str, rule: str) -> str:
    """Say in plain words when the rule forbids a cell of the analysis."""
    known = RULES.get(rule)
    said = known.hides(terms.rules) if known and known.hides else rule.replace("_", " ")
    return f"{said}, by its noised count" if terms.planned(name).privacy else said


def _given(parts: Iterable[Part]) -> str:
    return wording.listing([f"{part.owner} ({part.contract})" for part in parts])
