"""The leakage statement: what a job lets anybody learn, in plain words, from what was agreed before it runs.

Equal agreements give equal text, so every node writes its own and compares digests. Knows nothing of the run; that only
what is listed here was opened is the ledger's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from counterfoil.governance.agreements.repetition import asks_twice
from counterfoil.governance.agreements.where import in_words
from counterfoil.governance.cumulative.release_history import guarded, noise_instead
from counterfoil.governance.policies.privacy import ONE_ROW
from counterfoil.mpc.suites.registry import SUITES
from counterfoil.report import wording

if TYPE_CHECKING:
    from counterfoil.analyses.base import Analysis
    from counterfoil.governance.agreements.agreement import Agreement
    from counterfoil.governance.parties.roster import Party
    from counterfoil.mpc.runtime.ledger import Declared

LEAKAGE: Final = "leakage/1"
"""The statement's wording: all nodes must write the same."""


def statement(agreement: Agreement, analyses: Sequence[Analysis], declared: Iterable[Declared]) -> str:
    """Write the text that reviewers sign and recipients read: paragraphs and lists (`- `) apart by empty lines."""
    nodes = wording.listing(agreement.nodes)
    contracts = [f"{c.id} version {c.version} ({c.digest})" for c in agreement.contracts.values()]
    blocks = (
        f"Two nodes together see everything: if any two of {nodes} pool what they hold, they can reconstruct all that "
        "the owners handed in.",
        f"This statement is for agreement {agreement.id} version {agreement.version} ({agreement.digest}), suite "
        f"{agreement.suite}, contracts {', '.join(contracts)}.",
        "What the owners hand in stays secret as long as at most one node is corrupted. "
        f"{SUITES[agreement.suite].corrupted} Nodes that share an administrator, a cloud account or a key store count "
        "as one. The nodes are run by:",
        "\n".join(map(_operator, map(agreement.roster.party, agreement.nodes))),
        *_repeated(agreement),
        "Every node learns:",
        "- the agreement and its contracts, with their bounds and categories\n"
        "- how many rows each owner hands in\n"
        + _corrected(agreement)
        + "- which software each other node says it runs, as a digest\n"
        "- when the job ran, for how long, and the sizes of all messages",
        *_opened(declared),
        *_checkers(agreement.checkers),
        "The recipients learn the following and which cells are hidden:",
        "\n".join(map(_released, analyses)),
        *_untold(analyses),
        "A cell is hidden while it is still secret-shared, and opened to nobody, if",
        "\n".join(f"- {rule}" for rule in agreement.rules.describe()),
        "Other cells are hidden with it where it could be subtracted from the margins that are released here, to "
        "whomever, or from the number of all rows; which is which is not told. What is left possible for its count is "
        f"at least {agreement.min_count} wide. Who hands in false values can mislead these rules.",
        *agreement.rules.describe_rounding(),
        *_refused(agreement),
        *_noise(agreement),
        "An attempt that fails shows that it failed, and at which step. An owner can hand in false values within the "
        "agreed bounds; the computation cannot notice.",
    )
    return "\n\n".join(blocks) + "\n"


def _corrected(agreement: Agreement) -> str:
    if not agreement.corrections:
        return ""
    return "- whether, and how often, an owner corrected what it had handed in, and how many rows it had then\n"


def _noise(agreement: Agreement) -> Iterator[str]:
    exact = [plan.name for plan in agreement.analyses if not plan.privacy]
    if exact:
        yield (
            f"No noise is added to {wording.listing(exact)}. Whoever compares these results with others over nearly "
            "the same rows may learn something about the rows in which they differ: since each release that the "
            "table's owner remembers, enough persons changed."
        )
    if not agreement.charged:
        return
    yield "Noise that no node knows is added to these, in every cell and before anything is hidden:"
    yield "\n".join(
        f"- {plan.name}: {plan.privacy or f'{plan.instead}, only where its table waits, see above'}"
        for plan in agreement.charged
    )
    yield (
        "So whoever reads them, whatever else they know, can hardly tell the tables from others of as many rows in "
        "which the rows of one are put in place of the rows of another. That one is, by contract:"
    )
    yield "\n".join(_protected(agreement, name) for name in dict.fromkeys(plan.contract for plan in agreement.charged))
    yield (
        "How many rows each owner hands in is known to all parties, and noise does not hide it; nor does it hide that "
        "every table satisfied its contract. What is hidden in a noised result depends on its noised counts alone."
    )
    yield "What all noised results together may tell a recipient, whatever the agreement, is limited by every node:"
    yield "\n".join(
        f"- {budget.recipient}, of {budget.contract}: {cap}"
        for budget in agreement.budgets
        for cap in agreement.caps(budget.contract, budget.recipient)
    )


def _protected(agreement: Agreement, name: str) -> str:
    person = agreement.contracts[name].person
    return f"- {name}: {person.protects(len(agreement.owners_under(name))) if person else ONE_ROW}"


def _refused(agreement: Agreement) -> Iterator[str]:
    if guarded(agreement):
        yield (
            "Owners remember the rows of the last 52 states of a table that were released, and hand in, in shares, how "
            "many persons changed since in each sum and cell. A table in which too little changed in all its rows "
            "waits: nothing exact of it leaves, and all parties learn that. Which cells are hidden depends on data: in "
            "a cell that was shown, enough changed since each earlier release."
        )
        yield from noise_instead(agreement)
        if rules := "\n".join(f"- {rule}" for rule in agreement.rules.describe_releases()):
            yield "A release of exact results is refused, before anything is computed, if"
            yield rules


def _repeated(agreement: Agreement) -> Iterator[str]:
    if agreement.repeats:
        yield (
            f"The owners hand the same tables in to {wording.listing(agreement.repeats.nodes)}, too, under "
            f"{agreement.repeats.agreement}, which this agreement repeats: any two of these see everything as well."
        )
    if asks_twice(agreement):
        yield "Recipients get the results of both computations, and learn whether every number in them is the same."


def _checkers(checkers: Sequence[str]) -> Iterator[str]:
    if checkers:
        yield f"{wording.listing(checkers)} get what they are to receive before it is approved, to check it."


def _untold(analyses: Sequence[Analysis]) -> Iterator[str]:
    lines = [f"- {each.planned.name}: {line}" for each in analyses for line in each.untold()]
    if lines:
        yield "Results can leave this open:"
        yield "\n".join(lines)


def _operator(node: Party) -> str:
    return f"- {node.id}: {node.organisation}, {node.jurisdiction}, hosted at {node.hosting}"


def _opened(declared: Iterable[Declared]) -> Iterator[str]:
    lines = [f"- {line.label}, at most {wording.count(line.maximum, 'time')}: {line.purpose}" for line in declared]
    if lines:
        yield "During the computation the nodes open this and nothing else:"
        yield "\n".join(lines)
    else:
        yield "During the computation the nodes open nothing."


def _released(analysis: Analysis) -> str:
    plan = analysis.planned
    rows = f", of {in_words(plan.where)}" if plan.where else ""
    columns = f" ({', '.join(plan.columns)}{rows})" if plan.columns else ""
    return (
        f"- {wording.listing(plan.recipients)}, from {plan.name}, {plan.analysis} version {plan.version}{columns}: "
        f"{wording.listing(analysis.reveals)}"
    )
