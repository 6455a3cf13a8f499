"""The same analyses by a second suite and node set: equal numbers are shown, others are not, and the sets are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from counterfoil import clock
from counterfoil.analyses.base import Checked
from counterfoil.analyses.sums.total import Total
from counterfoil.canonical import Ref
from counterfoil.disclosure.declaration import Cells
from counterfoil.errors import AgreementError, IntegrityError, NotFoundError
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.repetition import check_repeats
from counterfoil.governance.agreements.signing.signed import SignedAgreement, publish, read_agreement, sign_agreement
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.second_computation import counterparts
from counterfoil.governance.releases.docket import look
from counterfoil.governance.releases.receipt import fetched
from counterfoil.mpc.protocol import Protocol
from counterfoil.report.explain import explain, facts
from counterfoil.report.leakage import statement
from counterfoil.report.prechecks import Level, prechecks
from counterfoil.roles.recipient.opening import open_job
from tests.lib.consortium import FOURTH_NODE, NODES, OWNERS, assert_pooled, found, today
from tests.lib.consortium import Consortium as Banks


def asking(contracts: Path) -> None:
    """The banks' agreement asks for a second computation of two analyses, and the roster has a fourth node."""
    file = contracts / "agreements" / "exposure.agreement.yaml"
    text = file.read_text().replace("quorum: 2\n", "quorum: 2\n  crossChecks: [repeated]\n")
    start, *analyses = text.split("  - name: ")
    kept = [each for each in analyses if each.startswith(("total-exposure", "exposure-without-one-bank"))]
    file.write_text("  - name: ".join([start, *kept]))
    roster = contracts / "rosters" / "four-banks.roster.yaml"
    roster.write_text(roster.read_text().rstrip() + FOURTH_NODE)


def repeating(first: Banks, edit: dict[str, str] | None = None) -> Agreement:
    """The agreement by which four nodes repeat what three compute."""
    folder = first.folder / "contracts" / "agreements"
    text = (folder / "exposure.agreement.yaml").read_text()
    changes = {
        "id: exposure\n": "id: exposure-again\n",
        "suite: rep3": "suite: rep4",
        "node-1, node-2]": "node-1, node-2, node-3]",
        "  crossChecks: [repeated]\n": f"\nrepeats:\n  agreement: {first.ref}\n  nodes: [node-0, node-1, node-2]\n",
        **(edit or {}),
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    file = folder / "exposure-again.agreement.yaml"
    file.write_text(text)
    return read_agreement(file, first.agreement.roster)


@dataclass
class Consortium(Banks):
    """Reads each agreement once for each party: these are long, and nobody here withdraws."""

    read: dict[tuple[Ref, str], SignedAgreement] = field(default_factory=dict)

    def signed(self, party: str) -> SignedAgreement:
        if (self.ref, party) not in self.read:
            self.read[self.ref, party] = super().signed(party)
        return self.read[self.ref, party]

    def under(self, terms: Agreement) -> Consortium:
        """The same parties under another agreement, which all have signed."""
        exchange = self.homes["bank-a"].exchange
        ref = publish(terms, exchange, "bank-a")
        for party in terms.parties:
            sign_agreement(terms, self.homes[party].keys, exchange)
        return replace(self, agreement=terms, ref=ref)

    def released(self) -> str:
        """What all owners handed in is computed, approved and released; its evidence."""
        submissions = [self.hand_in(owner, self.table(owner)) for owner in OWNERS]
        evidence = self.analyse(submissions)[0].digest
        self.review(evidence, ["reviewer-1", "reviewer-2"])
        self.release(evidence)
        return evidence


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, Consortium]:
    """A consortium under the agreement that asks, and the same under the one that repeats it."""
    banks = found(tmp_path_factory.mktemp("consortium"), 200, edit=asking)
    first = Consortium(banks.folder, banks.homes, banks.agreement, banks.ref, banks.frames)
    return first, first.under(repeating(first))


@pytest.mark.slow
def test_equal_numbers_are_shown_and_nodes_that_compute_something_else_are_named(
    twice: tuple[Consortium, Consortium], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = twice
    reader, reviewer = first.homes["regulator"], first.homes["reviewer-1"]
    evidence = first.released()

    def told() -> list[tuple[Level, str]]:
        draft = load_draft(reviewer.exchange, first.signed("reviewer-1"), evidence)
        every = prechecks(look(draft, reviewer, today().date()), reviewer.exchange, today().date())
        return [(each.level, each.words) for each in every if each.about == "second computation"]

    assert told() == [(Level.LOOK, "there is no draft of it yet; nobody can open this before it is released")]
    with pytest.raises(NotFoundError, match="is shown only beside a second computation"):
        open_job(reader, first.signed("regulator"), evidence, clock.now())

    again = second.released()
    ((level, words),) = told()
    assert level is Level.OK and words.startswith("node-0, node-1, node-2 and node-3 counted the same in job ")
    opened = open_job(reader, first.signed("regulator"), evidence, clock.now())
    assert_pooled(first, opened.results)
    for result in opened.results:
        assert "Computed a second time, by node-0, node-1, node-2 and node-3 (rep4, job " in result.assumptions[-1]
    assert opened.results[0].assumptions[-1] in opened.page.read_text()
    for each in (evidence, again):
        assert fetched(reader.exchange, each, reader.keys.public) is not None
    same = open_job(reader, second.signed("regulator"), again, clock.now())
    assert "by node-0, node-1 and node-2 (rep3, job " in same.results[0].assumptions[-1]

    # Now all nodes of a set run another program: no check among themselves could notice.
    others = {
        "id: exposure-again": "id: exposure-wrong",
        "suite: rep4": "suite: rep3",
        "[node-0, node-1, node-2, node-3]": "[node-1, node-2, node-3]",
    }
    wrong = first.under(repeating(first, others))
    honest = Total.secure

    def off_by_one(self: Total, p: Protocol, owners: Sequence[Checked]) -> Cells:
        cells = honest(self, p, owners)
        return replace(cells, values={**cells.values, "sum": p.add_public(cells.values["sum"], 1)})

    with monkeypatch.context() as patched:
        patched.setattr(Total, "secure", off_by_one)
        odd = wrong.released()
    for consortium, each in ((first, evidence), (wrong, odd)):
        with pytest.raises(IntegrityError, match="did not compute the same; nothing is shown") as error:
            open_job(reader, consortium.signed("regulator"), each, clock.now())
        assert str(error.value).startswith("total-exposure: node-")
        for nodes in ("node-0, node-1 and node-2 (rep3, job ", "node-1, node-2 and node-3 (rep3, job "):
            assert nodes in str(error.value)
    assert fetched(reader.exchange, odd, reader.keys.public) is None
    draft = load_draft(reader.exchange, wrong.signed("regulator"), odd)
    assert not (reader.path / "reports" / draft.evidence.job).exists()


def test_signers_read_where_else_their_tables_lie(twice: tuple[Consortium, Consortium]) -> None:
    first, second = twice
    assert "Results are shown only beside those of a second computation" in explain(first.agreement)
    words = explain(second.agreement)
    assert "The same tables are handed in to node-0, node-1 and node-2 as well, under the agreement that this" in words
    assert "any two of node-0, node-1, node-2: the same: owners hand the same tables in to them, too" in words
    assert facts(second.agreement)["repeats"] == {"agreement": str(first.ref), "nodes": NODES}
    assert "any two of these see everything as well" in statement(second.agreement, (), ())
    assert "see everything as well" not in statement(first.agreement, (), ())


def test_the_second_finds_the_first_by_its_signatures(twice: tuple[Consortium, Consortium]) -> None:
    first, second = twice
    (found_,) = counterparts(first.homes["regulator"].exchange, second.signed("regulator"))
    assert found_.digest == first.ref.digest


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"  nodes: [node-0, node-1, node-2]\n": "  nodes: [node-0, node-1, node-3]\n"}, "name these, so that owners"),
        ({"suite: rep4": "suite: rep3", "node-2, node-3]": "node-2]"}, "same nodes by the same suite"),
        ({"quorum: 2": "quorum: 1"}, "its coordinator, recipients and reviewers are not those"),
        ({"percent: [40, 60, 80]": "percent: [40, 60]"}, "its analyses are not those"),
        ({"weekday: monday": "weekday: friday"}, "its schedule are not those"),
    ],
)
def test_what_is_not_the_same_is_no_repetition(
    twice: tuple[Consortium, Consortium], edit: dict[str, str], words: str
) -> None:
    first, _ = twice
    with pytest.raises(AgreementError, match=words):
        publish(repeating(first, edit), first.homes["bank-a"].exchange, "bank-a")


def test_only_what_is_repeated_is_compared(twice: tuple[Consortium, Consortium]) -> None:
    first, second = twice
    with pytest.raises(AgreementError, match="does not repeat"):
        check_repeats(first.agreement, second.agreement)
    with pytest.raises(AgreementError, match="is in an agreement that repeats another"):
        repeating(first, {"quorum: 2\n": "quorum: 2\n  crossChecks: [repeated]\n"})
