"""Runs programs of lists of integers in MPyC, alone, under its own interpreter: JSON in, JSON out.

A program is its input columns and its steps [name, places of operands among all columns so far]; every step gives one
more column. MPyC's integers are wide enough that nothing wraps.
"""

import json
import sys

sys.argv = [sys.argv[0], "--no-log"]
from mpyc.runtime import mpc  # noqa: E402 (it reads the arguments)

WIDE = mpc.SecInt(160)

STEPS = {
    "add": mpc.vector_add,
    "subtract": mpc.vector_sub,
    "multiply": mpc.schur_prod,
    "times public": lambda x: mpc.scalar_mul(WIDE(12345), x),
    "less": lambda x, y: [a < b for a, b in zip(x, y, strict=True)],
    "equal": lambda x, y: [a == b for a, b in zip(x, y, strict=True)],
    "select": lambda c, x, y: [mpc.if_else(d, a, b) for d, a, b in zip(c, x, y, strict=True)],
    "sort": mpc.sorted,
    "largest": lambda x: [mpc.max(x)] * len(x),
    "total": lambda x: [mpc.sum(x)] * len(x),
}


async def run(inputs, steps):
    """All columns, in clear."""
    columns = [mpc.input([WIDE(value) for value in column], senders=0) for column in inputs]
    for name, places in steps:
        columns.append(STEPS[name](*(columns[place] for place in places)))
    return [[int(value) for value in await mpc.output(column)] for column in columns]


async def main():
    await mpc.start()
    results = [await run(inputs, steps) for inputs, steps in json.load(sys.stdin)]
    sys.stdout.write(json.dumps(results) + "\n")
    await mpc.shutdown()


mpc.run(main())
