"""Permutations and sorts against numpy, their costs, and what their openings say."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.errors import IntegrityError, RangeError, ShapeError
from counterfoil.mpc.circuits.core import compare
from counterfoil.mpc.circuits.tables import permute, sort
from counterfoil.mpc.circuits.tables.order import most_levels, order_by
from counterfoil.mpc.circuits.tables.sort import Key
from counterfoil.mpc.runtime.ledger import Ledger
from counterfoil.mpc.suites.plain import Plain
from tests.lib.chance import apart
from tests.spec.circuit_spec import MILLION, SUITES, Spec, bits, check_cost, check_values, costs, key_columns, run, same


def flags_and_column(rng, n):
    return rng.integers(0, 2, n), rng.integers(0, 1 << 60, n)


def permutation_and_column(rng, n):
    return rng.permutation(n), rng.integers(0, 1 << 60, n)


def destinations(key):
    return permute.inverse(np.argsort(key, kind="stable"))


def sorted_by(key, *columns):
    order = np.argsort(key, kind="stable")
    return [column[order] for column in (key, *columns)]


SPECS = [
    Spec(
        "bit_permutation",
        lambda p, b, x: permute.bit_permutation(p, b),
        flags_and_column,
        lambda b, x: destinations(b),
        costs(lambda n: (1, 24 * n), lambda n: (1, 48 * n)),
    ),
    Spec(
        "apply",
        lambda p, s, x: permute.apply(p, s, [x]),
        permutation_and_column,
        lambda s, x: [x[permute.inverse(s)]],
        costs(lambda n: (4, 120 * n), lambda n: (5, 224 * n)),
    ),
    Spec(
        "apply_inverse",
        lambda p, s, x: permute.apply_inverse(p, s, [x]),
        permutation_and_column,
        lambda s, x: [x[s]],
        costs(lambda n: (7, 120 * n), lambda n: (9, 224 * n)),
    ),
    Spec(
        "compact",
        lambda p, b, x: permute.compact(p, b, [x])[0],
        flags_and_column,
        lambda b, x: [np.concatenate([x[b == 1], x[b == 0]])],
        costs(lambda n: (5, 144 * n), lambda n: (6, 272 * n)),
    ),
    Spec(
        "radix_permutation, 8 bits",
        sort.radix_permutation,
        bits(8),
        lambda rows: destinations((rows << np.arange(8)[:, None]).sum(axis=0)),
        costs(lambda n: (59, 1624 * n), lambda n: (73, 3008 * n)),
    ),
]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("n", [1, 2, 65, 300, MILLION])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_equals_numpy(spec, n, suite):
    check_values(spec, suite, seed=n, n=n)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_costs_what_the_table_says(spec, suite):
    n = 641
    check_cost(spec, check_values(spec, suite, seed=1, n=n), n)


SORTS = {
    "radix": lambda p, key, columns: permute.apply(
        p, sort.radix_permutation(p, compare.a2b(p, key.column, key.width)), columns
    ),
    "compared": sort.compared_rows,
    "by permutation": lambda p, key, columns: permute.apply(p, sort.compared_permutation(p, key), columns),
    "picked": sort.sort_rows,
    "picked, by permutation": lambda p, key, columns: permute.apply(p, sort.sort_permutation(p, key), columns),
}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("how", SORTS)
@pytest.mark.parametrize(
    ("n", "width"),
    [*itertools.product([1, 2, 3, 64, 500], [1, 5, 9]), pytest.param(*MILLION.values, 9, marks=MILLION.marks)],
)
def test_sorts_are_stable(suite, how, n, width):
    key, other = key_columns(width)(np.random.default_rng(n), n)
    got = run(suite, lambda p, k, x: SORTS[how](p, Key(k, width), [k, x]), (key, other)).values
    same(got, sorted_by(key, other))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("width", [20, 50, 55, 62])
@pytest.mark.parametrize("n", [200, 3000])
def test_long_keys_are_compared_in_one_word_or_in_two(suite, n, width):
    key, other = key_columns(width)(np.random.default_rng(n), n)
    key[:4] = 0, (1 << width) - 1, 0, (1 << width) - 1
    got = run(suite, lambda p, k, x: sort.compared_rows(p, Key(k, width), [k, x]), (key, other)).values
    same(got, sorted_by(key, other))


@pytest.mark.parametrize("suite", SUITES)
def test_several_keys_and_descending_order(suite):
    rng = np.random.default_rng(9)
    year, amount, row = rng.integers(0, 8, 200), rng.integers(0, 50, 200), np.arange(200)

    def program(p, y, a, r):
        return sort.sort_rows(p, sort.combine([Key(y, 3), sort.descending(p, Key(a, 6))]), [y, a, r])

    order = np.lexsort((row, -amount, year))
    same(run(suite, program, (year, amount, row)).values, [year[order], amount[order], row[order]])


@given(st.permutations(range(40)) | st.lists(st.integers(0, 5), min_size=1, max_size=90))
@settings(deadline=None)
def test_any_keys(values):
    key = np.array(values)
    got = run("plain", lambda p, k: sort.sort_rows(p, Key(k, 6), [k]), (key,)).values
    same(got, [np.sort(key)])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 129, 5000, 30_000])
def test_order_by_few_comparisons_in_few_levels(size):
    asked = []
    values = np.random.default_rng(size).permutation(size)

    def before(i, j):
        asked.append(i.size)
        return values[i] < values[j]

    np.testing.assert_array_equal(values[order_by(before, size)], np.arange(size))
    assert len(asked) <= min(np.log2(size) + 12, most_levels(size))
    assert sum(asked) <= 8192 + size * (np.log2(size) + 7)


def test_comparisons_after_the_shuffle_do_not_depend_on_the_keys(chance):
    """All keys equal, all distinct, sorted or not: the opened order is a uniform permutation."""
    runs, found = 1200, {}
    for key in ([0, 0, 0, 0], [0, 1, 2, 3], [7, 7, 0, 0]):
        seen = {}
        for number in range(runs):
            p = Plain(seed=chance.seeds(key, number))
            opened = []
            p.open_bits = lambda x, label, p=p, opened=opened: opened.append(Plain.open_bits(p, x, label)) or opened[-1]
            sort.compared_rows(p, Key(p.constant(key), 3), [p.constant(key)])
            outcome = np.concatenate(opened).tobytes()
            seen[outcome] = seen.get(outcome, 0) + 1
        assert len(seen) <= 24
        found[str(key)] = apart([*seen.values(), *[0] * (24 - len(seen))], runs, 1 / 24)
    chance.verdict(found)


def test_a_column_that_is_no_permutation_is_an_integrity_failure():
    with pytest.raises(IntegrityError):
        run("plain", lambda p, s, x: permute.apply(p, s, [x]), (np.array([0, 0, 2]), np.arange(3)))


@pytest.mark.parametrize(("size", "width"), [(300, 3), (300, 40), (5000, 8), (5000, 62)])
def test_declared_openings_are_enough(size, width):
    (key,) = key_columns(width, others=0)(np.random.default_rng(size), size)
    p = Plain(Ledger(sort.openings(size, width)))
    sort.sort_rows(p, Key(p.constant(key), width), [p.constant(key)])


# --- bad input --------------------------------------------------------------------------------------------------


def three(p):
    return p.constant([0, 1, 1])


BAD = {
    "apply to 3 and 2": lambda p: permute.apply(p, three(p), [p.constant([1, 2])]),
    "sort of nothing": lambda p: sort.sort_rows(p, Key(p.constant(np.zeros(0, int)), 3), [three(p)]),
    "sort of 3 by 2": lambda p: sort.sort_rows(p, Key(p.constant([1, 2]), 3), [three(p)]),
    "a matrix as a column": lambda p: sort.sort_rows(p, Key(three(p), 3), [p.constant([[1, 2, 3]])]),
    "combine no keys": lambda p: sort.combine([]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_shapes_are_refused_before_any_message(name):
    p = Plain()
    with pytest.raises(ShapeError):
        BAD[name](p)
    assert not p.calls


def test_keys_that_are_too_wide_are_refused():
    p = Plain()
    with pytest.raises(RangeError, match="63"):
        sort.combine([Key(three(p), 31), Key(three(p), 32)])


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_messages_depend_on_shapes_alone(spec, suite):
    assert check_values(spec, suite, seed=1, n=200).trace == check_values(spec, suite, seed=2, n=200).trace
