"""What signers read of a plan: every step with its place, rows, columns, cost and openings."""

from __future__ import annotations

from counterfoil.mpc.circuits.tables.join import UNIQUE
from counterfoil.relations.cost import estimate
from counterfoil.relations.explain import explain
from counterfoil.relations.plan import plan
from tests.unit.relations.test_bind import TABLES

SQL = """
    select region, sum(case when l.paid then amount * 2 else 0 end) as s, avg(age) as a
    from loans l join people p on l.person = p.person
    where since >= date '1996-01-01' and branch <> 'west' and remark like '%late%' and not (rate is null)
    group by region having count(*) > 3"""


def test_every_step_says_where_it_runs_and_what_it_does() -> None:
    made = plan(SQL, TABLES)
    said = [(line.where, line.what) for line in explain(made, estimate(made, "rep3"))]
    assert said == [
        ("owners", 'share people: "person", "age", "region"'),
        ("owners", 'share loans: "person", "branch", "amount", "rate", "paid", "since", ("remark" like \'%late%\')'),
        (
            "nodes",
            "keep rows where (not (since < date '1996-01-01') and not (branch = 'west') "
            "and \"remark\" like '%late%' and not rate is null)",
        ),
        ("nodes", "join rows by person = person, after a check that keys of one side are unique"),
        ("nodes", "compute case when paid then (amount * 2) else 0.00 end as computed_14"),
        ("nodes", "group rows by region, a place for each of their values, with sum(computed_14), count(*), sum(age)"),
        ("nodes", "keep rows where (3 < count)"),
        ("nodes", "hand over: region, s, a"),
    ]


def test_costs_of_steps_add_up_and_openings_are_named() -> None:
    made = plan(SQL, TABLES)
    said = estimate(made, "rep4")
    lines = explain(made, said)
    assert sum(line.cost.rounds for line in lines) == said.total.rounds
    assert sum(line.cost.sent_bytes for line in lines) == said.total.sent_bytes
    join = lines[3]
    assert (join.rows, set(join.columns) >= {"age", "region", "amount"}) == (1_000, True)
    assert join.opens[UNIQUE] == 1
    assert not any(line.opens for line in lines if line is not join)
    assert lines[0].cost.rounds == 0


def test_other_steps_have_words_of_their_own() -> None:
    queries = [
        "select loan from loans union all select age from people",
        "select loan from loans where exists (select * from people p where p.person = loans.person)",
        "select loan, age from loans left join people p on p.person = loans.person",
        "select loan, rank() over (partition by branch order by amount desc) as r from loans",
        "select branch, count(distinct rate) as n from loans group by branch",
        "select loan from loans where amount > (select avg(amount) from loans)",
        "select loan from loans order by amount desc limit 3",
    ]
    plans = [plan(sql, TABLES) for sql in queries]
    said = {line.what for made in plans for line in explain(made, estimate(made, "rep3"))}
    assert said >= {
        "put 2 tables one under the other",
        "keep rows that have a partner by person = person",
        "join all rows with those that have the same key by person = person, after a check that keys of one side are "
        "unique",
        "compute rank() over rows by branch in the order of amount from the top",
        "group rows by branch, with count(distinct rate)",
        "put the one row of a table beside each row",
        "take all rows together, with count(*), sum(amount)",
        "keep the first 3 rows in the order of amount from the top",
    }
