"""How long tests took, by folder, as a table in Markdown: `python -m tests.lib.times build/test.xml`."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from counterfoil.terminal import say


def times(report: str) -> tuple[dict[str, tuple[int, float]], float]:
    """Count the tests of a JUnit report by folder and add up their seconds; then how long all took by the clock."""
    tree = ElementTree.fromstring(report)  # noqa: S314 - written by our own tests
    count: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for case in tree.iter("testcase"):
        place = folder(case.get("classname", ""))
        count[place] += 1
        seconds[place] += float(case.get("time", "0"))
    suite = next(tree.iter("testsuite"))
    return {place: (count[place], seconds[place]) for place in sorted(count)}, float(suite.get("time", "0"))


def folder(classname: str) -> str:
    """The folder of a test's file by its dotted name: `tests/unit/roles` of `tests.unit.roles.test_audit`."""
    return "/".join(re.split(r"\.(?=test_)", classname, maxsplit=1)[0].split("."))


def table(report: str) -> Iterable[str]:
    """The lines of the table: folders, tests, seconds; the sum, and how long it took by the clock."""
    by_folder, whole = times(report)
    yield "| folder | tests | seconds |"
    yield "|---|---|---|"
    for place, (count, seconds) in by_folder.items():
        yield f"| `{place}` | {count:,} | {seconds:,.0f} |"
    counts, sums = zip(*by_folder.values(), strict=True)
    yield f"| together; {whole:,.0f} by the clock | {sum(counts):,} | {sum(sums):,.0f} |"


if __name__ == "__main__":
    say(*table(Path(sys.argv[1]).read_text("utf-8")))
