"""The ledger: undeclared openings never send a byte; the transcript binds what was opened."""

import numpy as np
import pytest

from counterfoil.errors import CheatingDetected, LedgerError
from counterfoil.mpc.runtime.ledger import Declared, Ledger, Opened
from counterfoil.mpc.session.in_process import run_local, try_local
from counterfoil.mpc.suites.plain import Plain

X = np.arange(4)
ONCE = [Declared("total", 1, "the released total")]


def test_an_undeclared_opening_is_refused_before_anything_is_sent():
    outcomes = try_local("rep3-sh/1", lambda p, x: p.open(x, "secret"), inputs=[X], declared=ONCE)
    for outcome in outcomes:
        assert isinstance(outcome.error, LedgerError)
        assert "'secret' is not in the leakage statement" in str(outcome.error)
        assert outcome.party.cost().data_bytes == outcome.party.cost().control_bytes == 0


def test_the_maximum_holds_and_openings_are_noted():
    def program(p, x):
        p.open(x, "total")
        return p.open(x, "total")

    for outcome in try_local("rep3-sh/1", program, inputs=[X], declared=ONCE):
        assert isinstance(outcome.error, LedgerError)
        assert "declared 1 times and is asked for once more" in str(outcome.error)
        assert outcome.party.ledger.opened == [Opened("total", 1, (4,))]


@pytest.mark.parametrize("suite", ["plain", "rep3-sh/1"])
def test_a_limit_holds_within_its_block_for_declared_openings_too(suite):
    def program(p, x):
        with p.limited_to({"total"}):
            p.open(x, "total")
            with pytest.raises(LedgerError, match="opening 'count' is not the analysis's own"):
                p.open(x, "count")
        return p.open(x, "count")

    declared = [*ONCE, Declared("count", 1, "how many")]
    if suite == "plain":
        p = Plain(Ledger(declared))
        assert program(p, p.constant(X)).tolist() == X.tolist()
    else:
        assert all(opened.tolist() == X.tolist() for opened in run_local(suite, program, inputs=[X], declared=declared))


def test_bits_and_permutations_go_through_the_ledger_too():
    for program in (lambda p, x: p.open_bits(p.constant_bits(X > 1), "b"), lambda p, x: p.open_permutation(x, "pi")):
        with pytest.raises(LedgerError):
            run_local("rep3-sh/1", program, inputs=[X], declared=[])


def test_the_transcript_binds_label_operation_shape_and_value():
    transcripts = set()
    for label, op, value in (("a", 1, X), ("b", 1, X), ("a", 2, X), ("a", 1, X.reshape(2, 2)), ("a", 1, X + 1)):
        ledger = Ledger([Declared(label, 1, "")])
        ledger.note(label, op, value.astype(np.uint64))
        transcripts.add(ledger.transcript)
    assert len(transcripts) == 5


def test_a_barrier_compares_transcripts():
    def program(p, x):
        if p.party.index == 1:
            p.party.ledger.transcript = bytes(32)
        p.barrier("end")

    def honest(p, x):
        p.open(x, "x")
        program(p, x)

    run_local("rep3-sh/1", program, inputs=[X])
    outcomes = try_local("rep3-sh/1", honest, inputs=[X])
    for index in (0, 2):
        assert isinstance(outcomes[index].error, CheatingDetected)
    assert "another transcript at barrier 'end'; party 1 deviated" in str(outcomes[0].error)
