"""The leakage statement says what the agreement, the analyses and the declared openings say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.joint.computation import analyses
from counterfoil.mpc.runtime.ledger import Declared
from counterfoil.report.leakage import statement


@pytest.fixture
def agreement(shared) -> Agreement:
    """The agreement of the demo."""
    return shared.agreement


def write(agreement: Agreement, *declared: Declared) -> str:
    return statement(agreement, tuple(analyses(agreement).values()), declared)


def test_its_first_sentence_is_that_two_nodes_together_see_everything(agreement: Agreement) -> None:
    assert write(agreement).startswith(
        "Two nodes together see everything: if any two of node-0, node-1 and node-2 pool"
    )


def test_it_names_what_it_is_about(agreement: Agreement) -> None:
    text = write(agreement)
    assert agreement.digest in text
    assert all(contract.digest in text for contract in agreement.contracts.values())
    for node in agreement.roster.nodes:
        assert f"- {node.id}: {node.organisation}, {node.jurisdiction}, hosted at {node.hosting}\n" in text


def test_every_output_and_every_declared_opening_is_in_it_and_no_other(agreement: Agreement) -> None:
    text = write(agreement, Declared("rejected", 4, "how many inputs of each owner were out of range"))
    opened, rest = text.split("The recipients learn", maxsplit=1)
    said, rules = rest.split("A cell is hidden", maxsplit=1)
    released, left_open = said.split("Results can leave this open:", maxsplit=1)
    correlations = [plan.name for plan in agreement.analyses if plan.analysis == "correlation"]
    assert [line[2:].split(":")[0] for line in left_open.splitlines() if line.startswith("- ")] == correlations
    assert "- rejected, at most 4 times: how many inputs of each owner were out of range\n" in opened
    lines = [line for line in released.splitlines() if line.startswith("- ")]
    assert [line.split(", from ")[1].split(",")[0] for line in lines] == [plan.name for plan in agreement.analyses]
    assert lines[0] == (
        "- regulator and bank-a, from total-exposure, total version 1 (balance): the number of rows and the sum of the "
        "column"
    )
    assert all(f"- {rule}\n" in rules for rule in agreement.rules.describe())


def test_without_openings_it_says_that_nothing_is_opened(agreement: Agreement) -> None:
    assert "the nodes open nothing" in write(agreement)


def test_what_is_assumed_of_a_corrupted_node_depends_on_the_suite(agreement: Agreement) -> None:
    assert "it follows the protocol" in write(agreement)
    assert "whatever it likes" in write(replace(agreement, suite="rep4"))


def test_equal_agreements_give_equal_text(agreement: Agreement) -> None:
    assert write(agreement) == write(agreement)
