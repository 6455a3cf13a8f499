"""Cells that a disclosure rule forbids are zeroed on shares, before anything of them could leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.disclosure.declaration import Cells
from counterfoil.disclosure.evidence_tests import together
from counterfoil.errors import ShapeError
from counterfoil.governance.policies.rules import Rules
from counterfoil.mpc.circuits.core.compare import is_zero, msb
from counterfoil.mpc.circuits.core.convert import b2a
from counterfoil.mpc.circuits.core.ranked import cut, stacked
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, concat


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of one analysis's cells: `safe` is 1 where all let it leave, `fails` is 1 where one does not.

    Both are 0 or 1 however many tests a rule has, so that sums of them are bounded by public numbers.

    Shapes: that of the cells.
    """

    safe: Arith
    fails: Mapping[str, Arith]


def judge(p: Protocol, cells: Sequence[Cells], rules: Sequence[Rules]) -> list[Judged]:
    """Judge every cell of all analyses by the rules, in one pass.

    Shapes: one `Judged`, and one set of rules, for each of `cells`.
    Cost: 10 rounds for the signs of all tests; then whether a cell fails none, of each rule and of all: an equality, as
        wide as the number of tests, and a conversion each, 3 + log2 log2 tests rounds.
    Reveals: nothing.
    Raises: ShapeError.
    """
    tests = [list(_tests(p, each, own)) for each, own in zip(cells, rules, strict=True)]
    signs = b2a(p, msb(p, concat([test.reshape(-1) for each in tests for _, test in each])))
    found = iter(cut(signs, [test.size for each in tests for _, test in each]))
    counted, most = [], 1
    for each, rows in zip(cells, tests, strict=True):
        shape = each.count.shape
        negative = together(*({name: next(found).reshape(-1, *shape)} for name, _ in rows))
        filled = negative.pop(_EMPTY, None)
        if filled is not None:  # zeros may be shown: what holds no row passes all that is asked of rows
            spread = {name: filled.broadcast_to(test.shape) for name, test in negative.items()}
            excused = [name for name in negative if name not in _KEPT]
            negative |= {name: p.multiply(negative[name], spread[name]) for name in excused}
        counted.append({name: test.sum(axis=0) for name, test in negative.items()})
        most = max(most, sum(len(test) for test in negative.values()))
    asked = [
        total.reshape(-1) for each in counted for total in (stacked(list(each.values())).sum(axis=0), *each.values())
    ]
    none = iter(cut(b2a(p, is_zero(p, concat(asked), most.bit_length())), [total.size for total in asked]))
    verdicts = []
    for each, by_rule in zip(cells, counted, strict=True):
        safe, *passed = (next(none).reshape(*each.count.shape) for _ in range(1 + len(by_rule)))
        fails = {name: p.add_public(-each_passed, 1) for name, each_passed in zip(by_rule, passed, strict=True)}
        verdicts.append(Judged(safe, fails))
    return verdicts


def counted(fails: Sequence[Arith]) -> Arith:
    """Count the cells that fail, for each of these. Local.

    Shapes: any; the result is (len(fails),).
    """
    return concat([each.sum().reshape(1) for each in fails])


def hide(p: Protocol, cells: Cells, safe: Arith, whole: int | None = None) -> dict[str, Arith]:
    """Multiply every value by whether its cell is safe; counts are treated alike, and `safe` goes with them.

    `whole` says along how many of the first axes cells leave by themselves, if all others of one are safe or none is
    (`Declaration.whole_from`): what is concluded of such cells together has the shape of these axes alone.

    Shapes: as the cells; `safe` and `count` have the shape of `cells.count`.
    Cost: one product a value, all in one round.
    Reveals: nothing; what is released afterwards shows which cells were hidden.
    Raises: ShapeError.
    """
    shape = cells.count.shape
    flags, values, shapes = [], [], {}
    for name, value in {"count": cells.count, **cells.values}.items():
        own, lead = safe, shape
        if value.shape[: len(shape)] != shape and whole is not None:
            own, lead = safe.reshape(*shape[:whole], -1)[..., 0], shape[:whole]
        if value.shape[: len(lead)] != lead:
            raise ShapeError(f"{name} has shape {value.shape}, which its count's {shape} does not lead")
        spread = own.reshape(*lead, *[1] * (len(value.shape) - len(lead))).broadcast_to(value.shape)
        flags.append(spread.reshape(-1))
        values.append(value.reshape(-1))
        shapes[name] = value.shape
    kept = cut(p.multiply(concat(flags), concat(values)), [value.size for value in values])
    return {"safe": safe, **{name: part.reshape(*shapes[name]) for name, part in zip(shapes, kept, strict=True)}}


_EMPTY: Final = "empty"

_KEPT: Final = frozenset({"safe_difference", _EMPTY})
"""Rules from which an empty cell is not excused: that it is empty now tells who was in it before."""


def _tests(p: Protocol, cells: Cells, rules: Rules) -> Iterator[tuple[str, Arith]]:
    """Give each rule's tests; where zeros may be shown, also a number that is negative in every cell with rows."""
    shape = cells.count.shape
    yield "safe_threshold", p.add_public(cells.count, -rules.safe_threshold).reshape(1, *shape)
    for rule, test in cells.tests.items():
        if test.shape[1:] != shape:
            raise ShapeError(f"the tests of {rule} have shape {test.shape}, which does not end with {shape}")
        yield rule, test
    if not rules.zeros_are_disclosive:
        yield _EMPTY, -cells.count.reshape(1, *shape)
