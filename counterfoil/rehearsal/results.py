"""Results as an analyst works with them: a DataFrame for each analysis, with how exact it is and what is hidden."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.errors import NotFoundError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.documents import did_you_mean
from counterfoil.governance.policies.rules import RULES
from counterfoil.rehearsal.brought import Brought
from counterfoil.rehearsal.computing import Computed
from counterfoil.rehearsal.pages import write_pages
from counterfoil.report import wording
from counterfoil.report.pages.notebook import fragment

COMPLEMENT = "with it, a hidden cell could be worked out from a total"
"""Why a cell is hidden that no rule forbids by itself."""


@dataclass(frozen=True, repr=False)
class Results(Mapping[str, pd.DataFrame]):
    """Results by the names of their analyses: the first table of each, as a DataFrame; a hidden number is NA.

    What every measured column is, its unit and how exact it is, is in `measures`, and in `frame.attrs["columns"]`.

    Attributes:
        title: The agreement's title.
        period: Which period the results are of.
        results: The same as the analyses gave them, with findings and assumptions.
    """

    title: str
    period: str
    results: Mapping[str, Result]

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables(name)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def tables(self, name: str) -> tuple[pd.DataFrame, ...]:
        """Return all tables of an analysis. Raises: KeyError."""
        return tuple(_framed(each) for each in self._result(name).tables)

    def measures(self, name: str) -> pd.DataFrame:
        """Return the unit, the label and the bound or 95 % interval of each measured column. Raises: KeyError."""
        rows = [
            {"table": table.title, "column": column, **_facts(each)}
            for table in self._result(name).tables
            for column, each in table.measures.items()
        ]
        return pd.DataFrame(rows).astype({"interval": float}).set_index(["table", "column"])

    def findings(self, name: str) -> tuple[str, ...]:
        """Return what the results say in plain words. Raises: KeyError."""
        return self._result(name).findings

    @property
    def hidden(self) -> pd.DataFrame:
        """How many cells each analysis has, and how many of them are hidden."""
        rows = {name: {"cells": each.cells, "hidden": each.suppressed} for name, each in self.results.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["cells", "hidden"]).rename_axis("analysis")

    def _result(self, name: str) -> Result:
        if name not in self.results:
            raise KeyError(f"no analysis {name!r}{did_you_mean(name, self.results)}; there are {', '.join(self)}")
        return self.results[name]

    def __repr__(self) -> str:
        listed = "".join(f"\n  {name}: {result.title}" for name, result in self.results.items())
        return f"<{'rehearsal, not released' if self.rehearsed else 'results'}: {self.title}, {self.period}>{listed}"

    def _repr_html_(self) -> str:
        return fragment(f"{self.title}, {self.period}", self.about, self.results.values(), rehearsal=self.rehearsed)

    @property
    def about(self) -> tuple[str, ...]:
        """What they are of, in sentences."""
        return ()

    @property
    def rehearsed(self) -> bool:
        """Whether they are no release."""
        return False


@dataclass(frozen=True, repr=False)
class Rehearsal(Results):
    """What the recipients of an agreement would get of these tables. No release: nobody approved or signed it.

    Attributes:
        terms: The agreement.
        brought: What each owner brought.
        computed: What was computed of it, with what it cost.
        has_keys: Whether the roster has the parties' own keys, so that the agreement's digest is the one they sign.
        seed: Of the made tables.
    """

    terms: Agreement = field(repr=False)
    brought: Mapping[Part, Brought] = field(repr=False)
    computed: Computed = field(repr=False)
    has_keys: bool = False
    seed: int = 0

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

    @property
    def about(self) -> tuple[str, ...]:
        """What it was made of, in sentences."""
        lines = []
        if self.owned:
            lines.append(
                f"{_given(self.owned)}: own rows. Whoever gets this learns about them, and no review or budget "
                "protected them; keep it where the tables are."
            )
        if made := [part for part, each in self.brought.items() if not each.own]:
            counts = [f"{rows:,}" for rows in sorted({self.brought[part].account["read"] for part in made})]
            lines.append(
                f"{_given(made) if self.owned else 'All tables'}: made up from their contracts, with "
                f"{wording.listing(counts)} rows each, seed {self.seed}. They say nothing about anybody, and have in "
                "common only what the contracts say."
            )
        return tuple(lines)

    def for_recipient(self, recipient: str) -> Results:
        """Return what one recipient would get. Raises: NotFoundError."""
        return Results(self.title, self.period, {each.name: self.results[each.name] for each in self._plans(recipient)})

    def save(self, folder: Path | str) -> list[Path]:
        """Write each recipient's page, tables and JSON into a folder of its own, and return the pages' paths.

        Raises: StoreError.
        """
        return write_pages(self.terms, self.period, self.results, self.computed, Path(folder), self.about)

    def _plans(self, recipient: str) -> list[Result]:
        if recipient not in self.terms.recipients:
            known = self.terms.recipients
            raise NotFoundError(
                f"{recipient!r} is no recipient{did_you_mean(recipient, known)}; there are {', '.join(known)}"
            )
        return [self.results[plan.name] for plan in self.terms.plans_for(recipient)]

    @property
    def rehearsed(self) -> bool:
        """Whether they are no release."""
        return True


def _framed(table: ResultTable) -> pd.DataFrame:
    frame = table.frame.copy()
    frame.attrs = {"title": table.title, "columns": {name: _facts(each) for name, each in table.measures.items()}}
    return frame


def _facts(measure: Measure) -> dict[str, Any]:
    return {"unit": measure.unit, "label": measure.label, "bound": measure.bound, "interval": measure.interval}


def _meaning(terms: Agreement, name: str, rule: str) -> str:
    """Say in plain words when the rule forbids a cell of the analysis."""
    known = RULES.get(rule)
    said = known.hides(terms.rules) if known and known.hides else rule.replace("_", " ")
    return f"{said}, by its noised count" if terms.planned(name).privacy else said


def _given(parts: Iterable[Part]) -> str:
    return wording.listing([f"{part.owner} ({part.contract})" for part in parts])
