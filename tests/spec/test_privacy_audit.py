"""Noise held to its promise from outside: its law on many samples, epsilon on neighbours, and what one node can see."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, chi2_contingency, chisquare

from counterfoil.mpc.circuits import noise
from counterfoil.mpc.local import reveal, try_local
from counterfoil.mpc.plain import Plain
from counterfoil.mpc.session import SUITES

FULL = pytest.mark.soak
ALPHA = 1e-6
"""How improbable a deviation must be to be one."""

LAWS = {
    "laplace, narrow": ("laplace", Fraction(3, 2)),
    "laplace": ("laplace", Fraction(20)),
    "laplace, wide": ("laplace", Fraction(10**4)),
    "gaussian": ("gaussian", Fraction(10)),
    "gaussian, wide": ("gaussian", Fraction(60)),
}


def samples(kind: str, width: Fraction, size: int, piece: int = 20_000) -> np.ndarray:
    """Fresh samples, as the circuit makes them from secret words."""
    draw = noise.discrete_laplace if kind == "laplace" else noise.discrete_gaussian
    pieces = [min(piece, size - start) for start in range(0, size, piece)]
    return np.concatenate([draw(Plain(), "audit", each, width).parts[0].view(np.int64) for each in pieces])


def weights(kind: str, width: Fraction, reach: int) -> np.ndarray:
    """The law on -reach..reach, and all beyond, from its formula."""
    k = np.arange(-reach, reach + 1)
    if kind == "laplace":
        alpha = math.exp(-1 / width)
        law = (1 - alpha) / (1 + alpha) * alpha ** np.abs(k)
    else:
        far = np.arange(-40 * math.ceil(width), 40 * math.ceil(width) + 1, dtype=float)
        law = (
            np.exp(-(k.astype(float) ** 2) / (2 * float(width) ** 2))
            / np.exp(-(far**2) / (2 * float(width) ** 2)).sum()
        )
    return np.append(law, 1 - law.sum())


@pytest.mark.parametrize("size", [100_000, pytest.param(1_000_000, marks=FULL)])
@pytest.mark.parametrize("name", LAWS)
def test_noise_fits_its_law_in_the_middle_and_in_the_tails(name: str, size: int) -> None:
    kind, width = LAWS[name]
    if kind == "gaussian" and size == 100_000:
        size = 20_000 if width > 10 else 50_000
    found = samples(kind, width, size)
    assert found.dtype == np.int64  # whole numbers, of which no rounding can tell anything
    # The middle: every value of its own, or as many in one class as leave a hundred classes.
    reach = int(4 * width)
    law = weights(kind, width, reach)
    inside = np.abs(found) <= reach
    counts = np.append(np.bincount(found[inside] + reach, minlength=2 * reach + 1), (~inside).sum())
    classes = np.array_split(np.arange(counts.size), min(100, counts.size))
    seen, expected = (np.array([of[each].sum() for each in classes]) for of in (counts, law * size))
    few = expected < 5
    if few.any():
        seen, expected = (np.append(of[~few], of[few].sum()) for of in (seen, expected))
    assert chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > ALPHA
    # The tails: as often beyond as the exact quantiles say, and never beyond the bound.
    for beyond in (Fraction(1, 10), Fraction(1, 100), Fraction(1, 1000), Fraction(1, 10_000)):
        quantile = noise.laplace_quantile if kind == "laplace" else noise.gaussian_quantile
        at = quantile(width, beyond)
        past, short = (np.abs(found) > at).mean(), (np.abs(found) > at - 1).mean()
        slack = 6 * math.sqrt(float(beyond) / size)
        assert past <= float(beyond) + slack and short >= float(beyond) - slack
    bound = noise.laplace_bound(width) if kind == "laplace" else noise.gaussian_bound(width)
    assert np.abs(found).max() <= bound.high
    # As often below zero as above it.
    assert abs((found > 0).sum() - (found < 0).sum()) < 6 * math.sqrt(size)


# --- epsilon on neighbours --------------------------------------------------------------------------------------


def lowest_epsilon(yes: int, no: int, size: int, delta: float, confidence: float = 0.999) -> float:
    """What epsilon must be at least, with this confidence, if an event came so often on one table and the other."""
    slack = (1 - confidence) / 2
    p = beta.ppf(slack, yes, size - yes + 1) if yes else 0.0
    q = beta.ppf(1 - slack, no + 1, size - no) if no < size else 1.0
    return math.log((p - delta) / q) if p > delta else -math.inf


def audited(kind: str, delta: float, drawn: np.ndarray) -> float:
    """The largest epsilon that an attacker who knows both tables can prove, by its most telling event.

    `drawn` is noise on the two cells of each table. The attacker looks at how much likelier what it sees is on one
    table, and picks the threshold on half of the samples, to hold it to account on the other half.
    """
    half, scores = drawn.shape[-1] // 2, []
    for table, added in zip(TABLES, drawn, strict=True):
        seen = table[:, None] + added
        one, other = (np.abs(seen - each[:, None]).astype(float) for each in TABLES)
        scores.append((other - one if kind == "laplace" else other**2 - one**2).sum(axis=0))
    tries = np.unique(np.quantile(scores[0][:half], np.linspace(0.05, 0.999, 60)))

    def proven(at: float, samples: slice) -> float:
        yes, no = (int((score[samples] >= at).sum()) for score in scores)
        return lowest_epsilon(yes, no, half, delta)

    guess = max(tries, key=lambda at: proven(at, slice(None, half)))
    return proven(guess, slice(half, None))


TABLES = np.array([40, 17]), np.array([39, 18])
"""Two cells of a histogram, before and after one row moved from the first to the second."""


@pytest.mark.parametrize("size", [40_000, pytest.param(1_000_000, marks=FULL)])
@pytest.mark.parametrize("epsilon", [Fraction(1, 2), Fraction(2)])
def test_laplace_noise_costs_no_more_than_its_epsilon(epsilon: Fraction, size: int) -> None:
    drawn = samples("laplace", 2 / epsilon, 4 * size).reshape(2, 2, size)
    found = audited("laplace", 0.0, drawn)
    assert found <= float(epsilon)
    # The audit has teeth: it proves most of what is claimed, and with half of the noise it proves more.
    assert found > 0.7 * float(epsilon)
    assert audited("laplace", 0.0, drawn // 2) > float(epsilon)


@pytest.mark.parametrize("size", [20_000, pytest.param(1_000_000, marks=FULL)])
def test_gaussian_noise_costs_no_more_than_its_epsilon_and_delta(size: int) -> None:
    epsilon, delta = 1.0, 1e-3
    log = math.log(1 / delta)
    rho = (math.sqrt(log + epsilon) - math.sqrt(log)) ** 2
    sigma = Fraction(math.ceil(1000 * math.sqrt(2 / (2 * rho))), 1000)
    drawn = samples("gaussian", sigma, 4 * size, 10_000).reshape(2, 2, size)
    found = audited("gaussian", delta, drawn)
    assert found <= epsilon
    assert audited("gaussian", delta, drawn // 8) > epsilon


# --- what one node sees -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", [6_000, pytest.param(1_000_000, marks=FULL)])
@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
@pytest.mark.parametrize("suite", SUITES)
def test_nothing_that_a_node_holds_goes_with_the_noise(suite: str, kind: str, size: int) -> None:
    """Each node's random words and its shares of the noise are independent of the noise's sign and of its width."""
    width = Fraction(6) if kind == "laplace" else Fraction(3)
    draw = noise.discrete_laplace if kind == "laplace" else noise.discrete_gaussian
    tables: dict[tuple[int, int, str], np.ndarray] = {}
    for start in range(0, size, 20_000):
        piece = min(20_000, size - start)
        held: dict[int, tuple[np.ndarray, ...]] = {}

        def program(p: Any, like: Any, piece: int = piece, held: dict[int, tuple[np.ndarray, ...]] = held) -> Any:
            drawn = p.noise_bits("what it holds", 64, piece)
            held[p.party.index] = tuple(
                np.unpackbits(part[0].view(np.uint8), bitorder="little")[:piece] for part in drawn.parts
            )
            return draw(p, "audit", piece, width)

        outcomes = try_local(suite, program, inputs=(np.zeros(1, np.int64),))
        assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
        value = reveal([outcome.result for outcome in outcomes]).view(np.int64)
        looks = {"sign": np.sign(value) + 1, "size": (np.abs(value) > width).astype(int)}
        for node, outcome in enumerate(outcomes):
            for place, part in enumerate((*held[node], *outcome.result.parts)):
                octet = (part if place < len(held[node]) else part >> np.uint64(3)).astype(np.uint64) & np.uint64(7)
                for name, look in looks.items():
                    table = np.zeros((8, 3), np.int64)
                    np.add.at(table, (octet.astype(int), look.astype(int)), 1)
                    key = (node, place, name)
                    tables[key] = tables.get(key, 0) + table
    assert tables
    for key, table in tables.items():
        kept = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
        assert chi2_contingency(kept).pvalue > ALPHA / len(tables), key
