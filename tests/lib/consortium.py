"""Owners, nodes and everybody else in folders of their own, under a signed agreement: for tests of jobs.

The four banks' agreement, unless another of `contracts/agreements` is asked for.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from counterfoil import clock
from counterfoil.analyses.base import Result
from counterfoil.audit.witness import witness
from counterfoil.canonical import Ref
from counterfoil.data.minimising.minimise import minimise
from counterfoil.data.reading.table import Table, load
from counterfoil.data.row_tags import with_tags
from counterfoil.data.synthetic import synth
from counterfoil.disclosure.tables.layout import layouts
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.agreements.signing.in_force import REVIEW
from counterfoil.governance.agreements.signing.in_force import load as load_agreement
from counterfoil.governance.agreements.signing.signed import (
    SignedAgreement,
    publish,
    read_agreement,
    sign_agreement,
)
from counterfoil.governance.agreements.templates import copy_examples
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.cumulative.release_history import guarded
from counterfoil.governance.jobs.evidence import Draft, load_draft, make_evidence, sign_evidence
from counterfoil.governance.jobs.job import Job
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.governance.jobs.submission import submit
from counterfoil.governance.parties.roster import Roster, fill_roster
from counterfoil.governance.review.airlock import decide
from counterfoil.home import Home
from counterfoil.joint.computation import analyses, array_specs, local_parts
from counterfoil.joint.table_changes import NAME as CHANGES
from counterfoil.joint.table_changes import due_layout
from counterfoil.roles.node.attempt import Computation
from counterfoil.roles.node.handover import announce_release, hand_over
from counterfoil.roles.node.intake import take_in
from counterfoil.roles.node.meeting import PEER_TIMEOUT_S
from counterfoil.roles.owner import Contribution, table_file
from counterfoil.roles.table_comparison import changes_since, known_states
from counterfoil.roles.table_memory import keep, learn
from counterfoil_prefect.deployments.stand import free_ports
from counterfoil_prefect.synthetic_data.loans import make_tables, write_tables

T = TypeVar("T")

CONTRACTS = Path("contracts")
CONTRACT_FILE = CONTRACTS / "data" / "loans.odcs.yaml"
OWNERS = ("bank-a", "bank-b", "bank-c", "bank-d")
NODES = ("node-0", "node-1", "node-2")
REVIEWERS = ("reviewer-1", "reviewer-2", "reviewer-3")
PARTIES = (*OWNERS, *NODES, "coordinator", *REVIEWERS, "regulator")


def today() -> datetime:
    return clock.now()


@dataclass
class Consortium:
    """All homes of a consortium, in one process."""

    folder: Path
    homes: dict[str, Home]
    agreement: Agreement
    ref: Ref
    frames: dict[Part, pd.DataFrame]

    @property
    def period(self) -> str:
        return self.agreement.schedule.period(today().date())

    def pooled(self, contract: str = "loans") -> list[pd.DataFrame]:
        """The tables of all owners under the contract."""
        return [frame for part, frame in self.frames.items() if part.contract == contract]

    def signed(self, party: str) -> SignedAgreement:
        home = self.homes[party]
        return load_agreement(home, self.ref, for_=REVIEW, today=today().date())

    def contribute(self, owner: str, contract: str = "loans") -> Ref:
        contribution = Contribution(self.homes[owner], self.signed(owner), contract, self.period, clock.now())
        contribution.validate(clock.now())
        contribution.minimise()
        return contribution.share(clock.now())

    def table(self, owner: str, contract: str = "loans") -> Table:
        """The owner's table as `contribute` would minimise it, without the seconds that it takes to check the rules."""
        home, terms = self.homes[owner], self.agreement
        read = load(table_file(home, contract), terms.contracts[contract], home.data / f"{contract}.faults.html")
        table = with_tags(read, home.membership_key)
        plans = [plan for plan in terms.analyses if plan.contract == contract]
        return minimise(table, {column for plan in plans for column in plan.columns}).table

    def hand_in(self, owner: str, table: Table) -> Ref:
        """A new submission of the table, as if the owner had handed in none for the period, and leased it to nobody."""
        self.forget(owner)
        home, terms = self.homes[owner], self.agreement
        learn(home, today())
        laid_out = layouts(analyses(terms)).get("loans")
        known = known_states("loans", terms, table, self.period, home) if laid_out else []
        states, counts = [each.name for each in known], {}
        if laid_out and known and guarded(terms):
            counts[CHANGES] = changes_since(laid_out, table, known)
        due = due_layout(analyses(terms), terms, "loans", self.period)

        def remember(manifest: Manifest) -> None:
            if laid_out:
                keep(manifest, table, "loans", terms, due, home)

        return submit(
            local_parts(terms, "loans", table) | counts,
            array_specs(terms, "loans", table.rows, states),
            contract="loans",
            rows=table.rows,
            period=self.period,
            agreement=self.signed(owner),
            keys=home.keys,
            exchange=home.exchange,
            now=today(),
            table="loans" if laid_out else "",
            states=states,
            note=lambda manifest, _: remember(manifest),
        )

    def forget(self, owner: str) -> None:
        """Nodes know of no submission of it: one period serves many jobs in tests, but in `test_corrections`."""
        for node in self.agreement.nodes:
            _ = self.homes[node].state
            with closing(sqlite3.connect(self.homes[node].path / "state.sqlite", timeout=30)) as state, state:
                state.execute("DELETE FROM fact WHERE space = 'submission-of' AND key LIKE ?", (f"%/{owner}/%",))

    def computation(
        self, node: str, submissions: Sequence[Ref], attempt: int = 1, timeout_s: float = PEER_TIMEOUT_S
    ) -> Computation:
        home, signed = self.homes[node], self.signed(node)
        job, manifests = take_in(home, signed, self.period, submissions, clock.now())
        return Computation(home, signed, job, manifests, attempt, timeout_s)

    def analyse(self, submissions: Sequence[Ref], attempt: int = 1) -> list[Ref]:
        """All nodes compute, a thread each; their evidence."""
        nodes = self.agreement.nodes
        return together([lambda node=node: compute(self.computation(node, submissions, attempt)) for node in nodes])

    def review(self, evidence: str, reviewers: Sequence[str]) -> None:
        for reviewer in reviewers:
            home = self.homes[reviewer]
            draft = load_draft(home.exchange, self.signed(reviewer), evidence)
            decide(draft, "approve", comment="", keys=home.keys, exchange=home.exchange, now=today())

    def announce(self, evidence: str) -> None:
        """Every node's log says what it is about to release."""
        for node in self.agreement.nodes:
            announce_release(self.homes[node], self.signed(node), evidence, clock.now())

    def countersign(self, nodes: Sequence[str] | None = None) -> None:
        """These nodes, or all, cosign the others' logs."""
        for node in nodes or self.agreement.nodes:
            home = self.homes[node]
            for other in self.agreement.nodes:
                if other != node:
                    witness(self.homes[other].keys.public, home.keys, home.state, home.exchange)

    def release(self, evidence: str) -> None:
        self.announce(evidence)
        self.countersign()
        for node in self.agreement.nodes:
            hand_over(self.homes[node], self.signed(node), evidence, clock.now())


def unbacked_draft(banks: Consortium) -> Draft:
    """Evidence on made-up inputs, which every node signed: a review needs no more."""
    terms = banks.agreement
    evidence = make_evidence(
        Job(terms.digest, banks.period, {str(part): secrets.token_hex(32) for part in terms.parts}),
        1,
        banks.signed("node-0"),
        measures={plan.name: {"cells": 24, "hidden-cells": 1} for plan in terms.analyses},
        commitments={plan.name: [secrets.token_bytes(32) for _ in NODES] for plan in terms.analyses},
        checks={},
        leakage="1" * 64,
        transcript="2" * 64,
    )
    for node in NODES:
        sign_evidence(evidence, banks.homes[node].keys, banks.homes[node].exchange)
    return load_draft(banks.homes["bank-a"].exchange, banks.signed("bank-a"), evidence.digest)


def compute(computation: Computation, done: Callable[[str], object] = bool) -> Ref:
    """One node's whole attempt; `done` is told of each step behind it."""
    try:
        computation.meet(clock.today())
        done("meet")
        computation.check()
        done("check")
        computation.look_back(clock.today())
        done("look back")
        for plan in computation.agreement.terms.analyses:
            computation.evaluate(plan.name)
            done(plan.name)
        computation.compare()
        done("compare")
        computation.add_noise()
        done("noise")
        computation.suppress()
        done("suppress")
        return computation.audit(clock.today())
    except Exception as error:
        computation.fail(error)
        raise


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What the calls return, each in a thread of its own. Raises: the first error."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def agree(
    contracts: Path,
    roster: Roster,
    homes: Mapping[str, Home],
    name: str = "exposure",
    signers: Iterable[str] | None = None,
) -> tuple[Agreement, Ref]:
    """The agreement of that name in the folder, published, and signed by everybody or by some."""
    agreement = read_agreement(contracts / "agreements" / f"{name}.agreement.yaml", roster)
    proposer = agreement.owners[0]
    ref = publish(agreement, homes[proposer].exchange, proposer)
    for party in agreement.parties if signers is None else signers:
        sign_agreement(agreement, homes[party].keys, homes[party].exchange)
    return agreement, ref


def assert_pooled(consortium: Consortium, results: Iterable[Result]) -> None:
    """The results are what pooling all tables gives, within their bounds; noised ones within eight times theirs."""
    for result in results:
        analysis, table = analyses(consortium.agreement)[result.name], result.tables[0]
        contract = consortium.agreement.contracts[analysis.planned.contract]
        expected = analysis.answer(
            [
                Table(contract, "pooled", pa.Table.from_pandas(frame, preserve_index=False))
                for frame in consortium.pooled(analysis.planned.contract)
            ],
            table,
        )
        for column in expected.select_dtypes("number").columns:
            shown, interval = table.frame[column].notna(), table.measures[column].interval
            values, pooled = table.frame[column][shown].astype(float), expected[column][shown].astype(float)
            if not shown.any():  # at few rows, rules may hide a whole table
                continue
            if interval is not None:  # NaN: from row to row another one, which the analysis's own tests hold to account
                assert not (values - pooled).abs().max() > 8 * interval
                continue
            measure = table.measures[column]
            bound = np.array(measure.bounds)[shown] if measure.bounds else measure.bound
            assert ((values - pooled).abs() <= bound + 1e-9).all()
            np.testing.assert_allclose(values, pooled, rtol=1e-7, atol=np.max(bound))


FOURTH_NODE = """
  - id: node-3
    organisation: Statistics Spain
    jurisdiction: ES
    roles: [node]
    address: 127.0.0.1:7303
    hosting: its own machine room
"""


def four_nodes(contracts: Path) -> None:
    """The banks' agreement in the folder is for four nodes, of which one may be malicious."""
    agreement, roster = (
        contracts / "agreements" / "exposure.agreement.yaml",
        contracts / "rosters" / "four-banks.roster.yaml",
    )
    text = (
        agreement.read_text()
        .replace("suite: rep3", "suite: rep4")
        .replace("node-1, node-2]", "node-1, node-2, node-3]")
    )
    agreement.write_text(text)
    roster.write_text(roster.read_text().rstrip() + FOURTH_NODE)


def found(
    folder: Path,
    rows: int,
    seed: int = 11,
    *,
    canaries: bool = False,
    agreement: str = "exposure",
    edit: Callable[[Path], None] | None = None,
    exchange: str = "",
) -> Consortium:
    """A consortium in the folder, whose agreement everybody signed and whose owners have their tables.

    `edit` changes the folder of contracts before anybody sees it. Its exchange is in the folder, or at another place.
    """
    contracts = folder / "contracts"
    copy_examples(contracts, today().date())
    if edit:
        edit(contracts)
    members = yaml.safe_load((contracts / "agreements" / f"{agreement}.agreement.yaml").read_text())["roster"]
    raw = (contracts / "rosters" / f"{members}.roster.yaml").read_bytes()
    homes = {
        party["id"]: Home.create(
            folder / "homes" / party["id"], party["id"], exchange or str(folder / "exchange"), party["roles"]
        )
        for party in yaml.safe_load(raw)["parties"]
    }
    for port, listed in zip(free_ports(4), (7300, 7301, 7302, 7303), strict=True):
        raw = raw.replace(b":%d" % listed, b":%d" % port)
    roster = fill_roster(raw, "roster.yaml", [home.keys.public for home in homes.values()], today().date())
    terms, ref = agree(contracts, roster, homes, agreement)
    if agreement == "exposure":
        made = make_tables(
            terms.contracts["loans"], seed=seed, rows=rows, banks=terms.owners_under("loans"), canaries=canaries
        )
        for owner, path in write_tables(made, folder / "tables").items():
            path.rename(homes[owner].data / f"loans{path.suffix}")
        frames = {Part(owner, "loans"): frame for owner, frame in made.items()}
    else:
        frames = {part: make_table(part, terms, rows, seed, homes[part.owner].data) for part in terms.parts}
    return Consortium(folder, homes, terms, ref, frames)


def make_table(part: Part, terms: Agreement, rows: int, seed: int, folder: Path) -> pd.DataFrame:
    """A table that satisfies the part's contract lies in the folder, and in the answer."""
    contract = terms.contracts[part.contract]
    files = [f"{part.contract}.odcs.yaml", *(reference.file for reference in contract.references)]
    contracts = {file: parse_contract((CONTRACTS / "data" / file).read_bytes(), file) for file in files}
    table = synth.make_tables(contracts, rows, [seed, *part.owner.encode()])[files[0]]
    synth.write_table(table, folder / f"{part.contract}.csv")
    return table.frame()
