"""Rep4 with one party that changed a share and then follows the protocol: every honest party is right, or aborts."""

import numpy as np
import pytest

from counterfoil.mpc.circuits.core import compare, convert, truncate
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.numeric import divide
from counterfoil.mpc.circuits.numeric.fixed import Fixed, settle
from counterfoil.mpc.circuits.tables import group, permute, sort
from counterfoil.mpc.ring.shares import Arith, Bits
from counterfoil.mpc.session.in_process import try_local
from tests.lib.trials import dice, trials

ROWS = 24


def quotient(p, x):
    a, b = Fixed(x, 0, Bound(0, 1 << 20)), Fixed(p.constant(np.arange(1, ROWS + 1)), 0, Bound(1, ROWS))
    return settle(p, divide.divide(p, a, b)[0], 0).value


CIRCUITS = {
    "msb": compare.msb,
    "is_zero": compare.is_zero,
    "a2b and compose": lambda p, x: convert.compose(p, compare.a2b(p, x, 24)),
    "trunc_exact": lambda p, x: truncate.trunc_exact(p, x, 4),
    "truncations": lambda p, x: truncate.multiply_pr(p, truncate.trunc_pr(p, x * 64, 4), x * 4, 4),
    "radix sort": lambda p, x: permute.apply(p, sort.radix_permutation(p, compare.a2b(p, x, 3)), [x])[0],
    "compared sort": lambda p, x: sort.compared_rows(p, sort.Key(x, 20), [x])[0],
    "propagate": lambda p, x: group.propagate(p, group.group_flags(p, x).head, [x])[0],
    "divide": quotient,
}


def opened(p, share):
    return p.open_bits(share, "result") if isinstance(share, Bits) else p.open(share, "result")


def corrupt(share, part, row, difference):
    parts = [each.copy() for each in share.parts]
    parts[part][row : row + 1] += np.uint64(difference)
    return Arith(tuple(parts))


def run(circuit, x, corrupted=None, part=0, row=0, difference=0):
    def program(p, share):
        if p.party.index == corrupted:
            share = corrupt(share, part, row, difference)
        return opened(p, CIRCUITS[circuit](p, share))

    return try_local("rep4-mal/1", program, inputs=(x,), timeout_s=20)


def right(circuit, got, expected):
    """Equal; a quotient may round either way, by the coins of its truncations."""
    return np.abs(got.astype(np.int64) - expected.astype(np.int64)).max() <= (circuit == "divide")


@pytest.mark.slow
@pytest.mark.timeout(14400)
@trials(quick=24, full=1300)
@pytest.mark.parametrize("circuit", CIRCUITS)
def test_honest_parties_are_right_or_abort(circuit, trials):
    x = np.random.default_rng(5).integers(0, 1 << 20, ROWS)
    expected = run(circuit, x)[0].result
    assert expected is not None
    aborted = 0
    for seed in trials:
        rng = dice(seed)
        corrupted, part, row = seed % 4, seed // 4 % 3, int(rng.integers(ROWS))
        difference = int(
            rng.choice(np.array([1, 1 << 19, 1 << 62, (1 << 64) - 1, int(rng.integers(1, 1 << 63))], np.uint64))
        )
        outcomes = run(circuit, x, corrupted, part, row, difference)
        honest = [outcome for party, outcome in enumerate(outcomes) if party != corrupted]
        aborted += all(outcome.error is not None for outcome in honest)
        for outcome in honest:
            where = f"seed {seed}: party {corrupted}, part {part}, row {row}, difference {difference}"
            assert outcome.error is not None or right(circuit, outcome.result, expected), where
    # A change that the next step overwrites does no harm; most are not.
    assert aborted >= len(trials) // 4
