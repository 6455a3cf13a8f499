"""Nothing leaves before the node's log says so and every other node has cosigned that, however the exchange lies."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from counterfoil.audit.checkpoint import cosign
from counterfoil.audit.event import Event
from counterfoil.audit.publish import publish
from counterfoil.audit.witness import witness
from counterfoil.crypto.sign import sign
from counterfoil.errors import DocumentError, NotWitnessedError, SignatureError, TamperedError
from counterfoil.governance.releases.announcement import ANNOUNCED, announce, check_announced, check_announcement
from counterfoil.governance.releases.release import Release, open_release, release
from counterfoil.governance.review.airlock import review
from counterfoil.governance.review.decisions import decisions
from counterfoil.governance.review.leaving import Approved, for_all
from counterfoil.home import Home
from tests.unit.conftest import NOW, Consortium
from tests.unit.governance.reviewing import NODES, announced, approve, approved, draft

NODE = "node-0"


def announcements(home: Home, made: Approved) -> list[Event]:
    events = map(Event.parse, home.log.entries())
    return [event for event in events if (event.type, event.subject) == (ANNOUNCED, made.draft.evidence.job)]


def see(consortium: Consortium, of: str, by: Sequence[str]) -> None:
    for name in by:
        home = consortium.homes[name]
        witness(consortium.homes[of].keys.public, home.keys, home.state, home.exchange)


def test_nothing_is_released_unannounced_or_unseen(signed: Consortium) -> None:
    made, home = approved(signed), signed.homes[NODE]
    with pytest.raises(NotWitnessedError, match="node-0 has not announced"):
        check_announced(made, home)
    publish(home.log, home.exchange)
    see(signed, NODE, ["node-1", "node-2"])  # but of a log without the entry
    announce(made, home)
    with pytest.raises(NotWitnessedError, match="entry 0 is not cosigned by node-1, node-2"):
        check_announced(made, home)
    see(signed, NODE, ["node-1"])
    with pytest.raises(NotWitnessedError, match="entry 0 is not cosigned by node-2"):
        check_announced(made, home)
    see(signed, NODE, ["node-2"])
    (proof,) = check_announced(made, home).proofs
    assert proof.index == 0


def test_an_announcement_is_made_once(signed: Consortium) -> None:
    made, home = approved(signed), signed.homes[NODE]
    for _ in range(3):
        announce(made, home)
    (event,) = announcements(home, made)
    assert event.refs["by-reviewer-1"] == made.approvals["reviewer-1"]


def test_an_announcement_on_decisions_that_do_not_count_any_more_is_made_anew(signed: Consortium) -> None:
    made, home = approved(signed), signed.homes[NODE]
    announce(made, home)
    kept, gone = made.decisions
    changed = replace(made, decisions=(kept, replace(gone, party="reviewer-3")))
    announce(changed, home)
    assert len(announcements(home, made)) == 2
    see(signed, NODE, ["node-1", "node-2"])
    assert check_announced(changed, home).approvals == changed.approvals
    assert check_announced(made, home).approvals == made.approvals


def test_witnesses_that_saw_the_log_at_different_sizes_make_two_proofs(signed: Consortium) -> None:
    made, home = approved(signed), signed.homes[NODE]
    announce(made, home)
    see(signed, NODE, ["node-1"])
    home.log.append("something-else")
    publish(home.log, home.exchange)
    see(signed, NODE, ["node-2"])
    found = check_announced(made, home)
    assert len(found.proofs) == 2
    texts = [proof.pack() for proof in found.proofs]
    assert check_announcement(made.draft, NODE, found.entry, texts) == made.approvals
    for text in texts:
        with pytest.raises(NotWitnessedError):
            check_announcement(made.draft, NODE, found.entry, [text])


def test_what_the_exchange_makes_up_is_no_cosignature(signed: Consortium) -> None:
    """Other parties' cosignatures, a witness's on another log, a torn note, and lines that spoil a true one."""
    made, home, other = approved(signed), signed.homes[NODE], signed.homes["node-1"]
    announce(made, home)
    publish(other.log, other.exchange)
    note = home.log.checkpoint()
    by_bank = cosign(note, signed.homes["bank-a"].keys, 1)
    forged = by_bank.replace(b"counterfoil/bank-a", b"counterfoil/node-2")
    of_other_log = cosign(other.log.checkpoint(), signed.homes["node-2"].keys, 1)
    for number, junk in enumerate((by_bank, forged, of_other_log, note, note[:-9], b"", b"x" * 99_999)):
        home.exchange.put_named(("log", NODE, "cosigned", "node-2", f"{1:016d}-{number:016x}"), junk)
    see(signed, NODE, ["node-1"])
    with pytest.raises(NotWitnessedError, match="not cosigned by node-2"):
        check_announced(made, home)
    (name,) = home.exchange.list(("log", NODE, "cosigned", "node-1"))
    spoilt = home.exchange.get_named(name) + forged.splitlines(keepends=True)[-1]
    home.exchange.put_named(name, spoilt, replace=True)
    for name in home.exchange.list(("log", NODE, "cosigned", "node-2")):
        home.exchange.remove(name)
    see(signed, NODE, ["node-2"])
    found = check_announced(made, home)
    check_announcement(made.draft, NODE, found.entry, [proof.pack() for proof in found.proofs])


def test_a_log_that_forgot_its_announcement_is_not_cosigned_again(signed: Consortium, tmp_path: Path) -> None:
    """A node cannot release before all eyes, and then put its log back and do it otherwise."""
    made, home = approved(signed), signed.homes[NODE]
    shutil.copytree(home.path, tmp_path / "before")
    announced(signed, made, NODE)
    again = Home.open(tmp_path / "before")
    shutil.rmtree(Path(signed.exchange.url) / "log" / NODE)
    again.log.append("nothing-happened")
    publish(again.log, again.exchange)
    with pytest.raises(TamperedError, match="log of node-0: the log was forked: entry 0 was signed in two versions"):
        see(signed, NODE, ["node-1"])
    with pytest.raises(NotWitnessedError):
        check_announced(made, again)


def test_two_jobs_are_announced_and_seen_side_by_side(signed: Consortium) -> None:
    """Each job's steps follow one another, and every node's of both jobs mix as they like."""
    jobs = [approved(signed, period) for period in ("2026-w46", "2026-w47", "2026-w48")]

    def run(made: Approved) -> None:
        for node in NODES:
            announce(made, Home.open(signed.homes[node].path))
        for node in NODES:
            see(signed, node, [other for other in NODES if other != node])
        found = [check_announced(made, Home.open(signed.homes[node].path)) for node in NODES]
        for node, each in zip(NODES, found, strict=True):
            check_announcement(made.draft, node, each.entry, [proof.pack() for proof in each.proofs])

    for _ in range(3):
        with ThreadPoolExecutor(len(jobs)) as pool:
            list(pool.map(run, jobs))
    assert len(announcements(signed.homes[NODE], jobs[0])) == 1


@pytest.fixture
def given(signed: Consortium) -> tuple[Consortium, Approved, Release]:
    """Every node has released to the regulator; what node-1 signed."""
    made = approved(signed)
    said = [release(announced(signed, made, node), "regulator", b"shares", signed.homes[node], NOW) for node in NODES]
    return signed, made, said[1]


@pytest.mark.parametrize("case", ["another entry", "another node's", "another job's", "too few votes", "not an entry"])
def test_a_recipient_refuses_a_release_that_was_not_announced(
    case: str, given: tuple[Consortium, Approved, Release]
) -> None:
    consortium, made, said = given
    event = Event.parse(said.entry.encode())
    entries: dict[str, tuple[str, type[Exception], str]] = {
        "another entry": (
            replace(event, counts={**event.counts, "quorum": 1}).leaf().decode(), TamperedError, "not what its proof",
        ),
        "another node's": (replace(event, actor="node-0").leaf().decode(), TamperedError, "something else"),
        "another job's": (replace(event, subject="0" * 32).leaf().decode(), TamperedError, "something else"),
        "too few votes": (
            replace(event, refs={k: v for k, v in event.refs.items() if k != "by-reviewer-1"}).leaf().decode(),
            TamperedError, "something else",
        ),
        "not an entry": ("{}", DocumentError, "not a log entry"),
    }  # fmt: skip
    entry, error, words = entries[case]
    refused(consortium, made, replace(said, entry=entry), error, words)


@pytest.mark.parametrize("lines", [(0,), (1,), (0, 1)])
def test_a_recipient_refuses_a_release_that_others_did_not_see(
    lines: tuple[int, ...], given: tuple[Consortium, Approved, Release]
) -> None:
    consortium, made, said = given
    body, cosigned = said.proofs[0].split("\n")[:-3], said.proofs[0].split("\n")[-3:-1]
    kept = [line for number, line in enumerate(cosigned) if number not in lines]
    cut = replace(said, proofs=("\n".join([*body, *kept, ""]),))
    missing = [("node-0", "node-2")[number] for number in lines]
    refused(consortium, made, cut, NotWitnessedError, f"not cosigned by {', '.join(missing)}")
    wrong = said.proofs[0].replace(cosigned[lines[0]][-40:-8], cosigned[lines[0]][-40:-8].swapcase())
    refused(consortium, made, replace(said, proofs=(wrong,)), SignatureError, "signature of node-")


def refused(consortium: Consortium, made: Approved, said: Release, error: type[Exception], words: str) -> None:
    name = ("releases", made.draft.evidence.digest, "regulator", "node-1")
    consortium.exchange.put_named(name, sign("release", said.pack(), consortium.homes["node-1"].keys), replace=True)
    with pytest.raises(error, match=words):
        open_release(made, consortium.homes["regulator"], NOW)


def test_a_later_approval_does_not_undo_an_announcement(signed: Consortium) -> None:
    made = draft(signed)
    for reviewer in ("reviewer-1", "reviewer-2"):
        approve(signed, made, reviewer)
    first = for_all(review(made, decisions(signed.exchange, made)))
    announced(signed, first, NODE)
    approve(signed, made, "reviewer-3")
    second = for_all(review(made, decisions(signed.exchange, made)))
    assert check_announced(second, signed.homes[NODE]).approvals == first.approvals
