"""Groups, joins and order statistics against numpy, and their costs."""

import numpy as np
import pytest

from counterfoil.errors import DuplicateKeyError, RangeError, ShapeError
from counterfoil.mpc.circuits.tables import group, join, quantile, sort
from counterfoil.mpc.circuits.tables.sort import Key
from counterfoil.mpc.suites.plain import Plain
from tests.spec.circuit_spec import MILLION, SUITES, Spec, check_cost, check_values, costs, key_columns, run, same


def first_rows(n, *columns):
    return [np.concatenate([column, np.zeros(n - column.size, column.dtype)]) for column in columns]


def heads(key):
    return np.diff(key, prepend=key[0] - 1) != 0


def lasts(key):
    return np.diff(key, append=key[-1] + 1) != 0


def sums(key, value):
    unique, where = np.unique(key, return_inverse=True)
    total = np.zeros(unique.size, dtype=np.int64)
    np.add.at(total, where, value)
    return first_rows(key.size, unique, total, np.ones(unique.size, int))


def run_group_sum(p, key, value):
    flags = group.group_flags(p, key)
    groups = group.group_sum(p, key, [value], flags.last)
    return [*groups.columns, groups.real]


def run_pick(which):
    def program(p, key, value):
        groups = group.pick(p, getattr(group.group_flags(p, key), which), [key, value])
        return [*groups.columns, groups.real]

    return program


def picked(which):
    return lambda key, value: first_rows(key.size, key[which(key)], value[which(key)], np.ones(which(key).sum(), int))


def run_flags(p, key, value):
    flags = group.group_flags(p, key)
    return [flags.head, flags.last]


SPECS = [
    Spec(
        "group_flags",
        run_flags,
        key_columns(6, ordered=True),
        lambda key, x: [heads(key), lasts(key)],
        costs(lambda n: (9, 63.625 * (n - 1)), lambda n: (9, 111.25 * (n - 1))),
    ),
    Spec(
        "group_sum with its flags",
        run_group_sum,
        key_columns(6, ordered=True),
        sums,
        costs(lambda n: (15, 288 * n + 63.625 * (n - 1)), lambda n: (16, 560 * n + 111.25 * (n - 1))),
    ),
    Spec(
        "pick heads (distinct)",
        run_pick("head"),
        key_columns(6, ordered=True),
        picked(heads),
        costs(lambda n: (15, 288 * n + 63.625 * (n - 1)), lambda n: (16, 560 * n + 111.25 * (n - 1))),
    ),
    Spec(
        "pick lasts",
        run_pick("last"),
        key_columns(6, ordered=True),
        picked(lasts),
        costs(lambda n: (15, 288 * n + 63.625 * (n - 1)), lambda n: (16, 560 * n + 111.25 * (n - 1))),
    ),
    Spec(
        "propagate",
        lambda p, key, x: group.propagate(p, run_flags(p, key, x)[0], [x, key]),
        key_columns(6, ordered=True),
        lambda key, x: [x[np.maximum.accumulate(np.where(heads(key), np.arange(key.size), 0))], key],
        costs(
            lambda n: (9 + 13, 456 * n + 63.625 * (n - 1)),
            lambda n: (9 + 16, 880 * n + 111.25 * (n - 1)),
        ),
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


# --- groups with rows that do not count -------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
def test_invalid_rows_are_in_no_group(suite):
    rng = np.random.default_rng(4)
    key, value, valid = rng.integers(0, 9, 300), rng.integers(0, 99, 300), rng.integers(0, 2, 300)

    def program(p, k, v, ok):
        whole = sort.combine([Key(p.add_public(-ok, 1), 1), Key(k, 4)])
        k, v, ok, both = sort.sort_rows(p, whole, [k, p.multiply(v, ok), ok, whole.column])
        flags = group.group_flags(p, both, valid=ok)
        groups = group.group_sum(p, k, [v, ok], flags.last)
        return [*groups.columns, groups.real]

    real = valid == 1
    unique, total, ones = (column[: np.unique(key[real]).size] for column in sums(key[real], value[real]))
    counts = np.unique(key[real], return_counts=True)[1]
    same(run(suite, program, (key, value, valid)).values, first_rows(300, unique, total, counts, ones))


@pytest.mark.parametrize("suite", SUITES)
def test_minimum_and_maximum_of_groups(suite):
    rng = np.random.default_rng(8)
    key, value = rng.integers(0, 20, 200), rng.integers(0, 1 << 20, 200)

    def program(p, k, v):
        both = sort.combine([Key(k, 5), Key(v, 20)])
        k, v = sort.sort_rows(p, both, [k, v])
        flags = group.group_flags(p, k, width=5)
        return [group.pick(p, flag, [k, v]).columns for flag in (flags.head, flags.last)]

    unique = np.unique(key)
    extremes = [[np.array([f(value[key == k]) for k in unique])] for f in (np.min, np.max)]
    same(run(suite, program, (key, value)).values, [first_rows(200, unique, *each) for each in extremes])


# --- joins ------------------------------------------------------------------------------------------------------


def joined_rows(left_key, left, right_key, right):
    partner = dict(zip(left_key.tolist(), left.tolist(), strict=True))
    return sorted((k, partner[k], r) for k, r in zip(right_key.tolist(), right.tolist(), strict=True) if k in partner)


def rows_where_matched(out):
    key, left, right, matched = out
    assert set(matched.tolist()) <= {0, 1}
    rows = zip(key.tolist(), left.tolist(), right.tolist(), matched.tolist(), strict=True)
    return sorted((k, v, r) for k, v, r, m in rows if m)


def run_join(width):
    def program(p, kl, vl, kr, vr):
        out = join.join(p, Key(kl, width), [vl], Key(kr, width), [vr])
        return [out.key, *out.left, *out.right, out.matched]

    return program


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(("left_rows", "right_rows", "width"), [(1, 1, 1), (40, 100, 6), (64, 1, 6), (50, 300, 40)])
def test_join_equals_a_dictionary(suite, left_rows, right_rows, width):
    rng = np.random.default_rng(left_rows)
    pool = rng.permutation(1 << min(width, 8))
    kl, kr = pool[:left_rows], rng.choice(pool[: 2 * left_rows], right_rows)
    vl, vr = rng.integers(1, 1000, left_rows), rng.integers(1, 1000, right_rows)
    got = run(suite, run_join(width), (kl, vl, kr, vr)).values
    assert rows_where_matched(got) == joined_rows(kl, vl, kr, vr)


@pytest.mark.parametrize("suite", SUITES)
def test_join_refuses_duplicate_left_keys(suite):
    with pytest.raises(DuplicateKeyError):
        run(suite, run_join(4), (np.array([3, 5, 3]), np.arange(3), np.array([3, 9]), np.arange(2)))


@pytest.mark.parametrize("suite", SUITES)
def test_hidden_rows_match_nothing_and_are_no_duplicates(suite):
    kl, vl, left_ok = np.array([1, 1, 2, 3]), np.array([10, 11, 20, 30]), np.array([0, 1, 1, 0])
    kr, vr, right_ok = np.array([1, 2, 3, 2, 1]), np.arange(5), np.array([1, 1, 1, 0, 1])

    def program(p, kl, vl, lok, kr, vr, rok):
        left, right = join.hide_rows(p, Key(kl, 4), lok), join.hide_rows(p, Key(kr, 4), rok, first=4)
        out = join.join(p, left, [vl], right, [vr])
        return [out.key, *out.left, *out.right, out.matched]

    got = run(suite, program, (kl, vl, left_ok, kr, vr, right_ok)).values
    assert rows_where_matched(got) == [(1, 11, 0), (1, 11, 4), (2, 20, 1)]


# --- order statistics -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
def test_top_rows(suite):
    key, row = np.array([5, 9, 1, 9, 7]), np.arange(5)
    got = run(suite, lambda p, k, r: quantile.top(p, Key(k, 4), [k, r], 3), (key, row)).values
    same(got, [np.array([9, 9, 7]), np.array([1, 3, 4])])


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("count", [0, 1, 2, 57, 100])
def test_quantiles_of_a_secret_number_of_values(suite, count):
    values = np.sort(np.random.default_rng(count).integers(0, 1 << 50, 100))
    fractions = [(0, 1), (1, 2), (1, 4), (99, 100), (1, 1)]
    got = run(suite, lambda p, x, c: quantile.quantiles(p, x, c, fractions), (values, np.array([count]))).values
    expected = [values[a * (count - 1) // b] if count else 0 for a, b in fractions]
    same(got, np.array(expected))


# --- bad input --------------------------------------------------------------------------------------------------


def three(p):
    return p.constant([0, 1, 1])


BAD = {
    "groups of 3 and 2": lambda p: group.group_sum(p, three(p), [p.constant([1, 2])], three(p)),
    "propagate no column": lambda p: group.propagate(p, three(p), []),
    "top 4 of 3": lambda p: quantile.top(p, Key(three(p), 1), [three(p)], 4),
    "quantiles of 2 counts": lambda p: quantile.quantiles(p, three(p), p.constant([1, 2]), [(1, 2)]),
    "join of nothing": lambda p: join.join(p, Key(three(p), 1), [three(p)], Key(p.constant(np.zeros(0, int)), 1), []),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_shapes_are_refused_before_any_message(name):
    p = Plain()
    with pytest.raises(ShapeError):
        BAD[name](p)
    assert not p.calls


def test_fractions_beyond_one_are_refused():
    p = Plain()
    with pytest.raises(RangeError, match="quantile"):
        quantile.quantiles(p, three(p), p.constant([3]), [(3, 2)])


def test_places_that_could_wrap_are_refused_before_any_message():
    p = Plain()
    with pytest.raises(RangeError, match="use simpler fractions"):
        quantile.quantiles(p, three(p), p.constant([3]), [(1, 1 << 60)])
    assert not p.calls


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_messages_depend_on_shapes_alone(spec, suite):
    assert check_values(spec, suite, seed=1, n=200).trace == check_values(spec, suite, seed=2, n=200).trace
