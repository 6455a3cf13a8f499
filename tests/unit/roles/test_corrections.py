"""One submission of an owner counts for a period; a correction where the agreement allows it, before nodes compute."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from counterfoil import clock
from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.errors import (
    AttemptError,
    CorrectionError,
    KeySpellingError,
    NotFoundError,
    RefusedError,
    SealError,
    StoreError,
)
from counterfoil.governance.jobs.begun import BEGUN, Begun
from counterfoil.governance.jobs.correction import _name
from counterfoil.governance.jobs.envelopes import envelope_name, forget_envelopes
from counterfoil.governance.jobs.evidence import load_draft
from counterfoil.governance.jobs.manifest import Manifest, check_manifest
from counterfoil.governance.jobs.submission import read_manifest, submit, taken_in
from counterfoil.governance.review.airlock import review
from counterfoil.home import Home
from counterfoil.joint.computation import analyses, array_specs, local_parts
from counterfoil.joint.openings import declared
from counterfoil.report.explain import explain
from counterfoil.report.leakage import statement
from counterfoil.roles.node.attempt import Computation
from counterfoil.roles.node.intake import take_in, use_up
from counterfoil.roles.owner import Contribution, table_file
from counterfoil.storage.state import State
from tests.lib.agreements import AGREEMENT_FILE, another
from tests.lib.consortium import NODES, OWNERS, Consortium, compute, found, today, together
from tests.unit.roles.test_differences import keep

pytestmark = pytest.mark.slow

ALLOWED = {"limits:\n": "corrections: until-computed\n\nlimits:\n"}
NUMBERS = count(1)
APART_S = 8.0
"""The time-out of nodes that are to find nobody at their job: they look for each other until it is over."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    return found(tmp_path_factory.mktemp("banks"), 1010, edit=keep("total-exposure"))


@pytest.fixture
def banks(first: Consortium, tmp_path: Path) -> Consortium:
    """An agreement of its own, which says nothing of corrections."""
    version = {"version: 1.0.0": f"version: 1.0.{next(NUMBERS)}"}
    return another(first, tmp_path, {AGREEMENT_FILE: version})


@pytest.fixture
def lenient(first: Consortium, tmp_path: Path) -> Consortium:
    """One that allows them."""
    version = {"version: 1.0.0": f"version: 1.0.{next(NUMBERS)}"}
    return another(first, tmp_path / "lenient", {AGREEMENT_FILE: version | ALLOWED})


def hand_in(banks: Consortium, owner: str, number: int = 0, without: int = 0) -> Ref:
    """Whatever the owner's own software would say of it."""
    table = banks.table(owner)
    table = table.take(np.arange(table.rows - without))
    home = banks.homes[owner]
    return submit(
        local_parts(banks.agreement, "loans", table),
        array_specs(banks.agreement, "loans", table.rows),
        contract="loans",
        rows=table.rows,
        period=banks.period,
        agreement=banks.signed(owner),
        keys=home.keys,
        exchange=home.exchange,
        now=today(),
        correction=number,
    )


def take(banks: Consortium, node: str, *submissions: Ref) -> list[Manifest]:
    return take_in(banks.homes[node], banks.signed(node), banks.period, submissions, clock.now())[1]


def others(banks: Consortium) -> list[Ref]:
    return [hand_in(banks, owner) for owner in OWNERS[1:]]


def test_a_second_submission_is_refused_by_each_node(banks: Consortium) -> None:
    """An owner that hands in two, and a coordinator that shows either to whom it likes."""
    one, two, rest = hand_in(banks, OWNERS[0]), hand_in(banks, OWNERS[0], without=1), others(banks)
    take(banks, "node-0", one, *rest)
    take(banks, "node-0", one, *rest)
    with pytest.raises(CorrectionError, match=r"is the second one, and node-0 has the first.* allows no corrections"):
        take(banks, "node-0", two, *rest)
    take(banks, "node-1", two, *rest)
    with pytest.raises(CorrectionError, match="node-1 has the first"):
        take(banks, "node-1", one, *rest)
    assert CorrectionError.exit_code == 28


def test_nodes_that_were_shown_different_ones_do_not_compute(banks: Consortium) -> None:
    one, two, rest = hand_in(banks, OWNERS[0]), hand_in(banks, OWNERS[0], without=1), others(banks)
    shown = {"node-0": one, "node-1": two, "node-2": one}
    running = [banks.computation(node, [shown[node], *rest], timeout_s=APART_S) for node in NODES]
    with pytest.raises(AttemptError, match="came for another job or attempt"):
        together([lambda each=each: compute(each) for each in running])


def test_a_correction_that_the_agreement_does_not_allow_is_refused(banks: Consortium) -> None:
    with pytest.raises(CorrectionError, match="allows none; agree on 'corrections: until-computed'"):
        hand_in(banks, OWNERS[0], number=1)
    made = read_manifest(hand_in(banks, OWNERS[0]), banks.signed("node-0"), banks.homes["node-0"].exchange, today())
    with pytest.raises(CorrectionError, match="allows none"):
        check_manifest(replace(made, correction=1), banks.signed("node-0"), today())


def test_the_last_correction_counts_at_every_node_and_the_log_says_so(lenient: Consortium) -> None:
    rest = others(lenient)
    numbered = [hand_in(lenient, OWNERS[0], number, without=number) for number in range(3)]
    take(lenient, "node-0", numbered[0], *rest)
    take(lenient, "node-0", numbered[2], *rest)
    for older in numbered[:2]:
        with pytest.raises(CorrectionError, match="was corrected, and node-0 has the correction"):
            take(lenient, "node-0", older, *rest)
    event = Event.parse(lenient.homes["node-0"].log.entries()[-1])
    assert (event.type, event.counts) == ("submission-corrected", {"correction": 2})
    # A node that took none of the others in takes the last alone, and one that is shown an older one falls behind.
    take(lenient, "node-1", numbered[2], *rest)
    take(lenient, "node-2", numbered[1], *rest)
    shown = {node: [numbered[1 if node == "node-2" else 2], *rest] for node in NODES}
    running = [lenient.computation(node, shown[node], attempt=1, timeout_s=APART_S) for node in NODES]
    with pytest.raises(AttemptError, match="came for another job or attempt"):
        together([lambda each=each: compute(each) for each in running])
    evidence = lenient.analyse([numbered[2], *rest], attempt=2)[0].digest
    draft = load_draft(lenient.homes["bank-b"].exchange, lenient.signed("bank-b"), evidence)
    assert draft.evidence.checks["corrections"] == 2
    assert review(draft, ())
    with pytest.raises(CorrectionError, match="comes after the nodes began job"):
        take(lenient, "node-0", hand_in(lenient, OWNERS[0], 3), *rest)


def test_a_coordinator_that_names_the_older_one_is_found_out(lenient: Consortium) -> None:
    """Nodes look for a correction where its owner put it; what a stranger puts there keeps nobody from anything."""
    owner, rest = OWNERS[0], others(lenient)
    contribute(lenient, owner)
    (before,) = hands(lenient, owner)
    made = read_manifest(before, lenient.signed("node-0"), lenient.homes["node-0"].exchange, today())
    lenient.homes["node-0"].exchange.put_named(_name(made, 1), b"no correction at all", replace=True)
    take(lenient, "node-1", before, *rest)
    edit(lenient, owner)
    after = contribute(lenient, owner)
    with pytest.raises(CorrectionError, match="was corrected by bank-a since; take its correction 1"):
        take(lenient, "node-0", before, *rest)
    assert not taken_in(made, lenient.homes["node-0"])
    assert take(lenient, "node-0", after, *rest)[0].correction == 1
    assert take(lenient, "node-1", after, *rest)[0].correction == 1


def test_a_correction_that_comes_too_late_does_not_keep_the_begun_job_from_another_attempt(
    lenient: Consortium,
) -> None:
    owner, rest = OWNERS[0], others(lenient)
    contribute(lenient, owner)
    (before,) = hands(lenient, owner)
    (made, *_) = begin(lenient, "node-0", on=[before, *rest]).manifests
    exchange = lenient.homes[owner].exchange
    after = hand_in(lenient, owner, 1, without=1)  # as its own software would not
    exchange.put_named(_name(made, 1), exchange.get(after))
    with pytest.raises(CorrectionError, match="comes after the nodes began job"):
        take(lenient, "node-0", after, *rest)
    assert take(lenient, "node-0", before, *rest)[0].correction == 0


def begin(banks: Consortium, *nodes: str, on: Sequence[Ref]) -> Computation:
    """Have these nodes begin after all met, while the others ended between the two; return what they began."""
    for node in nodes:
        begun = banks.computation(node, on)
        use_up(begun.manifests, begun.job, banks.agreement, banks.homes[node])
    return begun


def test_a_node_that_ended_before_it_began_goes_on_with_what_the_others_began(lenient: Consortium) -> None:
    """It takes the correction that they refuse; the owner then hands in again what they began on, and all compute."""
    owner, rest = OWNERS[0], others(lenient)
    before = contribute(lenient, owner)
    lenient.computation("node-0", [before, *rest])
    begun = begin(lenient, "node-1", "node-2", on=[before, *rest])
    lenient.homes[owner].exchange.remove(BEGUN.name(begun.manifests[0].digest, "node-1"))  # as if it could not say so
    lenient.homes[owner].exchange.remove(BEGUN.name(begun.manifests[0].digest, "node-2"))
    edit(lenient, owner)
    after = contribute(lenient, owner)
    assert take(lenient, "node-0", after, *rest)[0].correction == 1
    for node in ("node-1", "node-2"):
        with pytest.raises(CorrectionError, match=r"comes after the nodes began job .* hands that in again"):
            take(lenient, node, after, *rest)
    assert contribute(lenient, owner) == before
    lenient.analyse([before, *rest])
    log = [Event.parse(entry) for entry in lenient.homes["node-0"].log.entries()]
    assert "correction-too-late" in [event.type for event in log]


def test_a_node_that_began_on_some_of_a_job_says_so_of_all(
    lenient: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends before it began on the last; its owner corrects that one, which no node has begun on."""
    first, owner = others(lenient), OWNERS[0]
    before = contribute(lenient, owner)
    begun = lenient.computation("node-0", [*first, before])
    kept = type(lenient.homes["node-0"].state).replace

    def ends(self: State, space: str, key: str, *content: bytes | None) -> bool:
        if key.endswith(str(begun.manifests[-1].part)):
            raise StoreError("the disk is full")
        return kept(self, space, key, *content)

    with monkeypatch.context() as broken, pytest.raises(StoreError):
        broken.setattr(State, "replace", ends)
        use_up(begun.manifests, begun.job, lenient.agreement, lenient.homes["node-0"])
    edit(lenient, owner)
    with pytest.raises(CorrectionError, match="nodes have begun job"):
        contribute(lenient, owner)


def test_an_owner_corrects_nothing_once_a_node_began(lenient: Consortium) -> None:
    owner, rest = OWNERS[0], others(lenient)
    before = contribute(lenient, owner)
    path = table_file(lenient.homes[owner], "loans")
    former = path.read_bytes()
    begin(lenient, "node-2", on=[before, *rest])
    edit(lenient, owner)
    with pytest.raises(CorrectionError, match=r"nodes have begun job .* Put the former file back"):
        contribute(lenient, owner)
    path.write_bytes(former)  # the remedy works
    assert contribute(lenient, owner) == before


def test_only_a_node_of_the_agreement_says_what_was_begun(lenient: Consortium) -> None:
    owner, rest = OWNERS[0], others(lenient)
    before = contribute(lenient, owner)
    (made, *_) = take(lenient, "node-0", before, *rest)
    stranger = lenient.homes[OWNERS[1]]
    signed = BEGUN.sign(Begun(made.digest, "0" * 32, "node-1").pack(), stranger.keys)
    stranger.exchange.put_named(BEGUN.name(made.digest, "node-1"), signed)
    Begun(made.digest, "0" * 32, stranger.party).publish(stranger.keys, stranger.exchange)
    edit(lenient, owner)
    after = contribute(lenient, owner)
    assert after != before
    with pytest.raises(CorrectionError, match="was corrected by bank-a since"):
        take(lenient, "node-0", before, *rest)


def test_a_correction_that_comes_while_the_nodes_meet_stops_the_older_job(lenient: Consortium) -> None:
    rest = others(lenient)
    one, two = hand_in(lenient, OWNERS[0]), hand_in(lenient, OWNERS[0], 1)
    meeting = lenient.computation("node-0", [one, *rest])
    take(lenient, "node-0", two, *rest)
    with pytest.raises(CorrectionError, match="was corrected while the nodes met"):
        use_up(meeting.manifests, meeting.job, lenient.agreement, lenient.homes["node-0"])


def test_one_that_nobody_computed_on_makes_room_when_it_has_expired(banks: Consortium) -> None:
    rest = others(banks)
    one = hand_in(banks, OWNERS[0])
    state = banks.homes["node-0"].state
    (made, *_) = take(banks, "node-0", one, *rest)
    key = f"{made.agreement}/{made.period}/{made.part}"
    past = state.get("submission-of", key).replace(b'"not_after":"202', b'"not_after":"201')
    state.put("submission-of", key, past)
    take(banks, "node-0", hand_in(banks, OWNERS[0]), *rest)


def test_keys_that_other_software_spelt_are_refused(banks: Consortium) -> None:
    made = read_manifest(hand_in(banks, OWNERS[0]), banks.signed("node-0"), banks.homes["node-0"].exchange, today())
    assert Manifest.unpack(made.pack()) == made
    for version in (1, 3):
        with pytest.raises(KeySpellingError, match=f"by rules of version {version}, here is 2; install one version"):
            check_manifest(replace(made, spelling=version), banks.signed("node-0"), today())
    assert b"spelling" not in replace(made, spelling=1).pack()


# --- at the owner -------------------------------------------------------------------------------------------------


def contribute(banks: Consortium, owner: str) -> Ref:
    contribution = Contribution(banks.homes[owner], banks.signed(owner), "loans", banks.period, clock.now())
    contribution.validate(clock.now())
    contribution.minimise()
    return contribution.share(clock.now())


def hands(banks: Consortium, owner: str) -> list[Ref]:
    """What the owner signed under this agreement."""
    exchange, found_ = banks.homes[owner].exchange, []
    for name in exchange.list(("blobs", "manifest", owner)):
        try:
            read_manifest(Ref(*name[1:]), banks.signed("node-0"), exchange, today())
        except RefusedError:
            continue
        found_.append(Ref(*name[1:]))
    return found_


def edit(banks: Consortium, owner: str) -> None:
    """A mistake in the table is corrected."""
    path = table_file(banks.homes[owner], "loans")
    if path.suffix == ".csv":
        path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    else:
        table = pq.read_table(path)
        pq.write_table(table.slice(0, table.num_rows - 1), path)


def test_the_same_table_is_handed_in_once_however_often_it_is_asked_for(banks: Consortium) -> None:
    one = contribute(banks, "bank-b")
    assert contribute(banks, "bank-b") == one
    assert hands(banks, "bank-b") == [one]
    # Nor after the home was restored from before it, or the manifest was lost on the way.
    home = banks.homes["bank-b"]
    home.exchange.discard(one)
    restored = Home.open(shutil.copytree(home.path, Path(tempfile.mkdtemp(dir=banks.folder)) / "home"))
    (restored.path / "state.sqlite").unlink()
    banks.homes["bank-b"] = restored
    try:
        assert contribute(banks, "bank-b") == one
    finally:
        banks.homes["bank-b"] = home
    assert hands(banks, "bank-b") == [one]


def test_what_the_exchange_lost_or_changed_is_put_back_and_stays_one_submission(banks: Consortium) -> None:
    """Whoever has the exchange would otherwise stop a period, as a second submission is refused."""
    one, rest = contribute(banks, "bank-a"), others(banks)
    home = banks.homes["bank-a"]
    (made, *_) = take(banks, "node-0", one, *rest)
    names = {node: envelope_name(made.digest, node) for node in NODES}
    sealed = {node: home.exchange.get_named(name) for node, name in names.items()}
    home.exchange.remove(names["node-0"])  # which has it in its vault
    home.exchange.remove(names["node-1"])
    home.exchange.put_named(names["node-2"], sealed["node-2"][:-1] + b"!", replace=True)
    with pytest.raises(NotFoundError, match="no envelope for node-1; have bank-a contribute again"):
        take(banks, "node-1", one, *rest)
    with pytest.raises(SealError, match="was changed in the exchange, or is for another key; have bank-a contribute"):
        take(banks, "node-2", one, *rest)
    assert contribute(banks, "bank-a") == one
    assert hands(banks, "bank-a") == [one]
    for node in ("node-1", "node-2"):
        assert home.exchange.get_named(names[node]) == sealed[node]
        assert take(banks, node, one, *rest)[0] == made
    assert names["node-0"] not in home.exchange.list(("envelopes", made.digest))


def test_what_an_owner_keeps_sealed_goes_when_nobody_takes_it_in_any_more(banks: Consortium) -> None:
    contribute(banks, "bank-b")
    home = banks.homes["bank-b"]
    kept = home.path / "sealed"
    assert sum(len(list(folder.iterdir())) for folder in kept.iterdir()) >= len(NODES)
    forget_envelopes(home, clock.now() + timedelta(days=6))
    assert list(kept.iterdir())
    forget_envelopes(home, clock.now() + timedelta(days=8))
    assert not list(kept.iterdir())


def test_another_table_is_refused_at_the_owner_before_anything_of_it_leaves(banks: Consortium) -> None:
    one = contribute(banks, "bank-c")
    path = table_file(banks.homes["bank-c"], "loans")
    before = path.read_bytes()
    edit(banks, "bank-c")
    contribution = Contribution(banks.homes["bank-c"], banks.signed("bank-c"), "loans", banks.period, clock.now())
    with pytest.raises(CorrectionError, match="Put the former file back, or agree on 'corrections: until-computed'"):
        contribution.validate(clock.now())
    path.write_bytes(before)  # the remedy works
    assert contribute(banks, "bank-c") == one


def test_a_corrected_table_is_handed_in_as_a_correction(lenient: Consortium) -> None:
    one = contribute(lenient, "bank-d")
    edit(lenient, "bank-d")
    two = contribute(lenient, "bank-d")
    exchange = lenient.homes["bank-d"].exchange
    before, after = (read_manifest(each, lenient.signed("node-0"), exchange, clock.now()) for each in (one, two))
    assert (before.correction, after.correction) == (0, 1)
    assert after.rows == before.rows - 1
    assert contribute(lenient, "bank-d") == two


def test_a_restored_owner_goes_on_from_what_it_corrected_since(lenient: Consortium) -> None:
    """Its memory is from before the correction: a second one of that number would count nowhere, and hide the first."""
    contribute(lenient, "bank-a")
    home = lenient.homes["bank-a"]
    restored = Home.open(shutil.copytree(home.path, Path(tempfile.mkdtemp(dir=lenient.folder)) / "home"))
    edit(lenient, "bank-a")
    two = contribute(lenient, "bank-a")
    rest = others(lenient)
    take(lenient, "node-0", two, *rest)
    shutil.copytree(home.data, restored.data, dirs_exist_ok=True)
    lenient.homes["bank-a"] = restored
    try:
        edit(lenient, "bank-a")
        three = contribute(lenient, "bank-a")
    finally:
        lenient.homes["bank-a"] = home
    read = [read_manifest(each, lenient.signed("node-0"), home.exchange, clock.now()) for each in (two, three)]
    assert [each.correction for each in read] == [1, 2]
    take(lenient, "node-0", three, *rest)
    with pytest.raises(CorrectionError, match="was corrected"):
        take(lenient, "node-0", two, *rest)


def test_texts_say_whether_corrections_are_allowed(banks: Consortium, lenient: Consortium) -> None:
    def texts(terms: object) -> tuple[str, str]:
        agreed = lenient.agreement if terms is lenient.agreement else banks.agreement
        return explain(agreed), statement(agreed, tuple(analyses(agreed).values()), declared(agreed))

    told, stated = texts(banks.agreement)
    assert "Each owner hands in once for one week; the nodes take nothing in that corrects it." in told
    assert "corrected" not in stated
    told, stated = texts(lenient.agreement)
    assert "An owner may correct what it handed in until the nodes begin to compute; its last correction counts" in told
    assert "- whether, and how often, an owner corrected what it had handed in" in stated
