"""Columns of two values in correlations: nothing follows about few rows that have a flag, or one and not another."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from counterfoil.analyses import flags
from counterfoil.analyses.base import Analysis
from counterfoil.analyses.flags import check_flags
from counterfoil.analyses.registry import build
from counterfoil.analyses.sums.correlation import Correlation
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.declaration import Limits
from counterfoil.disclosure.suppression import hide, judge
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.policies.privacy import Person
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.joint.range_check import Handed, check_ranges
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import Arith, as_signed
from counterfoil.mpc.suites.plain import Plain
from tests.spec.circuit_spec import SUITES, run
from tests.unit.analyses import judging

ROWS = 1_200
RULES = Rules(**{**OFF, "safe_threshold": 10, "safe_owners": 3})
WAYS = ("local", "shared")


def contract() -> Contract:
    measures = [Column(name, "integer", "measure", "how much", minimum=0, maximum=10**6) for name in ("x", "y")]
    flags = [Column(name, "integer", "measure", "whether", minimum=0, maximum=1) for name in "abcde"]
    return dataclasses.replace(judging.CONTRACT, columns=(*measures, *flags))


CONTRACT = contract()


def plan(*columns: str, rows: str = "local", name: str = "links") -> Planned:
    return judging.planned("correlation", *columns, name=name, rows=rows)


def bound(*columns: str, rows: str = "local", rules: Rules = RULES, most: int = ROWS) -> Analysis:
    return build(plan(*columns, rows=rows), CONTRACT, Limits(4, most, rules))


def released(analysis: Analysis, frame: pd.DataFrame, suite: str = "plain") -> dict[str, NDArray[np.int64]]:
    """What leaves of a table that four owners have parts of, row by row in turn."""
    parts = [frame.iloc[at::4].reset_index(drop=True) for at in range(4)]
    made = [analysis.local(Table(CONTRACT, "t", pa.Table.from_pandas(part, preserve_index=False))) for part in parts]
    names = [item.name for item in analysis.inputs()]

    def program(p: Protocol, *shares: Arith) -> list[Arith]:
        given = iter(shares)
        handed = [Handed(analysis.inputs(), {name: next(given) for name in names}, len(part)) for part in parts]
        checked, _ = check_ranges(p, handed)
        cells = analysis.conclude(p, analysis.secure(p, checked))
        (verdict,) = judge(p, [cells], [analysis.rules])
        found = hide(p, cells, verdict.safe)
        return [found[output.name] for output in analysis.outputs()]

    ran = run(suite, program, [each[name] for each in made for name in names])
    return {output.name: as_signed(value) for output, value in zip(analysis.outputs(), ran.values, strict=True)}


def people(seed: int, rows: int = ROWS, **flags: Sequence[int] | int) -> pd.DataFrame:
    """Rows of whom some have flags: the first so many, or those listed."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.integers(0, 900_000, rows), "y": rng.integers(0, 900_000, rows)})
    for name, who in flags.items():
        frame[name] = np.isin(np.arange(rows), np.arange(who) if isinstance(who, int) else who).astype(np.int64)
    return frame


def shown(analysis: Analysis, frame: pd.DataFrame, suite: str = "plain") -> set[str]:
    """The pairs of columns, by their first letters, whose correlation is shown."""
    names, safe = analysis.planned.columns, released(analysis, frame, suite)["safe"]
    pairs = zip(*np.tril_indices(len(names), -1), strict=True)
    return {f"{names[j]}{names[i]}" for (i, j), each in zip(pairs, safe, strict=True) if each}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("few", range(1, 13))
def test_a_flag_that_few_rows_have_leaves_the_result(few: int, way: str) -> None:
    """With mean and deviation from elsewhere their mean would be mean + r · sd · sqrt((n - k) / k)."""
    frame = people(few, a=few)
    analysis = bound("x", "y", "a", rows=way)
    assert shown(analysis, frame) == ({"xy", "xa", "ya"} if few >= 10 else {"xy"})
    frame["a"] = 1 - frame["a"]
    assert shown(analysis, frame) == ({"xy", "xa", "ya"} if few >= 10 else {"xy"})


def test_what_the_hidden_coefficient_would_give_away() -> None:
    """The attack, on a policy that lets a single row stand; under the threshold there is nothing to try it with."""
    frame = people(1, a=1)
    frame.loc[0, "x"] = 903_511
    lax = dataclasses.replace(RULES, safe_threshold=2, safe_owners=1)
    frame.loc[1, ["a", "x"]] = [1, 903_511]
    opened = released(bound("x", "y", "a", rules=lax), frame)
    r, n = opened["correlation"][1] / 1000, ROWS
    got = frame["x"].mean() + r * frame["x"].std(ddof=0) * np.sqrt((n - 2) / 2)
    assert abs(got - 903_511) < 0.02 * 903_511
    under = released(bound("x", "y", "a"), frame)
    assert under["safe"].tolist() == [1, 0, 0] and not under["correlation"][1:].any() and not under["count"][1:].any()


@pytest.mark.parametrize("way", WAYS)
def test_flags_that_differ_in_few_rows_do_not_stay_both(way: str) -> None:
    every = {"xa", "xb", "ab"}
    analysis = bound("x", "a", "b", rows=way)
    for beside in (1, 9, 10):
        assert shown(analysis, people(2, a=40 + beside, b=40)) == (every if beside == 10 else {"xa"})
    # A flag that is another is one flag; and rows that have both are few, or none.
    assert shown(analysis, people(2, a=40, b=40)) == every
    assert shown(analysis, people(2, a=40, b=range(40, 90))) == every
    assert shown(analysis, people(2, a=40, b=range(36, 90))) == {"xa"}
    # Nor does the first one if it has few rows itself.
    assert shown(analysis, people(2, a=5, b=100)) == set()


def test_a_cell_of_few_owners_is_too_small() -> None:
    whole, some = range(0, 200, 4), [at for at in range(200) if at % 4 < 2]
    assert shown(bound("x", "a"), people(3, a=whole)) == set()
    assert shown(bound("x", "a"), people(3, a=some)) == set()
    assert shown(bound("x", "a"), people(3, a=range(200))) == {"xa"}
    rules = dataclasses.replace(RULES, safe_owners=1, safe_other_rows=12)
    assert shown(bound("x", "a", rules=rules), people(3, a=15)) == set()
    assert shown(bound("x", "a", rules=rules), people(3, a=20)) == {"xa"}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("way", WAYS)
def test_the_suites_hide_the_same_pairs(way: str, suite: str) -> None:
    analysis = bound("x", "a", "b", "c", "d", rows=way)
    frame = people(4, 800)
    for at, name in enumerate("abcd"):
        frame[name] = np.random.default_rng(at).integers(0, 2, 800)
    letters = {"xa", "xb", "xc", "xd", "ab", "ac", "ad", "bc", "bd", "cd"}
    assert shown(analysis, frame, suite) == letters
    (every,) = np.nonzero((frame[list("abcd")].sum(axis=1) == 4).to_numpy())
    frame.loc[every[9:], "d"] = 0
    assert shown(analysis, frame, suite) == {"xa"}


def test_more_flags_than_can_be_judged_are_refused() -> None:
    check_flags({"links": bound("x", *"abcd")})
    with pytest.raises(PlanError, match=r"5 columns of two values \(a, b, c, d, e\).*leave some out, or let it"):
        check_flags({"links": bound("x", *"abcde")})


def test_statistics_of_one_contract_have_the_same_flags() -> None:
    one, same, none, other, turned = (
        bound(*columns) for columns in (("x", *"ab"), ("y", *"ab"), ("x", "y"), ("x", *"bc"), ("x", *"ba"))
    )
    check_flags({"one": one, "none": none, "same": same})
    for each in (other, turned):
        with pytest.raises(PlanError, match=r"one and two have other columns of two values.*list the same in both"):
            check_flags({"one": one, "none": none, "two": each})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("persons", "of_no_flag", "stays"), [(2, 1000, False), (9, 1000, False), (12, 1000, True), (12, 3, False)]
)
def test_flags_are_judged_by_persons_and_not_by_their_rows(
    persons: int, of_no_flag: int, stays: bool, way: str
) -> None:
    """Ten rows of one person are one person, with the flag as without it, and a person without most rows is whole."""
    several = dataclasses.replace(CONTRACT, person=Person(("a_key",), 10), primary_key=("a_key",))
    who = np.concatenate([np.repeat(np.arange(persons), 10), 100 + np.arange(1000) % of_no_flag])
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.integers(0, 900_000, who.size), "a": (who < 100).astype(np.int64)})
    frame["y"], frame["who"] = rng.integers(0, 900_000, who.size), who
    analysis = build(plan("x", "y", "a", rows=way), several, Limits(4, ROWS, RULES))
    assert isinstance(analysis, Correlation)

    def cells(part: pd.DataFrame) -> NDArray[np.int64]:
        has = [part["a"].to_numpy(np.int64)]
        return flags.cells_of(has, np.unique(part["who"], return_inverse=True)[1].astype(np.int64)).sum(axis=0)

    p = Plain()
    parts = [frame[frame["who"] % 4 == at] for at in range(4)]
    assert cells(parts[0])[1] == len({each for each in who if each < 100 and not each % 4})
    handed, rows = [p.constant(cells(part)) for part in parts], [p.constant(np.array(len(part))) for part in parts]
    verdict = as_signed(flags.judged(p, RULES, handed, rows).parts[0])
    assert verdict.tolist() == [stays, stays]
    shape = next(item.shape for item in analysis.inputs() if item.name == "flags")
    assert shape == (2,)
