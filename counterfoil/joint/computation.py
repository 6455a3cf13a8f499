"""All analyses of one agreement as one joint computation: what is handed in, what may be opened, what comes out.

Everything here follows from the signed agreement, so every party, and every reader of it, derives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.flags import check_flags
from counterfoil.analyses.registry import build
from counterfoil.data.row_sketch import sketch, sketch_shape
from counterfoil.disclosure.crosscheck import Comparison, agreements, comparisons
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.disclosure.differencing import too_close
from counterfoil.disclosure.layout import Layout, layouts
from counterfoil.disclosure.protection import protect
from counterfoil.disclosure.rounding import rounded
from counterfoil.disclosure.suppression import Judged, counted, hide
from counterfoil.errors import DifferenceError, LimitError, PlanError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.cumulative.accounting import Loss
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.governance.jobs.manifest import ArraySpec
from counterfoil.joint.concluding import concluded, opening_their_own
from counterfoil.joint.contributed import array_name, inputs_of, made_of
from counterfoil.joint.progress import Progress
from counterfoil.joint.range_check import Handed, check_ranges
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed, concat
from counterfoil.mpc.runtime.ledger import Declared

if TYPE_CHECKING:
    from counterfoil.data.reading.table import Table

MEMBERSHIP = "membership"
"""Under which an owner submits the sketch of its rows; no plan's array is called so, which all have `--` in them."""

REJECTED = "rejected inputs"
HIDDEN = "hidden cells"
BY_RULE = "hidden cells by rule"
CLOSE = "too close to an earlier release"
CROSS = "sums that agree"

_ALWAYS = Declared(
    REJECTED, 1, "how many rows, or whole contributions, of each owner were outside the contract's bounds"
)
_HIDDEN = Declared(HIDDEN, 1, "how many cells of each exact analysis were hidden")
_CLOSE = Declared(
    CLOSE, 1, "a bit for each earlier release on the same contract: whether the rows of some owner differ by too few"
)
_BY_RULE = Declared(BY_RULE, 1, "how many cells of each exact analysis break each disclosure rule")
_CROSS = Declared(CROSS, 1, "whether analyses of the same rows agree on the sums that they have in common")
_JOBS_OWN = frozenset({REJECTED, HIDDEN, CLOSE, BY_RULE, CROSS})


def declared(agreement: Agreement) -> tuple[Declared, ...]:
    """List the only openings of a joint computation. Results are not among them: they leave it as shares.

    Of noised results no hidden cells are counted: these follow from noise that nobody is charged for in a draft.
    """
    rules, sums = agreement.rules, "sums" in agreement.cross_checks
    exact = any(not plan.privacy for plan in agreement.analyses)
    varies = exact and len(agreement.charged) == len(agreement.analyses)
    asked = (
        (exact, replace(_HIDDEN, varies=varies)),
        (exact and rules.count_by_rule, replace(_BY_RULE, varies=varies)),
        (bool(guarded(agreement)), _CLOSE),
        (sums, _CROSS),
    )
    return (_ALWAYS, *(line for wanted, line in asked if wanted), *_of_analyses(agreement))


def openings(agreement: Agreement) -> dict[str, tuple[Declared, ...]]:
    """Return what each planned analysis opens by itself at most, whether it is exact or takes noise instead.

    Raises: PlanError, RangeError.
    """
    found: dict[str, dict[str, Declared]] = {plan.name: {} for plan in agreement.analyses}
    variants = [agreement]
    if any(plan.instead and not plan.privacy for plan in agreement.analyses):
        variants.append(agreement.noised_instead(agreement.contracts))
    for name, analysis in (item for each in variants for item in analyses(each).items()):
        for line in analysis.openings():
            if line.label in _JOBS_OWN:
                raise PlanError(f"{name}: {analysis.key} may not open {line.label!r}, which is the job's own")
            known = found[name].get(line.label)
            if known is None or known.maximum < line.maximum:
                found[name][line.label] = line
    return {name: tuple(lines.values()) for name, lines in found.items()}


def _of_analyses(agreement: Agreement) -> tuple[Declared, ...]:
    """List what analyses open, a line for each label, as often as all of them together may."""
    lines: dict[str, Declared] = {}
    for line in (each for own in openings(agreement).values() for each in own):
        known = lines.get(line.label, replace(line, maximum=0))
        lines[line.label] = replace(line, maximum=known.maximum + line.maximum, varies=known.varies or line.varies)
    return tuple(lines.values())


def analyses(agreement: Agreement) -> dict[str, Analysis]:
    """Build every planned analysis, by its name, so that all tables can be protected side by side.

    Raises: PlanError, RangeError.
    """
    found = {}
    for planned in agreement.analyses:
        contract = agreement.contracts[planned.contract].shared()
        found[planned.name] = build(planned, contract, Limits.of(agreement, planned.contract))
    layouts(found)
    check_flags(found)
    if "sums" in agreement.cross_checks and not comparisons(_stated(found)):
        raise PlanError(
            f"{agreement.source}: crossChecks asks for sums, but no two analyses of one contract state the same sum; "
            "add one, such as a total beside means by group, or drop it"
        )
    if any(plan.instead and not plan.privacy for plan in agreement.analyses):
        analyses(agreement.noised_instead(agreement.contracts))
    return found


def _stated(found: Mapping[str, Analysis]) -> dict[str, tuple[str, frozenset[str]]]:
    return {name: (analysis.planned.contract, analysis.sums()) for name, analysis in found.items()}


def losses(agreement: Agreement) -> dict[str, Loss]:
    """Return what each noised plan costs a recipient, by its name. Raises: PlanError, RangeError."""
    return {name: each.noise.loss for name, each in analyses(agreement).items() if each.noise}


def array_specs(agreement: Agreement, contract: str, rows: int) -> dict[str, ArraySpec]:
    """Return, by their submitted names, the arrays that an owner of so many rows hands in."""
    sketched = ArraySpec(sketch_shape(agreement.contracts[contract]), -rows, rows)
    own = {MEMBERSHIP: sketched} if contract in guarded(agreement) else {}
    return own | {
        name: ArraySpec(item.shape_for(rows), item.low, item.high, item.frac_bits)
        for name, item in inputs_of(analyses(agreement), contract).items()
    }


def local_parts(agreement: Agreement, contract: str, table: Table) -> dict[str, NDArray[np.int64]]:
    """Make, at the owner, every array to hand in from its table, each within its declared range.

    Raises: PlanError, OutOfBoundsError.
    """
    arrays = {}
    if contract in guarded(agreement):
        if table.tags is None:
            raise PlanError(f"{contract}: rows are tagged before they are minimised, so that releases can be compared")
        arrays[MEMBERSHIP] = sketch(table.tags)
    return arrays | made_of(analyses(agreement), contract, table)


@dataclass(slots=True)
class JointComputation:
    """One party's course through the computation: check, evaluate each analysis, add noise, suppress, finish.

    In this order: what is hidden of a noised result may depend on nothing but noised counts.
    """

    p: Protocol
    agreement: Agreement
    _bound: dict[tuple[str, ...], dict[str, Analysis]] = field(init=False, default_factory=dict)
    _laid_out: dict[tuple[str, ...], dict[str, Layout]] = field(init=False, default_factory=dict)
    #: what it has come to; that of a checkpoint, where an attempt resumes from one
    progress: Progress = field(default_factory=Progress)
    told: Callable[[Mapping[str, Judged]], None] = lambda _: None  # by which rules cells fail, shared: for rehearsals

    def __post_init__(self) -> None:
        self._bound[()] = analyses(self.agreement)

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
    def _layouts(self) -> dict[str, Layout]:
        instead = self.progress.instead
        if instead not in self._laid_out:
            self._laid_out[instead] = layouts(self._analyses)
        return self._laid_out[instead]

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
                values = {item.name: shares[part][item.name] for item in layout.inputs}
                judged.append((part, Handed(layout.inputs, values, rows[part])))
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

    def guard(self, compared: Sequence[tuple[Mapping[Part, Arith], Mapping[Part, Arith]]]) -> list[bool]:
        """Compare the sketches of each part's rows, of this job and of an earlier release, for each of these.

        Returns, for each of these, whether the rows of some owner differ from what they are now, but by too few.
        Reveals: just that, under one declared opening.
        """
        close = too_close(self.p, compared, self.agreement.rules.safe_difference)
        return [bool(bit) for bit in self.p.open(close, CLOSE)[:-1]]

    def noise_instead(self, contracts: Collection[str]) -> None:
        """Let exact analyses under these contracts take noise, in place of the release being refused.

        What owners handed in for the exact ones has all that the noised ones need.

        Raises: PlanError if one was evaluated; DifferenceError if one has no noise to take.
        """
        if self.progress.exact or self.progress.cells:
            raise PlanError("what takes noise is decided before anything is evaluated")
        exact = [plan for plan in self.agreement.analyses if plan.contract in contracts and not plan.privacy]
        if lacking := [plan.name for plan in exact if not plan.instead]:
            raise DifferenceError(f"{', '.join(lacking)}: exact, and may not take noise instead")
        self.progress.instead = tuple(sorted(contracts))

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
        stated = {name: self._analyses[name].state(cells) for name, cells in self.progress.exact.items()}
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
        cells = dict(sorted(self.progress.cells.items()))
        given = {name: layout.given(self.progress.contributions[name]) for name, layout in self._layouts.items()}
        found = protect(self.p, self._analyses, self._layouts, cells, given)
        self.told(found.judged)
        exact = [name for name, analysis in sorted(self._analyses.items()) if analysis.noise is None]
        if exact and self.agreement.rules.count_by_rule:
            self._count_by_rule({name: found.judged[name] for name in exact})
        hidden = {name: hide(self.p, each, found.safe[name]) for name, each in cells.items()}
        self.progress.released = rounded(self.p, self._analyses, hidden)
        self.progress.cells.clear()
        self.progress.contributions.clear()
        gone = []
        for safe in (self.progress.released[name]["safe"].reshape(-1) for name in exact):
            gone.append(self.p.add_public(-safe.sum(), safe.size).reshape(1))
        counts = as_signed(self.p.open(concat(gone), HIDDEN)) if gone else ()
        self.progress.hidden = {name: int(count) for name, count in zip(exact, counts, strict=True)}
        return dict(self.progress.hidden)

    def _count_by_rule(self, judged: Mapping[str, Judged]) -> None:
        pairs = [(name, rule) for name, verdict in judged.items() for rule in verdict.fails]
        counts = as_signed(self.p.open(counted([judged[name].fails[rule] for name, rule in pairs]), BY_RULE))
        for (name, rule), count in zip(pairs, counts, strict=True):
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
