"""The same random programs in MPyC, an engine of other people with other protocols: no difference."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from counterfoil.mpc.circuits.core import compare, convert
from counterfoil.mpc.circuits.tables import sort
from counterfoil.mpc.ring.shares import concat
from counterfoil.mpc.session.session import SUITES
from tests.lib.trials import FIRST, dice
from tests.spec.circuit_spec import run

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-mpyc" / "bin" / "python"
PROGRAMS = 200
BITS = 12
#: values stay below 2^60, so that neither engine wraps and every difference has a sign
MOST_BITS = 60


def shifted(p, x, width):
    """As a key that is not negative."""
    return sort.Key(p.add_public(x, 1 << (width - 1)), width)


def ordered(p, width, x):
    return sort.sort_rows(p, shifted(p, x, width), [x])[0]


def repeated(x, rows):
    return concat([x.reshape(1)] * rows)


#: name: (operands, the engine's way, bits of the result from those of the operands)
STEPS = {
    "add": (2, lambda p, w, x, y: x + y, lambda x, y: max(x, y) + 1),
    "subtract": (2, lambda p, w, x, y: x - y, lambda x, y: max(x, y) + 1),
    "multiply": (2, lambda p, w, x, y: p.multiply(x, y), lambda x, y: x + y),
    "times public": (1, lambda p, w, x: x * 12345, lambda x: x + 14),
    "less": (2, lambda p, w, x, y: convert.b2a(p, compare.less_than(p, x, y)), lambda x, y: 2),
    "equal": (2, lambda p, w, x, y: convert.b2a(p, compare.equal(p, x, y)), lambda x, y: 2),
    "select": (3, lambda p, w, c, x, y: convert.select(p, c, x, y), lambda c, x, y: max(x, y)),
    "sort": (1, ordered, lambda x: x),
    "largest": (1, lambda p, w, x: repeated(ordered(p, w, x)[-1:], x.size), lambda x: x),
    "total": (1, lambda p, w, x: repeated(x.sum(), x.size), lambda x: x + 4),
}


def program(seed):
    """Input columns, steps, and for each step the bits of its first operand."""
    rng = dice(seed)
    rows = int(rng.integers(2, 9))
    inputs = [rng.integers(-(1 << BITS), 1 << BITS, rows).tolist() for _ in range(3)]
    inputs.append(rng.integers(0, 2, rows).tolist())
    bits, flags, steps, widths = [BITS + 1] * 3 + [2], [3], [], []
    while len(steps) < 8:
        name = str(rng.choice(list(STEPS)))
        places = [int(place) for place in rng.integers(0, len(bits), STEPS[name][0])]
        if name == "select":
            places[0] = int(rng.choice(flags))
        result = STEPS[name][2](*(bits[place] for place in places))
        if result > MOST_BITS:
            continue
        if name in ("less", "equal"):
            flags.append(len(bits))
        widths.append(bits[places[0]])
        steps.append((name, places))
        bits.append(result)
    return inputs, steps, widths


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_random_programs_agree_with_mpyc():
    assert PYTHON.exists(), "make soak makes this environment"
    programs = [program(seed) for seed in range(FIRST, FIRST + PROGRAMS)]
    asked = json.dumps([(inputs, steps) for inputs, steps, _ in programs])
    script = ROOT / "tests" / "oracle" / "mpyc_programs.py"
    ended = subprocess.run([PYTHON, script], input=asked, capture_output=True, text=True, check=True)
    for place, (expected, (inputs, steps, widths)) in enumerate(
        zip(json.loads(ended.stdout.splitlines()[-1]), programs, strict=True)
    ):

        def ours(p, *shares, steps=steps, widths=widths):
            columns = list(shares)
            for (name, places), width in zip(steps, widths, strict=True):
                columns.append(STEPS[name][1](p, width, *(columns[each] for each in places)))
            return columns

        for suite in SUITES:
            found = run(suite, ours, [np.array(column) for column in inputs]).values
            for mine, theirs in zip(found, expected, strict=True):
                assert mine.view(np.int64).tolist() == theirs, f"{suite}, seed {FIRST + place}: {steps}"
