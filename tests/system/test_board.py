"""The page on one stage at several parties: whoever reads it finds what failed and why without scrolling a cell."""

from __future__ import annotations

from counterfoil_prefect.mpc_tasks.show import Place, board

LONG = "data: the column balance is not in loans.csv; " * 9
PLACES = [
    Place("bank-a", "Completed", "then", "manifest:bank-a:1", True),
    Place("bank-b", "Running", "then", "", None),
    Place("bank-c", "DataError", "then", LONG, False),
]


def test_reasons_of_failures_stand_in_full_above_the_table() -> None:
    above, table = board("contribute", "exposure 2026-w48", PLACES).replace("\\", "").split("\n| party |")
    assert "**contribute: done at 1 of 3; failed at bank-c; waits for bank-b**" in above
    assert above.index("mended at the party") < above.index(f"\n* bank-c: DataError: {LONG.strip()}")
    assert above.count("\n* ") == 1
    assert [line.split(" ")[1] for line in table.splitlines()[2:] if line] == ["bank-c", "bank-b", "bank-a"]


def test_without_failures_there_is_nothing_to_mend() -> None:
    page = board("contribute", "exposure 2026-w48", PLACES[:2])
    assert "mended" not in page and "\n* " not in page
