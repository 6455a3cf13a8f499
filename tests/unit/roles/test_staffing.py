"""Who may do what in a small group, how many people that takes, and what a group is told that cannot staff it."""

from __future__ import annotations

import pytest

from counterfoil.errors import RosterError
from counterfoil.roles.founder.staffing import Organisation, staff


def group(*ids: str, people: int = 2, tables: int = 99) -> list[Organisation]:
    return [Organisation(id, id.title(), "DE", people, index < tables) for index, id in enumerate(ids)]


def test_three_hospitals_need_five_people_and_are_told_why() -> None:
    found = staff(group("a", "b", "c"), fewest_owners=3)
    assert {seat.party: seat.roles for seat in found.seats} == {
        "a": ("owner", "node", "coordinator", "recipient"),
        "b": ("owner", "node", "recipient"),
        "b-review": ("reviewer",),
        "c": ("owner", "node", "recipient"),
        "c-review": ("reviewer",),
    }
    told = "\n".join(found.told())
    assert told.startswith("3 organisations, 5 people at least")
    assert "two nodes together see everything" in told and "nobody of its organisation approves" in told


def test_who_has_no_table_is_a_node_first() -> None:
    found = staff(group("a", "b", "c", "centre", tables=3), fewest_owners=3)
    assert "centre" in found.with_role("node") and len(found.with_role("node")) == 3
    assert found.with_role("owner") == ("a", "b", "c") and "centre" not in found.with_role("recipient")


@pytest.mark.parametrize(
    ("organisations", "chosen", "told"),
    [
        (group("a", "b"), {}, "2 organisations cannot run the 3 nodes of rep3"),
        (group("a", "b", "c"), {"suite": "rep4"}, "3 organisations cannot run the 4 nodes of rep4"),
        (group("a", "b", "c", tables=2), {"fewest_owners": 3}, "2 organisations with a table are too few"),
        (group("a", "b", "c", people=1), {}, "0 people are left to review, and 2 must approve"),
        (group("a", "b", "c", people=1), {}, "have another person at b or c (--people b=2)"),
        (group("a", "b", "c"), {"quorum": 3}, "2 people are left to review, and 3 must approve"),
        (group("a", "b", "a"), {}, "'a' is there twice"),
        (group("apple", "b", "c"), {"proposer": "aple"}, "did you mean 'apple'?"),
        (group("a", "b", "c"), {"recipients": ["d"]}, "no organisation is called 'd'"),
    ],
)
def test_a_group_that_cannot_staff_it_is_told_what_it_lacks(
    organisations: list[Organisation], chosen: dict[str, object], told: str
) -> None:
    with pytest.raises(RosterError) as caught:
        staff(organisations, **chosen)
    assert told in str(caught.value), str(caught.value)


def test_every_lack_is_told_at_once() -> None:
    with pytest.raises(RosterError) as caught:
        staff(group("a", "b", people=1), fewest_owners=3)
    assert len(str(caught.value).split("\n")) == 3


def test_the_remedy_that_is_told_works() -> None:
    lacking = group("a", "b", "c", people=1)
    with pytest.raises(RosterError, match="--quorum 1"):
        staff(lacking)
    mended = [*lacking[:1], Organisation("b", "B", "DE", 2, True), *lacking[2:]]
    assert staff(mended, quorum=1).with_role("reviewer") == ("b-review",)
