"""What is not in the language of views is refused where it is, and the line says what to write instead."""

from __future__ import annotations

from decimal import Decimal

import pytest

from counterfoil.errors import ViewError
from counterfoil.relations.parse import MOST_CHARACTERS, parse
from counterfoil.relations.syntax import Call, Literal, Name, Place, Select

REFUSED = {
    "select a from t union select a from u": (1, 8, "UNION ALL"),
    "select a from t except select a from u": (1, 8, "SELECT"),
    "select a\nfrom t right join u on t.k = u.k": (2, 19, "LEFT JOIN"),
    "select a from t full join u on t.k = u.k": (1, 27, "LEFT JOIN"),
    "select a from t,\n  lateral (select b from u)": (2, 19, "join a grouped query"),
    "select a from t order by a limit 3 offset 2": (1, 43, "from the first row on"),
    "select a from t order by a limit 0": (1, 34, "whole number from 1 on"),
    "select a from t order by a nulls first": (1, 26, "empty cells come last"),
    "select distinct on (a) a, b from t": (1, 21, "row_number"),
    "select a from t qualify row_number() over (order by a) = 1": (1, 25, "WHERE"),
    "with recursive r as (select 1 as a) select a from r": (1, 16, "write out"),
    "select a % 3 from t": (1, 8, "owner's table"),
    "select cast(a as integer) from t": (1, 13, "contract"),
    "select date '2026-02-30' from t": (1, 13, "2026-01-31"),
    "select a + interval '1' hour from t": (1, 21, "days, months or years"),
    "select a from (select a from t)": (1, 23, "name behind it"),
    "select a from s.t": (1, 15, "name of a contract"),
    "select sum(a) filter (where b > 1) from t": (1, 8, "aggregate a CASE"),
    "select sum(distinct a) from t": (1, 8, "SELECT DISTINCT"),
    "select min(a, 2) from t": (1, 15, "leave it out"),
    "select sum(a) over (order by b rows between 3 preceding and current row) from t": (1, 8, "UNBOUNDED PRECEDING"),
    "select lag(a, 1, 0) over (order by b) from t": (1, 18, "leave it out"),
    "select first_value(a) over (order by b) from t": (1, 8, "row_number, rank, lag"),
    "select extract(dow from a) from t": (1, 25, "year, quarter or month"),
    "select a between symmetric 1 and 2 from t": (1, 8, "leave it out"),
    "select a ilike 'x' from t": (1, 8, "LIKE"),
    "select median(a) from t": (1, 8, "owner's table"),
    "select a from t group by rollup (a)": (1, 34, "UNION ALL"),
    "delete from t": (1, 13, "write a SELECT"),
}


@pytest.mark.parametrize("sql", REFUSED)
def test_what_views_do_not_have_is_refused_where_it_is(sql: str) -> None:
    line, column, instead = REFUSED[sql]
    with pytest.raises(ViewError) as refused:
        parse(sql)
    assert str(refused.value).startswith(f"line {line}, column {column}: ")
    assert instead in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select a fro t where", "line 1, column 14"),
        ("select 'a", "close it"),
        ("", "one query"),
        ("select a from t; select b from t", "one query, and here are 2"),
        ("select " + "(" * 5_000 + "1" + ")" * 5_000 + " from t", "nested"),
        ("-" * (MOST_CHARACTERS + 1), "at most"),
    ],
)
def test_what_is_no_query_is_refused(sql: str, said: str) -> None:
    with pytest.raises(ViewError, match=said):
        parse(sql)


def test_parts_of_a_query_know_their_place() -> None:
    query = parse("select t.a,\n  b + 1.50 as c\nfrom t")
    assert isinstance(query, Select)
    first, second = query.items
    assert first.value == Name(Place(1, 8), "t", "a")
    assert second.alias == "c"
    assert isinstance(second.value, Call)
    assert second.value.arguments == (Name(Place(2, 3), "", "b"), Literal(Place(2, 7), Decimal("1.50")))


def test_what_is_negated_stays_negated() -> None:
    """The library notes some NOTs in the operator itself."""
    for operator in ("like 'x'", "between 1 and 2", "in (1, 2)"):
        plain, negated = (parse(f"select a from t where a {word} {operator}") for word in ("", "not"))
        assert isinstance(plain, Select)
        assert isinstance(negated, Select)
        assert isinstance(negated.where, Call)
        assert negated.where.function == "not"
        assert isinstance(plain.where, Call)
        assert isinstance(negated.where.arguments[0], Call)
        assert negated.where.arguments[0].function == plain.where.function
