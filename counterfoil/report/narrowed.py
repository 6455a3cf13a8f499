"""What an attacker found, in words for a data protection officer, and as JSON for tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from counterfoil.canonical import Json
from counterfoil.disclosure.attack.findings import Attack, Finding

HEAD: Final = ("how few persons", "what of them", "could be narrowed down to", "from", "how")


def row(contract: str, finding: Finding) -> tuple[str, ...]:
    """Return a line of the table: how few persons, which number, between what, from which releases, and how."""
    return (
        _persons(finding),
        f"{finding.what} in {finding.cell}, {contract}",
        _between(finding),
        ", ".join(finding.states),
        finding.way,
    )


def sentence(finding: Finding) -> str:
    """Say the finding as a sentence: `12 persons in north, card could be narrowed to 3..5`."""
    return f"{_persons(finding)} in {finding.cell}: {finding.what} could be narrowed to {_between(finding)}"


def facts(contract: str, made: Attack) -> dict[str, Json]:
    """Return what was found of one contract's tables as plain values."""
    return {
        "contract": contract,
        "tried": made.tried,
        "complete": made.complete,
        "left": list(made.left),
        "findings": [
            {
                "persons": each.persons,
                "cell": each.cell,
                "what": each.what,
                "low": each.low,
                "high": each.high,
                "from": list(each.states),
                "how": each.way,
            }
            for each in made.findings
        ],
    }


def summary(contract: str, made: Attack) -> Iterator[str]:
    """Say in a few lines what was tried of one contract's tables, and what came of it."""
    if made.findings:
        few, worst = len(made.findings), sentence(made.findings[0])
        yield f"{contract}: of {made.tried} numbers tried, {few} could be narrowed down; the worst: {worst}"
    elif made.complete:
        yield f"{contract}: {made.tried} numbers tried; nothing could be narrowed down to few persons"
    for each in made.left:
        yield f"{contract}: not tried to the end: {each}"


def _persons(finding: Finding) -> str:
    few = finding.persons
    return "nobody" if few <= 0 else f"at most {few} {'person' if few == 1 else 'persons'}"


def _between(finding: Finding) -> str:
    low, high = (f"{each:,.0f}" if each == int(each) else f"{each:,.1f}" for each in (finding.low, finding.high))
    return low if low == high else f"{low}..{high}"
