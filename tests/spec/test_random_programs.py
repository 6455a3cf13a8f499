"""Random programs: the same values in numpy, in plain, in both suites, and in the reference model of each."""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pytest

from counterfoil.mpc.circuits.core import compare, convert, truncate
from counterfoil.mpc.circuits.tables import group, permute, sort
from counterfoil.mpc.ring.shares import U64
from counterfoil.mpc.session.session import SUITES
from tests.lib.trials import dice, trials
from tests.oracle import refmodel as ref
from tests.spec.circuit_spec import run

KEY_BITS = 3


@dataclass(frozen=True)
class Step:
    """One kind of step: on columns of words, in the engine, in the model, and in numpy."""

    engine: Any
    model: Any
    plain: Any
    operands: int = 1


def key(x):
    return x & U64((1 << KEY_BITS) - 1)


def ordered(k, x):
    return x[np.argsort(key(k), kind="stable")]


def model_msb(m, x):
    return m.b2a(m.msb(x))


def engine_sorted(p, k, x):
    return permute.apply(p, sort.radix_permutation(p, compare.a2b(p, k, KEY_BITS)), [x])[0]


def thirds(size):
    """Groups of three neighbours."""
    return np.arange(size) // 3


def engine_group_sum(p, x):
    groups = p.constant(thirds(x.size))
    return group.group_sum(p, groups, [x], group.group_flags(p, groups).last).columns[1]


def model_group_sum(m, x):
    return ref.group_sum(m, m.const(thirds(m.size(x)), m.size(x)), x)[1]


def plain_group_sum(x):
    sums = np.zeros(x.size, U64)
    np.add.at(sums, thirds(x.size), x)
    return sums


def bits_to_words(m, words):
    bits = [m.b2a(m.lin(lambda q, k=k: (q >> U64(k)) & U64(1), words)) for k in range(KEY_BITS)]
    return reduce(m.add, [m.mulc(bit, 1 << k) for k, bit in enumerate(bits)])


def there_and_back(m, x):
    moved, ops = m.shuffle([x])
    return m.shuffle(moved, ops=ops, inverse=True)[0][0]


STEPS = {
    "add": Step(lambda p, x, y: x + y, lambda m, x, y: m.add(x, y), lambda x, y: x + y, 2),
    "subtract": Step(lambda p, x, y: x - y, lambda m, x, y: m.sub(x, y), lambda x, y: x - y, 2),
    "times public": Step(lambda p, x: x * 12345, lambda m, x: m.mulc(x, 12345), lambda x: x * U64(12345)),
    "plus public": Step(
        lambda p, x: p.add_public(x, 1 << 63), lambda m, x: m.addc(x, 1 << 63), lambda x: x + U64(1 << 63)
    ),
    "cumsum": Step(lambda p, x: x.cumsum(), lambda m, x: m.lin(np.cumsum, x), np.cumsum),
    "reverse": Step(lambda p, x: x[::-1], lambda m, x: m.lin(lambda q: q[::-1], x), lambda x: x[::-1]),
    "multiply": Step(lambda p, x, y: p.multiply(x, y), lambda m, x, y: m.mul(x, y), lambda x, y: x * y, 2),
    "sign": Step(
        lambda p, x: convert.b2a(p, compare.msb(p, x)),
        lambda m, x: m.b2a(m.msb(x)),
        lambda x: x >> U64(63),
    ),
    "is zero": Step(
        lambda p, x: convert.b2a(p, compare.is_zero(p, x)), lambda m, x: m.b2a(m.eqz(x)), lambda x: (x == 0).astype(U64)
    ),
    "low bits": Step(
        lambda p, x: convert.compose(p, compare.a2b(p, x)[:KEY_BITS]),
        lambda m, x: bits_to_words(m, m.a2b(x)),
        key,
    ),
    "select": Step(
        lambda p, c, x, y: convert.select(p, convert.b2a(p, compare.msb(p, c)), x, y),
        lambda m, c, x, y: m.add(y, m.mul(model_msb(m, c), m.sub(x, y))),
        lambda c, x, y: np.where(c >> U64(63) == 1, x, y),
        3,
    ),
    "truncate": Step(
        lambda p, x: truncate.trunc_exact(p, x, 9),
        lambda m, x: m.trunc_ex(x, 9),
        lambda x: (x.view(np.int64) >> 9).view(U64),
    ),
    "shuffle and back": Step(
        lambda p, x: p.unshuffle(*p.shuffle([x]))[0],
        there_and_back,
        lambda x: x,
    ),
    "sort": Step(engine_sorted, lambda m, k, x: m.apply(m.radix(m.a2b(k), KEY_BITS), [x])[0], ordered, 2),
    "group sum": Step(engine_group_sum, model_group_sum, plain_group_sum),
}


def program(seed):
    """Columns, and (kind of step, which columns so far it takes)."""
    rng = dice(seed)
    rows = int(rng.integers(2, 40))
    columns = [rng.integers(0, 1 << int(bits), rows, dtype=U64) for bits in (3, 20, 63)]
    columns[2] |= rng.integers(0, 2, rows, dtype=U64) << U64(63)
    steps = []
    for _ in range(int(rng.integers(3, 9))):
        kind = str(rng.choice(list(STEPS)))
        # Recent columns more often, so that steps build on one another.
        have = len(columns) + len(steps)
        steps.append(
            (kind, [int(have - 1 - min(rng.geometric(0.4) - 1, have - 1)) for _ in range(STEPS[kind].operands)])
        )
    return columns, steps


def follow(steps, columns, one):
    """All columns, after every step is done by `one(step, *operands)`."""
    columns = list(columns)
    for kind, places in steps:
        columns.append(one(STEPS[kind], *(columns[place] for place in places)))
    return columns


@pytest.mark.slow
@trials(quick=60, full=500)
def test_random_programs_agree_everywhere(trials):
    for seed in trials:
        inputs, steps = program(seed)
        where = f"seed {seed}: {steps}"
        expected = follow(steps, inputs, lambda step, *operands: step.plain(*operands))
        for suite in ("plain", *SUITES):

            def ours(p, *shares, steps=steps):
                return follow(steps, shares, lambda step, *operands: step.engine(p, *operands))

            got = run(suite, ours, inputs).values
            for column, right in zip(got, expected, strict=True):
                np.testing.assert_array_equal(column, right, err_msg=f"{suite}, {where}")
        for suite, kind in SUITES.items():
            model = ref.Eng(kind.parties)
            shared = follow(steps, [model.input(x) for x in inputs], lambda step, *xs: step.model(model, *xs))  # noqa: B023
            for column, right in zip(shared, expected, strict=True):
                np.testing.assert_array_equal(model.val(column), right, err_msg=f"model of {suite}, {where}")
