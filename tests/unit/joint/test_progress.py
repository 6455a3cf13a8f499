"""A joint computation that is kept and taken up after every step comes to what one comes to that never stops."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from counterfoil.canonical import jcs
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.joint.computation import JointComputation, array_specs
from counterfoil.joint.progress import Progress
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.runtime.noise_keys import Noise
from counterfoil.mpc.suites.plain import Plain
from tests.lib.consortium import found
from tests.lib.trials import dice

ROWS = 300


def results(agreement: Agreement, stops: bool) -> dict[str, dict[str, list[int]]]:
    """What comes out for random inputs in range; after each step all but what a checkpoint holds may be forgotten."""
    p = Plain(noise=Noise(bytes(32), b"test"))
    shares = {
        part: {
            name: p.constant(dice(5).integers(spec.low, spec.high, spec.shape, np.int64, endpoint=True))
            for name, spec in array_specs(agreement, part.contract, ROWS).items()
        }
        for part in agreement.parts
    }
    joint = JointComputation(p, agreement)

    def pause() -> None:
        nonlocal joint
        if stops:
            kept, said = joint.progress.shares(), json.loads(jcs(joint.progress.said()))
            joint = JointComputation(p, agreement, Progress.of(kept, said))

    joint.check(shares, dict.fromkeys(agreement.parts, ROWS))
    pause()
    for plan in agreement.analyses:
        joint.evaluate(plan.name)
        pause()
    joint.compare()
    pause()
    joint.add_noise()
    pause()
    joint.suppress()
    pause()
    assert joint.progress.rejected and joint.progress.hidden
    return {
        name: {output: as_signed(share.parts[0]).tolist() for output, share in arrays.items()}
        for name, arrays in joint.finish().items()
    }


@pytest.mark.parametrize("agreement", ["exposure", "market", "readmissions"])
def test_it_comes_to_the_same(agreement: str, tmp_path: Path) -> None:
    terms = found(tmp_path, ROWS, agreement=agreement).agreement
    assert results(terms, stops=True) == results(terms, stops=False)
