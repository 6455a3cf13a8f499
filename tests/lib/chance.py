"""Tests of what is random: exact tails, one verdict a test, and one budget of false alarms for all of them together.

A test that holds samples against a law asks for the fixture `chance`, draws by its seed, works out the probability of
what it saw with the functions below, and asks for one verdict. These are tails of binomial laws, and not of a normal or
a chi-square law, which mean nothing so far out. Each test has a share of the budget; all its runs that were collected,
and all probabilities of a run, divide that share (Bonferroni), so that `make test` as a whole gives a false alarm less
than once in a million times. `make soak` has the same shares, and draws so much more that it finds what is smaller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, binom

from tests.lib.trials import FIRST

#: how often one of all these tests may fail although all is well
BUDGET: Final = 1e-6
_ONE: Final = BUDGET / 32
#: by test, its share of the budget
SHARES: Final[Mapping[str, float]] = {
    "tests/unit/disclosure/test_differences.py::test_what_exact_analyses_are_handed_is_enough_for_noised_ones": _ONE,
    "tests/unit/analyses/test_noise.py::test_intervals_hold_as_often_as_they_say": _ONE,
    "tests/unit/analyses/test_noise.py::test_noised_numbers_are_labelled_and_their_intervals_hold": _ONE,
    "tests/unit/analyses/test_noise.py::test_what_is_hidden_depends_on_noised_counts_alone": _ONE,
    "tests/unit/analyses/test_noised_correlation.py::test_the_exact_correlation_is_in_the_interval_and_noise_is_told": _ONE,  # noqa: E501
    "tests/unit/governance/test_catalogue.py::test_where_the_edges_lie_is_spread_evenly_over_owners_and_contracts": _ONE,  # noqa: E501
    "tests/unit/roles/test_privacy.py::test_every_node_charges_before_it_releases_and_recipients_get_noised_numbers": _ONE,  # noqa: E501
    "tests/spec/test_compare_convert_truncate.py::test_multiply_pr_has_no_bias": _ONE,
    "tests/spec/test_compare_convert_truncate.py::test_trunc_pr_has_no_bias": _ONE,
    "tests/spec/test_noise_and_ranges.py::test_gaussian_fits": _ONE,
    "tests/spec/test_noise_and_ranges.py::test_laplace_fits": _ONE,
    "tests/spec/test_privacy_audit.py::test_gaussian_noise_costs_no_more_than_its_epsilon_and_delta": _ONE,
    "tests/spec/test_privacy_audit.py::test_laplace_noise_costs_no_more_than_its_epsilon": _ONE,
    "tests/spec/test_privacy_audit.py::test_noise_fits_its_law_in_the_middle_and_in_the_tails": _ONE,
    "tests/spec/test_privacy_audit.py::test_nothing_that_a_node_holds_goes_with_the_noise": _ONE,
    "tests/spec/test_sort.py::test_comparisons_after_the_shuffle_do_not_depend_on_the_keys": _ONE,
    "tests/spec/test_views.py::test_no_masked_word_comes_twice": _ONE,
    "tests/spec/test_views.py::test_received_words_are_uniform_for_all_inputs": _ONE,
    "tests/spec/test_views.py::test_released_components_are_uniform_to_the_recipient": _ONE,
    "tests/spec/test_views.py::test_what_a_node_sees_is_simulated_from_its_own_components": _ONE,
    "tests/unit/mpc/test_prss.py::test_every_bit_of_every_word_is_used": _ONE,
    "tests/unit/mpc/test_prss.py::test_permutations_are_uniform_and_come_again": _ONE,
}


def at_least(seen: ArrayLike, size: ArrayLike, chance: ArrayLike) -> NDArray[np.float64]:
    """The probability that an event of this chance comes so often, or more, in so many independent tries."""
    return np.asarray(binom.sf(np.asarray(seen) - 1, size, chance))


def at_most(seen: ArrayLike, size: ArrayLike, chance: ArrayLike) -> NDArray[np.float64]:
    """The probability that it comes so often, or less."""
    return np.asarray(binom.cdf(seen, size, chance))


def apart(seen: ArrayLike, size: ArrayLike, chance: ArrayLike) -> NDArray[np.float64]:
    """The probability that it comes as rarely, or as often, as this: twice the smaller tail."""
    return np.minimum(1.0, 2 * np.minimum(at_least(seen, size, chance), at_most(seen, size, chance)))


def between(seen: int, size: int, alpha: float) -> tuple[float, float]:
    """Within which an event's chance is that came so often in so many tries: wrong with probability alpha at most.

    Source: Clopper & Pearson 1934.
    """
    low = beta.ppf(alpha / 2, seen, size - seen + 1) if seen else 0.0
    high = beta.ppf(1 - alpha / 2, seen + 1, size - seen) if seen < size else 1.0
    return float(low), float(high)


def fits(counts: ArrayLike, law: ArrayLike) -> NDArray[np.float64]:
    """How probable the count of each class is, and that of all classes on one side of it, under a law on the classes.

    Each of them is binomial, however few are expected, so that none need be pooled. Classes go along the last axis; of
    both sides of a class the less probable one is taken, whose probability is exact.
    """
    seen, law = np.asarray(counts), np.asarray(law, float)
    size = seen.sum(axis=-1, keepdims=True)
    up_to, beyond = law.cumsum(axis=-1)[..., :-1], law[..., ::-1].cumsum(axis=-1)[..., ::-1][..., 1:]
    so_far = seen.cumsum(axis=-1)[..., :-1]
    side = apart(np.where(up_to < beyond, so_far, size - so_far), size, np.minimum(up_to, beyond))
    return np.concatenate([apart(seen, size, law).ravel(), side.ravel()])


@dataclass
class Chance:
    """One run of a random test: what it draws by, and how improbable what it sees must be to be a failure."""

    test: str
    alpha: float
    seed: bytes
    decided: bool = field(default=False)

    def seeds(self, *more: object) -> bytes:
        """32 bytes for a run of the engine, others for other numbers."""
        return hashlib.sha256(self.seed + repr(more).encode()).digest()

    def dice(self, *more: object) -> np.random.Generator:
        """Random numbers, others for other numbers."""
        return np.random.default_rng(list(self.seeds(*more)))

    def verdict(self, found: Mapping[Any, ArrayLike]) -> None:
        """Fail if any of these probabilities, all that the test looked at, is too small to be chance. Asked once."""
        assert not self.decided, "one verdict a test: its share of the budget is divided among all that it looks at"
        self.decided = True
        each = {name: np.atleast_1d(np.asarray(values, float)) for name, values in found.items()}
        looks = sum(values.size for values in each.values())
        assert looks, "nothing was looked at"
        limit = self.alpha / looks
        strange = {name: float(values.min()) for name, values in each.items() if not values.min() >= limit}
        assert not strange, (
            f"{self.test}, SEED={FIRST}: of {looks} probabilities, each to be at least {limit:.2g}, "
            f"{len(strange)} names have smaller ones: {dict(sorted(strange.items(), key=lambda item: item[1])[:9])}"
        )

    def affords(self, probability: float) -> None:
        """Fail if the test would fail by chance more often than its share allows; it then asserts what it likes."""
        self.verdict({"false alarm": self.alpha})
        assert probability <= self.alpha, f"{self.test} fails by chance once in {1 / probability:.2g} runs"


def share(test: str, runs: int) -> float:
    """What each of so many runs of a test may use up. Raises: KeyError for a test without a share."""
    return SHARES[test] / runs
