"""Small cells are zeroed on shares, before anything of them could leave."""

from __future__ import annotations

from counterfoil.analyses.base import Cells
from counterfoil.errors import ShapeError
from counterfoil.mpc.circuits.suppress import at_least
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.shares import Arith, concat


def suppress(p: Protocol, cells: Cells, minimum: int) -> dict[str, Arith]:
    """Every value times whether its count reaches `minimum`; `safe` says where it did, and counts are treated alike.

    Shapes: as the cells; `safe` and `count` have the shape of `cells.count`.
    Cost: `at_least` once a cell, then one product a value, all in one round.
    Reveals: nothing; what is released afterwards shows which cells were hidden.
    Raises: ShapeError.
    """
    shape = cells.count.shape
    safe = at_least(p, cells.count, minimum)
    flags, values, sizes = [], [], []
    for name, value in {"count": cells.count, **cells.values}.items():
        if value.shape[: len(shape)] != shape:
            raise ShapeError(f"{name} has shape {value.shape}, which its count's {shape} does not lead")
        spread = safe.reshape(*shape, *[1] * (len(value.shape) - len(shape))).broadcast_to(value.shape)
        flags.append(spread.reshape(-1))
        values.append(value.reshape(-1))
        sizes.append((name, value.shape, value.size))
    kept = p.multiply(concat(flags), concat(values))
    result, at = {"safe": safe}, 0
    for name, value_shape, size in sizes:
        result[name] = kept[at : at + size].reshape(*value_shape)
        at += size
    return result
