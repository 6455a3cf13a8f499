"""What released numbers are made of: sums over rows, which are judged as if they were released themselves.

Whatever leaves exactly is a function of such sums, so it tells no more than they do. Every analysis declares them;
which cells are hidden, what a change must satisfy, and what an attacker is given, follow from the declaration alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Feature:
    """A sum over the rows of every cell of a grid: of 1, of a column, or of a product of columns.

    `factors` are sorted and may repeat: ("balance", "balance") is the sum of its squares, () the number of rows. `by`
    are the columns that the grid is cut by, sorted, with the parts that the analysis declares; () is all rows.
    """

    factors: tuple[str, ...] = ()
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", tuple(sorted(self.factors)))
        object.__setattr__(self, "by", tuple(sorted(self.by)))

    def __str__(self) -> str:
        what = f"sum of {' · '.join(self.factors)}" if self.factors else "number of rows"
        return f"{what} by {', '.join(self.by)}" if self.by else what
