"""How often a random test is tried: in minutes by `make test`, as often as a release needs by `make soak`.

Every trial has its own seed, and says it when it fails. SEED=n in the environment makes n the first one.
"""

import os

import numpy as np
import pytest

FIRST = int(os.environ.get("SEED", "0"))


def trials(quick, full):
    """Parametrises a test by `trials`, a range of seeds: so many in `make test`, and in `make soak`."""
    ranges = {"quick": range(FIRST, FIRST + quick), "full": range(FIRST, FIRST + full)}
    return pytest.mark.parametrize(
        "trials",
        [ranges["quick"], pytest.param(ranges["full"], marks=[pytest.mark.soak, pytest.mark.timeout(7200)])],
        ids=list(ranges),
    )


def dice(seed, *more):
    """Random numbers of this trial."""
    return np.random.default_rng([seed, *more])
