"""Every bad document is refused with the one error that its table names, quickly and in little memory."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from counterfoil.data.checking.expectation_rules import compile_rules
from counterfoil.governance.contracts.contract import parse_contract
from tests.corpus import Bad, documents, statements
from tests.corpus.tables import BAD_FILES
from tests.lib.effort import Effort
from tests.unit.governance import test_manifest, test_submission

MOST_S, MOST_BYTES, MOST_CHARACTERS = 5, 1_000_000_000, 12_000
DOCUMENTS = {bad.name: bad for bad in (*documents.bad(), *statements.bad())}


@pytest.mark.parametrize("bad", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_bad_document_gets_one_clear_error(bad: Bad) -> None:
    effort = Effort()
    with pytest.raises(Exception) as caught:
        bad.read(bad.raw)
    assert effort.seconds < MOST_S
    assert effort.bytes < MOST_BYTES
    error, lines = caught.value, str(caught.value).splitlines()
    assert type(error) is bad.error, repr(error)
    named = [line for line in lines if bad.words in line]
    assert named, f"{bad.words!r} is not in {lines}"
    if bad.line:
        assert f":{bad.line}: " in named[0]
    assert 0 < len(str(error)) < MOST_CHARACTERS
    assert all(line.isprintable() for line in lines)
    assert error.__cause__ is None


@pytest.mark.parametrize("kind", documents.FILES)
def test_the_good_document_of_each_kind_is_read(kind: str) -> None:
    raw = documents.roster().raw if kind == "roster" else documents.good(kind)
    assert documents.readers()[kind](raw)


@pytest.mark.parametrize("kind", statements.KINDS)
def test_the_good_statement_of_each_kind_is_read(kind: str) -> None:
    raw = statements.good(kind)
    assert statements.read(kind)(raw)
    assert len(json.loads(raw)) >= statements.KINDS[kind]


def test_the_corpus_is_as_large_as_a_release_asks_for() -> None:
    """Bad contracts, agreements, manifests and data files: 300 at least; and of each some dozens."""
    names = [*DOCUMENTS, *(f"file: {name}" for name in BAD_FILES)]
    names += [f"manifest: {name}" for name in (*test_manifest.BROKEN, *test_submission.REFUSED)]
    kinds = Counter(name.partition(":")[0].split()[0] for name in names)
    assert len(names) == len(set(names))
    assert sum(kinds[kind] for kind in ("contract", "agreement", "manifest", "file")) >= 300
    assert min(kinds[kind] for kind in ("contract", "agreement", "manifest", "file", "policy", "roster")) >= 40
    assert len(names) >= 600


def test_the_contract_of_the_bad_tables_is_good() -> None:
    path = documents.CONTRACTS.parent / "tests" / "lib" / "contracts" / "visits.odcs.yaml"
    assert compile_rules(parse_contract(path.read_bytes(), path.name))
