"""Every rule of policies: one broken line each, and the message that names it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from counterfoil.errors import AgreementError
from counterfoil.governance.policies.policy import parse_policy
from counterfoil.governance.policies.rules import OFF, RULES, Rules, table
from tests.unit.conftest import CONTRACTS
from tests.unit.governance.complaints import complaint, line_of

STRICT = (CONTRACTS / "policies" / "strict-counts.policy.yaml").read_text()


RULE = line_of(STRICT, "safe_threshold: 10")

BROKEN_POLICY = {
    "no rules": (STRICT[STRICT.index("rules:") :], "", 2, "'rules' is missing"),
    "count of one": ("safe_threshold: 10", "safe_threshold: 1", RULE, "at least 2"),
    "count as text": ("safe_threshold: 10", "safe_threshold: ten", RULE, "must be a whole number"),
    "unknown rule": ("safe_threshold: 10", "safe_treshold: 10", RULE, "did you mean 'safe_threshold'"),
    "share above one": ("safe_nk_k: 0.9", "safe_nk_k: 85", RULE + 2, "at most 1"),
    "share too fine": ("safe_nk_k: 0.9", "safe_nk_k: 0.33333", RULE + 2, "four decimal places"),
    "zeros around full cells": (
        "zeros_are_disclosive: true",
        "zeros_are_disclosive: false",
        RULE + 5,
        "show that it is full",
    ),
}


@pytest.mark.parametrize("name", BROKEN_POLICY)
def test_a_broken_policy_is_named_with_its_line(name: str) -> None:
    old, new, line, words = BROKEN_POLICY[name]
    with pytest.raises(AgreementError) as error:
        parse_policy(STRICT.replace(old, new).encode(), "p.yaml")
    complaint(error, "p.yaml", line, words)


def test_the_strictest_policy_wins_rule_by_rule() -> None:
    one = Rules(safe_threshold=5, safe_nk_n=1, safe_nk_k=Fraction(8, 10), zeros_are_disclosive=False, safe_owners=4)
    other = Rules(safe_threshold=20, safe_nk_n=3, safe_pratio_p=Fraction(0), count_by_rule=True, safe_owners=2)
    both = Rules(safe_threshold=20, safe_nk_n=3, safe_nk_k=Fraction(8, 10), safe_owners=4)
    assert one.stricter(other) == other.stricter(one) == both
    assert both.in_force == set(OFF) - {
        "check_missing_values",
        "safe_other_rows",
        "safe_round_counts",
        "safe_round_sums",
    }


def test_a_policy_says_what_output_checkers_know_and_the_rest_is_their_default() -> None:
    rules = parse_policy(STRICT.encode(), "p.yaml").rules
    assert (rules.safe_threshold, rules.safe_dof_threshold) == (10, 10)
    assert (rules.safe_nk_n, rules.safe_nk_k, rules.safe_pratio_p) == (2, Fraction(9, 10), Fraction(1, 10))
    assert (rules.zeros_are_disclosive, rules.check_missing_values) == (True, False)


def test_a_rule_about_what_no_analysis_releases_is_refused_by_name() -> None:
    """Even turned off: whoever writes it believes that there is something it is about."""
    for value in (0, 10):
        raw = f"kind: DisclosurePolicy\nid: a\nversion: 1.0.0\ntitle: a\nrules:\n  survival_safe_threshold: {value}\n"
        with pytest.raises(AgreementError, match=r"p\.yaml.*6.*no analysis releases survival curves.*; remove it"):
            parse_policy(raw.encode(), "p.yaml")


@pytest.mark.parametrize("name", sorted(OFF))
def test_a_rule_is_said_while_it_is_in_force_and_not_when_it_is_off(name: str) -> None:
    """But for the one about columns, which owners keep before they hand in."""
    rule, off = RULES[name], Rules(**OFF)
    on = replace(off, **{name: rule.default if rule.default != rule.off else type(rule.off)(20)})
    told = [{*rules.describe(), *rules.describe_rounding(), *rules.describe_releases()} for rules in (off, on)]
    assert (off.in_force, on.in_force) == (set(), {name})
    assert len(told[1] - told[0]) == (name != "check_missing_values") and not told[0] - told[1]


def test_the_table_has_a_row_for_every_rule_with_its_default() -> None:
    rows = {row["rule"]: row for row in table()}
    assert list(rows) == list(RULES)
    assert rows["safe_nk_k"] == {
        "rule": "safe_nk_k",
        "default": "0.9",
        "off": "1",
        "stricter": "lower",
        "about": "sums",
        "means": "the share of a sum that its safe_nk_n largest contributions make up, at most",
    }
