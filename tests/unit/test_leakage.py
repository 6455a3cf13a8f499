"""The leakage statement says what the agreement, the analyses and the declared openings say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from counterfoil.analyses import build
from counterfoil.analyses.base import Limits
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.governance.agreement import Agreement, named_files, parse_agreement
from counterfoil.governance.contract import parse_contract
from counterfoil.governance.policy import parse_policy
from counterfoil.governance.roster import Party, Role, write_roster
from counterfoil.mpc.ledger import Declared
from counterfoil.report.leakage import statement

CONTRACTS = Path(__file__).parents[2] / "contracts"
PARTIES: dict[str, tuple[Role, ...]] = {
    **{f"bank-{letter}": ("owner",) for letter in "bcd"},
    **{f"node-{index}": ("node",) for index in range(3)},
    **{f"reviewer-{index}": ("reviewer",) for index in (1, 2, 3)},
    "bank-a": ("owner", "recipient"),
    "coordinator": ("coordinator",),
    "regulator": ("recipient",),
}


@pytest.fixture(scope="module")
def agreement(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    """The agreement of the demo."""
    folder = tmp_path_factory.mktemp("keys")
    parties = []
    for number, (id, roles) in enumerate(PARTIES.items(), start=1):
        keys = PrivateKeys.create(folder / id, id).public
        node = {"address": f"127.0.0.1:{9000 + number}", "hosting": f"Hall {number}"} if "node" in roles else {}
        parties.append(Party(id, f"Organisation {number}", "NO", roles, keys, **node))
    source = CONTRACTS / "agreements" / "exposure.agreement.yaml"
    contracts, policies = named_files(source.read_bytes(), source.name)
    return parse_agreement(
        source.read_bytes(),
        source.name,
        {name: parse_contract((CONTRACTS / "data" / file).read_bytes(), file) for name, file in contracts.items()},
        [parse_policy((CONTRACTS / "policies" / file).read_bytes(), file) for file in policies],
        write_roster("four-banks", 1, date(2099, 1, 1), parties),
    )


def write(agreement: Agreement, *declared: Declared) -> str:
    limits = Limits(len(agreement.owners), 20_000)
    analyses = [build(plan, agreement.contracts[plan.contract], limits) for plan in agreement.analyses]
    return statement(agreement, analyses, declared)


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
    opened, released = text.split("The recipients learn", maxsplit=1)
    assert "- rejected, at most 4 times: how many inputs of each owner were out of range\n" in opened
    lines = [line for line in released.splitlines() if line.startswith("- ")]
    assert [line.split(", from ")[1].split(",")[0] for line in lines] == [plan.name for plan in agreement.analyses]
    assert lines[0] == (
        "- regulator and bank-a, from total-exposure, total version 1 (balance): the number of rows and the sum of the "
        "column"
    )
    assert f"fewer than {agreement.min_count} rows" in released


def test_without_openings_it_says_that_nothing_is_opened(agreement: Agreement) -> None:
    assert "the nodes open nothing" in write(agreement)


def test_what_is_assumed_of_a_corrupted_node_depends_on_the_suite(agreement: Agreement) -> None:
    assert "it follows the protocol" in write(agreement)
    assert "whatever it likes" in write(replace(agreement, suite="rep4"))


def test_equal_agreements_give_equal_text(agreement: Agreement) -> None:
    assert write(agreement) == write(agreement)
