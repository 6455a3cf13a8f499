"""YAML documents: what is wrong with any of them, whatever it is about, and what is wrong with each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from counterfoil.crypto.keys import PrivateKeys
from counterfoil.errors import AgreementError, ContractError, DocumentError, RosterError
from counterfoil.governance.agreements.parse import parse_agreement
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.governance.parties.roster import Roster, fill_roster, parse_roster
from counterfoil.governance.policies.policy import parse_policy
from tests.corpus import Bad
from tests.lib.consortium import CONTRACTS
from tests.unit.conftest import TODAY
from tests.unit.governance import test_agreement, test_contract, test_policy, test_privacy, test_roster
from tests.unit.governance.complaints import line_of

FILES = {
    "contract": "data/loans.odcs.yaml",
    "agreement": "agreements/exposure.agreement.yaml",
    "policy": "policies/strict-counts.policy.yaml",
    "roster": "rosters/four-banks.roster.yaml",
}
ERRORS = {"contract": ContractError, "agreement": AgreementError, "policy": AgreementError, "roster": RosterError}

# name: (the good document's bytes become, words of the complaint, its line; 0 where the file as a whole is wrong)
ANY_YAML: dict[str, tuple[Callable[[bytes], bytes], str, int]] = {
    "no bytes": (lambda _: b"", "exactly one YAML document", 0),
    "nothing but a comment": (lambda _: b"# later\n", "exactly one YAML document", 0),
    "an empty document": (lambda _: b"---\n", "must be a mapping", 2),
    "two documents": (lambda raw: raw + b"---\n" + raw, "exactly one YAML document", 0),
    "a list": (lambda _: b"- kind: x\n", "must be a mapping", 1),
    "a text": (lambda _: b"kind\n", "must be a mapping", 1),
    "a number": (lambda _: b"17\n", "must be a mapping", 1),
    "null": (lambda _: b"null\n", "must be a mapping", 1),
    "Latin-1": (lambda raw: b"# caf\xe9\n" + raw, "not UTF-8 text (byte 5)", 0),
    "UTF-16": (lambda raw: raw.decode().encode("utf-16"), "not UTF-8 text", 0),
    "a NUL": (lambda raw: b"a: \x00\n" + raw, "not valid YAML", 0),
    "an escape character": (lambda raw: b"a: \x1b[31m\n" + raw, "not valid YAML", 0),
    "half a surrogate pair": (lambda raw: b"a: \xed\xa0\x80\n" + raw, "not UTF-8 text", 0),
    "an anchor": (lambda raw: b"a: &x 1\n" + raw, "anchors and aliases are not allowed", 1),
    "an alias": (lambda raw: b"a: *x\n" + raw, "anchors and aliases are not allowed", 1),
    "a billion laughs": (
        lambda raw: (
            b"a: &a [lol]\n" + b"".join(b"%c: &%c [%s]\n" % (c, c, b"*%c," % (c - 1) * 9) for c in range(98, 106))
        ),
        "anchors and aliases are not allowed",
        1,
    ),
    "a merge key": (lambda raw: b"<<: {a: 1}\n" + raw, "merge keys are not allowed", 1),
    "a tag": (lambda raw: b"a: !!set {x}\n" + raw, "tags (!...) are not allowed", 1),
    "an object of Python": (
        lambda raw: b"a: !!python/object/apply:os.system [id]\n" + raw,
        "tags (!...) are not allowed",
        1,
    ),
    "a key twice": (lambda raw: b"kind: x\n" + raw, "twice; keep one", 0),
    "a list as a key": (lambda raw: b"? [a]\n: 1\n" + raw, "a key must be plain text", 1),
    "a tab for indentation": (lambda raw: b"a:\n\tb: 1\n" + raw, "not valid YAML", 2),
    "an open quote": (lambda raw: raw + b'a: "x\n', "not valid YAML", 0),
    "an open bracket": (lambda raw: raw + b"a: [1, 2\n", "not valid YAML", 0),
    "a colon too many": (lambda raw: b"a: b: c\n" + raw, "not valid YAML", 1),
    "too deep": (lambda raw: b"a: " + b"[" * 40 + b"]" * 40 + b"\n" + raw, "nested deeper than 20 levels", 1),
    "deeper than any stack": (lambda _: b"[" * 200_000, "nested deeper than 20 levels", 1),
    "too large": (lambda raw: raw + b"#" * (256 * 1024), "bytes; a document may have 262144", 0),
    "a number beyond floats": (lambda raw: b"a: 1e999\n" + raw, "the number is too large", 1),
    "a field that nobody knows": (lambda raw: raw + b"\nkindd: x\n", "the field 'kindd' is not known here", 0),
    "a key without end": (lambda raw: b"k" * 1_000 + b": 1\n" + raw, "a key of 1000 characters", 1),
    "no kind": (lambda raw: raw.replace(b"\nkind:", b"\n# kind:"), "'kind' is missing", 0),
    "Norway's kind": (lambda raw: _after(raw, b"\nkind:", b" no"), 'is "no"', 0),
    "a kind that is a list": (lambda raw: _after(raw, b"\nkind:", b" [a]"), "is a list", 0),
}


def _after(raw: bytes, key: bytes, value: bytes) -> bytes:
    """The first value of the key is another one."""
    head, _, tail = raw.partition(key)
    return head + key + value + tail[tail.index(b"\n") :]


def good(kind: str) -> bytes:
    return (CONTRACTS / FILES[kind]).read_bytes()


@cache
def roster() -> Roster:
    """The four banks' roster, with keys that nobody holds any more."""
    raw = good("roster")
    with TemporaryDirectory() as folder:
        ids = [party["id"] for party in yaml.safe_load(raw)["parties"]]
        cards = [PrivateKeys.create(Path(folder, id), id).public for id in ids]
        return fill_roster(raw, "roster.yaml", cards, TODAY)


def readers() -> dict[str, Callable[[bytes], object]]:
    """How each kind of document is read."""
    return {
        "contract": partial(parse_contract, source="x.yaml"),
        "agreement": lambda raw: parse_agreement(
            raw, "x.yaml", {"loans": test_agreement.CONTRACT}, [test_agreement.POLICY], roster()
        ),
        "policy": partial(parse_policy, source="x.yaml"),
        "roster": partial(parse_roster, source="x.yaml"),
    }


def bad() -> Iterator[Bad]:
    """Every bad YAML document."""
    read = readers()
    for kind in FILES:
        for name, (spoil, words, line) in ANY_YAML.items():
            shaped = words.startswith(("must be", "the field", "'kind'", "is "))
            error = ERRORS[kind] if shaped else DocumentError
            yield Bad(f"{kind}: {name}", spoil(good(kind)), read[kind], error, words, line or None)
    yield from _of("contract", test_contract.SMALL, test_contract.BROKEN)
    yield from _of("agreement", test_agreement.EXPOSURE, test_agreement.BROKEN)
    yield from _of("agreement with noise", test_privacy.PRIVATE, test_privacy.BROKEN)
    yield from _of("policy", test_policy.STRICT, test_policy.BROKEN_POLICY)
    yield from _of("roster", test_roster.MEMBERS, test_roster.BROKEN_ROSTER)


def _of(what: str, text: str, broken: Mapping[str, tuple[str, str, int | str, str]]) -> Iterator[Bad]:
    """The rules of one kind of document, each broken where the table says: a line, or what first stands in it."""
    kind = what.split(maxsplit=1)[0]
    for name, (old, new, place, words) in broken.items():
        changed = text.replace(old, new, 1)
        part, _, nth = str(place).partition("#")
        line = place if isinstance(place, int) else line_of(changed, part, int(nth or 1))
        yield Bad(f"{what}: {name}", changed.encode(), readers()[kind], ERRORS[kind], words, line)
