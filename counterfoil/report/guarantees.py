"""What protects the data step by step, and who would have to work together to learn more than was agreed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.mpc.suites.registry import SUITES

Reads: TypeAlias = Literal["nothing", "its own", "counts", "results", "everything"]

READS: Final[tuple[Reads, ...]] = get_args(Reads)
"""From the least to the most."""


@dataclass(frozen=True, slots=True)
class Collusion:
    """Who would have to pool what they hold, and what they would learn."""

    who: str
    learns: str


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One step of a job: who holds the data then and in which form, against whom that protects, and what each could
    read of what there is at that step. Counts are also sizes, times and digests."""

    step: str
    form: str
    against: str
    reads: Mapping[str, Reads]

    def by_what(self) -> Iterator[tuple[Reads, tuple[str, ...]]]:
        """Group readers by what they could read, from those who could read the most."""
        for level in reversed(READS):
            if who := tuple(name for name, read in self.reads.items() if read == level):
                yield level, who


def collusions(agreement: Agreement) -> Iterator[Collusion]:
    """List who would have to collude, from the most to the least that anybody could learn."""
    yield Collusion(
        f"any two of {', '.join(agreement.nodes)}",
        "everything that all owners hand in" + (", with pseudonyms for people" if agreement.links else ""),
    )
    if agreement.repeats:
        yield Collusion(
            f"any two of {', '.join(agreement.repeats.nodes)}",
            "the same: owners hand the same tables in to them, too, under the agreement that this one repeats",
        )
    if agreement.links:
        yield Collusion("two nodes and any owner", "whose pseudonyms these are, by trying names")
    for name in agreement.contracts:
        owners = agreement.owners_under(name)
        exact = [plan for plan in agreement.analyses if plan.contract == name and not plan.privacy]
        readers = sorted({recipient for plan in exact for recipient in plan.recipients})
        if len(owners) > 1 and readers:
            others = "the other owner" if len(owners) == 2 else f"all but one of the {len(owners)} owners"
            yield Collusion(
                f"{others} under {name}, with {' or '.join(readers)}",
                "the remaining owner's part of every exact result that was released, by subtracting their own",
            )
    yield Collusion(
        f"{agreement.quorum} of {', '.join(agreement.reviewers)}, unless one of them rejects",
        "nothing; they let a result go to its recipients, whatever it says",
    )
    yield Collusion("one node and all recipients", "nothing but the released results")
    yield Collusion(f"{agreement.coordinator}, whoever runs the exchange, and one node", "nothing more than that node")


def guarantees(agreement: Agreement) -> Iterator[Guarantee]:
    """Give the matrix of steps and readers, in the order of a job."""
    one_node = SUITES[agreement.suite].withstood

    def reads(
        others: Reads, *, owner: Reads = "nothing", node: Reads = "nothing", pair: Reads = "everything",
        checkers: Reads = "nothing", recipients: Reads = "nothing",
    ) -> dict[str, Reads]:  # fmt: skip
        return {
            "an owner": owner,
            "one node": node,
            "two nodes": pair,
            "coordinator or exchange": others,
            "reviewers": others,
            **({"checkers": checkers} if agreement.checkers else {}),
            "recipients": recipients,
        }

    yield Guarantee(
        "check and minimise",
        "the owner's own table, on its own machine",
        "everybody else",
        reads("nothing", owner="its own", pair="nothing"),
    )
    yield Guarantee(
        "hand in",
        "shares, sealed to each node and signed",
        "everybody but two nodes together",
        reads("counts", owner="its own", node="counts", checkers="counts", recipients="counts"),
    )
    yield Guarantee("compute", "shares; between nodes masked, over TLS with pinned keys", one_node, reads("nothing"))
    yield Guarantee(
        "open counts",
        "how many inputs were rejected and cells hidden, in plain, at the nodes",
        "nobody",
        reads("nothing", node="counts"),
    )
    yield Guarantee(
        "review",
        "counts and digests alone; the result stays in shares",
        one_node,
        reads("counts", owner="counts", node="counts", checkers="results", recipients="counts"),
    )
    yield Guarantee(
        "release",
        "shares under fresh masks, sealed to each recipient",
        "everybody but the recipient",
        reads("nothing", checkers="results", recipients="results"),
    )
    hidden = "small cells hidden" + (", and noise where a plan asks for it" if agreement.private else "")
    yield Guarantee(
        "read",
        f"the result in plain, {hidden}",
        "whoever would single somebody out; not: combinations",
        reads("nothing", checkers="results", recipients="results"),
    )
