"""How long it takes until something happens: Kaplan-Meier curves on bins of time that are merged until they may leave.

Owners count events and censorings by bin. Nodes merge neighbouring bins, from the first on, until each holds enough of
both in every group; what is released are counts of merged bins, from which the recipient draws curves and tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.analyses import parameters
from counterfoil.analyses.base import Checked, Measure, Result, ResultTable
from counterfoil.analyses.grouped import GROUPS, Grouped
from counterfoil.analyses.groupings import Grouping, by_bands
from counterfoil.analyses.life_table import LifeTable, LogRank
from counterfoil.analyses.parameters import Parameter, Takes
from counterfoil.analyses.summed import Term
from counterfoil.analyses.units import own, text
from counterfoil.data.encode import encode
from counterfoil.deferred import deferred
from counterfoil.disclosure.declaration import Cells, Input, Limits, Opened, Output
from counterfoil.disclosure.evidence_tests import COUNTS, together
from counterfoil.disclosure.features import Feature
from counterfoil.disclosure.merging import merged_ends
from counterfoil.disclosure.tables.layout import rows_per_person
from counterfoil.errors import PlanError
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.mpc.circuits.core.ranked import stacked
from counterfoil.mpc.protocol import Protocol
from counterfoil.mpc.ring.shares import concat

if TYPE_CHECKING:
    import pandas as pd

    from counterfoil.data.reading.table import Table
else:
    pd = deferred("pandas")

_MOST: Final = 200
_FLAG: Final = Takes(("integer", "boolean", "string"), needs="groups")
_LOW, _HIGH, _CURVE = "from", "to", "survival"


class Survival(Grouped):
    """Kaplan-Meier curves of the time until `event`, of all rows or by group, and the log-rank test of the groups.

    `time` is cut into `bins`; who has the event in a bin was at risk in it, and so was who is censored there.
    Neighbouring bins are merged, in all groups alike, until each holds enough events and enough censorings of every
    group. Curves are exact for such bins: Kaplan and Meier's of times of which only the bin is known. Intervals are
    Greenwood's, on the scale of log(-log S).
    """

    key = "survival"
    version = 1
    title = "Survival"
    learns: ClassVar[Mapping[str, str]] = {
        "ends": "which neighbouring bins of time were merged so that each may leave",
        "count": "the number of rows with the event and of those without, in each group",
        "until": "how many of these there are up to the end of each merged bin",
    }
    params: ClassVar[Mapping[str, Parameter]] = {
        "time": parameters.column("the column that says how long somebody was observed", parameters.NUMBERS, "age"),
        "event": parameters.column(
            "the column of two values, of which the second says that the event was then", _FLAG, "default_flag"
        ),
        "bins": Parameter(
            "how long a bin of time is, or where bins begin, in rising order and in the column's own unit",
            {
                "anyOf": [
                    {"type": "number", "exclusiveMinimum": 0},
                    {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": _MOST - 1},
                ]
            },
            example=[30, 40, 50, 60],
        ),
        "by": parameters.columns("the columns whose categories make groups", GROUPS, ["region"], required=False),
    }
    statistics = frozenset({"counts"})
    #: counts by merged bins add up to those at risk, which rounded ones would not
    enforces = COUNTS - {"safe_round_counts"}

    def __init__(self, planned: Planned, contract: Contract, limits: Limits) -> None:
        super().__init__(planned, contract, limits)
        if rows_per_person(contract) > 1:
            raise PlanError(f"{planned.name}: {self.key} takes one row a person; {contract.id} lets there be more")

    # --- public, from the plan ----------------------------------------------------------------------------------

    def terms(self) -> tuple[Term, ...]:
        return ()

    def by(self) -> tuple[Grouping, ...]:
        event = self.grouping(self._event.name)
        if len(event.parts) != 2:
            raise PlanError(
                f"{self.planned.name}: {self._event.name!r} has {len(event.parts)} values; an event has two"
            )
        return (event, *super().by())

    def inputs(self) -> tuple[Input, ...]:
        return (Input("count", (*self.shape, self._many), 0, self.limits.rows),)

    def outputs(self) -> tuple[Output, ...]:
        until = Output("until", (*self.shape, self._many))
        return (Output("safe", self.shape), Output("count", self.shape), Output("ends", (self._many,)), until)

    def own_features(self) -> tuple[Feature, ...]:
        return (Feature((), (self._time.name, *(each.column.name for each in self.by()))),)

    def own_edges(self) -> Mapping[str, tuple[int, ...]]:
        return {**super().own_edges(), self._time.name: self._bins.edges}

    def counted(self) -> Mapping[str, Bound]:
        return {}

    @property
    def whole_from(self) -> int:
        return 0

    @property
    def alone(self) -> tuple[str, ...]:
        return (self._time.name,)

    @property
    def once(self) -> bool:
        return self.contract.kind == "stock"

    def numbers(self) -> int:
        tables = int(np.prod(self.shape))
        merged = min(self._many, self.limits.total_rows // (self.rules.safe_threshold * tables))
        return tables * max(1, merged)

    # --- the three worlds ---------------------------------------------------------------------------------------

    def local(self, table: Table) -> dict[str, NDArray[np.int64]]:
        shape = (*self.shape, self._many)
        codes = [each.codes(encode(table, each.column.name).values) for each in (*self.by(), self._bins)]
        cell = np.ravel_multi_index(codes, shape)
        return {"count": np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype(np.int64)}

    def secure(self, p: Protocol, owners: Sequence[Checked]) -> Cells:
        every = stacked([owner.values["count"] for owner in owners])
        return Cells(every.sum(axis=0).sum(axis=len(self.shape)), {"own": every})

    def state(self, cells: Cells) -> Mapping[str, Any]:
        return super().state(replace(cells, values={}))

    def conclude(self, p: Protocol, cells: Cells) -> Cells:
        """Merge bins, and keep what there is up to the end of each merged one.

        Cost: that of `merged_ends`, and a round.
        Reveals: nothing.
        """
        every, bins = cells.values["own"], self._many
        by_owner = every.reshape(every.shape[0], -1, bins)
        ends, never = merged_ends(p, by_owner, self.rules)
        total = by_owner.sum(axis=0)
        until = [total[:, :1]]
        for at in range(1, bins):
            until.append(until[-1] + total[:, at : at + 1])
        kept = p.multiply(concat(until, axis=1), ends.reshape(1, bins).broadcast_to(total.shape))
        tests = {"safe_threshold": (-never).broadcast_to((1, *self.shape))}
        values = {"ends": ends, "until": kept.reshape(*self.shape, bins)}
        return replace(cells, values=values, tests=together(cells.tests, tests))

    def present(self, opened: Opened) -> Result:
        shown, title = bool(opened["safe"].all()), self._title
        if not shown:
            none = self._frame([], [])
            finding = (
                "No curve is told: even with all times together, some group has too few with the event, or too few "
                "without it, or one owner has too many of them."
            )
            return self.result(opened, title, [finding], [ResultTable(title, none, self._measures)])
        ends = np.flatnonzero(opened["ends"])
        until = opened["until"].reshape(2, -1, self._many)[:, :, ends]
        counts = np.diff(until, axis=2, prepend=0)
        wide = self._wide(ends)
        tables = [LifeTable.of(counts[1, group], counts[0, group], wide) for group in range(counts.shape[1])]
        frame = self._frame(tables, [*ends.tolist()])
        said = [
            f"{self._many} bins of {self._time.name} were merged to {len(ends)}, so that each holds enough events and "
            "enough censorings of every group and owner."
        ]
        assumed = [
            "That somebody is censored tells nothing about when the event would have come.",
            "Who is censored in a bin counts as at risk for all its events, so where bins are long curves are a little "
            "too high.",
        ]
        if len(tables) > 1:
            assumed += ["The log-rank test compares hazards that are proportional; where curves cross it sees little."]
        return self.result(
            opened, title, [*self._findings(tables, ends), *(said if len(ends) < self._many else [])],
            [ResultTable(title, frame, self._measures, chart="steps")], assumed,
        )  # fmt: skip

    def plain(self, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
        return self._merged(tables, list(range(self._many)))

    def plain_as(self, tables: Sequence[pd.DataFrame], shown: ResultTable) -> pd.DataFrame:
        labels, ends, begin = list(dict.fromkeys(shown.frame["time"])), list[int](), 0
        for label in labels:
            ends.append(next(end for end in range(begin, self._many) if self._called(begin, end) == label))
            begin = ends[-1] + 1
        return self._merged(tables, ends)

    def _merged(self, tables: Sequence[pd.DataFrame], ends: Sequence[int]) -> pd.DataFrame:
        """Make the table of pooled rows, with bins that end where these do."""
        pooled = self.pooled(tables)
        values = pd.concat(tables, ignore_index=True)[self._time.name].to_numpy().astype(np.int64)
        part = np.searchsorted(ends, self._bins.codes(values))
        had = pooled[self._event.name] == self.by()[0].labels[1]
        found = []
        for group in self._groups if ends else []:
            of = np.logical_and.reduce([had | ~had, *(pooled[name] == label for name, label in group.items())])
            events, censored = (np.bincount(part[of & each], minlength=len(ends)) for each in (had, ~had))
            found.append(LifeTable.of(events.astype(np.int64), censored.astype(np.int64)))
        return self._frame(found, ends)

    def _wide(self, ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of each merged bin whether times in it may differ."""
        edges = [*self._bins.edges[: self._many], self._last + 1]
        places = np.array([edges[0], *(edges[end + 1] for end in ends.tolist())])
        return np.asarray(np.diff(places) > 1)

    # --- what is said -------------------------------------------------------------------------------------------

    def _frame(self, tables: Sequence[LifeTable], ends: Sequence[int]) -> pd.DataFrame:
        """Make a row for each group and merged bin, and one before them where all are left."""
        edges, places, rows = self._bins.edges, [0, *(each + 1 for each in ends)], []
        for group, table in zip(self._groups, tables, strict=False):
            for at, (begin, end) in enumerate(pairwise(places)):
                rows.append(
                    {
                        **group,
                        "time": self._called(begin, end - 1),
                        "until": own(self._time, self._last if end == self._many else edges[end]),
                        "at risk": int(table.at_risk[at]),
                        "events": int(table.events[at]),
                        _LOW: table.low[at],
                        _HIGH: table.high[at],
                        _CURVE: table.survival[at],
                    }
                )
        columns = [
            *(self._groups[0] if self._groups else {}),
            "time",
            "until",
            "at risk",
            "events",
            _LOW,
            _HIGH,
            _CURVE,
        ]
        return pd.DataFrame(rows, columns=columns)

    def _called(self, first: int, last: int) -> str:
        """Name the time from the begin of one bin to the end of another."""
        edges = self._bins.edges
        if last + 1 == self._many:
            return f"{text(self._time, edges[first])} to {text(self._time, self._last)}"
        return f"{text(self._time, edges[first])} to below {text(self._time, edges[last + 1])}"

    def _findings(self, tables: Sequence[LifeTable], ends: NDArray[np.int64]) -> Iterator[str]:
        unit, edges = self._time.unit, self._bins.edges
        for group, table in zip(self._groups, tables, strict=True):
            of = f" of {', '.join(group.values())}" if group else ""
            if not table.at_risk[0]:
                yield f"There are no rows{of}, so there is no curve."
                continue
            if not table.events.sum():
                yield f"No event{of} in {int(table.at_risk[0]):,} rows: all are censored."
                continue
            earliest, latest = table.median()
            if earliest is None:
                left = f"{100 * table.survival[-1]:.1f} %"
                yield f"More than half{of} are left at the end of what was observed ({left}), so there is no median."
                continue
            since = text(self._time, edges[int(ends[earliest - 1]) + 1 if earliest else 0])
            if latest is None:
                yield (
                    f"The median time{of} is from {since} {unit}".rstrip()
                    + " on, or beyond what was observed: between "
                    f"{100 * table.lowest[-1]:.1f} % and {100 * table.survival[-1]:.1f} % are left at its end, "
                    "which depends on when in their bins others were censored."
                )
            else:
                last = edges[int(ends[latest]) + 1] if int(ends[latest]) + 1 < self._many else None
                until = "the end" if last is None else f"below {text(self._time, last)}"
                yield (
                    f"The median time{of} is from {since} to {until}{f' {unit}' if unit and last is not None else ''}"
                    + f"; {int(table.events.sum()):,} of {int(table.at_risk[0]):,} had the event."
                )
        if len(tables) > 1:
            test = LogRank.of(list(tables))
            none = "Whether the groups differ cannot be tested: never two of them had somebody at risk of an event."
            yield test.words if test else none

    @property
    def _title(self) -> str:
        by = [each.column.name for each in self.by()[1:]]
        return f"Time until {self._event.name}" + (f" by {' and '.join(by)}" if by else "")

    @property
    def _measures(self) -> Mapping[str, Measure]:
        return {"until": Measure(self._time.unit)} | dict.fromkeys(
            ("at risk", "events", _LOW, _HIGH, _CURVE), Measure()
        )

    @property
    def _groups(self) -> list[dict[str, str]]:
        _, *groups = self.by()
        if not groups:
            return [{}]
        index = pd.MultiIndex.from_product([each.labels for each in groups])
        return [dict(zip((each.column.name for each in groups), labels, strict=True)) for labels in index]

    # --- columns and bins ---------------------------------------------------------------------------------------

    @property
    def _time(self) -> Column:
        return self.column(self.planned.params.get("time"), "integer", "number")

    @property
    def _event(self) -> Column:
        return self.column(self.planned.params.get("event"), *_FLAG.types)

    @property
    def _last(self) -> int:
        """The longest time that the contract allows."""
        return self.bounds(self._time)[1]

    @property
    def _many(self) -> int:
        return len(self._bins.parts)

    @property
    def _bins(self) -> Grouping:
        given = self.planned.params.get("bins")
        low, high = self.bounds(self._time)
        if low < 0:
            raise PlanError(f"{self.planned.name}: {self._time.name!r} may be negative; raise its minimum to 0")
        if isinstance(given, int | float) and not isinstance(given, bool):
            step = round(given * 10 ** (self._time.resolution if self._time.type == "number" else 0))
            if step < 1 or (high - low) // step > _MOST:
                raise PlanError(
                    f"{self.planned.name}: bins of {given:g} cut {self._time.name!r} into more than {_MOST}; take "
                    "longer ones, or narrow its bounds in the contract"
                )
            given = [own(self._time, each) for each in range(low + step, high + 1, step)]
        return by_bands(self.planned.name, self._time, given, _MOST)
