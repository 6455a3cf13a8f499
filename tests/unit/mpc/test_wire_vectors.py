"""What goes from party to party, byte by byte: another release, system or version of Python must send the same.

A vector that changes means another format, which needs another number in its name. Frames, keystreams, trees, seals and
canonical JSON have vectors of their own, beside their other tests.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from counterfoil.audit.event import NO_ENTRY, Event
from counterfoil.canonical import Ref, bind, digest
from counterfoil.governance.jobs.manifest import ArraySpec, Manifest
from counterfoil.governance.review.decisions import Decision
from counterfoil.mpc.ring.packing import pack, slices
from counterfoil.mpc.session.session import Hello

WHEN = datetime(2026, 11, 23, 6, 0, 0, tzinfo=UTC)
HELLO = Hello("rep3", "00" * 16, 2, "1" * 64, "2" * 64, "3" * 64, "4" * 64, "5" * 64, "mpc/hello/2", software="6" * 64)
MANIFEST = Manifest(
    submission="0" * 32,
    owner="bank-a",
    agreement="1" * 64,
    roster="2" * 64,
    contract="loans",
    contract_digest="3" * 64,
    suite="rep3",
    period="2026-w48",
    plans={"z-last": "5" * 64, "a-first": "4" * 64},
    rows=3,
    arrays={"b": ArraySpec((3, 2), -(1 << 60), 1 << 60, 20), "a": ArraySpec((), 0, 1)},
    commitments=(bytes(32), bytes(range(32)), b"\xff" * 32),
    not_after=WHEN,
)


def test_lists_of_fields_are_bound() -> None:
    assert bind("mpc/example/1", b"", b"ab").hex() == "422090cadbdb2d02bf42ff2b079cc0d6685aa081d80e024c37cda65c1b461e2d"


def test_a_hello_has_one_form() -> None:
    assert HELLO.pack(bytes(range(32)), b"\x01", ["ab"]) == (
        b'{"attempt":2,"contracts":"3333333333333333333333333333333333333333333333333333333333333333","ear'
        b'lier":"none","inputs":"4444444444444444444444444444444444444444444444444444444444444444","job":"'
        b'00000000000000000000000000000000","kept":["ab"],"ledger":"none","noise":"01","nonce":"0001020304'
        b'05060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","params":"555555555555555555555555555555'
        b'5555555555555555555555555555555555","program":"2222222222222222222222222222222222222222222222222'
        b'222222222222222","roster":"1111111111111111111111111111111111111111111111111111111111111111","so'
        b'ftware":"6666666666666666666666666666666666666666666666666666666666666666","suite":"rep3","versions":"mpc/hello/2"}'
    )
    assert HELLO.meant.hex() == "f2324f54c813a19d28d61e02ffaf9cdc6252437d2bd5790081c153d1d65af9aa"
    assert HELLO.computation.hex() == "d662d56c270c6e19d9eab142e87821208c1e8a063cbcf9cd603e9fdf7aeab8a9"


def test_a_manifest_has_one_form() -> None:
    assert MANIFEST.pack() == (
        b'{"agreement":"1111111111111111111111111111111111111111111111111111111111111111","arrays":{"a":{"'
        b'dtype":"int64","frac_bits":0,"high":"1","low":"0","shape":[]},"b":{"dtype":"int64","frac_bits":2'
        b'0,"high":"1152921504606846976","low":"-1152921504606846976","shape":[3,2]}},"commitments":["0000'
        b'000000000000000000000000000000000000000000000000000000000000","000102030405060708090a0b0c0d0e0f1'
        b'01112131415161718191a1b1c1d1e1f","ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'
        b'ff"],"contract":"loans","contract_digest":"33333333333333333333333333333333333333333333333333333'
        b'33333333333","format":"counterfoil/manifest/1","not_after":"2026-11-23T06:00:00Z","owner":"bank-'
        b'a","period":"2026-w48","plans":{"a-first":"44444444444444444444444444444444444444444444444444444'
        b'44444444444","z-last":"5555555555555555555555555555555555555555555555555555555555555555"},"roste'
        b'r":"2222222222222222222222222222222222222222222222222222222222222222","rows":3,"spelling":2,"'
        b'submission":"000'
        b'00000000000000000000000000000","suite":"rep3"}'
    )
    assert Manifest.unpack(MANIFEST.pack()) == MANIFEST
    assert MANIFEST.digest == "34798902c9cb627ab92046ead3a6d8607cc403c8b8db48eca45f26ec8b6ac017"
    corrected = replace(MANIFEST, correction=1)
    assert corrected.pack() == MANIFEST.pack().replace(b'"format"', b'"correction":1,"format"')
    assert Manifest.unpack(corrected.pack()) == corrected
    # What was signed before there were rules of spelling reads as it was.
    earlier = MANIFEST.pack().replace(b'"spelling":2,', b"")
    assert Manifest.unpack(earlier) == replace(MANIFEST, spelling=1)
    assert Manifest.unpack(earlier).pack() == earlier


def test_a_decision_and_an_event_have_one_form() -> None:
    decision = Decision("0" * 32, "1" * 64, "2" * 64, "reviewer-1", "approve", "ja, wirklich: ü", WHEN)
    stated = (
        '{"agreement":"1111111111111111111111111111111111111111111111111111111111111111","comment":"ja, w'
        'irklich: ü","decided":"2026-11-23T06:00:00Z","evidence":"222222222222222222222222222222222222222'
        '2222222222222222222222222","format":"counterfoil/decision/1","job":"0000000000000000000000000000'
        '0000","party":"reviewer-1","verdict":"approve"}'
    )
    assert decision.pack().decode() == stated
    event = Event(7, "job-ended", "node-0", "2026-11-23T06:00:00Z", "0" * 32, NO_ENTRY, {"b": "1" * 64}, {"rows": 3})
    assert event.leaf() == (
        b'{"actor":"node-0","counts":{"rows":3},"index":7,"prev":"0000000000000000000000000000000000000000'
        b'000000000000000000000000","refs":{"b":"111111111111111111111111111111111111111111111111111111111'
        b'1111111"},"subject":"00000000000000000000000000000000","time":"2026-11-23T06:00:00Z","type":"job'
        b'-ended"}'
    )


def test_bits_are_packed_from_the_low_end() -> None:
    assert pack(np.arange(70) % 3 == 0).tobytes().hex() == "49922449922449922400000000000000"
    assert slices(np.array([1, 2**63, 5], np.uint64)).tobytes()[:8].hex() == "0500000000000000"


def test_references_are_written_in_one_way() -> None:
    empty = digest(b"")
    assert empty == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert str(Ref("agreement", "bank-a", empty)) == f"agreement:bank-a:{empty}"
