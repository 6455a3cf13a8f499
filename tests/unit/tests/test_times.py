"""The table of how long tests took."""

from __future__ import annotations

from tests.lib.times import table

REPORT = """<testsuites><testsuite time="7.4">
<testcase classname="tests.unit.roles.test_audit" name="a" time="1.5"/>
<testcase classname="tests.unit.roles.test_audit.TestIt" name="b" time="2"/>
<testcase classname="tests.spec.test_sort" name="c" time="4"/>
</testsuite></testsuites>"""


def test_seconds_are_added_up_by_folder() -> None:
    assert list(table(REPORT))[2:] == [
        "| `tests/spec` | 1 | 4 |",
        "| `tests/unit/roles` | 2 | 4 |",
        "| together; 7 by the clock | 3 | 8 |",
    ]
