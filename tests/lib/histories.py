"""A year of ordinary weeks: who is in the owners' tables, what agreements ask of them, and who comes and goes.

Everything is drawn from a seed. Balances of all persons move every week; two in a hundred rows are replaced; now and
then somebody moves to another region or falls into default, or an owner leaves. The first owner is a recipient of
everything, too, and makes up and takes away rows of its own to learn of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from counterfoil import clock
from counterfoil.analyses.registry import discover
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.attack.knowledge import Release
from counterfoil.errors import CounterfoilError
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.agreements.signing.signed import read_agreement
from counterfoil.governance.agreements.templates import copy_examples
from counterfoil.governance.documents import schema_text
from counterfoil.governance.parties.roster import Roster, fill_roster
from counterfoil.home import Home
from counterfoil.joint.computation import analyses
from tests.lib.releasing import Homes
from tests.lib.trials import dice

OWNERS = ("bank-a", "bank-b", "bank-c", "bank-d")
SELF = 0
"""The owner that is a recipient, knows its own rows, and moves them."""

REGIONS = ("north", "east", "south", "west", "central", "islands")
PRODUCTS = ("mortgage", "car", "personal", "card")
CHURN, WEEKS, MOVED = 0.02, 53, 0.004
EDGES = ([0, 250000, 1000000, 5000000, 100000000], [0, 500000, 1000000, 2000000, 100000000])
NAMES = ("person", "owner", "region", "product", "balance", "income", "age", "days_past_due", "default_flag")
REGION, PRODUCT, BALANCE, LATE, FLAG = (
    NAMES.index(n) for n in ("region", "product", "balance", "days_past_due", "default_flag")
)

World = NDArray[np.int64]
"""One row a person, the columns of NAMES; regions and products by their place."""


@dataclass
class People:
    """Who is in all owners' tables this week."""

    rng: np.random.Generator
    rows: int
    stock: bool
    world: World = field(init=False)
    _next: int = 0

    def __post_init__(self) -> None:
        self.world = np.concatenate([self._newcomers(self.rows, owner) for owner in range(len(OWNERS))])

    def week_goes_by(self) -> None:
        """Let everybody's balance move, some come and go, some move; of events all are new."""
        if not self.stock:
            self.__post_init__()
            return
        rng, world = self.rng, self.world
        world[:, BALANCE] = np.clip(world[:, BALANCE] * rng.normal(0.99, 0.02, len(world)), 0, 100_000_000)
        moves = rng.random(len(world)) < MOVED
        world[moves, REGION] = rng.integers(0, len(REGIONS), int(moves.sum()))
        self._default(rng.random(len(world)) < 0.002)
        gone = rng.random(len(world)) < CHURN
        came = [self._newcomers(int((gone & (world[:, 1] == owner)).sum()), owner) for owner in range(len(OWNERS))]
        self.world = np.concatenate([world[~gone], *came])

    def owner_tries(self) -> None:
        """Let the recipient replace some of its own rows by others in one cell, as nobody can forbid it."""
        own = np.flatnonzero(self.world[:, 1] == SELF)
        chosen = self.rng.choice(own, int(self.rng.integers(1, 13)), replace=False)
        made = self._newcomers(len(chosen), SELF)
        made[:, REGION], made[:, PRODUCT] = self.rng.integers(0, len(REGIONS)), self.rng.integers(0, len(PRODUCTS))
        self.world = np.concatenate([np.delete(self.world, chosen, axis=0), made])

    def _newcomers(self, count: int, owner: int) -> World:
        rng, made = self.rng, np.zeros((count, len(NAMES)), np.int64)
        made[:, 0], made[:, 1] = np.arange(self._next, self._next + count), owner
        self._next += count
        made[:, REGION] = rng.choice(len(REGIONS), count, p=[0.3, 0.25, 0.2, 0.15, 0.07, 0.03])
        made[:, PRODUCT] = rng.choice(len(PRODUCTS), count, p=[0.35, 0.3, 0.2, 0.15])
        made[:, BALANCE] = np.clip(rng.lognormal(13.5, 1.2, count), 0, 100_000_000)
        made[:, 5], made[:, 6] = rng.integers(10_000, 120_000, count), rng.integers(18, 90, count)
        made[:, LATE] = rng.integers(0, 60, count) * (rng.random(count) < 0.1)
        made[:, FLAG] = rng.random(count) < 0.004
        return made

    def _default(self, who: NDArray[np.bool_]) -> None:
        self.world[who, FLAG], self.world[who, LATE] = 1, 120


@dataclass
class Consortium:
    """Contracts and agreements of a folder of their own, among parties that were made once."""

    folder: Path
    roster: Roster

    @classmethod
    def made(cls, folder: Path, rules: Mapping[str, object] | None = None) -> Consortium:
        """The four banks, and a second contract of theirs, `payments`, whose rows are new in each period.

        Under other `rules` than those of the example's policy, if any are given.
        """
        copy_examples(folder / "contracts", clock.today())
        if rules is not None:
            policy = folder / "contracts" / "policies" / "strict-counts.policy.yaml"
            policy.write_text(yaml.safe_dump({**yaml.safe_load(policy.read_text()), "rules": dict(rules)}))
        data = folder / "contracts" / "data"
        loans = (data / "loans.odcs.yaml").read_text()
        head, flag = loans.split("      - name: default_flag\n")
        flag = flag.replace("value: [correlation]", "value: [correlation, mean_by_group]", 1)
        loans = f"{head}      - name: default_flag\n{flag}"
        (data / "loans.odcs.yaml").write_text(loans)
        events = loans.replace("\nid: loans\n", "\nid: payments\n")
        if b"tableKind" in schema_text("contract"):
            events = events.replace(
                "\ncustomProperties:\n", "\ncustomProperties:\n  - property: tableKind\n    value: events\n"
            )
        (data / "payments.odcs.yaml").write_text(events)
        raw = (folder / "contracts" / "rosters" / "four-banks.roster.yaml").read_bytes()
        parties = yaml.safe_load(raw)["parties"]
        cards = [
            Home.create(folder / p["id"], p["id"], str(folder / "exchange"), p["roles"]).keys.public for p in parties
        ]
        return cls(folder, fill_roster(raw, "roster.yaml", cards, clock.today()))

    def vary(self, name: str, contract: str, words: Mapping[str, str]) -> None:
        """Put a contract of this name beside another, which differs by its id and by these words."""
        data = self.folder / "contracts" / "data"
        text = (data / f"{contract}.odcs.yaml").read_text().replace(f"\nid: {contract}\n", f"\nid: {name}\n")
        for old, new in words.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (data / f"{name}.odcs.yaml").write_text(text)

    def agreement(self, name: str, contract: str, plans: list[dict[str, Any]], owners: int) -> Agreement:
        """An agreement on these plans among so many owners. Raises: CounterfoilError where it cannot be."""
        folder = self.folder / "contracts" / "agreements"
        value = yaml.safe_load((folder / "exposure.agreement.yaml").read_text())
        value |= {"id": name, "contracts": {contract: f"{contract}.odcs.yaml"}}
        value["owners"] = {owner: [contract] for owner in OWNERS[:owners]}
        value["analyses"] = [
            {"version": 1, "purpose": "test", "contract": contract, "recipients": ["bank-a"], **plan} for plan in plans
        ]
        value["recipients"] = ["bank-a"]
        file = folder / f"{name}.agreement.yaml"
        file.write_text(yaml.safe_dump(value, sort_keys=False))
        made = read_agreement(file, self.roster)
        analyses(made)
        return made


def plans(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A few analyses: random margins, cuts, correlations and means of a flag."""
    found: list[dict[str, Any]] = []

    def plan(name: str, analysis: str, columns: list[str], **parameters: Any) -> None:
        found.append({"name": name, "analysis": analysis, "columns": columns, "parameters": parameters})

    if rng.random() < 0.8:
        plan("total", "total", ["balance"], column="balance")
    for by in (["region"], ["product"], ["region", "product"]):
        if rng.random() < 0.5:
            plan("by-" + "-".join(by), "mean_by_group", ["balance", *by], value="balance", by=by)
    if rng.random() < 0.3:
        plan("defaults", "mean_by_group", ["default_flag", "region"], value="default_flag", by=["region"])
    if rng.random() < 0.4:
        plan("sizes", "histogram", ["balance"], column="balance", edges=EDGES[int(rng.integers(2))])
    if rng.random() < 0.4:
        plan("links", "correlation", ["balance", "income", "default_flag"])
        found[-1]["version"] = max(version for key, version in discover() if key == "correlation")
    return found or plans(rng)


@dataclass(frozen=True)
class Terms:
    """An agreement as long as all owners are in it, and after one has left; and in which weeks it is run."""

    whole: Agreement
    less: Agreement
    every: int
    first: int


@dataclass
class History:
    """What was released in a year, and who was really in the tables: by contract."""

    seed: int
    releases: dict[str, list[Release]]
    worlds: dict[str, dict[str, World]]
    asked: int = 0


def history(consortium: Consortium, seed: int, rows: int = 600, weeks: int = WEEKS) -> History:
    """A year of this seed, on so many rows of all owners, released under agreements that overlap."""
    rng = dice(seed, 11)
    asked = [_terms(consortium, rng, f"a{seed}-{at}", "loans") for at in range(int(rng.integers(1, 4)))]
    asked.append(_terms(consortium, rng, f"e{seed}", "payments"))
    people = {name: People(rng, rows // len(OWNERS), stock=name == "loans") for name in ("loans", "payments")}
    homes = {name: Homes() for name in people}
    leaves = int(rng.integers(20, 41)) if rng.random() < 0.5 else weeks + 1
    made = History(seed, {name: [] for name in people}, {name: {} for name in people})
    for week in range(1, weeks + 1):
        due = [each for each in asked if week >= each.first and (week - each.first) % each.every == 0]
        for name, own in people.items():
            if week > 1:
                own.week_goes_by()
            own.owner_tries()
            state = f"w{week:02}"
            for each in due:
                terms = each.whole if week < leaves else each.less
                if name not in terms.contracts:
                    continue
                made.asked += 1
                tables = dict(tables_of(terms, name, own.world))
                released = homes[name].release(terms, tables, week)
                if released is not None:
                    opened, judged = released
                    total = sum(table.rows for table in tables.values())
                    made.releases[name].append(Release(state, analyses(terms), opened, (total, total), judged))
                    made.worlds[name][state] = own.world[own.world[:, 1] < len(terms.owners)].copy()
    return made


def _terms(consortium: Consortium, rng: np.random.Generator, name: str, contract: str) -> Terms:
    while True:
        drawn = plans(rng)
        try:
            whole = consortium.agreement(name, contract, drawn, len(OWNERS))
        except CounterfoilError:
            continue
        less = replace(whole, holdings={owner: whole.holdings[owner] for owner in OWNERS[:-1]})
        every = int(rng.choice([1, 4, 13], p=[0.1, 0.45, 0.45]))
        return Terms(whole, less, every if contract == "loans" else 8, 1 + int(rng.integers(4)))


def tables_of(terms: Agreement, contract: str, world: World) -> Iterator[tuple[Part, Table]]:
    """The table of each owner of the agreement, by the part that it hands in."""
    needed = {column for plan in terms.analyses for column in plan.columns}
    for place, owner in enumerate(OWNERS[: len(terms.owners)]):
        mine = world[world[:, 1] == place]
        columns: dict[str, Any] = {"customer_id": [f"AA{person:08}" for person in mine[:, 0]]}
        for at, name in enumerate(NAMES[2:], 2):
            if name in needed:
                words: Mapping[str, tuple[str, ...]] = {"region": REGIONS, "product": PRODUCTS}
                columns[name] = np.array(words[name])[mine[:, at]] if name in words else mine[:, at]
        yield Part(owner, contract), Table(terms.contracts[contract], "test", pa.table(columns))
