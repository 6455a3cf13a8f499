"""Attacks that were thought of, one test each: from everything a recipient got, no few others follow.

Each attack releases what agreements ask for, by the way that jobs take, and judges it by who is really in the tables.
It may be refused, hidden, held back or noised; it may not give anybody away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterfoil.analyses.registry import discover
from counterfoil.disclosure.attack.findings import SPIKE, attack_all
from counterfoil.disclosure.attack.knowledge import Knowledge, Release
from counterfoil.errors import CounterfoilError, PlanError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.joint.computation import analyses
from tests.lib.histories import (
    BALANCE,
    EDGES,
    FLAG,
    LATE,
    NAMES,
    OWNERS,
    PRODUCT,
    REGION,
    SELF,
    Consortium,
    World,
    tables_of,
)
from tests.lib.releasing import Homes
from tests.lib.support import Leak, leaks
from tests.lib.trials import dice

INCOME, AGE = NAMES.index("income"), NAMES.index("age")
Plan = dict[str, Any]

TOTAL: Plan = {"name": "total", "analysis": "total", "columns": ["balance"], "parameters": {"column": "balance"}}


def by(*columns: str, value: str = "balance") -> Plan:
    parameters = {"value": value, "by": list(columns)}
    return {
        "name": f"by-{'-'.join(columns)}",
        "analysis": "mean_by_group",
        "columns": [value, *columns],
        "parameters": parameters,
    }


def bins(edges: list[int]) -> Plan:
    return {
        "name": "bins",
        "analysis": "histogram",
        "columns": ["balance"],
        "parameters": {"column": "balance", "edges": edges},
    }


def links(*columns: str) -> Plan:
    version = max(version for key, version in discover() if key == "correlation")
    return {"name": "links", "analysis": "correlation", "columns": list(columns), "version": version, "parameters": {}}


@dataclass
class Scene:
    """What an attack makes of tables and agreements, from week to week."""

    banks: Consortium
    homes: Homes = field(default_factory=Homes)
    releases: list[Release] = field(default_factory=list)
    worlds: dict[str, World] = field(default_factory=dict)
    rng: np.random.Generator = field(default_factory=lambda: dice(0, 5))

    def people(self, each: int = 400) -> World:
        """So many rows of each owner, alike in all regions and products, without any default."""
        made = np.zeros((len(OWNERS) * each, len(NAMES)), np.int64)
        place = np.arange(len(made))
        made[:, 0], made[:, 1] = place, place // each
        made[:, REGION], made[:, PRODUCT] = place % 6, place // 6 % 4
        made[:, BALANCE] = self.rng.integers(300_000, 900_000, len(made))
        made[:, INCOME], made[:, AGE] = (
            self.rng.integers(20_000, 90_000, len(made)),
            self.rng.integers(18, 90, len(made)),
        )
        return made

    def drifted(self, world: World) -> World:
        """The same people a week later: every balance has moved a little."""
        made = world.copy()
        made[:, BALANCE] += self.rng.integers(1, 2_000, len(made)) * self.rng.choice([-1, 1], len(made))
        return made

    def newcomer(self, world: World, owner: int, count: int = 1) -> World:
        """Rows like the first ones of the owner, of new people."""
        made = world[world[:, 1] == owner][:count].copy()
        made[:, 0] = 100_000 + world[:, 0].max() + np.arange(count)
        return made

    def agree(self, name: str, *plans: Plan, contract: str = "loans", owners: int = 4) -> Agreement:
        return self.banks.agreement(name, contract, [dict(plan) for plan in plans], owners)

    def release(self, state: str, terms: Agreement, world: World) -> bool:
        """Whether anything left; an owner that has no rows in the world is none of the job's."""
        (contract,) = terms.contracts
        present = sorted(set(world[:, 1].tolist()))
        if len(present) < len(terms.owners):
            terms = replace(terms, holdings={OWNERS[each]: terms.holdings[OWNERS[each]] for each in present})
        tables = dict(tables_of(terms, contract, world))
        self.worlds[state] = world
        released = self.homes.release(terms, tables, int(state[1:]))
        if released is None:
            return False
        opened, judged = released
        rows = sum(table.rows for table in tables.values())
        self.releases.append(Release(state, analyses(terms), opened, (rows, rows), judged))
        return True

    def leaked(self) -> list[Leak]:
        return list(leaks(Knowledge(self.releases), self.worlds, self.rng))


Attack = Callable[[Scene], None]
ATTACKS: dict[str, Attack] = {}
OPEN: dict[str, str] = {}
"""Why what is built today does not stop the attack."""


def attack(name: str, open_: str = "") -> Callable[[Attack], Attack]:
    """List an attack; `open_` says why it gets through, as long as it does."""

    def listed(made: Attack) -> Attack:
        ATTACKS[name] = made
        if open_:
            OPEN[name] = open_
        return made

    return listed


NARROWED = "          - property: allowedAnalyses\n            value: [correlation, survival]"

PERSON = """  - property: rowsPerPerson
    value: {columns: [customer_id], most: 20}
"""


@attack("f1: correlation with a flag that one row has")
def one_defaulter(scene: Scene) -> None:
    world = scene.people()
    world[len(world) // 2, [FLAG, LATE]] = 1, 120
    scene.release("w01", scene.agree("t1", links("balance", "income", "default_flag")), world)


@attack("f1: means of a flag are counts")
def mean_of_a_flag(scene: Scene) -> None:
    world = scene.people()
    some = np.flatnonzero(world[:, REGION] == 2)[[70, 140, 210]], np.flatnonzero(world[:, REGION] == 3)[::4]
    world[np.concatenate(some), FLAG] = 1
    scene.release("w01", scene.agree("t2", by("region", value="default_flag"), contract="rates"), world)


@attack("two jobs: margins under another agreement")
def margins_elsewhere(scene: Scene) -> None:
    world = scene.people()
    few = np.flatnonzero((world[:, REGION] == 0) & (world[:, PRODUCT] == 0))[4:]
    world[few, PRODUCT] = 1
    scene.release("w01", scene.agree("t3", by("region", "product")), world)
    scene.release("w01", scene.agree("t3b", by("region")), world)
    scene.release("w01", scene.agree("t3c", by("product")), world)


@attack("two jobs: a second cut of a column")
def another_cut(scene: Scene) -> None:
    world = scene.people()
    world[:, BALANCE] = np.where(np.arange(len(world)) % 2, 400_000, 700_000)
    world[800:803, BALANCE] = 500_050
    scene.release("w01", scene.agree("t4", bins([0, 500_000, 100_000_000])), world)
    scene.release("w01", scene.agree("t4b", bins([0, 500_100, 100_000_000])), world)


@attack("weekly difference: one moves, all balances move")
def one_moves(scene: Scene) -> None:
    terms, world = scene.agree("t5", by("region", "product")), scene.people()
    scene.release("w01", terms, world)
    world = scene.drifted(world)
    world[900, REGION] = (world[900, REGION] + 1) % 6
    scene.release("w02", terms, world)


@attack("f6: one of 31 leavers is alone in its cell")
def one_of_many_leaves(scene: Scene) -> None:
    terms, world = scene.agree("t6", by("region", "product")), scene.people()
    scene.release("w01", terms, world)
    other = np.flatnonzero((world[:, 1] == 3) & (world[:, REGION] == 0))[:30]
    alone = np.flatnonzero((world[:, 1] == 3) & (world[:, REGION] == 1))[:1]
    scene.release("w02", terms, np.delete(world, [*other, *alone], axis=0))


@attack("three releases: a - b + c")
def three(scene: Scene) -> None:
    terms, world = scene.agree("t7", TOTAL), scene.people(300)
    more = np.concatenate([scene.newcomer(world, owner, 100) for owner in range(4)])
    more[:, 0] = 50_000 + np.arange(len(more))
    last = np.concatenate([more, scene.newcomer(world, 2)])
    for state, rows in (("w01", world), ("w02", np.concatenate([world, more])), ("w03", last)):
        scene.release(state, terms, rows)


@attack("alike rows of one person")
def alike_rows(scene: Scene) -> None:
    """One person of each of three owners has twenty rows in a cell that nobody else is in."""
    world = scene.people()
    world[world[:, REGION] == 5, REGION] = 4
    copies = np.concatenate([np.repeat(scene.newcomer(world, owner), 20, axis=0) for owner in (1, 2, 3)])
    copies[:, 0] = 70_000 + np.repeat([1, 2, 3], 20)
    copies[:, REGION] = 5
    scene.release("w01", scene.agree("t8", by("region"), contract="repeated"), np.concatenate([world, copies]))


@attack("first critic 2: an owner changes its own rows beside one stranger")
def nine_of_its_own(scene: Scene) -> None:
    terms, world = scene.agree("u2", by("region")), scene.people()
    scene.release("w01", terms, world)
    world = scene.drifted(world)
    own = np.flatnonzero((world[:, 1] == SELF) & (world[:, REGION] == 2))[:9]
    stranger = np.flatnonzero((world[:, 1] == 2) & (world[:, REGION] == 2))[:1]
    world[[*own, *stranger], REGION] = 3
    scene.release("w02", terms, world)


def regions(world: World, sizes: tuple[int, ...]) -> World:
    """The world with as many rows in each region, spread over owners."""
    world = world.copy()
    order = np.argsort(world[:, 0] % (len(world) // len(OWNERS)), kind="stable")
    ends = np.concatenate([[0], np.cumsum(sizes)])
    for region, (start, end) in enumerate(zip(ends, [*ends[1:-1], len(world)], strict=False)):
        world[order[start:end], REGION] = region
    return world


@attack("first critic 3: hidden then, shown now")
def hidden_then(scene: Scene) -> None:
    terms, world = scene.agree("u3", TOTAL, by("region")), scene.people()
    first = regions(world, (4, 24, 28, 500, 500, 544))
    scene.release("w01", terms, first)
    second = scene.drifted(regions(world, (4, 24, 22, 500, 500, 550)))
    scene.release("w02", terms, second)


@attack("first critic 13: a margin now, another agreement's then")
def margin_then(scene: Scene) -> None:
    world = scene.people()
    scene.release("w01", scene.agree("u13", by("region", "product")), world)
    world = scene.drifted(world)
    world[900, REGION] = (world[900, REGION] + 1) % 6
    scene.release("w02", scene.agree("u13b", by("region")), world)


@attack("first critic 14: the public number of rows")
def rows_are_public(scene: Scene) -> None:
    world = regions(scene.people(), (4, 300, 300, 300, 300, 396))
    scene.release("w01", scene.agree("u14", by("region")), world)


@attack("first critic 21: the same table under another contract's id")
def another_id(scene: Scene) -> None:
    world = scene.people()
    scene.release("w01", scene.agree("u21", by("region", "product")), world)
    world = scene.drifted(world)
    world[900, REGION] = (world[900, REGION] + 1) % 6
    scene.release("w02", scene.agree("u21b", by("region", "product"), contract="again"), world)


@attack("second critic 1: what a line hides is dominated")
def remainder(scene: Scene) -> None:
    world = regions(scene.people(), (30, 40, 300, 300, 300, 630))
    giant = np.flatnonzero((world[:, REGION] == 0) & (world[:, 1] == 2))[0]
    world[giant, BALANCE] = 99_000_000
    world[(world[:, REGION] <= 1) & (np.arange(len(world)) != giant), BALANCE] = 20_000
    scene.release("w01", scene.agree("s1", TOTAL, by("region")), world)


@attack("second critic 2: flags that nest")
def nested(scene: Scene) -> None:
    world = scene.people()
    world[:, INCOME] = 0
    chosen = np.arange(0, len(world), 39)[:41]
    world[chosen, INCOME], world[chosen[:-1], FLAG] = 1, 1
    scene.release("w01", scene.agree("s2", links("balance", "income", "default_flag"), contract="flags"), world)


@attack("second critic 3: cuts are amended")
def amended(scene: Scene) -> None:
    world = scene.people()
    world[:, BALANCE] = np.where(np.arange(len(world)) % 2, 400_000, 700_000)
    world[900, BALANCE] = 500_050
    scene.release("w01", scene.agree("s3", bins([0, 500_000, 100_000_000])), world)
    scene.release("w02", scene.agree("s3b", bins([0, 500_100, 100_000_000])), world)


@attack("second critic 4: a giant under bounds that are far away")
def giant(scene: Scene) -> None:
    world = scene.people()
    world[:, BALANCE] = 1_000
    world[900, BALANCE] = 99_000_000
    scene.release("w01", scene.agree("s4", TOTAL, contract="signed"), world)


@attack("second critic 5: an owner leaves")
def owner_leaves(scene: Scene) -> None:
    terms, world = scene.agree("s5", TOTAL), scene.people(1000)
    scene.release("w01", terms, world)
    world = world[world[:, 1] < 3]
    for owner in range(3):
        fresh = scene.newcomer(world, owner, 12)  # who bring as much as those that leave
        world = np.concatenate([np.delete(world, np.flatnonzero(world[:, 1] == owner)[:12], axis=0), fresh])
    scene.release("w02", terms, world)


@attack("second critic 6: one more has the flag, all balances move")
def one_more_defaulter(scene: Scene) -> None:
    terms, world = scene.agree("s6", links("balance", "income", "default_flag")), scene.people()
    world[::40, FLAG] = 1
    scene.release("w01", terms, world)
    world = scene.drifted(world)
    world[901, FLAG] = 1
    scene.release("w02", terms, world)


def where(plan: Plan, name: str, **given: Any) -> Plan:
    """Ask the same of the rows that satisfy these conditions."""
    columns = sorted({*plan["columns"], *given})
    return {**plan, "name": name, "where": given, "columns": columns, "parameters": dict(plan["parameters"])}


def more_of(scene: Scene, world: World, each: int = 40) -> World:
    """Let all balances move, and so many people come at each owner, none of them in default."""
    came = [scene.newcomer(world, owner, each) for owner in range(len(OWNERS))]
    for owner, new in enumerate(came):
        new[:, 0] += 1_000 * owner
        new[:, FLAG] = 0
    return np.concatenate([scene.drifted(world), *came])


def rate_and_cells(scene: Scene, first: list[Plan], then: list[Plan], name: str) -> None:
    """One person more is in default; the mean of the flag and the table of those who have it leave in two weeks."""
    world = scene.people()
    world[np.arange(len(world)) // 6 % 3 == 0, FLAG] = 1
    before, after = scene.agree(name, *first, contract="rates"), scene.agree(name, *then, contract="rates")
    scene.release("w01", before, world)
    world = more_of(scene, world)
    world[np.flatnonzero(world[:, FLAG] == 0)[5], FLAG] = 1
    scene.release("w02", after, world)


RATE: Plan = {**by("region", value="default_flag"), "name": "rate"}
BAD = where(by("region"), "bad", default_flag=1)


@attack("new 1: the mean of a flag then, those who have it now")
def rate_then(scene: Scene) -> None:
    rate_and_cells(scene, [TOTAL, RATE], [by("region"), BAD], "n1")


@attack("new 2: those who have a flag then, its mean now")
def rate_now(scene: Scene) -> None:
    rate_and_cells(scene, [by("region"), BAD], [RATE], "n2")


@attack("new 3: a filter by one category then, by two now")
def wider_filter(scene: Scene) -> None:
    """Of the second category all but three have left, and of the first nobody changed."""
    world = regions(scene.people(), (300, 43, 300, 300, 300, 357))
    before = scene.agree("n3", where(TOTAL, "north", region="north"))
    after = scene.agree("n3", where(TOTAL, "both", region=["north", "east"]))
    scene.release("w01", before, world)
    east, south = (np.flatnonzero(world[:, REGION] == each) for each in (1, 2))
    scene.release("w02", after, np.delete(world, [*east[:40], *south[::7]], axis=0))


@attack("new 4: a column's sum beside a table by its values")
def sum_and_values(scene: Scene) -> None:
    """Of two hidden ages the number of rows and the sum are known: 4 and 40 rows follow."""
    world = regions(scene.people(), (300, 300, 300, 656, 4, 40))
    world[:, AGE] = 30 + world[:, REGION]
    total = {**TOTAL, "columns": ["age"], "parameters": {"column": "age"}}
    scene.release("w01", scene.agree("n4", by("age"), total, contract="ages"), world)
    opened = scene.releases[0].opened
    count, safe = opened["by-age"]["count"].ravel(), opened["by-age"]["safe"].ravel()
    ages = np.flatnonzero(safe == 0) + 30
    if len(ages) == 2 and opened["total"]["safe"].all():
        rows = len(world) - int(count.sum())
        left = int(opened["total"]["sum"].sum()) - int((count * np.arange(30, 36)).sum())
        few = (int(ages[1]) * rows - left) // int(ages[1] - ages[0])
        raise AssertionError(f"{few} rows have the age {ages[0]}")


@attack("new 5: newcomers who are all alike but one")
def alike_newcomers(scene: Scene) -> None:
    """All who come have a balance that anybody knows, one has not, and nobody else changes."""
    terms, world = scene.agree("n5", by("region")), scene.people()
    scene.release("w01", terms, world)
    came = np.concatenate([scene.newcomer(world, owner, 48) for owner in range(len(OWNERS))])
    came[:, 0] = 200_000 + np.arange(len(came))
    came[:, BALANCE] = 400_000
    one = np.flatnonzero(came[:, REGION] == 2)[5]
    came[one, BALANCE] = 500_050
    if not scene.release("w02", terms, np.concatenate([world, came])):
        return
    then, now = (release.opened["by-region"] for release in scene.releases)
    both = (then["safe"] * now["safe"]).ravel()[2]
    count, sums = ((now[name] - then[name]).ravel()[2] for name in ("count", "sum"))
    assert not both, f"one of {count} is off by {sums - 400_000 * count}"


@attack("new 6: filters that nest")
def nested_filters(scene: Scene) -> None:
    """All who are in default are late, and so is one more: two filters differ by that one."""
    world = scene.people()
    late = np.arange(len(world)) // 6 % 3 == 0
    world[late, FLAG], world[late, LATE] = 1, 100
    world[np.flatnonzero(~late)[5], LATE] = 100
    overdue = where(by("region"), "late", days_past_due={"from": 90})
    scene.release("w01", scene.agree("n6", BAD, overdue, contract="nests"), world)
    (opened,) = (release.opened for release in scene.releases)
    shown = (opened["bad"]["safe"] * opened["late"]["safe"]).ravel()
    more = (opened["late"]["count"] - opened["bad"]["count"]).ravel() * shown
    assert not more.any(), f"{more.sum()} is late and not in default"


@attack("new 7: flags that nest, in tables or sums")
def nested_flags(scene: Scene) -> None:
    """The same, where a table is cut by one of the two flags, and its rows are not filtered."""
    world = scene.people()
    late = np.arange(len(world)) // 6 % 3 == 0
    world[late, FLAG], world[late, LATE] = 1, 100
    world[np.flatnonzero(~late)[5], LATE] = 100
    overdue = where(TOTAL, "late", days_past_due={"from": 90})
    scene.release("w01", scene.agree("n7", {**by("default_flag"), "name": "bad"}, overdue, contract="nests"), world)
    (opened,) = (release.opened for release in scene.releases)
    shown = opened["bad"]["safe"][1] * opened["late"]["safe"]
    more = (opened["late"]["count"] - opened["bad"]["count"][1]) * shown
    assert not more, f"{more} is late and not in default"


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    made = Consortium.made(tmp_path_factory.mktemp("thought"))
    made.vary("again", "loans", {})
    made.vary(
        "repeated",
        "loans",
        {
            "        unique: true\n        primaryKey: true\n": "",
            "metric: duplicateValues": "metric: nullValues",
            "\ncustomProperties:\n": f"\ncustomProperties:\n{PERSON}",
        },
    )
    bounds = (
        "          minimum: {}\n          maximum: {}\n        customProperties:\n          - property: privacyRole\n"
    )
    made.vary(
        "ages",
        "loans",
        {
            bounds.format(18, 100): bounds.format(30, 35),
            f"value: years\n{NARROWED}\n": "value: years\n",
        },
    )
    rates = {f"{NARROWED}\n\nteam:": "\nteam:"}
    made.vary("rates", "loans", rates)
    made.vary(
        "nests",
        "loans",
        rates | {"value: [correlation, histogram]": "value: [correlation, histogram, mean_by_group, total]"},
    )
    made.vary("flags", "loans", {"maximum: 1000000\n": "maximum: 1\n"})
    made.vary(
        "signed",
        "loans",
        {"minimum: 0\n          maximum: 100000000": "minimum: -100000000\n          maximum: 100000000"},
    )
    return made


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.xfail(strict=True, reason=OPEN[name])] if name in OPEN else [])
        for name in ATTACKS
    ],
)
def test_an_attack_gives_nobody_away(name: str, banks: Consortium) -> None:
    scene = Scene(banks)
    try:
        ATTACKS[name](scene)
    except PlanError as refused:
        assert str(refused)
        return
    leaked = scene.leaked()
    assert not leaked, f"{leaked[0]} and {len(leaked) - 1} more"


def test_first_critic_8_a_column_that_hardly_varies_is_taken_out(banks: Consortium) -> None:
    scene = Scene(banks)
    world = scene.people()
    world[:, AGE] = 50
    world[900, AGE] = 48
    assert scene.release("w01", scene.agree("u8", links("balance", "income", "age")), world)
    knowledge = Knowledge(scene.releases)
    assert SPIKE not in {each.way for each in attack_all(knowledge).findings}
    told = [
        each for release in scene.releases for name, plan in release.exact for each in plan.told(release.opened[name])
    ]
    assert not [each for each in told if "age" in each.feature.factors]


def test_first_critic_4_no_change_looks_like_one_or_nine(banks: Consortium) -> None:
    """Which cells are shown in the second week does not tell whether anybody moved in them."""
    shown = []
    for moved in (0, 1, 9):
        scene = Scene(banks)
        terms, world = scene.agree("u4", by("region", "product")), scene.people()
        scene.release("w01", terms, world)
        world = scene.drifted(world)
        cell = np.flatnonzero((world[:, REGION] == 2) & (world[:, PRODUCT] == 1))
        world[cell[:moved], PRODUCT] = 2
        scene.release("w02", terms, world)
        assert not scene.leaked()
        shown.append([release.opened["by-region-product"]["safe"].tolist() for release in scene.releases[1:]])
    assert shown[0] == shown[1] == shown[2]


def test_second_critic_8_a_step_of_an_owner_leaves_once(banks: Consortium) -> None:
    step: Plan = {
        "name": "steps",
        "analysis": "leave_one_out",
        "columns": ["balance"],
        "parameters": {"column": "balance", "percent": [40, 60, 80]},
    }
    scene = Scene(banks)
    terms, world = scene.agree("s8", step), scene.people()
    first = scene.release("w01", terms, world)
    world = np.concatenate([scene.drifted(world)[world[:, 1] > 0], scene.newcomer(world, 0, 400)])
    second = scene.release("w02", terms, world)
    assert first and (not second or not scene.releases[-1].opened["steps"]["safe"].any())


def test_second_critic_21_one_agreement_has_the_exact_numbers_of_an_interval(banks: Consortium) -> None:
    scene = Scene(banks)
    world = scene.people()
    assert scene.release("w01", scene.agree("s21", TOTAL), world)
    assert not scene.release("w01", scene.agree("s21b", by("region")), world)


def test_second_critic_29_rows_about_nobody_known_are_refused(banks: Consortium) -> None:
    banks.vary(
        "keyless",
        "loans",
        {"        unique: true\n        primaryKey: true\n": "", "metric: duplicateValues": "metric: nullValues"},
    )
    with pytest.raises(CounterfoilError, match="person"):
        banks.agreement("s29", "keyless", [dict(TOTAL)], 4)


PAGE = Path("docs/explanation/attacks.md")
OTHERS = {
    "first critic 8: a column that hardly varies": False,
    "first critic 4: none, one or nine changed": False,
    "second critic 8: a step of one owner's part, every week": False,
    "second critic, 2.1: two agreements in one interval": False,
    "second critic, 2.9: rows about nobody known": False,
}
"""What the tests of their own are called on the page, and whether they are expected to fail."""


def test_the_page_lists_every_attack_and_says_which_get_through() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    tested = {name: name in OPEN for name in ATTACKS} | OTHERS
    assert {row.removesuffix(" †"): row.endswith("†") for row in rows if row.removesuffix(" †") in tested} == tested


def test_scenes_without_an_attack_give_nobody_away_and_leave(banks: Consortium) -> None:
    """Or else nothing above would show anything."""
    scene = Scene(banks)
    world = scene.people()
    assert scene.release("w01", scene.agree("ok", TOTAL, by("region"), bins(EDGES[1])), world)
    assert not scene.leaked()
