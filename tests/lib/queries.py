"""Small tables with everything that a column may be, and queries over them drawn at random."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.relations.types import Schema, Type, boolean, category, number
from tests.lib.relations import Pool

FIRST, LAST = date(1994, 1, 1), date(1996, 6, 30)


def tables(seed: int, rows: int = 60, others: int = 20) -> Pool:
    """Table t with a key k, and u with a key k of which a third are in t, and keys and categories that t has, too."""
    rng = np.random.default_rng(seed)

    def sometimes(share: float, value: Any) -> Any:
        return None if rng.random() < share else value

    database = duckdb.connect()
    database.execute(
        "create table t(k bigint, g varchar, x decimal(9, 2), y integer, d date, s varchar, b boolean, h integer)"
    )
    for key in range(1, rows + 1):
        row = [
            key,
            "abc"[rng.integers(3)],
            sometimes(0.2, round(float(rng.integers(-5_000, 100_000)) / 100, 2)),
            int(rng.integers(-9, 10)),
            FIRST + timedelta(days=int(rng.integers((LAST - FIRST).days))),
            sometimes(0.1, f"word{rng.integers(20)}"),
            sometimes(0.3, bool(rng.integers(2))),
            sometimes(0.2, int(rng.integers(1, others))),
        ]
        database.execute("insert into t values (?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.execute("create table u(k bigint, z integer, w varchar, y integer)")
    for key in range(1, others + 1):
        row = [3 * key, sometimes(0.3, int(rng.integers(5))), "pq"[rng.integers(2)], int(rng.integers(-9, 10))]
        database.execute("insert into u values (?, ?, ?, ?)", row)
    days = Type("date", Bound((FIRST - date(1970, 1, 1)).days, (LAST - date(1970, 1, 1)).days))
    t = {
        "k": number(1, rows),
        "g": category("a", "b", "c"),
        "x": number(-5_000, 100_000, 2, nullable=True),
        "y": number(-9, 9),
        "d": days,
        "s": Type("text", Bound(0, rows), nullable=True, domain="t.s"),
        "b": boolean(True),
        "h": number(1, others, nullable=True),
    }
    u = {"k": number(1, 3 * others), "z": number(0, 4, nullable=True), "w": category("p", "q"), "y": number(-9, 9)}
    return Pool([Schema("t", t, rows, (("k",),)), Schema("u", u, others, (("k",),))], database)


class Draw:
    """Draws queries."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def query(self) -> str:
        shapes = [self._rows, self._groups, self._joined, self._grouped_join, self._half, self._distinct, self._union]
        shapes += [self._window, self._beside, self._first, self._nested]
        return self._one(shapes)()

    # --- shapes --------------------------------------------------------------------------------------------------

    def _rows(self) -> str:
        return f"select k, {self._number(2)} as n, {self._condition(1)} as c from t where {self._condition(2)}"

    def _groups(self) -> str:
        keys = self._one(["g", "y", "b", "g, y", "b, g", "h", "year(d)", "y, h"])
        named = ", ".join(f"{key} as key{i}" for i, key in enumerate(keys.split(", ")))
        having = f" having {self._one(['count(*) > 1', 'sum(y) > 0', 'min(x) < 100', 'avg(y) > 0.5'])}"
        return (
            f"select {named}, {self._aggregates()} from t where {self._condition(1)} group by {keys}"
            f"{having if self._rng.random() < 0.4 else ''}"
        )

    def _joined(self) -> str:
        kind, on = self._one(["join", "left join"]), self._one(["t.k = u.k", "t.h = u.k"])
        return f"select t.k, t.y, u.k as uk, z, w from t {kind} u on {on} where {self._condition(1, 't.')}"

    def _grouped_join(self) -> str:
        sides = self._one(["t join u on t.h = u.k", "u left join t on u.k = t.h", "t left join u on t.k = u.k"])
        key = self._one(["u.w", "u.k", "t.g", "u.z"])
        measures = "count(*) as n, count(t.k) as m, sum(t.x) as s, max(u.y) as o"
        return f"select {key} as key, {measures} from {sides} group by {key}"

    def _half(self) -> str:
        condition = self._one(
            [
                "exists (select * from u where u.k = t.h)",
                "not exists (select * from u where u.k = t.h and z > 1)",
                "exists (select * from u where u.y = t.y and u.k <> t.k)",
                "not exists (select * from u where u.y = t.y and u.k <> t.k)",
                "k in (select z from u where w = 'p')",
                "k not in (select k from u)",
                "y in (select y from u group by y having count(*) > 1)",
            ]
        )
        return f"select k, y from t where {condition} and {self._condition(1)}"

    def _distinct(self) -> str:
        return f"select distinct {self._one(['g, y', 'b', 'y, b', 'x', 's'])} from t where {self._condition(1)}"

    def _union(self) -> str:
        return (
            f"select {self._number(1)} as n, y from t where {self._condition(1)} "
            f"union all select z, y from u where y < {self._rng.integers(-5, 9)}"
        )

    def _window(self) -> str:
        partition = self._one(["partition by g", "partition by b", ""])
        functions = [
            f"row_number() over ({partition} order by k) as f1",
            f"rank() over ({partition} order by y) as f2",
            f"lag(x, {self._rng.integers(1, 4)}) over ({partition} order by k) as f3",
            f"sum(y) over ({partition} order by k rows unbounded preceding) as f4",
            f"sum(x) over ({partition} order by y) as f5",
            f"count(x) over ({partition}) as f6",
            f"avg(y) over ({partition} order by d) as f7",
        ]
        chosen = self._rng.choice(functions, 3, replace=False)
        return f"select k, {', '.join(chosen)} from t where {self._condition(1)}"

    def _beside(self) -> str:
        single = self._one(
            [
                "(select avg(x) from t)",
                "(select max(y) from u where w = 'q')",
                "(select sum(z) from u where u.y = t.y)",
                "(select avg(u.y) from u where u.k = t.h)",
            ]
        )
        return f"select k, x from t where {self._one(['x', 'y', 'k'])} {self._one(['<', '>', '>='])} {single}"

    def _first(self) -> str:
        order = self._one(["x desc, k", "y, k desc", "g, d, k", "h, k"])
        return f"select k, g, x from t where {self._condition(1)} order by {order} limit {self._rng.integers(1, 9)}"

    def _nested(self) -> str:
        return (
            f"with a as (select g, y, {self._aggregates()} from t group by g, y) "
            f"select {self._one(['a.g', 'u.w'])} as key, sum(n) as s, count(*) as c "
            "from a join u on a.n = u.k group by 1"
        )

    # --- parts ---------------------------------------------------------------------------------------------------

    def _aggregates(self) -> str:
        measures = ["sum(x) as s", "avg(x) as a", "min(x) as mi", "max(x) as ma", "min(d) as md", "max(y) as my"]
        measures += ["count(x) as cx", "count(distinct y) as dy", "count(distinct b) as db", "sum(x * y) as sxy"]
        return "count(*) as n, " + ", ".join(self._rng.choice(measures, 2, replace=False))

    def _number(self, depth: int, of: str = "") -> str:
        simple = [
            f"{of}k",
            f"{of}x",
            f"{of}y",
            f"coalesce({of}x, 0)",
            f"year({of}d)",
            str(self._rng.integers(-9, 10)),
            "1.5",
        ]
        if depth == 0 or self._rng.random() < 0.3:
            return self._one(simple)
        a, b = self._number(depth - 1, of), self._number(depth - 1, of)
        case = f"case when {self._condition(0, of)} then {a} else {b} end"
        return self._one([f"({a} + {b})", f"({a} - {b})", f"({a} * {self._number(0, of)})", case, f"abs({a})"])

    def _condition(self, depth: int, of: str = "") -> str:
        if depth == 0 or self._rng.random() < 0.3:
            day = FIRST + timedelta(days=int(self._rng.integers(900)))
            simple = [
                f"{of}y {self._one(['<', '<=', '=', '<>', '>', '>='])} {self._rng.integers(-5, 6)}",
                f"{of}x {self._one(['<', '>'])} {self._number(0, of)}",
                f"{of}x between 10 and {self._rng.integers(100, 900)}",
                f"{of}g = '{self._one('abc')}'",
                f"{of}g in ('a', 'c')",
                f"{of}y not in (1, 3, -4)",
                f"{of}x is null",
                f"{of}b",
                f"{of}d >= date '{day}'",
                f"{of}s like '%{self._rng.integers(10)}'",
                f"{of}s <> 'word3'",
                f"month({of}d) = {self._rng.integers(1, 13)}",
            ]
            return self._one(simple)
        a, b = self._condition(depth - 1, of), self._condition(depth - 1, of)
        return self._one([f"({a} and {b})", f"({a} or {b})", f"(not {a})"])

    def _one(self, choices: Any) -> Any:
        return choices[int(self._rng.integers(len(choices)))]
