"""Sorts, groups, joins and quantiles against numpy, and their costs."""

import numpy as np
import pytest
from circuit_spec import SUITES, Spec, bits, check_cost, check_values, run, same
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.errors import DuplicateKeyError, IntegrityError, RangeError, ShapeError
from counterfoil.mpc.circuits import compare, group, join, permute, quantile, sort
from counterfoil.mpc.circuits.order import order_by
from counterfoil.mpc.circuits.sort import Key
from counterfoil.mpc.plain import Plain


def keys(width, *, ordered=False, others=1):
    """A key column of so many bits with many ties, then columns of any words."""

    def draw(rng, n):
        pool = rng.integers(0, 1 << width, max(1, n // 3))
        key = rng.choice(pool, n)
        return (np.sort(key) if ordered else key, *(rng.integers(0, 1 << 40, n) for _ in range(others)))

    return draw


def flags_and_column(rng, n):
    return rng.integers(0, 2, n), rng.integers(0, 1 << 60, n)


def permutation_and_column(rng, n):
    return rng.permutation(n), rng.integers(0, 1 << 60, n)


def destinations(key):
    return permute.inverse(np.argsort(key, kind="stable"))


def sorted_by(key, *columns):
    order = np.argsort(key, kind="stable")
    return [column[order] for column in (key, *columns)]


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


def costs(rep3, rep4):
    return {"rep3": rep3, "rep4": rep4}


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
    Spec(
        "group_flags",
        run_flags,
        keys(6, ordered=True),
        lambda key, x: [heads(key), lasts(key)],
        costs(lambda n: (9, 63.625 * (n - 1)), lambda n: (9, 111.25 * (n - 1))),
    ),
    Spec(
        "group_sum with its flags",
        run_group_sum,
        keys(6, ordered=True),
        sums,
        costs(lambda n: (15, 288 * n + 63.625 * (n - 1)), lambda n: (16, 560 * n + 111.25 * (n - 1))),
    ),
    Spec(
        "pick heads (distinct)",
        run_pick("head"),
        keys(6, ordered=True),
        picked(heads),
        costs(lambda n: (15, 288 * n + 63.625 * (n - 1)), lambda n: (16, 560 * n + 111.25 * (n - 1))),
    ),
    Spec(
        "pick lasts",
        run_pick("last"),
        keys(6, ordered=True),
        picked(lasts),
        costs(lambda n: (15, 288 * n + 63.625 * (n - 1)), lambda n: (16, 560 * n + 111.25 * (n - 1))),
    ),
    Spec(
        "propagate",
        lambda p, key, x: group.propagate(p, run_flags(p, key, x)[0], [x, key]),
        keys(6, ordered=True),
        lambda key, x: [x[np.maximum.accumulate(np.where(heads(key), np.arange(key.size), 0))], key],
        costs(
            lambda n: (9 + 13, 456 * n + 63.625 * (n - 1)),
            lambda n: (9 + 16, 880 * n + 111.25 * (n - 1)),
        ),
    ),
]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("n", [1, 2, 65, 300])
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
@pytest.mark.parametrize("n", [1, 2, 3, 64, 500])
@pytest.mark.parametrize("width", [1, 5, 9])
def test_sorts_are_stable(suite, how, n, width):
    key, other = keys(width)(np.random.default_rng(n), n)
    got = run(suite, lambda p, k, x: SORTS[how](p, Key(k, width), [k, x]), (key, other)).values
    same(got, sorted_by(key, other))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("width", [20, 50, 55, 62])
@pytest.mark.parametrize("n", [200, 3000])
def test_long_keys_are_compared_in_one_word_or_in_two(suite, n, width):
    key, other = keys(width)(np.random.default_rng(n), n)
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
    assert len(asked) <= np.log2(size) + 12
    assert sum(asked) <= 8192 + size * (np.log2(size) + 7)


def test_comparisons_after_the_shuffle_do_not_depend_on_the_keys():
    """All keys equal, all distinct, sorted or not: the opened order is a uniform permutation."""
    runs = 1200
    for key in ([0, 0, 0, 0], [0, 1, 2, 3], [7, 7, 0, 0]):
        seen = {}
        for _ in range(runs):
            p = Plain()
            opened = []
            p.open_bits = lambda x, label, p=p, opened=opened: opened.append(Plain.open_bits(p, x, label)) or opened[-1]
            sort.compared_rows(p, Key(p.constant(key), 3), [p.constant(key)])
            outcome = np.concatenate(opened).tobytes()
            seen[outcome] = seen.get(outcome, 0) + 1
        expected = runs / 24
        assert len(seen) == 24
        assert sum((count - expected) ** 2 / expected for count in seen.values()) < 80  # 23 degrees: p < 1e-7


def test_a_column_that_is_no_permutation_is_an_integrity_failure():
    with pytest.raises(IntegrityError):
        run("plain", lambda p, s, x: permute.apply(p, s, [x]), (np.array([0, 0, 2]), np.arange(3)))


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
    "apply to 3 and 2": lambda p: permute.apply(p, three(p), [p.constant([1, 2])]),
    "sort of nothing": lambda p: sort.sort_rows(p, Key(p.constant(np.zeros(0, int)), 3), [three(p)]),
    "sort of 3 by 2": lambda p: sort.sort_rows(p, Key(p.constant([1, 2]), 3), [three(p)]),
    "a matrix as a column": lambda p: sort.sort_rows(p, Key(three(p), 3), [p.constant([[1, 2, 3]])]),
    "combine no keys": lambda p: sort.combine([]),
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


def test_keys_that_are_too_wide_are_refused():
    p = Plain()
    with pytest.raises(RangeError, match="63"):
        sort.combine([Key(three(p), 31), Key(three(p), 32)])
    with pytest.raises(RangeError, match="quantile"):
        quantile.quantiles(p, three(p), p.constant([3]), [(3, 2)])


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_messages_depend_on_shapes_alone(spec, suite):
    assert check_values(spec, suite, seed=1, n=200).trace == check_values(spec, suite, seed=2, n=200).trace
