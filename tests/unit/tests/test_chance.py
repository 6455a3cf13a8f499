"""The judge of random tests: its tails are right, its budget holds, and every test of samples is under it."""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.lib.chance import BUDGET, SHARES, Chance, apart, at_least, at_most, between, fits

ROOT = Path(__file__).parents[3]
FILES = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.name != "refmodel.py")
#: the marks of a judgement by so many deviations, or by a law of scipy's: only `tests.lib.chance` may do that
BY_DEVIATIONS = re.compile(r"[<>].*\b\d+(\.\d+)? \* ((np\.|math\.)?sqrt\(|\w+\.std\(|\(.*\*\* 0\.5\b)|scipy\.stats")


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every test by its name, as `SHARES` has it."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield f"{path.relative_to(ROOT).as_posix()}::{node.name}", node


def test_all_shares_together_are_within_the_budget() -> None:
    assert BUDGET == 1e-6
    assert all(each > 0 for each in SHARES.values())
    assert math.fsum(SHARES.values()) <= BUDGET


def test_every_random_test_has_a_share_and_every_share_a_test() -> None:
    asking = {name for name, node in functions() if "chance" in {each.arg for each in node.args.args}}
    asking -= {name for name in asking if name.startswith("tests/unit/tests/test_chance.py")}
    assert asking == set(SHARES)


def test_nothing_is_judged_by_deviations_elsewhere() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        if path.name
        not in ("chance.py", "oracles.py", Path(__file__).name)  # oracles are what results are compared with
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BY_DEVIATIONS.search(line)
    ]
    assert found == []
    assert BY_DEVIATIONS.search("assert abs(ones - n / 2) < 6 * np.sqrt(n / 4)")


def exactly(size: int, chance: Fraction, seen: range) -> float:
    """The probability that an event comes as often as one of these, term by term."""
    return float(sum(math.comb(size, k) * chance**k * (1 - chance) ** (size - k) for k in seen))


@pytest.mark.parametrize(
    ("size", "chance"),
    [
        (1, Fraction(1, 2)),
        (12, Fraction(1, 7)),
        (40, Fraction(99, 100)),
        pytest.param(400, Fraction(99, 100), marks=pytest.mark.slow),
    ],
)
def test_tails_are_those_of_the_binomial_law(size: int, chance: Fraction) -> None:
    for seen in range(size + 1):
        up, down = exactly(size, chance, range(seen, size + 1)), exactly(size, chance, range(seen + 1))
        assert at_least(seen, size, float(chance)) == pytest.approx(up, rel=1e-9)
        assert at_most(seen, size, float(chance)) == pytest.approx(down, rel=1e-9)
        assert apart(seen, size, float(chance)) == pytest.approx(min(1, 2 * min(up, down)), rel=1e-9)


def test_tails_are_right_far_out() -> None:
    """Where a normal law is wrong by orders of magnitude."""
    chance = Fraction(1, 1000)
    assert at_least(12, 1000, 1e-3) == pytest.approx(exactly(1000, chance, range(12, 1001)), rel=1e-9)
    assert float(at_least(12, 1000, 1e-3)) > 1e4 * math.erfc(11 / math.sqrt(2)) / 2


@pytest.mark.parametrize("law", [(0.5, 0.5), (0.2, 0.3, 0.5), (0.9, 0.1 - 1e-9, 1e-9)])
@pytest.mark.parametrize("alpha", [0.5, 0.1, 1e-3, 1e-6])
def test_a_verdict_is_wrong_no_more_often_than_its_share(law: tuple[float, ...], alpha: float) -> None:
    """Over all outcomes of seven draws, each with its own probability."""
    size, wrong = 7, 0.0
    for counts in itertools.product(range(size + 1), repeat=len(law)):
        if sum(counts) == size:
            found = fits(counts, law)
            if found.min() < alpha / found.size:
                ways = math.factorial(size) / math.prod(map(math.factorial, counts))
                wrong += ways * math.prod(p**k for p, k in zip(law, counts, strict=True))
    assert wrong <= alpha


def test_an_interval_for_a_chance_is_wrong_no_more_often_than_said() -> None:
    for chance in (Fraction(1, 50), Fraction(1, 2), Fraction(9, 10)):
        for alpha in (0.1, 1e-4):
            out = [k for k in range(61) if not between(k, 60, alpha)[0] <= chance <= between(k, 60, alpha)[1]]
            assert sum(exactly(60, chance, range(k, k + 1)) for k in out) <= alpha


def test_a_verdict_names_what_is_strange_and_how_to_see_it_again() -> None:
    with pytest.raises(AssertionError, match=r"here, SEED=\d+: of 3 prob.* at least 0.0033.*low.*0.00"):
        Chance("here", 0.01, bytes(32)).verdict({"low": [0.5, 0.003], "high": 0.9})
    with pytest.raises(AssertionError, match="nothing was looked at"):
        Chance("here", 0.01, bytes(32)).verdict({})
    with pytest.raises(AssertionError, match="here, SEED"):
        Chance("here", 0.01, bytes(32)).verdict({"no number": np.nan})
    judged = Chance("here", 0.01, bytes(32))
    judged.verdict({"low": [0.5, 0.004], "high": 0.9})
    with pytest.raises(AssertionError, match="one verdict a test"):
        judged.verdict({"again": 0.5})
    with pytest.raises(AssertionError, match="fails by chance once in 50 runs"):
        Chance("here", 0.01, bytes(32)).affords(0.02)


def test_draws_are_the_same_again_and_others_for_others() -> None:
    judged, other = Chance("here", 0.01, bytes(32)), Chance("here", 0.01, bytes(31) + b"1")
    assert judged.seeds(1) == judged.seeds(1) != judged.seeds(2) != other.seeds(2)
    assert judged.dice(1).integers(1 << 60) == judged.dice(1).integers(1 << 60) != judged.dice(2).integers(1 << 60)
