"""Noise held to its promise from outside: its law on many samples, epsilon on neighbours, and what one node can see."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from counterfoil.mpc.circuits.core import noise
from counterfoil.mpc.session.in_process import reveal, try_local
from counterfoil.mpc.session.session import SUITES
from counterfoil.mpc.suites.plain import Plain
from tests.lib.chance import Chance, apart, at_least, at_most, between, fits

FULL = pytest.mark.soak

LAWS = {
    "laplace, narrow": ("laplace", Fraction(3, 2)),
    "laplace": ("laplace", Fraction(20)),
    "laplace, wide": ("laplace", Fraction(10**4)),
    "gaussian": ("gaussian", Fraction(10)),
    "gaussian, wide": ("gaussian", Fraction(60)),
}


def samples(drawn: Callable[..., bytes], kind: str, width: Fraction, size: int, piece: int = 20_000) -> np.ndarray:
    """Samples, as the circuit makes them from secret words."""
    draw = noise.discrete_laplace if kind == "laplace" else noise.discrete_gaussian
    pieces = [min(piece, size - start) for start in range(0, size, piece)]
    return np.concatenate(
        [
            draw(Plain(seed=drawn(number)), "audit", each, width).parts[0].view(np.int64)
            for number, each in enumerate(pieces)
        ]
    )


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
def test_noise_fits_its_law_in_the_middle_and_in_the_tails(name: str, size: int, chance: Chance) -> None:
    kind, width = LAWS[name]
    if kind == "gaussian" and size == 100_000:
        size = 20_000 if width > 10 else 50_000
    found = samples(chance.seeds, kind, width, size)
    assert found.dtype == np.int64  # whole numbers, of which no rounding can tell anything
    # The middle: every value of its own, or as many in one class as leave a hundred classes.
    reach = int(4 * width)
    law = weights(kind, width, reach)
    inside = np.abs(found) <= reach
    counts = np.append(np.bincount(found[inside] + reach, minlength=2 * reach + 1), (~inside).sum())
    classes = np.array_split(np.arange(counts.size), min(100, counts.size))
    seen, expected = (np.array([of[each].sum() for each in classes]) for of in (counts, law))
    looked: dict[str, Any] = {"middle": fits(seen, expected)}
    # The tails: as often beyond as the exact quantiles say, and never beyond the bound.
    for beyond in (Fraction(1, 10), Fraction(1, 100), Fraction(1, 1000), Fraction(1, 10_000)):
        quantile = noise.laplace_quantile if kind == "laplace" else noise.gaussian_quantile
        at = quantile(width, beyond)
        looked[f"past {beyond}"] = at_least((np.abs(found) > at).sum(), size, float(beyond))
        if at:
            looked[f"short of {beyond}"] = at_most((np.abs(found) > at - 1).sum(), size, float(beyond))
    bound = noise.laplace_bound(width) if kind == "laplace" else noise.gaussian_bound(width)
    assert np.abs(found).max() <= bound.high
    # As often below zero as above it.
    looked["sign"] = apart((found > 0).sum(), (found != 0).sum(), 1 / 2)
    chance.verdict(looked)


# --- epsilon on neighbours --------------------------------------------------------------------------------------


def lowest_epsilon(yes: int, no: int, size: int, delta: float, alpha: float) -> float:
    """What epsilon must be at least, but with this probability, if an event came so often on either table."""
    (p, _), (_, q) = (between(seen, size, alpha) for seen in (yes, no))
    return math.log((p - delta) / q) if p > delta else -math.inf


def audited(kind: str, delta: float, drawn: np.ndarray, alpha: float) -> float:
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
        return lowest_epsilon(yes, no, half, delta, alpha)

    guess = max(tries, key=lambda at: proven(at, slice(None, half)))
    return proven(guess, slice(half, None))


TABLES = np.array([40, 17]), np.array([39, 18])
"""Two cells of a histogram, before and after one row moved from the first to the second."""


@pytest.mark.parametrize("size", [40_000, pytest.param(1_000_000, marks=FULL)])
@pytest.mark.parametrize("epsilon", [Fraction(1, 2), Fraction(2)])
def test_laplace_noise_costs_no_more_than_its_epsilon(epsilon: Fraction, size: int, chance: Chance) -> None:
    drawn = samples(chance.seeds, "laplace", 2 / epsilon, 4 * size).reshape(2, 2, size)
    chance.affords(chance.alpha)
    assert audited("laplace", 0.0, drawn, chance.alpha) <= float(epsilon), chance.test


@pytest.mark.parametrize("size", [20_000, pytest.param(1_000_000, marks=FULL)])
def test_gaussian_noise_costs_no_more_than_its_epsilon_and_delta(size: int, chance: Chance) -> None:
    drawn = samples(chance.seeds, "gaussian", gaussian_width(1.0, 1e-3), 4 * size, 10_000).reshape(2, 2, size)
    chance.affords(chance.alpha)
    assert audited("gaussian", 1e-3, drawn, chance.alpha) <= 1.0, chance.test


def gaussian_width(epsilon: float, delta: float) -> Fraction:
    """Of noise that costs no more than this where one row moves."""
    log = math.log(1 / delta)
    rho = (math.sqrt(log + epsilon) - math.sqrt(log)) ** 2
    return Fraction(math.ceil(1000 * math.sqrt(2 / (2 * rho))), 1000)


def test_the_audit_has_teeth() -> None:
    """It proves most of what is claimed, and more than is claimed where there is less noise. The draws are fixed."""

    def fixed(number: int) -> bytes:
        return number.to_bytes(32, "big")

    for epsilon in (Fraction(1, 2), Fraction(2)):
        drawn = samples(fixed, "laplace", 2 / epsilon, 160_000).reshape(2, 2, 40_000)
        assert audited("laplace", 0.0, drawn, 1e-3) > 0.7 * float(epsilon)
        assert audited("laplace", 0.0, drawn // 2, 1e-7) > float(epsilon)
    drawn = samples(fixed, "gaussian", gaussian_width(1.0, 1e-3), 80_000, 10_000).reshape(2, 2, 20_000)
    assert audited("gaussian", 1e-3, drawn // 8, 1e-7) > 1.0


# --- what one node sees -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", [6_000, pytest.param(1_000_000, marks=FULL)])
@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
@pytest.mark.parametrize("suite", SUITES)
def test_nothing_that_a_node_holds_goes_with_the_noise(suite: str, kind: str, size: int, chance: Chance) -> None:
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

        outcomes = try_local(suite, program, inputs=(np.zeros(1, np.int64),), seed=chance.seeds(start))
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
    # What a node holds is uniform, whatever the noise is: of each sign and width, every octet is as frequent.
    found = {}
    for (node, place, name), table in tables.items():
        values = 2 if place < len(held[node]) else 8
        assert not table[values:].any()
        found[node, place, name] = apart(table[:values], table.sum(axis=0), 1 / values)
    chance.verdict(found)
