"""Two versions of a contract: every change is named, with whom it breaks and the version that says so."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import MEANINGS, Change, compare
from counterfoil.governance.contracts.signatures import meaning
from tests.unit.governance.test_contract import CATEGORIES, EXPIRES, SMALL, coarse, own

# name: (what stands in SMALL, what is put there, the change's place, its words, whom it breaks)
CHANGES: dict[str, tuple[str, str, str, str, Sequence[str]]] = {
    "id": ("id: visits", "id: calls", "contract", "id visits becomes calls", ["analyses"]),
    "status": ("status: active", "status: retired", "contract", "status active becomes retired", ["analyses"]),
    "why": ("purpose: Count visits.", "purpose: Sell visits.", "contract", "purpose Count", ["protection"]),
    "law": ("value: consent", "value: public-task", "contract", "lawful basis consent", ["protection"]),
    "higher count": ("minimumCount, value: 5", "minimumCount, value: 9", "contract", "count 5 becomes 9", ["analyses"]),
    "lower count": ("minimumCount, value: 5", "minimumCount, value: 4", "contract", "5 becomes 4", ["protection"]),
    "kept longer": ("retention, value: 30", "retention, value: 60", "contract", "30 becomes 60", ["protection"]),
    "kept shorter": ("retention, value: 30", "retention, value: 9", "contract", "30 becomes 9", ["analyses"]),
    "ends earlier": ("2027-01-31", "2026-12-31", "contract", "last day 2027-01-31", ["analyses"]),
    "ends later": ("2027-01-31", "2027-12-31", "contract", "last day 2027-01-31", ["protection"]),
    "one analysis less": ("[total, mean_by_group]", "[total]", "contract", "no longer allows mean", ["analyses"]),
    "one analysis more": ("[total, mean", "[histogram, total, mean", "contract", "now allows hist", ["protection"]),
    "no key": ("        primaryKey: true\n", "", "contract", "primary key patient becomes none", []),
    "type": ("logicalType: number", "logicalType: integer", "column cost", "type number", ["owners", "analyses"]),
    "becomes identifier": ("value: key}", "value: identifier}", "column patient", "role key", ["analyses"]),
    "becomes sensitive": ("value: quasi}", "value: sensitive}", "column ward", "role quasi", []),
    "required": (
        "description: Where.\n",
        "description: Where.\n        required: true\n",
        "column ward",
        "required no becomes yes",
        ["owners"],
    ),
    "unique": ("required: true", "required: true\n        unique: true", "column patient", "unique no", ["owners"]),
    "narrower": ("maximum: 999.95", "maximum: 9", "column cost", "999.95 becomes 9", ["owners", "analyses"]),
    "wider": ("maximum: 999.95", "maximum: 2000", "column cost", "maximum 999.95 becomes 2000", ["analyses"]),
    "higher minimum": ("minimum: 0,", "minimum: 1,", "column cost", "minimum 0", ["owners", "analyses"]),
    "earlier days": ("minimum: 2026-01-01", "minimum: 2025-01-01", "column day", "minimum 2026", ["analyses"]),
    "a category less": ("[a, b]", "[a]", "column ward", "categories a, b becomes a", ["owners", "analyses"]),
    "a category more": ("[a, b]", "[a, b, c]", "column ward", "a, b becomes a, b, c", ["analyses"]),
    "categories in another order": ("[a, b]", "[b, a]", "column ward", "becomes b, a", ["analyses"]),
    "finer": ("resolution, value: 2", "resolution, value: 3", "column cost", "resolution 2", ["analyses"]),
    "pattern": ("^P[0-9]+$", "^Q[0-9]+$", "column patient", "pattern ^P", ["owners"]),
    "column purpose": ("value: Weeks.", "value: Days.", "column day", "purpose Weeks.", ["protection"]),
    "rule": ("mustBeLessThan: 5", "mustBeLessThan: 2", "rule 'nullValues of cost'", "LessThan 5 percent", ["owners"]),
    "fewer rows": ("[1, 900]", "[1, 90]", "rule 'rowCount of the table'", "1 to 900", ["owners", "analyses"]),
    "no rule": (
        "        quality:\n          - {metric: duplicateValues, mustBe: 0}\n",
        "",
        "rule 'duplicateValues of patient'",
        "is removed",
        [],
    ),
    "events": (
        EXPIRES,
        EXPIRES + own("tableKind", "events"),
        "contract",
        "kind of table stock becomes events",
        ["owners", "analyses", "protection"],
    ),
    "no persons": (
        EXPIRES,
        EXPIRES + own("notAboutPersons", "true"),
        "contract",
        "not about persons no becomes yes",
        ["analyses", "protection"],
    ),
    "k": (EXPIRES, EXPIRES + own("kAnonymity", "5"), "contract", "k 1 becomes 5", ["owners"]),
    "l": (EXPIRES, EXPIRES + own("lDiversity", "2"), "contract", "l 1 becomes 2", ["owners"]),
    "t": (EXPIRES, EXPIRES + own("tCloseness", "0.4"), "contract", "t 1.0 becomes 0.4", ["owners"]),
    "left behind": (EXPIRES, EXPIRES + own("leftBehind", "5"), "contract", "left behind 0.0 becomes 5", ["protection"]),
    "sample": (EXPIRES, EXPIRES + own("sample", "5"), "contract", "sample 100.0", ["analyses", "protection"]),
    "coarser": (
        CATEGORIES,
        CATEGORIES + coarse("{prefix: 1}"),
        "column ward",
        "generalisation none becomes by the first 1 characters",
        ["analyses", "protection"],
    ),
    "foreign key": (
        "        quality:\n          - {metric: duplicateValues, mustBe: 0}\n",
        "        relationships: [{to: people.odcs.yaml#people.id}]\n",
        "column patient",
        "foreign key none becomes people.odcs.yaml#people.id",
        ["owners"],
    ),
}


def small(old: str = "", new: str = "") -> Contract:
    assert old in SMALL
    return parse_contract(SMALL.replace(old, new, 1).encode(), "visits.odcs.yaml")


def expected_version(breaks: Sequence[str]) -> str:
    return "2.0.0" if breaks else "1.3.0"


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named_with_whom_it_breaks(name: str) -> None:
    old, new, place, words, breaks = CHANGES[name]
    changed = (
        SMALL.replace("{property: resolution, value: 2}", "{property: unit, value: e}") if name == "type" else SMALL
    )
    changed = changed.replace("999.95", "999") if name == "type" else changed
    before = parse_contract(SMALL.encode(), "old")
    found = compare(before, parse_contract(changed.replace(old, new, 1).encode(), "new"))
    hits = [change for change in found.changes if change.place == place and words in change.text]
    assert [list(change.breaks) for change in hits] == [breaks], found.changes
    if name not in ("type", "no rule", "foreign key"):
        assert found.changes == tuple(hits)
        assert found.least_version == expected_version(breaks)
    assert found.sign_again


def test_a_column_more_and_a_column_less() -> None:
    start = SMALL.index("      - name: day")
    end = SMALL.index("customProperties:\n  - {property: lawfulBasis")
    without = parse_contract((SMALL[:start] + SMALL[end:]).encode(), "x")
    assert compare(small(), without).changes == (Change("column day", "is removed", ("analyses",)),)
    assert compare(without, small()).changes == (Change("column day", "is new", ("owners",)),)


def test_other_words_alone_are_a_patch_that_is_signed_again() -> None:
    found = compare(small(), small("description: Where.", "description: In which ward."))
    assert (found.changes, found.sign_again, found.least_version) == ((), True, "1.2.1")
    assert not found.version_suffices
    same = compare(small(), small())
    assert (same.changes, same.sign_again, same.least_version) == ((), False, "1.2.0")
    assert same.version_suffices


def test_the_facts_are_json() -> None:
    facts = json.loads(json.dumps(compare(small(), small("[a, b]", "[a]")).facts()))
    assert facts["breaks"] == ["owners", "analyses"]
    assert facts["new"]["sha256"] != facts["old"]["sha256"]
    assert set(facts["breaks"]) <= set(MEANINGS)


WORDS = ("description: Where.", "description: In which ward.")
MEANT = {
    "purpose": ("purpose: ", "purpose: Also "),
    "version": ("version: 1.2.0", "version: 1.2.1"),
    "usage": ("{purpose: ", "{usage: Sell them., purpose: "),
    "category": ("value: [", "value: [x, "),
    "column": ("- name: ", "- name: x"),
}


def test_only_descriptions_are_for_the_owners_alone() -> None:
    assert meaning(small()) == meaning(small(*WORDS))
    assert compare(small(), small(*WORDS)).only_descriptions
    assert not compare(small(), small()).only_descriptions


@pytest.mark.parametrize("case", MEANT)
def test_whatever_else_differs_is_for_all(case: str) -> None:
    text = small().raw.decode()
    old, new = MEANT[case]
    assert old in text
    other = parse_contract(text.replace(old, new, 1).encode(), "small.odcs.yaml")
    assert meaning(other) != meaning(small())
    assert not compare(small(), other).only_descriptions


def test_layout_and_comments_mean_nothing() -> None:
    text = small().raw.decode()
    assert meaning(parse_contract(f"# A remark.\n{text}\n".encode(), "x.yaml")) == meaning(small())
