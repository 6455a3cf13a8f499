"""What a plan costs is said by signers, who have no tables, databases and kernels."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
for name in ("pandas", "pyarrow", "duckdb", "numba", "scipy", "great_expectations"):
    sys.modules[name] = None
from counterfoil.relations.cost import estimate
from counterfoil.relations.plan import plan
from counterfoil.relations.types import Schema, category, number

table = Schema("t", {"k": number(1, 500), "g": category("a", "b"), "x": number(0, 99)}, 200, (("k",),))
made = plan("select g, sum(x) as s from t group by g", [table])
print(estimate(made, "rep3").total.rounds > 0)
"""


def test_a_plan_is_priced_without_what_signers_do_not_install() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
