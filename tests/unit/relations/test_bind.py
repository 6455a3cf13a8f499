"""What a query means: which columns, of which types and bounds; and what cannot be meant is refused where it is."""

from __future__ import annotations

import pytest

from counterfoil.errors import RangeError, ViewError, ViewJoinError, ViewNameError, ViewTypeError
from counterfoil.mpc.circuits.core.bound import Bound
from counterfoil.relations.algebra import Group, Join, Limit, Scan, capacity, walk
from counterfoil.relations.plan import plan
from counterfoil.relations.types import Schema, Type, boolean, category, number

DAY = Type("date", Bound(8_766, 11_000))
TABLES = [
    Schema(
        "loans",
        {
            "loan": number(1, 1_000),
            "person": Type("key", Bound(0, 2**60 - 1), domain="person"),
            "branch": category("north", "south", "west"),
            "amount": number(0, 10**9, 2),
            "rate": number(0, 100_000, 5, nullable=True),
            "offered": number(0, 100_000, 5),
            "paid": boolean(True),
            "since": DAY,
            "remark": Type("text", Bound(0, 999), domain="loans.remark"),
        },
        1_000,
        (("loan",), ("rate",)),
    ),
    Schema(
        "people",
        {
            "person": Type("key", Bound(0, 2**60 - 1), domain="person"),
            "account": Type("key", Bound(0, 2**60 - 1), domain="account"),
            "age": number(0, 120),
            "region": category("north", "east"),
        },
        500,
        (("person",),),
    ),
]

REFUSED = {
    # names
    "select amont from loans": (ViewNameError, 1, 8, "did you mean 'amount'?"),
    "select amount\nfrom loan": (ViewNameError, 2, 6, "did you mean 'loans'?"),
    "select l.age from loans l": (ViewNameError, 1, 8, "no column 'age' in 'l'"),
    "select q.age from people p": (ViewNameError, 1, 8, "no table 'q'"),
    "select person from loans l join people p on l.person = p.person": (ViewNameError, 1, 8, "l.person or p.person"),
    "select loan, loan from loans": (ViewNameError, 1, 8, "AS"),
    "select a.loan from loans a join loans a on a.loan = a.loan": (ViewNameError, 1, 33, "another name"),
    "select branch, amount from loans group by branch": (ViewNameError, 1, 16, "aggregate it"),
    "select loan from loans order by 3": (ViewNameError, 1, 33, "count from 1 to 1"),
    # types
    "select loan from loans where amount = 'much'": (ViewTypeError, 1, 39, "number is not compared with a text"),
    "select loan from loans where branch = 'nord'": (ViewTypeError, 1, 39, "did you mean 'north'?"),
    "select loan from loans where since > 'May 1st'": (ViewTypeError, 1, 38, "2026-01-31"),
    "select loan from loans where amount": (ViewTypeError, 1, 30, "compare it"),
    "select loan from loans where paid > amount": (ViewTypeError, 1, 30, "like with like"),
    "select amount + branch as a from loans": (ViewTypeError, 1, 8, "use a number"),
    "select loan from loans join people on loans.person = people.account": (ViewTypeError, 1, 39, "key of 'person'"),
    "select loan from loans join people on branch = region": (ViewTypeError, 1, 39, "category of 3"),
    "select loan from loans where person < person": (ViewTypeError, 1, 30, "have no order"),
    "select min(person) as m from loans": (ViewTypeError, 1, 12, "count them"),
    "select loan from loans order by person limit 3": (ViewTypeError, 1, 33, "have no order"),
    "select sum(branch) as s from loans": (ViewTypeError, 1, 8, "sum is of numbers"),
    "select since + interval '1' month as d from loans": (ViewTypeError, 1, 8, "add days"),
    "select amount / (amount - 5) as q from loans": (ViewTypeError, 1, 8, "could be negative"),
    "select greatest(rate, 1) as g from loans": (ViewTypeError, 1, 8, "coalesce"),
    "select loan from loans union all select person, age from people": (ViewTypeError, 1, 8, "different numbers"),
    "select loan from loans union all select region from people": (ViewTypeError, 1, 8, "do not compare"),
    # what cannot wrap
    "select amount * amount * amount as c from loans": (RangeError, 1, 8, "'amount', is from 0 to"),
    "select sum(amount * amount) as s from loans": (RangeError, 1, 8, "a sum over 1000 rows"),
    # joins
    "select age from loans l, people p": (ViewJoinError, 1, 8, "on a.key = b.key"),
    "select l.loan from loans l join loans m on l.branch = m.branch": (ViewJoinError, 1, 8, "group one side"),
    "select l.loan from loans l left join loans m on l.branch = m.branch": (ViewJoinError, 1, 38, "unique key"),
    "select loan from loans left join people p on loans.person = p.person and age > loan": (ViewError, 1, 34, "WHERE"),
    "select r.loan from loans r left join loans s on r.rate = s.offered": (ViewError, 1, 38, "may be empty"),
    # what is elsewhere
    "select sum(sum(amount)) as s from loans": (ViewError, 1, 12, "in FROM"),
    "select loan from loans where sum(amount) > 3": (ViewError, 1, 30, "HAVING"),
    "select loan from loans where rank() over (order by amount) = 1": (ViewError, 1, 30, "after SELECT"),
    "select rank() over (partition by branch) as r from loans": (ViewError, 1, 8, "ORDER BY"),
    "select max(amount) over (order by since) as m from loans": (ViewError, 1, 12, "group by the partition"),
    "select substring(b, 1, 1) as c from (select nullif(remark, remark) b from loans) q": (ViewError, 1, 18, "owner"),
    "select loan from loans where exists (select * from people where age > 3)": (ViewError, 1, 45, "count(*)"),
    "select loan from loans where paid or loan in (select age from people)": (ViewError, 1, 38, "by AND"),
    "select loan from loans l where amount > (select age from people)": (ViewError, 1, 49, "aggregate it"),
    "select loan from loans l where exists (select * from people p where p.person = l.person and age < loan)": (
        ViewError, 1, 47, "one <>",
    ),
    "select loan from loans where rate not in (select age from people)": (ViewError, 1, 30, "NOT EXISTS"),
    "select sum(amount / loan) as s from loans": (ViewError, 1, 12, "quotient"),
    "select amount / loan as q from loans order by q limit 2": (ViewError, 1, 47, "numerator"),
}  # fmt: skip


@pytest.mark.parametrize("sql", REFUSED)
def test_what_cannot_be_meant_is_refused_where_it_is(sql: str) -> None:
    error, line, column, said = REFUSED[sql]
    with pytest.raises(ViewError if issubclass(error, ViewError) else RangeError) as refused:
        plan(sql, TABLES)
    assert type(refused.value) is error
    assert str(refused.value).startswith(f"line {line}, column {column}: "), refused.value
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("amount + 1.5", number(150, 10**9 + 150, 2)),
        ("loan - 2 * loan", number(1 - 2_000, 1_000 - 2)),
        ("amount * loan", number(0, 10**12, 2)),
        ("loan * 0.05", number(5, 5_000, 2)),
        ("coalesce(rate, 0)", number(0, 100_000, 5)),
        ("rate + 1", number(100_000, 200_000, 5, nullable=True)),
        ("case when paid then 1 else -3 end", number(-3, 1)),
        ("case when paid then loan end", number(1, 1_000, nullable=True)),
        ("since - date '1994-01-01'", number(0, 2_234)),
        ("year(since)", number(1994, 2000)),
        ("since + interval '7' day", DAY.within(Bound(8_773, 11_007))),
        ("paid is null", boolean()),
        ("not paid", boolean(True)),
        ("3 > 2", boolean()),
        ("substring(branch, 1, 1)", category("n", "s", "w")),
    ],
)
def test_types_and_bounds_travel_through_expressions(expression: str, expected: Type) -> None:
    (output,) = plan(f"select {expression} as e from loans", TABLES).outputs
    assert output.value.type == expected


def test_bounds_of_aggregates_follow_from_rows() -> None:
    made = plan("select branch, count(*) as n, sum(amount) as s, max(rate) as m from loans group by branch", TABLES)
    kinds = [output.value.type for output in made.outputs]
    assert kinds[1:] == [number(1, 1_000), number(0, 10**12, 2), number(0, 100_000, 5, nullable=True)]


def test_a_quotient_is_two_columns_until_it_is_released() -> None:
    (output,) = plan("select avg(amount) as a from loans", TABLES).outputs
    assert output.divisor is not None
    assert output.value.type.scale == output.divisor.type.scale


def test_keys_that_follow_from_others_are_no_keys_of_groups() -> None:
    joined = "loans l join people p on l.person = p.person"
    sql = f"select l.person, age, region, sum(amount) as s from {joined} group by 1, 2, 3"
    (group,) = [each for each in walk(plan(sql, TABLES).root) if isinstance(each, Group)]
    assert [key.name for key in group.keys] == ["person"]
    assert [ref.name for ref in group.carried] == ["age", "region"]


def test_few_public_keys_are_grouped_in_blocks_unless_an_order_is_needed() -> None:
    blocks = [
        [each.blocks for each in walk(plan(f"select branch, {measure} as m from loans group by branch", TABLES).root)
         if isinstance(each, Group)]
        for measure in ("sum(amount)", "count(*)", "avg(rate)", "min(amount)")
    ]  # fmt: skip
    assert blocks == [[True], [True], [True], [False]]


def test_a_join_is_checked_where_a_contract_says_that_keys_are_unique_and_not_where_the_plan_proves_it() -> None:
    declared = plan("select loan, age from loans l join people p on l.person = p.person", TABLES)
    grouped = "(select branch, count(*) as n from loans group by branch)"
    proved = plan(f"select loan, n from loans l join {grouped} b on l.branch = b.branch", TABLES)
    for made, checked in ((declared, True), (proved, False)):
        assert [each.checked for each in walk(made.root) if isinstance(each, Join)] == [checked]


def test_only_what_is_needed_is_shared() -> None:
    made = plan("select branch, sum(amount) as s from loans where paid group by branch", TABLES)
    (scan,) = [each for each in walk(made.root) if isinstance(each, Scan)]
    assert [ref.name for ref in scan.columns] == ["branch", "amount", "paid"]


def test_functions_of_texts_are_computed_by_their_owners() -> None:
    made = plan("select loan from loans where remark like '%{}''s%' and substring(remark, 2, 3) = 'abc'", TABLES)
    (scan,) = [each for each in walk(made.root) if isinstance(each, Scan)]
    assert [column.sql for column in scan.computed] == [
        '"loan"',
        "(\"remark\" like '%{}''s%')",
        "(substring(\"remark\", 2, 3) = 'abc')",
    ]


def test_the_rows_of_a_relation_are_public() -> None:
    made = plan("select person, count(*) as n from loans group by person order by n desc limit 5", TABLES)
    assert isinstance(made.root, Limit)
    assert capacity(made.root) == 5
    joined = plan("select loan, age from loans l join people p on l.person = p.person", TABLES)
    assert capacity(joined.root) == 1_000


def test_a_common_table_that_is_used_twice_is_computed_once() -> None:
    sql = (
        "with b as (select branch, sum(amount) as s from loans group by branch) "
        "select b.branch from b join b as c on b.branch = c.branch where b.s = (select max(s) from b)"
    )
    assert len([each for each in walk(plan(sql, TABLES).root) if isinstance(each, Scan)]) == 1
