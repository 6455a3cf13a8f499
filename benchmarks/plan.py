"""Plan who runs which workload at which sizes, and the bars: ratios of measurements that Counterfoil has to meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.workloads import WORKLOADS


@dataclass(frozen=True)
class Contestant:
    """An engine in one setting, and the environment that it is installed in."""

    name: str
    engine: str
    setting: str
    environment: str


REP3: Final = Contestant("rep3", "counterfoil", "rep3-sh/1", ".venv")
REP4: Final = Contestant("rep4", "counterfoil", "rep4-mal/1", ".venv")
SPU: Final = Contestant("SPU", "spu", "as it comes", ".venv-spu")
SPU_TUNED: Final = Contestant("SPU tuned", "spu", "tuned", ".venv-spu")
MPYC: Final = Contestant("MPyC", "mpyc", "", ".venv-mpyc")
CONTESTANTS: Final = (REP3, REP4, SPU, SPU_TUNED, MPYC)


@dataclass(frozen=True)
class Row:
    """A workload: three sizes for Counterfoil, the sizes at which SPU runs too, and the one for MPyC.

    `rep4` runs as far as four processes find memory for it on one machine.
    """

    workload: str
    sizes: tuple[int, ...]
    spu: tuple[int, ...] = ()
    mpyc: int | None = None
    bars: tuple[float, ...] = ()
    rep4: tuple[int, ...] | None = None

    def sizes_of(self, contestant: Contestant) -> tuple[int, ...]:
        """Return the contestant's sizes in ascending order."""
        if contestant == MPYC:
            return (self.mpyc,) if self.mpyc else ()
        if contestant in (SPU, SPU_TUNED):
            return self.spu
        ours = self.rep4 if contestant == REP4 and self.rep4 else self.sizes
        compared = {self.mpyc} if self.mpyc and contestant == REP3 else set()
        return tuple(sorted({*ours, *compared}))


@dataclass(frozen=True)
class Key:
    """The name of a measurement."""

    contestant: str
    workload: str
    size: int


@dataclass(frozen=True)
class Bar:
    """A limit: `above` may take at most `limit` times as long as `below`."""

    title: str
    above: Key
    below: Key
    limit: float


@dataclass(frozen=True)
class Plan:
    """A whole run. `repetitions` follow a warm-up and stop early once they have taken `budget_s`."""

    rows: tuple[Row, ...]
    repetitions: int
    budget_s: float

    def peer_bars(self) -> Iterator[Bar]:
        """Yield the bars against SPU as it comes, at the sizes that they were set for (or at those of this plan)."""
        for row in self.rows:
            for size, limit in zip(row.spu, row.bars, strict=False):
                title = f"{WORKLOADS[row.workload].title}, {size:,}"
                yield Bar(title, Key(REP3.name, row.workload, size), Key(SPU.name, row.workload, size), limit)

    def own_bars(self) -> Iterator[Bar]:
        """Yield the bars against ourselves: growth, what is built on a sort, and what a malicious node costs."""
        rows = {row.workload: row for row in self.rows}

        def bar(title: str, above: tuple[str, int], below: tuple[str, int], limit: float) -> Bar:
            return Bar(title, Key("rep3", *above), Key("rep3", *below), limit)

        for name in ("multiply", "fixed_multiply", "less_than", "equal", "truncate"):
            *_, less, more = rows[name].sizes
            yield bar(f"{WORKLOADS[name].title}: {more:,} over {less:,}", (name, more), (name, less), 11)
        tenth, most = rows["sort"].sizes[1], rows["group_sum"].sizes[-1]
        yield bar(f"sort: {10 * tenth:,} over {tenth:,}", ("sort", 10 * tenth), ("sort", tenth), 12)
        yield bar(
            f"group-by sum of {most:,} rows over the sort of its keys", ("group_sum", most), ("sort_groups", most), 1.5
        )
        side = rows["join_sum"].sizes[-1]
        yield bar(
            f"join of {side:,} with {side:,} rows, summed, over the sort of {2 * side:,} keys",
            ("join_sum", side), ("sort", 2 * side), 3,
        )  # fmt: skip
        most = rows["median"].sizes[-1]
        yield bar(f"median of {most:,} values over their sort", ("median", most), ("sort_wide", most), 1)
        for row in self.rows:
            largest = row.sizes_of(REP4)[-1]
            title = f"rep4 over rep3: {WORKLOADS[row.workload].title}, {largest:,}"
            yield Bar(title, Key("rep4", row.workload, largest), Key("rep3", row.workload, largest), 3.5)


def _rows(unit: int) -> tuple[Row, ...]:
    """List the workloads; `unit` is a million in a full run.

    MPyC sorts in a network of its own: a hundred keys suffice.
    """
    small, tenth = unit // 100, unit // 10
    up, down = (tenth, unit, 10 * unit), (small, tenth, unit)
    return (
        Row("multiply", up, (unit, 10 * unit), tenth, bars=(0.45, 0.40)),
        Row("fixed_multiply", up, (unit,), small, bars=(0.5,), rep4=(tenth, unit)),
        Row("less_than", up, (unit,), unit // 1000, bars=(0.16,), rep4=(tenth, unit)),
        Row("sort", (small, tenth, 2 * tenth, unit), (tenth,), 100, bars=(0.08,)),
        Row("covariance", down, (unit,), small, bars=(0.02,)),
        Row("ols", down, (unit,), small, bars=(0.02,)),
        Row("logistic", (unit // 1000, small, tenth), (tenth,), bars=(0.25,)),
        Row("logistic_series", (unit // 1000, small, tenth), (tenth,), bars=(0.25,)),
        Row("equal", up, rep4=(tenth, unit)),
        Row("truncate", up, rep4=(tenth, unit)),
        Row("sort_groups", down),
        Row("group_sum", down),
        Row("join_sum", (unit // 1000, small, tenth)),
        Row("sort_wide", down),
        Row("median", down),
    )


FULL: Final = Plan(_rows(1_000_000), repetitions=7, budget_s=20.0)
SMALL: Final = Plan(_rows(100_000), repetitions=3, budget_s=1.5)
