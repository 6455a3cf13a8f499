"""All analyses of one agreement as one joint computation: what is handed in, what may be opened, what comes out.

Everything here follows from the signed agreement, so every party, and every reader of it, derives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.beside import check_beside
from counterfoil.analyses.registry import build
from counterfoil.disclosure.crosscheck import Comparison, agreements, comparisons
from counterfoil.disclosure.declaration import Cells, Input, Limits
from counterfoil.disclosure.evidence import Given
from counterfoil.disclosure.lattice import Axes
from counterfoil.disclosure.protection import protect, unchanged
from counterfoil.disclosure.rounding import rounded
from counterfoil.disclosure.suppression import Judged, counted, hide
from counterfoil.disclosure.tables.layout import Layout, layouts
from counterfoil.errors import LimitError, PlanError
from counterfoil.governance.agreements.agreement import Agreement, Part, Planned
from counterfoil.governance.cumulative.accounting import Loss
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.governance.jobs.manifest import ArraySpec
from counterfoil.joint.concluding import concluded, opening_their_own
from counterfoil.joint.contributed import array_name, inputs_of, made_of, specs_of
from counterfoil.joint.progress import Progress
from counterfoil.joint.range_check import Handed, check_ranges
from counterfoil.joint.table_changes import NAME as CHANGES
from counterfoil.joint.table_changes import (
    Since,
    change_input,
    changed_features,
    changes_given,
    cut_spans,
    spans_of,
)
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed, concat

if TYPE_CHECKING:
    from counterfoil.data.reading.table import Table

REJECTED: Final = "rejected inputs"
WAITS: Final = "tables that wait"
HIDDEN: Final = "hidden cells"
BY_RULE: Final = "hidden cells by rule"
CROSS: Final = "sums that agree"
"""What is opened, as `openings` describes it."""


def analyses(agreement: Agreement) -> dict[str, Analysis]:
    """Build every planned analysis, by its name, so that all tables can be protected side by side.

    Raises: PlanError, RangeError.
    """
    found = _built(agreement)
    layouts(found)
    check_beside(found, agreement.expires - agreement.starts)
    if "sums" in agreement.cross_checks and not comparisons(_stated(found)):
        raise PlanError(
            f"{agreement.source}: crossChecks asks for sums, but no two analyses of one contract state the same sum; "
            "add one, such as a total beside means by group, or drop it"
        )
    if any(plan.instead and not plan.privacy for plan in agreement.analyses):
        analyses(agreement.all_noised_instead)
    return found


def leaving_once(agreement: Agreement) -> frozenset[str]:
    """Name the analyses of which an exact result leaves once in the agreement's term. Raises: PlanError, RangeError."""
    return frozenset(name for name, each in _built(agreement).items() if each.noise is None and each.once)


def _built(agreement: Agreement) -> dict[str, Analysis]:
    contracts = {name: each.shared() for name, each in agreement.contracts.items()}
    return {
        plan.name: build(plan, contracts[plan.contract], Limits.of(agreement, plan.contract))
        for plan in agreement.analyses
    }


def _stated(found: Mapping[str, Analysis]) -> dict[str, tuple[str, frozenset[str]]]:
    return {name: (analysis.planned.contract, analysis.stated()) for name, analysis in found.items()}


def losses(agreement: Agreement) -> dict[str, Loss]:
    """Return what each noised plan costs a recipient, by its name. Raises: PlanError, RangeError."""
    return {name: each.noise.loss for name, each in analyses(agreement).items() if each.noise}


def array_specs(agreement: Agreement, contract: str, rows: int, states: Sequence[str] = ()) -> dict[str, ArraySpec]:
    """Return, by their submitted names, the arrays that an owner of so many rows hands in.

    `states` are what its manifest names, since which it counts what changed.
    """
    found = analyses(agreement)
    changes = _changes(agreement, contract, layouts(found), states)
    return specs_of(({changes.name: changes} if changes else {}) | inputs_of(found, contract), rows)


def _changes(
    agreement: Agreement, contract: str, laid_out: Mapping[str, Layout], states: Sequence[str]
) -> Input | None:
    return change_input(laid_out[contract], states) if contract in guarded(agreement) else None


def local_parts(agreement: Agreement, contract: str, table: Table) -> dict[str, NDArray[np.int64]]:
    """Make, at the owner, every array to hand in from its table alone, each within its declared range.

    Raises: PlanError, OutOfBoundsError.
    """
    return made_of(analyses(agreement), contract, table)


@dataclass(slots=True)
class JointComputation:
    """One party's course through the computation: check, look back, evaluate, add noise, suppress, finish.

    In this order: what is hidden of a noised result may depend on nothing but noised counts. `period` says which exact
    results are due, all where there is none; `since` what each contract's tables of now are compared with.
    """

    p: Protocol
    agreement: Agreement
    _bound: dict[tuple[str, ...], dict[str, Analysis]] = field(init=False, default_factory=dict)
    #: what owners hand in beside what is analysed, by contract: as agreed, whatever takes noise instead
    _layouts: dict[str, Layout] = field(init=False, default_factory=dict)
    #: what it has come to; that of a checkpoint, where an attempt resumes from one
    progress: Progress = field(default_factory=Progress)
    told: Callable[[Mapping[str, Judged]], None] = lambda _: None  # by which rules cells fail, shared: for rehearsals
    period: str | None = None
    since: Mapping[str, Sequence[Since]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._bound[()] = analyses(self.agreement)
        self._layouts = layouts(self._bound[()])

    @property
    def terms(self) -> Agreement:
        """What of the agreement holds for this job: what takes noise in place of being refused asks for noise here."""
        instead = self.progress.instead
        return self.agreement.noised_instead(instead) if instead else self.agreement

    @property
    def _analyses(self) -> dict[str, Analysis]:
        instead = self.progress.instead
        if instead not in self._bound:
            self._bound[instead] = analyses(self.terms)
        return self._bound[instead]

    @property
    def withheld(self) -> frozenset[str]:
        """The exact analyses of which nothing leaves in this job: they are not due, or their tables wait."""
        return frozenset(
            plan.name
            for plan in self.terms.analyses
            if not plan.privacy and (plan.contract in self.progress.waiting or not self._is_due(plan))
        )

    def _is_due(self, plan: Planned) -> bool:
        return self.period is None or self.agreement.is_due(plan, self.period)

    def check(self, shares: Mapping[Part, Mapping[str, Arith]], rows: Mapping[Part, int]) -> dict[tuple[str, str], int]:
        """Check the arrays of each part, by their submitted names, and its rows; what is out of range becomes zero.

        An owner whose contributions to the judged sums are out of range has no part in exact results: nothing would say
        of its rows whether they may be released.

        Returns, by owner and analysis, how many rows (or contributions) were rejected.
        Reveals: these numbers, under one declared opening.
        """
        pairs = list(self._pairs())
        taken = {name: analysis.inputs() for name, analysis in self._analyses.items()}
        handed, judged = [], []
        for name, owner in pairs:
            inputs, part = taken[name], Part(owner, self._analyses[name].planned.contract)
            values = {item.name: shares[part][array_name(name, item.name)] for item in inputs}
            handed.append(Handed(inputs, values, rows[part]))
        for contract, layout in self._layouts.items():
            for owner in self.agreement.owners_under(contract):
                part = Part(owner, contract)
                values, inputs = {item.name: shares[part][item.name] for item in layout.inputs}, layout.inputs
                if CHANGES in shares[part]:
                    values |= cut_spans(layout, shares[part][CHANGES])
                    inputs += spans_of(layout, shares[part][CHANGES].shape[0])
                judged.append((part, Handed(inputs, values, rows[part])))
        checked, rejected = check_ranges(self.p, [*handed, *(each for _, each in judged)])
        counts = [int(count) for count in as_signed(self.p.open(rejected, REJECTED))]
        lost = set()
        for (part, _), item, count in zip(judged, checked[len(pairs) :], counts[len(pairs) :], strict=True):
            self.progress.contributions.setdefault(part.contract, []).append(item.values)
            lost |= {part} if count else set()
        for (name, owner), each, item, count in zip(pairs, handed, checked, counts, strict=False):
            gone = Part(owner, self._analyses[name].planned.contract) in lost and self._analyses[name].noise is None
            self.progress.checked.setdefault(name, []).append(item.left_out() if gone else item)
            self.progress.rejected[owner, name] = each.units if gone else count
        return dict(self.progress.rejected)

    def look_back(self) -> tuple[str, ...]:
        """Find the contracts in whose tables, all rows together, too little changed since a release: they wait.

        What may take noise in place of that does; of the rest nothing exact leaves this job.

        Reveals: which contracts, under one declared opening.
        Raises: PlanError once something was evaluated.
        """
        if self.progress.exact or self.progress.cells:
            raise PlanError("which tables wait is decided before anything is evaluated")
        names = [name for name in guarded(self.agreement) if any(map(self._is_due, self._exact(name)))]
        asked = []
        for name in names:
            due = [plan.name for plan in self._exact(name) if self._is_due(plan)]
            released = changed_features(self._layouts[name], due, self._bound[()])
            given = self._changed(name).get((), [])
            asked.append([each for each in given if each.about.feature.factors in released])
        if guarded(self.agreement):
            found = self.p.open(unchanged(self.p, self.agreement.rules, [*asked, []]), WAITS)
            self.progress.waiting = tuple(name for name, waits in zip(names, found, strict=False) if waits)
        self.progress.instead = tuple(
            plan.name
            for name in self.progress.waiting
            for plan in self._exact(name)
            if plan.instead and self._is_due(plan)
        )
        return self.progress.waiting

    def _exact(self, contract: str) -> list[Planned]:
        return [plan for plan in self.agreement.analyses if plan.contract == contract and not plan.privacy]

    def _changed(self, contract: str) -> dict[Axes, list[Given]]:
        """Take what owners counted of their changes as evidence, by grid."""
        zero = self.p.constant(np.zeros((1, 1), np.uint64))
        handed, since = self.progress.contributions[contract], self.since.get(contract, ())
        return dict(changes_given(self._layouts[contract], handed, since, zero)) if since else {}

    def evaluate(self, name: str) -> None:
        """Compute one analysis; its results stay shared.

        Raises: PlanError unless its inputs were checked; LimitError when it was evaluated before.
        """
        if name in {**self.progress.exact, **self.progress.cells, **self.progress.released}:
            raise LimitError(f"{name}: was evaluated; every analysis runs once in an attempt")
        if name not in self.progress.checked:
            raise PlanError(f"{name}: inputs are checked before they are used")
        analysis = self._analyses[name]
        with opening_their_own(self.p, [analysis]):
            self.progress.exact[name] = analysis.secure(self.p, self.progress.checked.pop(name))

    def compare(self) -> dict[Comparison, bool]:
        """Compare the sums that analyses have in common, if the agreement asks for that.

        An analysis that rejected something of an owner is left out: it states the sums of fewer rows.

        Reveals: one bit a comparison, under one declared opening.
        Raises: PlanError unless every analysis was evaluated.
        """
        if missing := sorted(set(self._analyses) - set(self.progress.exact)):
            raise PlanError(f"{', '.join(missing)}: evaluated before sums are compared")
        self.progress.compared = True
        if "sums" not in self.agreement.cross_checks:
            return {}
        stated = {name: self._analyses[name].states(cells) for name, cells in self.progress.exact.items()}
        lost = {name for (_, name), count in self.progress.rejected.items() if count}
        pairs = comparisons(_stated(self._analyses))
        bits = agreements(self.p, [(stated[each.one][each.sum], stated[each.other][each.sum]) for each in pairs])
        same = (as_signed(self.p.open(bits, CROSS)) == 1).tolist()
        return {each: one for each, one in zip(pairs, same, strict=True) if not {each.one, each.other} & lost}

    def add_noise(self) -> int:
        """Add to every evaluated analysis the noise that its plan asks for, if any, and conclude it.

        Returns how many cells got noise.

        Raises: PlanError if analyses were evaluated and not compared.
        """
        if self.progress.exact and not self.progress.compared and "sums" in self.agreement.cross_checks:
            raise PlanError("analyses are compared before their results get noise")
        noised, made = 0, dict[str, Cells]()
        for name in sorted(self.progress.exact):
            analysis, cells = self._analyses[name], self.progress.exact.pop(name)
            with opening_their_own(self.p, [analysis]):
                made[name] = analysis.add_noise(self.p, cells)
            noised += sum({"count": cells.count, **cells.values}[array].size for array in analysis.noised)
        self.progress.cells |= concluded(self.p, self._analyses, made)
        return noised

    def suppress(self) -> dict[str, int]:
        """Hide the cells of every analysis that a disclosure rule forbids, and what would restore them.

        Counts and sums of what is left are rounded, if the policy has a base for that.

        Returns how many, by exact analysis: of noised ones that is not counted, see `declared`.

        Reveals: these numbers, under one declared opening; if the policy asks for it those by rule under another.
        Raises: PlanError unless every planned analysis was evaluated and given its noise.
        """
        if self.progress.exact:
            raise PlanError(f"{', '.join(sorted(self.progress.exact))}: noise is added before anything is hidden")
        if missing := sorted(set(self._analyses) - set(self.progress.cells)):
            raise PlanError(f"{', '.join(missing)}: not evaluated, so nothing is hidden yet")
        cells, withheld = dict(sorted(self.progress.cells.items())), self.withheld
        leaving = {name: each for name, each in cells.items() if name not in withheld}
        judged = {name: each for name, each in self._layouts.items() if name not in self.progress.waiting}
        given = {name: self._given(name, layout) for name, layout in judged.items()}
        found = protect(self.p, self._analyses, judged, leaving, given)
        self.told(found.judged)
        exact = [name for name, analysis in sorted(self._analyses.items()) if analysis.noise is None]
        if exact and self.agreement.rules.count_by_rule:
            self._count_by_rule({name: found.judged[name] for name in exact if name not in withheld})
        nothing = {name: self.p.constant(np.zeros(cells[name].count.shape, np.uint64)) for name in withheld}
        shown = {**found.safe, **nothing}
        whole = {name: self._analyses[name].whole_from for name in cells}
        hidden = {name: hide(self.p, each, shown[name], whole[name]) for name, each in cells.items()}
        self.progress.released = rounded(self.p, self._analyses, hidden)
        self.progress.cells.clear()
        self.progress.contributions.clear()
        gone = []
        for safe in (self.progress.released[name]["safe"].reshape(-1) for name in exact):
            gone.append(self.p.add_public(-safe.sum(), safe.size).reshape(1))
        counts = as_signed(self.p.open(concat(gone), HIDDEN)) if gone else ()
        self.progress.hidden = {name: int(count) for name, count in zip(exact, counts, strict=True)}
        return dict(self.progress.hidden)

    def _given(self, contract: str, layout: Layout) -> dict[Axes, list[Given]]:
        """Take what owners handed in as evidence, of what is there and of what changed."""
        changed = self._changed(contract)
        found = layout.given(self.progress.contributions[contract])
        return {axes: [*given, *changed.get(axes, [])] for axes, given in found.items()}

    def _count_by_rule(self, judged: Mapping[str, Judged]) -> None:
        pairs = [(name, rule) for name, verdict in judged.items() for rule in verdict.fails]
        none = self.p.constant(np.zeros(1, np.uint64))  # where everything is withheld, something is opened all the same
        counts = as_signed(self.p.open(counted([*(judged[name].fails[rule] for name, rule in pairs), none]), BY_RULE))
        for (name, rule), count in zip(pairs, counts, strict=False):
            self.progress.by_rule.setdefault(name, {})[rule] = int(count)

    def finish(self) -> dict[str, dict[str, Arith]]:
        """Return the results under fresh components, by analysis and output: what recipients may be sent shares of.

        Raises: PlanError unless every planned analysis was evaluated and suppressed.
        """
        if missing := sorted(set(self._analyses) - set(self.progress.released)):
            raise PlanError(f"{', '.join(missing)}: not evaluated, so nothing can be released")
        self.p.barrier("finished")
        return {
            name: {output.name: self.p.rerandomise(released[output.name]) for output in self._analyses[name].outputs()}
            for name, released in self.progress.released.items()
        }

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for name in sorted(self._analyses):
            for owner in self.agreement.owners_under(self._analyses[name].planned.contract):
                yield name, owner
