"""One idea, one file: a stub of each kind is added to one file, and everything that derives from such files has it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import counterfoil.analyses.sums
from counterfoil.analyses import registry
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import LedgerError, PlanError
from counterfoil.governance import documents
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.policies import policy, rules
from counterfoil.joint.computation import HIDDEN, JointComputation, analyses, array_specs
from counterfoil.joint.cost_estimate import estimate
from counterfoil.joint.openings import declared
from counterfoil.mpc.circuits.tables.permute import SHUFFLED
from counterfoil.mpc.runtime.ledger import Ledger
from counterfoil.mpc.session import session
from counterfoil.mpc.session.in_process import run_local
from counterfoil.mpc.suites import registry as suites
from counterfoil.mpc.suites.plain import Plain
from counterfoil.report.costs import cost_words, openings
from counterfoil.report.explain import explain
from counterfoil.report.guarantees import guarantees
from counterfoil.report.leakage import statement
from counterfoil_prefect.deployments import schemas

Change = Callable[[str], str]


@pytest.fixture
def agreement(shared) -> Agreement:
    """The agreement of the demo."""
    return shared.agreement


def leakage(agreement: Agreement) -> str:
    return statement(agreement, tuple(analyses(agreement).values()), declared(agreement))


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType, Change], ModuleType]:
    """Gives a module as it would be with a change to its file."""

    def change(module: ModuleType, by: Change) -> ModuleType:
        assert module.__file__
        before = Path(module.__file__).read_text("utf-8")
        after = by(before)
        assert after != before
        file = tmp_path / f"stubbed_{Path(module.__file__).name}"
        file.write_text(after, "utf-8")
        spec = spec_from_file_location(file.stem, file)
        assert spec and spec.loader
        made = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, file.stem, made)
        spec.loader.exec_module(made)
        return made

    return change


# --- an analysis ------------------------------------------------------------------------------------------------------

ANALYSIS = '''
"""The total, after the owners' counts were sorted."""

from counterfoil.analyses.sums.total import Total
from counterfoil.mpc.circuits.tables import sort
from counterfoil.mpc.ring.shares import concat


class Sorted(Total):
    """The sum of `column`, by a way round that opens shuffled permutations."""

    key = "stub_sorted"
    title = "Stub"
    learns = {"count": "how many rows a stub counts", "sum": "the sum of the column"}

    def openings(self):
        return sort.openings(self.limits.owners, 3)

    def secure(self, p, owners):
        key = concat([owner.values["count"].reshape(1) for owner in owners])
        sort.sort_permutation(p, sort.Key(key, 3))
        OPENS
        return super().secure(p, owners)
'''


@pytest.fixture
def added(agreement: Agreement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Agreement]:
    """Writes the stub's file beside its family's, and gives the agreement with that analysis in place of the total."""

    def add(opens: str = "pass") -> Agreement:
        (tmp_path / "stub_sorted.py").write_text(ANALYSIS.replace("OPENS", opens))
        family = counterfoil.analyses.sums
        monkeypatch.setattr(family, "__path__", [*family.__path__, str(tmp_path)])
        monkeypatch.delitem(sys.modules, f"{family.__name__}.stub_sorted", raising=False)
        monkeypatch.setattr(registry, "REGISTRY", registry.discover())
        plans = tuple(
            replace(plan, analysis="stub_sorted") if plan.analysis == "total" else plan for plan in agreement.analyses
        )
        return replace(agreement, analyses=plans)

    return add


def compute(agreement: Agreement) -> Ledger:
    """What was opened when nothing but zeros were handed in."""
    ledger = Ledger(declared(agreement))
    p = Plain(ledger)
    joint = JointComputation(p, agreement)
    shares = {
        part: {
            name: p.constant(np.full(spec.shape, min(max(spec.low, 0), spec.high), np.int64))
            for name, spec in array_specs(agreement, part.contract, 100).items()
        }
        for part in agreement.parts
    }
    joint.check(shares, dict.fromkeys(agreement.parts, 100))
    for plan in agreement.analyses:
        joint.evaluate(plan.name)
    return ledger


def test_an_analysis(added: Callable[[str], Agreement]) -> None:
    terms = added("pass")
    (name,) = (plan.name for plan in terms.analyses if plan.analysis == "stub_sorted")
    (row,) = (row for row in registry.table() if row["analysis"] == "stub_sorted")
    assert (row["family"], row["version"], row["title"]) == ("sums", "1", "Stub")
    assert "how many rows a stub counts" in row["recipients learn"]
    assert SHUFFLED in {line.label for line in declared(terms)}
    assert f"- {SHUFFLED}, at most 3 times: an order of the rows that was drawn at random" in leakage(terms)
    assert "how many rows a stub counts" in leakage(terms)
    assert name in explain(terms) and SHUFFLED in openings(terms)["to the nodes"]
    said = "\n".join(cost_words(terms, estimate(terms, 100), 0.001))
    assert f"{name} opens {SHUFFLED} by itself. Recipients learn" in said
    assert SHUFFLED in {line.label for line in compute(terms).opened}


@pytest.mark.parametrize("label", ["the sum", HIDDEN], ids=["declared by nobody", "declared by the job"])
def test_an_analysis_that_opens_what_it_did_not_declare(label: str, added: Callable[[str], Agreement]) -> None:
    """Nor does it help to call the opening as one of the job's own is called."""
    with pytest.raises(LedgerError, match=f"opening '{label}' is not the analysis's own"):
        compute(added(f"p.open(key, {label!r})"))


def test_an_analysis_that_declares_one_of_the_jobs_own_openings(added: Callable[[str], Agreement], monkeypatch) -> None:
    terms = added("pass")
    (stub,) = (kind for (key, _), kind in registry.REGISTRY.items() if key == "stub_sorted")
    honest = stub.openings
    monkeypatch.setattr(stub, "openings", lambda self: tuple(replace(line, label=HIDDEN) for line in honest(self)))
    with pytest.raises(PlanError, match=f"stub_sorted may not open '{HIDDEN}', which is the job's own"):
        declared(terms)


def test_an_analysis_that_does_not_say_what_it_tells(added: Callable[[str], Agreement], monkeypatch) -> None:
    terms = added("pass")
    (stub,) = (kind for (key, _), kind in registry.REGISTRY.items() if key == "stub_sorted")
    monkeypatch.setattr(stub, "learns", {"count": "the number of rows"})
    with pytest.raises(PlanError, match=r"stub_sorted v1 does not release what it says .*: sum; correct `learns`"):
        analyses(terms)


# --- a rule -----------------------------------------------------------------------------------------------------------

RULE = """
    safe_stub: int = _rule(
        0, "rows", "stubs behind a cell, at least", off=0, called_for=_TABLES, bounds={"minimum": 0, "maximum": 9},
        hides=lambda rules: f"it has fewer than {rules.safe_stub} stubs",
    )

    def stricter(self"""


def test_a_rule(agreement: Agreement, changed, monkeypatch: pytest.MonkeyPatch) -> None:
    stubbed = changed(rules, lambda text: text.replace("\n    def stricter(self", RULE))
    monkeypatch.setattr(schemas, "SOURCES", (stubbed.schema,))
    schema = schemas.derived("policy", schemas.stated()["policy"])
    assert json.loads(schema)["properties"]["rules"]["properties"]["safe_stub"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 9,
        "description": "stubs behind a cell, at least; 0, off, by default",
        "examples": [0],
    }
    assert schema != documents.schema_text("policy")  # so that the schemas' own test asks for `make schemas`

    monkeypatch.setattr(documents, "schema_text", lambda name: schema)
    for name in ("RULES", "Rules"):
        monkeypatch.setattr(policy, name, getattr(stubbed, name))
    documents._validator.cache_clear()
    try:
        raw = agreement.policies[0].raw.replace(b"rules:\n", b"rules:\n  safe_stub: 4\n")
        read = policy.parse_policy(raw, "p.yaml")
    finally:
        documents._validator.cache_clear()
    assert read.rules.facts()["safe_stub"] == 4 and "safe_stub" in read.rules.in_force
    assert read.rules.stricter(stubbed.Rules(safe_stub=7)).facts()["safe_stub"] == 7

    terms = replace(agreement, policies=(read,))
    words = "it has fewer than 4 stubs"
    assert f"  {words}\n" in explain(terms)
    assert f"- {words}\n" in statement(terms, tuple(analyses(agreement).values()), declared(agreement))
    (row,) = (row for row in stubbed.table() if row["rule"] == "safe_stub")
    assert (row["default"], row["about"]) == ("0", "counts, sums")


def test_a_rule_that_no_analysis_keeps_stops_the_agreement(agreement: Agreement, changed, monkeypatch) -> None:
    """Adding it to the file of the rules makes nobody believe that it protects anything."""
    stubbed = changed(rules, lambda text: text.replace("\n    def stricter(self", RULE))
    monkeypatch.setattr("counterfoil.disclosure.evidence_tests.RULES", stubbed.RULES)
    plan = next(plan for plan in agreement.analyses if plan.analysis == "total")
    limits = Limits(4, 1000, stubbed.Rules(safe_stub=4))
    with pytest.raises(PlanError, match="releases counts and sums, and no version here enforces the rule safe_stub"):
        registry.build(plan, agreement.contracts[plan.contract].shared(), limits)


# --- a suite ----------------------------------------------------------------------------------------------------------

SUITE = """
STUB: Final = Suite(
    name="stub3",
    protocol="stub-sh/1",
    nodes=REP3.nodes,
    implementation=REP3.implementation,
    corrupted="That node stubs.",
    protected="nobody stubs",
    withstood="one node that stubs",
    prices={op: (9, 99) for op in REP3.prices},
    pace=REP3.pace,
)

SUITES: Final"""


def test_a_suite(agreement: Agreement, changed, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(text: str) -> str:
        return text.replace("\nSUITES: Final", SUITE, 1).replace("(REP3, REP4)", "(REP3, REP4, STUB)")

    stubbed = changed(suites, change)
    monkeypatch.setitem(suites.SUITES, "stub3", stubbed.SUITES["stub3"])
    schema = schemas.stated()
    assert [schema[name]["/properties/suite/enum"] for name in ("agreement", "manifest")] == [
        ["rep3", "rep4", "stub3"]
    ] * 2
    for name in ("agreement", "manifest"):
        assert schemas.derived(name, schema[name]) != documents.schema_text(name)

    terms = replace(agreement, suite="stub3")
    assert "The data are protected as long as nobody stubs." in explain(terms)
    assert "That node stubs. Nodes that share an administrator" in leakage(terms)
    assert "one node that stubs" in {each.against for each in guarantees(terms)}
    cost, usual = estimate(terms, 10).total, estimate(agreement, 10).total
    assert cost.rounds > usual.rounds and cost.sent_bytes > usual.sent_bytes
    (row,) = (row for row in suites.table() if row["suite"] == "stub3")
    assert (row["protocol"], row["nodes"], row["withstands"]) == ("stub-sh/1", "3", "one node that stubs")

    monkeypatch.setattr(session, "SUITES", session.running())
    monkeypatch.setattr("counterfoil.mpc.session.in_process.SUITES", session.SUITES)
    for opened in run_local("stub-sh/1", lambda p, x: p.open(p.multiply(x, x), "square"), inputs=[np.arange(3)]):
        assert opened.tolist() == [0, 1, 4]
