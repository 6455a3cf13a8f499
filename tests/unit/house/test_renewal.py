"""The page on how often tables are renewed has the tables that the script makes, by the rules' own numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.renewal import fewest_rows, page, passes, renewed
from counterfoil.governance.policies.rules import Rules

PAGE = Path("docs/explanation/renewal.md")


def test_the_page_has_what_the_script_prints() -> None:
    assert PAGE.read_text("utf-8").endswith("\n".join(page()).rstrip() + "\n")


def test_changes_are_counted_without_any_one_owner_and_at_enough_of_them() -> None:
    changed = np.array([[5, 5, 0, 5], [5, 5, 5, 0], [0, 40, 40, 0], [9, 1, 0, 90], [4, 3, 3, 50]])
    assert passes(changed, Rules(safe_difference=10)).tolist() == [True, True, False, True, True]
    assert passes(changed, Rules(safe_difference=11)).tolist() == [False, False, False, False, False]


def test_more_rows_and_longer_intervals_renew_more_often() -> None:
    rules = Rules(safe_difference=10)
    assert renewed(100, 3, 1, rules, 2_000) < renewed(100, 4, 1, rules, 2_000) < renewed(250, 4, 1, rules, 2_000)
    assert renewed(20, 4, 1, rules, 2_000) < renewed(20, 4, 4, rules, 2_000) < renewed(20, 4, 13, rules, 2_000)
    assert renewed(fewest_rows(4, 4, rules), 4, 4, rules) >= 0.95
