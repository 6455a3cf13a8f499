"""What protects the data step by step, and who would have to work together to learn more than was agreed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from counterfoil.governance.agreement import Agreement

_ONE_NODE = {
    "rep3": "one node that reads everything it gets and follows the protocol",
    "rep4": "one node that does whatever it likes; a wrong step stops the job",
}


@dataclass(frozen=True, slots=True)
class Collusion:
    """Who would have to pool what they hold, and what they would learn."""

    who: str
    learns: str


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One step of a job: who holds the data then and in which form, and against whom that protects."""

    step: str
    form: str
    against: str


def collusions(agreement: Agreement) -> Iterator[Collusion]:
    """From the most to the least that anybody could learn."""
    yield Collusion(
        f"any two of {', '.join(agreement.nodes)}",
        "everything that all owners hand in" + (", with pseudonyms for people" if agreement.links else ""),
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
    """In the order of a job."""
    one_node = _ONE_NODE[agreement.suite]
    yield Guarantee("check and minimise", "the owner's own table, on its own machine", "everybody else")
    yield Guarantee("hand in", "shares, sealed to each node and signed", "everybody but two nodes together")
    yield Guarantee("compute", "shares; between nodes masked, over TLS with pinned keys", one_node)
    yield Guarantee("open counts", "how many inputs were rejected and cells hidden, in plain, at the nodes", "nobody")
    yield Guarantee("review", "counts and digests alone; the result stays in shares", one_node)
    yield Guarantee("release", "shares under fresh masks, sealed to each recipient", "everybody but the recipient")
    hidden = "small cells hidden" + (", and noise where a plan asks for it" if agreement.private else "")
    yield Guarantee("read", f"the result in plain, {hidden}", "whoever would single somebody out; not: combinations")
