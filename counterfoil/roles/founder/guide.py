"""What a founded consortium's parties are told: a README with the steps in their order, and an invitation to each.

Every line that begins with `$` is typed as it stands, in the folder that the text is in or at home, as it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.roles.founder.staffing import Seat, Staffing

API: Final = "http://127.0.0.1:4200/api"
"""Where a Prefect server is by its own default."""

_EXTRAS: Final = {
    "owner": "owner,prefect",
    "node": "node,prefect",
    "coordinator": "sign,prefect",
    "recipient": "open",
    "reviewer": "sign",
}
_NAMED: Final = '"$(head -1 agreement)"'


@dataclass(frozen=True, slots=True)
class Told:
    """What the texts are about."""

    title: str
    id: str
    folder: Path
    here: bool
    staffing: Staffing
    agreement: str
    members: str
    contracts: tuple[str, ...]
    every: str
    period: str

    @property
    def workers(self) -> list[str]:
        """The parties that have a worker."""
        working = {"owner", "node", "coordinator"}
        return [seat.party for seat in self.staffing.seats if not working.isdisjoint(seat.roles)]


def readme(told: Told) -> str:
    """Write the README of the folder."""
    lines = [
        f"# {told.title}",
        "",
        *_parties(told),
        *(_here(told) if told.here else _apart(told)),
        "",
        "## What is in this folder",
        "",
        *_papers(told),
    ]
    return "\n".join([*lines, ""])


def _parties(told: Told) -> Iterator[str]:
    yield "| party | organisation | does |"
    yield "|---|---|---|"
    for seat in told.staffing.seats:
        yield f"| `{seat.party}` | {seat.organisation.name} | {seat.does} |"
    yield ""
    *_, why = told.staffing.told()
    yield f"{why[:1].upper()}{why[1:]}."
    yield ""


def _papers(told: Told) -> Iterator[str]:
    yield f"* `{told.agreement}`: who computes what, for whom, when. All parties sign it."
    for name in told.contracts:
        yield f"* `data/{name}.odcs.yaml`: what a table `{name}` must be. Say in it what each column means."
    yield f"* `{told.members}`: the parties, before their keys are filled in."
    yield "* `policies/`: which numbers stay hidden. `schema/`: what your editor checks these files by."
    if told.here:
        yield "* `roster.yaml`: the parties with their keys. `homes/`: what each has. `exchange/`: what they share."


def _here(told: Told) -> Iterator[str]:
    proposer, staffing = told.staffing.proposer, told.staffing
    yield "**All homes are on this machine, to rehearse. This is not how to run it:** whoever is root here reads every"
    yield "table. For that, each party makes its own home on its own machine: leave `--here` out."
    yield ""
    yield "## Next, in this folder"
    yield ""
    yield "```sh"
    yield f"$ counterfoil rehearse {told.agreement}"
    yield f"$ export PREFECT_API_URL={API}"
    yield f"$ counterfoil agreement draft {told.agreement} --roster roster.yaml --home homes/{proposer} > agreement"
    for seat in staffing.seats:
        yield f"$ counterfoil agreement sign {_NAMED} --yes --home homes/{seat.party}"
    yield "$ counterfoil server --folder prefect --background"
    for party in told.workers:
        yield f"$ counterfoil worker --home homes/{party} > homes/{party}/worker.log 2>&1 &"
    yield f"$ counterfoil deploy {told.id} --home homes/{proposer}"
    yield f"$ counterfoil run {told.id} --period {told.period} --wait --home homes/{proposer}"
    for reviewer in staffing.with_role("reviewer")[: staffing.quorum]:
        yield f"$ counterfoil review approve {told.id} {told.period} --comment 'as agreed' --home homes/{reviewer}"
    yield f"$ counterfoil run resume_reviews --at {proposer} --wait"
    yield f"$ counterfoil open {told.id} --home homes/{staffing.with_role('recipient')[0]}"
    yield "$ counterfoil verify exchange"
    yield "```"
    yield ""
    yield from _weekly(told)


def _weekly(told: Told) -> Iterator[str]:
    yield "`counterfoil doctor --home homes/PARTY` says what is wrong at a party, if anything, and what to do about it."
    yield ""
    yield (
        f"From then on each {told.every} starts by itself. Owners put their tables where the period's name says, like "
        f"`homes/{told.staffing.with_role('owner')[0]}/data/{told.contracts[0]}.{told.period}.csv`; reviewers approve."
    )


def _apart(told: Told) -> Iterator[str]:
    proposer = told.staffing.proposer
    yield f"## Next, at {proposer}"
    yield ""
    yield f"1. Read `{told.agreement}` and the contracts in `data/`. Say what columns mean; ask the other owners to try"
    yield "   their tables: `counterfoil contract test FILE --contract data/NAME.odcs.yaml`."
    yield f"   See what recipients would get: `counterfoil rehearse {told.agreement}`."
    yield f"2. In `{told.members}`, write at which address the others dial each node."
    yield "3. Send each party its file of `invitations/`. Each makes its home and sends you its card; put it into"
    yield "   `cards/`, and compare its fingerprint by telephone."
    yield "4. Fill the roster in, propose the agreement, and send everybody the reference that this prints:"
    yield ""
    yield "```sh"
    cards = " ".join(f"--card cards/{seat.party}.json" for seat in told.staffing.seats)
    yield f"$ counterfoil roster new {told.members} {cards} --out roster.yaml"
    yield f"$ counterfoil agreement draft {told.agreement} --roster roster.yaml --home HOME"
    yield "```"
    yield ""
    yield "5. Once all have signed, and a Prefect server runs that all workers reach (`counterfoil server`;"
    yield "   docs/operations.md has it with TLS and a word for each party), put on it what runs where, and start:"
    yield ""
    yield "```sh"
    yield f"$ counterfoil deploy {told.id} --home HOME"
    yield "$ counterfoil doctor --home HOME"
    yield f"$ counterfoil run {told.id} --home HOME"
    yield f"$ counterfoil status {told.id}"
    yield "```"


def invitation(told: Told, seat: Seat, exchange: str) -> str:
    """Write what one party does, from the installation to its part in each period."""
    roles = " ".join(f"--role {role}" for role in seat.roles)
    extras = ",".join(dict.fromkeys(part for role in seat.roles for part in _EXTRAS[role].split(",")))
    lines = [
        f"# {told.title}: what `{seat.party}` does",
        "",
        f"You are asked to take part as `{seat.party}`, of {seat.organisation.name}, which {seat.does}.",
        "",
        "## Once",
        "",
        "```sh",
        f"$ pip install 'counterfoil[{extras}]'",
        f"$ counterfoil party init {seat.party} --home home --exchange {exchange} {roles}",
        f"$ counterfoil party card --home home > {seat.party}.json",
        "```",
        "",
        f"Send `{seat.party}.json` to {told.staffing.proposer}, and read your fingerprint out to them by telephone.",
        "When you are sent the agreement's reference, read it in plain words, and sign it if you agree:",
        "",
        "```sh",
        "$ counterfoil agreement explain REFERENCE --home home",
        "$ counterfoil agreement sign REFERENCE --home home",
        "```",
        "",
        *_part(told, seat),
    ]
    return "\n".join([*lines, ""])


def _part(told: Told, seat: Seat) -> Iterator[str]:
    if seat.party in told.workers:
        yield "Then have a worker run, with the Prefect server's address as you are told it, and see that all is well:"
        yield ""
        yield "```sh"
        yield "$ export PREFECT_API_URL=https://SERVER/api"
        yield "$ counterfoil worker --home home"
        yield "$ counterfoil doctor --home home"
        yield "```"
        yield ""
    yield f"## Each {told.every}"
    yield ""
    if "owner" in seat.roles:
        for name in told.contracts:
            yield f"* Put your table into `home/data/{name}.PERIOD.csv`, with a period like {told.period}."
    if "reviewer" in seat.roles:
        yield f"* Look at what waits, and decide: `counterfoil review list {told.id} --home home`, then `review show`,"
        yield "  `review approve` or `review reject`."
    if "recipient" in seat.roles:
        yield f"* Open what was released: `counterfoil open {told.id} --home home`."
    if "coordinator" in seat.roles:
        yield f"* See who is waited for: `counterfoil status {told.id}`."
    if "node" in seat.roles:
        yield "* Nothing: your worker does its part. Let the other nodes reach your port."
