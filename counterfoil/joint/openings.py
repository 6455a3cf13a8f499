"""What a joint computation opens, from the agreement alone: the nodes of a job open this and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.joint.computation import BY_RULE, CROSS, HIDDEN, REJECTED, WAITS, analyses
from counterfoil.mpc.runtime.ledger import Declared

_ALWAYS: Final = Declared(
    REJECTED, 1, "how many rows, or whole contributions, of each owner were outside the contract's bounds"
)
_HIDDEN: Final = Declared(HIDDEN, 1, "how many cells of each exact analysis were hidden")
_WAITS: Final = Declared(
    WAITS,
    1,
    "a bit for each contract with exact results: whether so little changed in all its rows since an earlier release "
    "that nothing exact may leave",
)
_BY_RULE: Final = Declared(BY_RULE, 1, "how many cells of each exact analysis break each disclosure rule")

_CROSS: Final = Declared(CROSS, 1, "whether analyses of the same rows agree on the sums that they have in common")

_JOBS_OWN: Final = frozenset({REJECTED, HIDDEN, WAITS, BY_RULE, CROSS})


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
        (bool(guarded(agreement)), _WAITS),
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
        variants.append(agreement.all_noised_instead)
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
