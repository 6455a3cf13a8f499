"""Into the computation and out of it: envelopes against commitments, copies against copies."""

import numpy as np
import pytest

from counterfoil.errors import CheatingDetected, TamperedError
from counterfoil.mpc.ring.shares import U64
from counterfoil.mpc.session.in_process import reveal, run_local
from counterfoil.mpc.session.session import SUITES
from counterfoil.mpc.suites.commitments import commit, commitment
from counterfoil.mpc.suites.input import accept, longest_envelope, split
from counterfoil.mpc.suites.output import recombine
from counterfoil.mpc.suites.replicated import components

VALUES = np.array([0, 1, 2**63, 2**64 - 1, 7], dtype=U64)
BOTH = pytest.mark.parametrize("n", [3, 4])


@BOTH
def test_every_node_gets_its_components_and_they_add_up(n):
    sent = split(VALUES, n, "s-1")
    held = [accept(sent.envelopes[i], sent.commitments, "s-1", n=n, node=i, size=5) for i in range(n)]
    copies = [dict(zip(components(n, i), parts, strict=True)) for i, parts in enumerate(held)]
    assert np.array_equal(recombine(copies), VALUES)
    assert len(set(sent.commitments)) == n


@BOTH
def test_envelopes_are_seeds_but_for_one_component(n):
    envelopes = split(np.zeros(1000, U64), n, "s-1").envelopes
    sizes = [sum(32 + (8000 if j == n - 1 else 32) for j in components(n, i)) for i in range(n)]
    assert [len(envelope) for envelope in envelopes] == sizes
    assert longest_envelope(n, 1000) == max(sizes)


@BOTH
def test_two_splits_share_nothing(n):
    one, two = split(VALUES, n, "s-1"), split(VALUES, n, "s-1")
    assert not set(one.commitments) & set(two.commitments)


@BOTH
def test_each_changed_byte_of_an_envelope_is_found(n):
    sent = split(VALUES[:2], n, "s-1")
    for node, envelope in enumerate(sent.envelopes):
        for place in range(len(envelope)):
            changed = bytearray(envelope)
            changed[place] ^= 1
            with pytest.raises(TamperedError, match="is not the one committed to"):
                accept(bytes(changed), sent.commitments, "s-1", n=n, node=node, size=2)


@BOTH
def test_another_size_node_submission_or_commitment_is_refused(n):
    sent = split(VALUES, n, "s-1")
    wrong = [
        {"size": 4}, {"size": 6}, {"node": 1}, {"submission_id": "s-2"}, {"commitments": sent.commitments[:-1]},
        {"commitments": sent.commitments[::-1]}, {"envelope": sent.envelopes[0] + b"x"}, {"envelope": b""},
    ]  # fmt: skip
    for change in wrong:
        right = {"envelope": sent.envelopes[0], "commitments": sent.commitments, "submission_id": "s-1", "n": n}
        with pytest.raises(TamperedError):
            accept(**{**right, "node": 0, "size": 5, **change})


@pytest.mark.parametrize("suite", SUITES)
def test_submitted_values_are_computed_on_and_released(suite):
    n = SUITES[suite].parties
    sent = split(VALUES, n, "s-1")

    def program(p):
        index = p.party.index
        x = p.share_input(accept(sent.envelopes[index], sent.commitments, "s-1", n=n, node=index, size=5))
        z = p.multiply(x, x)
        return z, p.release(z)

    results = run_local(suite, program)
    assert np.array_equal(recombine([released for _, released in results]), VALUES * VALUES)
    assert np.array_equal(reveal([z for z, _ in results]), VALUES * VALUES)


@BOTH
@pytest.mark.parametrize("change", ["value", "shape"])
def test_a_copy_that_differs_is_refused_and_named_where_a_majority_agrees(n, change):
    for node in range(n):
        for j in components(n, node):
            rng = np.random.default_rng(1)
            parts = [rng.integers(0, 1 << 64, 5, dtype=U64) for _ in range(n)]
            copies = [{k: parts[k].copy() for k in components(n, i)} for i in range(n)]
            copies[node][j] = copies[node][j] ^ U64(1 << 40) if change == "value" else copies[node][j][:4]
            named = f"node {node} differs" if n == 4 else "nodes .* differ"
            with pytest.raises(TamperedError, match=f"component {j} of the release: {named}"):
                recombine(copies)


@BOTH
def test_missing_or_foreign_components_are_refused(n):
    copies = [dict.fromkeys(components(n, i), VALUES) for i in range(n)]
    for changed in ({}, dict.fromkeys(range(n), VALUES)):
        with pytest.raises(TamperedError, match="node 1 released components"):
            recombine([copies[0], changed, *copies[2:]])


# --- commitments to what stays shared -----------------------------------------------------------------------------


def commit_to(contents):
    """A program in which every party commits to what it holds of the named results."""

    def program(p):
        return commit(p.party, {name: {j: told[j] for j in p.components} for name, told in contents.items()})

    return program


RESULTS = {name: {j: f"{name}, component {j}".encode() for j in range(4)} for name in ("mean", "total")}


@pytest.mark.parametrize("suite", SUITES)
def test_all_nodes_commit_to_the_same_and_the_salts_open_it(suite):
    told = run_local(suite, commit_to(RESULTS))
    n = len(told)
    for name, contents in RESULTS.items():
        assert len({each[name].commitments for each in told}) == 1
        for node, each in enumerate(told):
            assert set(each[name].salts) == set(components(n, node))
            for j, salt in each[name].salts.items():
                assert commitment(salt, name, j, contents[j]) == each[name].commitments[j]
                for other in (
                    commitment(salt, name, j, contents[j] + b"x"),
                    commitment(salt, name, (j + 1) % n, contents[j]),
                    commitment(salt, "other", j, contents[j]),
                    commitment(salt ^ U64(1), name, j, contents[j]),
                ):
                    assert other != each[name].commitments[j]
    assert len({digest for name in RESULTS for digest in told[0][name].commitments}) == 2 * n


@pytest.mark.parametrize("suite", SUITES)
def test_equal_results_have_unlike_commitments(suite):
    """Who sees two commitments cannot tell whether they are to the same."""
    (one, *_), (two, *_) = (run_local(suite, commit_to({"a": RESULTS["mean"], "b": RESULTS["mean"]})) for _ in range(2))
    seen = [digest for each in (one, two) for made in each.values() for digest in made.commitments]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(("suite", "n"), [("rep3-sh/1", 3), ("rep4-mal/1", 4)])
def test_holders_who_commit_to_different_things_are_found(suite, n):
    for liar in range(n):

        def program(p, liar=liar):
            content = dict.fromkeys(p.components, b"right")
            if p.party.index == liar:
                content[p.components[0]] = b"wrong"
            return commit(p.party, {"total": content})

        with pytest.raises(CheatingDetected, match="another commitment to component"):
            run_local(suite, program)
