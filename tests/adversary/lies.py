"""What a lying coordinator has to choose from: documents that are true, old, others', forged, or junk."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, Self, TypeVar

from counterfoil import clock
from counterfoil.canonical import Ref, jcs
from counterfoil.crypto.keys import PrivateKeys
from counterfoil.crypto.sign import sign
from counterfoil.crypto.sign import verify as open_envelope
from counterfoil.governance.documents import write_time
from counterfoil.governance.jobs.evidence import Evidence, load_draft
from counterfoil.governance.jobs.manifest import Manifest
from counterfoil.governance.parties.roster import revise_roster
from counterfoil.governance.parties.succession import sign_successor
from counterfoil.governance.review.airlock import decide
from counterfoil.governance.review.decisions import Decision
from counterfoil.roles.owner import Contribution, table_file
from tests.lib.agreements import AGREEMENT_FILE, CONTRACT_FILE, POLICY_FILE, another, ending
from tests.lib.consortium import NODES, OWNERS, REVIEWERS, Consortium, found, today

T = TypeVar("T")

RIGHT, OTHER, APPROVED = "right", "other", "approved"
BINDING = (RIGHT, OTHER)
PROPOSALS: dict[str, Callable[[Consortium], dict[str, str]]] = {
    OTHER: lambda _: {"version: 1.0.0": "version: 1.1.0"},
    "unsigned": lambda _: {"version: 1.0.0": "version: 1.2.0"},
    "expired": lambda banks: ending(banks, banks.agreement.starts + timedelta(days=6)),
    "early": lambda banks: {f'"{banks.agreement.starts}"': f'"{today().date() + timedelta(days=34)}"'},
}
HISTOGRAM = "columns: [balance]\n    parameters:\n      column: balance\n      edges"
FORGED: dict[str, dict[str, dict[str, str]]] = {
    "fewer approvals": {AGREEMENT_FILE: {"quorum: 2": "quorum: 1"}},
    "a column more": {AGREEMENT_FILE: {HISTOGRAM: HISTOGRAM.replace("[balance]", "[balance, region]")}},
    "another analysis": {AGREEMENT_FILE: {"analysis: total\n": "analysis: correlation\n"}},
    "another version": {AGREEMENT_FILE: {"analysis: total\n    version: 1": "analysis: total\n    version: 2"}},
    "a recipient more": {
        AGREEMENT_FILE: {
            "rows: shared\n    recipients: [regulator]": "rows: shared\n    recipients: [regulator, bank-a]"
        }
    },
    "more iterations": {AGREEMENT_FILE: {"iterations: 12": "iterations: 1000"}},
    "another contract": {CONTRACT_FILE: {"retention\n    value: 90": "retention\n    value: 60"}},
    "another policy": {POLICY_FILE: {"safe_threshold: 10 ": "safe_threshold: 2 "}},
}
"""What the coordinator alone has signed, each the right agreement in all but one."""
JUNK: tuple[Any, ...] = (
    None, True, 7, -1, 2**70, 1.5, "", "x" * 5_000, "../../etc/passwd", "$(touch marker)", "agreement:bank-a:0",
    f"agreement:coordinator:{'0' * 64}", ["a"], {"__prefect_kind": "json", "value": "{}"}, [[["nested"]]],
)  # fmt: skip


def files_in(folder: Path) -> dict[tuple[str, ...], tuple[int, int]]:
    """Every file below the folder, with what changes when it is written."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() or path.is_symlink():
            stat = path.lstat()
            found[path.relative_to(folder).parts] = (stat.st_mtime_ns, stat.st_size)
    return found


@dataclass
class World:
    """A consortium with a history, and the coordinator's collection."""

    banks: Consortium
    agreements: dict[str, Consortium]
    periods: list[str]
    genuine: list[Ref] = field(default_factory=list)
    false: list[Ref] = field(default_factory=list)
    manifests: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    turns: dict[str, Iterator[Any]] = field(default_factory=dict)

    @classmethod
    def found(cls, folder: Path) -> Self:
        """A draft that one reviewer let go and one did not, another agreement's that is approved, old submissions."""
        banks = found(folder, 1000, canaries=True)
        agreements = {RIGHT: banks}
        lacking = [party for party in banks.homes if party != "node-1"]
        for name, changes in PROPOSALS.items():
            agreements[name] = another(
                banks, folder / name, {AGREEMENT_FILE: changes(banks)}, lacking if name == "unsigned" else None
            )
        for name, changes in FORGED.items():
            agreements[name] = another(banks, folder / name.replace(" ", "-"), changes, ["coordinator"])
        week = timedelta(days=7)
        schedule = banks.agreement.schedule
        world = cls(banks, agreements, [schedule.period(today().date() + k * week) for k in (0, -1, 1)])
        tables = {owner: banks.table(owner) for owner in OWNERS}
        first = [world.keep(banks.hand_in(owner, table)) for owner, table in tables.items()]
        others = [world.keep(agreements[OTHER].hand_in(owner, table)) for owner, table in tables.items()]
        for owner in OWNERS:
            world.keep(banks.hand_in(owner, tables[owner]))
        now = table_file(banks.homes["bank-b"], "loans")
        shutil.copy(now, now.with_name(f"loans.{world.periods[1]}{now.suffix}"))
        earlier = Contribution(banks.homes["bank-b"], banks.signed("bank-b"), "loans", world.periods[1], clock.now())
        earlier.validate(clock.now())
        earlier.minimise()
        world.keep(earlier.share(clock.now()))
        world.evidence = {
            RIGHT: banks.analyse(first)[0].digest,
            APPROVED: agreements[OTHER].analyse(others)[0].digest,
        }
        for owner in OWNERS:
            banks.forget(owner)  # or else no second job of the period could be right
        banks.review(world.evidence[RIGHT], ["reviewer-1"])
        home = banks.homes["reviewer-2"]
        draft = load_draft(home.exchange, banks.signed("reviewer-2"), world.evidence[RIGHT])
        decide(draft, "reject", comment="no", keys=home.keys, exchange=home.exchange, now=today())
        agreements[OTHER].review(world.evidence[APPROVED], REVIEWERS[:2])
        agreements[OTHER].announce(world.evidence[APPROVED])
        agreements[OTHER].countersign(NODES[1:])  # node-0 may release, the others lack its cosignature yet
        world._forge()
        return world

    def digests(self, names: tuple[str, ...]) -> set[str]:
        """The digests of these agreements."""
        return {self.agreements[name].ref.digest for name in names}

    @property
    def folder(self) -> Path:
        return Path(self.banks.homes["coordinator"].exchange_url)

    def files(self) -> dict[tuple[str, ...], tuple[int, int]]:
        """Every file of the exchange, with what changes when it is written."""
        return files_in(self.folder)

    def keep(self, ref: Ref) -> Ref:
        """The submission is one that its owner made."""
        manifest = self._manifest(ref)
        self.genuine.append(ref)
        self.manifests[manifest.digest] = (manifest.owner, manifest.agreement, manifest.period)
        return ref

    def learn(self, changed: set[tuple[str, ...]]) -> None:
        """What parties wrote can be used in later lies."""
        for name in changed:
            if name[:2] == ("blobs", "manifest"):
                self.keep(Ref(*name[1:]))

    def turn(self, what: str, kinds: Sequence[T]) -> T:
        """The next of the kinds: each comes once before any comes again."""
        return next(self.turns.setdefault(what, cycle(kinds)))

    def parameters(self, stage: str, dice: random.Random) -> dict[str, Any]:
        """What a flow run is asked for: often right in all, often wrong in one; `told` says what is wrong by intent.

        Truth and lies go by turns, and so does which lie it is. Nothing more is lied about under a false agreement, so
        that no lie hides behind another.
        """
        of_a_draft = stage in ("announce", "release")
        if self.turn(f"agreement of {stage}", (True, False)):
            name = self.turn(f"true agreement of {stage}", (OTHER, RIGHT) if of_a_draft else (RIGHT, RIGHT, OTHER))
        else:
            name = self.turn("agreement", (*PROPOSALS, *FORGED))
        self.told = [] if name in BINDING else [name]
        asked: dict[str, Any] = {"agreement": str(self.agreements[name].ref)}
        if stage in ("contribute", "analyse"):
            lying = self.turn(f"period of {stage}", (False, False, False, True))
            asked["period"] = (
                self.turn("period", (*self.periods[1:], "2026-w99", "2026-11", "w")) if lying else self.periods[0]
            )
        if stage == "contribute":
            asked["contract"] = dice.choice(("loans",) * 7 + ("customers", "agreement"))
        if stage == "analyse":
            asked["submissions"] = self._submissions(self.agreements[name].ref.digest, asked["period"], dice)
            asked["attempt"] = dice.choice((1, 2, 3, 4) if self.told else (1, 2, 3, 4, 0, 5, 999_999))
        if of_a_draft:
            asked["evidence"] = str(self._evidence(APPROVED if name == OTHER else RIGHT, dice))
        if dice.random() < 0.1:
            asked[dice.choice((*asked, "entrypoint"))] = self.turn("junk", JUNK)
            self.told.append("junk")
        return asked

    def _evidence(self, right: str, dice: random.Random) -> Ref:
        lies = {
            "none": ("evidence", "0" * 64),
            "forged": ("evidence", self.evidence["forged"]),
            "another's": ("evidence", self.evidence[RIGHT if right == APPROVED else APPROVED]),
            "of another kind": ("agreement", self.evidence[right]),
        }
        kind, digest = "evidence", self.evidence[right]
        if not self.told and self.turn(f"evidence {right}", (False, True)):
            lie = self.turn("evidence", tuple(lies))
            if lie != "of another kind":  # the digest alone counts
                self.told.append(f"evidence: {lie}")
            kind, digest = lies[lie]
        return Ref(kind, dice.choice(NODES), digest)

    def _submissions(self, agreement: str, period: str, dice: random.Random) -> list[Any]:
        chosen = []
        for owner in OWNERS:
            fitting = [ref for ref in self.genuine if self._is(ref, owner, agreement, period)]
            unused = fitting[1:] or fitting  # an owner's first submission belongs to the draft
            chosen.append(dice.choice(unused or [ref for ref in self.genuine if ref.owner == owner]))
        lies = ("twice", "one less", "false", "many", "stale", "another's", "junk", "order")
        lying = not self.told and period == self.periods[0] and self.turn("false submissions", (True, False))
        lie = self.turn("submissions", lies) if lying else "none"
        if lie in ("one less", "twice", "false", "many"):  # the others may come out right
            self.told.append(f"submissions: {lie}")
        match lie:
            case "order":
                dice.shuffle(chosen)
            case "one less":
                chosen.pop(dice.randrange(len(chosen)))
            case "twice":
                chosen.append(dice.choice(chosen))
            case "another's":
                one = dice.randrange(len(chosen))
                chosen[one] = replace(chosen[one], owner=dice.choice((*OWNERS, *NODES, "coordinator")))
            case "stale":
                chosen[dice.randrange(len(chosen))] = dice.choice(self.genuine)
            case "false":
                chosen[dice.randrange(len(chosen))] = dice.choice(self.false)
            case "junk":
                return [*map(str, chosen[1:]), dice.choice(JUNK)]
            case "many":
                chosen *= dice.choice((3, 40))
        return [str(ref) for ref in chosen]

    def _is(self, ref: Ref, owner: str, agreement: str, period: str) -> bool:
        return self.manifests[self._manifest(ref).digest] == (owner, agreement, period)

    def _manifest(self, ref: Ref) -> Manifest:
        keys = self.banks.agreement.roster.keys([ref.owner])
        return Manifest.unpack(open_envelope(self.banks.homes[ref.owner].exchange.get(ref), "manifest", keys).payload)

    def _forge(self) -> None:
        """What nobody else signed: submissions, evidence, withdrawals, a roster; it has its own key alone."""
        homes = self.banks.homes
        exchange, own = homes["coordinator"].exchange, homes["coordinator"].keys
        for ref in self.genuine[: len(OWNERS)]:
            manifest = self._manifest(ref)
            for changed in (
                replace(manifest, rows=manifest.rows + 1),
                replace(manifest, period=self.periods[1]),
                replace(manifest, agreement=self.agreements["fewer approvals"].ref.digest),
            ):
                self.false.append(exchange.put("manifest", ref.owner, sign("manifest", changed.pack(), own)))
            self.false.append(exchange.put("manifest", "bank-b", exchange.get(ref)))
            as_another = replace(manifest, owner="bank-d" if manifest.owner == "bank-a" else "bank-a")
            self.false.append(
                exchange.put("manifest", ref.owner, sign("manifest", as_another.pack(), homes[ref.owner].keys))
            )
        evidence = Evidence.unpack(exchange.get(Ref("evidence", "nodes", self.evidence[RIGHT])))
        forged = replace(evidence, keys=dict.fromkeys(evidence.keys, own.public.seal_id))
        exchange.put("evidence", "nodes", forged.pack())
        for node in NODES:
            exchange.put_named(("evidence", forged.digest, node), sign("evidence", forged.pack(), own))
        self.evidence["forged"] = forged.digest
        for party in (*OWNERS, *NODES):
            gone = {"format": "counterfoil/withdrawal/1", "agreement": self.banks.ref.digest, "party": party}
            envelope = sign("withdrawal", jcs({**gone, "withdrawn": write_time(today())}), own)
            exchange.put_named(("withdrawals", self.banks.ref.digest, party), envelope)
        roster, folder = self.banks.agreement.roster, self.banks.folder / "fakes"
        fakes = [PrivateKeys.create(folder / party, party) for party in (*OWNERS, *NODES)]
        deposed = revise_roster(roster, today().date(), cards=[fake.public for fake in fakes])
        for keys in (own, *fakes):
            sign_successor(roster, deposed, keys, exchange)


class Tampering(AbstractContextManager["Tampering"]):
    """What the coordinator writes to the exchange in one trial; taken back in the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._before: dict[Path, bytes | None] = {}

    def __exit__(self, *_: object) -> None:
        for path, content in self._before.items():
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)

    def write(self, name: tuple[str, ...], content: bytes | None) -> None:
        """The file has this content, or is gone."""
        path = self._change(name)
        path.unlink(missing_ok=True)
        if content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def link(self, name: tuple[str, ...], target: str) -> None:
        """The file is a link."""
        self.write(name, None)
        self._change(name).symlink_to(target)

    def read(self, name: tuple[str, ...]) -> bytes:
        """What the file holds; nothing if an earlier lie removed it, or made it a link."""
        path = self.world.folder.joinpath(*name)
        return path.read_bytes() if path.is_file() and not path.is_symlink() else b""

    def pick(self, dice: random.Random) -> tuple[str, ...]:
        """Some file, every kind of file as likely as any other."""
        by_kind: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for name in sorted(self.world.files()):
            by_kind.setdefault(name[: 2 if name[0] == "blobs" else 1], []).append(name)
        return dice.choice(by_kind[dice.choice(sorted(by_kind))])

    def _change(self, name: tuple[str, ...]) -> Path:
        path = self.world.folder.joinpath(*name)
        if path not in self._before:
            self._before[path] = path.read_bytes() if path.is_file() else None
        return path


Lie = Callable[[Tampering, random.Random], None]


def flip(tampering: Tampering, dice: random.Random) -> None:
    name = tampering.pick(dice)
    content = bytearray(tampering.read(name))
    if content:
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    tampering.write(name, bytes(content))


def cut(tampering: Tampering, dice: random.Random) -> None:
    name = tampering.pick(dice)
    content = tampering.read(name)
    tampering.write(name, content[: dice.randrange(len(content) + 1)])


def remove(tampering: Tampering, dice: random.Random) -> None:
    tampering.write(tampering.pick(dice), None)


def exchange(tampering: Tampering, dice: random.Random) -> None:
    """Two files of one kind change places."""
    one = tampering.pick(dice)
    like = [name for name in sorted(tampering.world.files()) if name[:1] == one[:1] and len(name) == len(one)]
    another_one = dice.choice(like)
    contents = tampering.read(one), tampering.read(another_one)
    tampering.write(one, contents[1])
    tampering.write(another_one, contents[0])


def plant_link(tampering: Tampering, dice: random.Random) -> None:
    tampering.link(tampering.pick(dice), dice.choice(("/etc/passwd", "../../homes/node-0/party.yaml", "/dev/zero")))


def grow(tampering: Tampering, dice: random.Random) -> None:
    tampering.write(tampering.pick(dice), b"A" * (5 << 20))


def vote(tampering: Tampering, dice: random.Random) -> None:
    """Approvals in all reviewers' names, signed by the coordinator."""
    world = tampering.world
    evidence = dice.choice(sorted(world.evidence.values()))
    agreement = world.banks.ref.digest
    for reviewer in (*REVIEWERS, "coordinator"):
        decision = Decision("0" * 32, agreement, evidence, reviewer, "approve", "", today())
        envelope = sign("decision", decision.pack(), world.banks.homes["coordinator"].keys)
        tampering.write(("decisions", evidence, reviewer, "approve"), envelope)


def replay_votes(tampering: Tampering, dice: random.Random) -> None:
    """Approvals of another draft, or one reviewer's in another's name."""
    evidence = tampering.world.evidence
    for reviewer in REVIEWERS:
        source = dice.choice((evidence[RIGHT], evidence[APPROVED])), dice.choice(REVIEWERS[:2]), "approve"
        tampering.write(("decisions", evidence[RIGHT], reviewer, "approve"), tampering.read(("decisions", *source)))


def lend_signatures(tampering: Tampering, dice: random.Random) -> None:
    """Signatures over one agreement under another."""
    world = tampering.world
    target, source = (world.agreements[name].ref.digest for name in dice.sample(sorted(world.agreements), 2))
    for party in world.banks.homes:
        if (("signatures", source, party)) in world.files():
            tampering.write(("signatures", target, party), tampering.read(("signatures", source, party)))


def mistake(tampering: Tampering, dice: random.Random) -> None:
    """The blob of one document holds another, whose digest its name is not."""
    blobs = [name for name in sorted(tampering.world.files()) if name[0] == "blobs"]
    one, another_one = dice.sample(blobs, 2)
    tampering.write(one, tampering.read(another_one))


LIES: tuple[Lie, ...] = (
    flip, cut, remove, exchange, plant_link, grow, vote, replay_votes, lend_signatures, mistake
)  # fmt: skip
"""The ways to tamper with the exchange."""
