"""What changes from one agreement to the next, in plain words, and whose signature the next one takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from counterfoil.governance.agreements.agreement import Agreement, Planned
from counterfoil.governance.agreements.where import in_words
from counterfoil.governance.contracts.contract import Contract
from counterfoil.governance.contracts.signatures import meaning
from counterfoil.governance.parties.roster import Party, Roster


def changes(old: Agreement, new: Agreement) -> list[str]:
    """List every difference that matters to a signer, one line each; none if both are the same agreement."""
    return [*_terms(old, new), *_parties(old, new), *_contracts(old, new), *_plans(old, new), *_budgets(old, new)]


def signatures(old: Agreement, new: Agreement) -> list[str]:
    """Return who signs what: a signature covers every word of one agreement, so the next one takes all of them anew."""
    if old.digest == new.digest:
        return ["this is one and the same agreement; nobody signs again"]
    if _differs_in_descriptions(old, new):
        names = [name for name in old.contracts if old.contracts[name].digest != new.contracts[name].digest]
        owners = dict.fromkeys(owner for name in names for owner in old.owners_under(name))
        return [
            f"only descriptions of {_list(names)} differ: {old.id} {old.version} goes on as it is, and need not be "
            "replaced",
            f"must sign the new texts, by themselves: {_list(owners)}: counterfoil contract sign",
        ]
    stay = [party for party in new.parties if party in old.parties]
    lines = [f"must sign again: {_list(stay)}"] if stay else []
    if joining := [party for party in new.parties if party not in old.parties]:
        lines.append(f"must sign for the first time: {_list(joining)}")
    if leaving := [party for party in old.parties if party not in new.parties]:
        lines.append(f"need not sign any more: {_list(leaving)}")
    lines.append(
        f"until all have signed, {old.id} {old.version} stays as it is; submissions count for one of the two alone"
    )
    return lines


def _differs_in_descriptions(old: Agreement, new: Agreement) -> bool:
    """Tell whether the two are the same file, on the same policies and roster, and contracts of the same meaning."""
    same = (old.raw, old.roster.digest, [each.digest for each in old.policies], old.contracts.keys()) == (
        new.raw,
        new.roster.digest,
        [each.digest for each in new.policies],
        new.contracts.keys(),
    )
    return same and all(meaning(old.contracts[name]) == meaning(new.contracts[name]) for name in old.contracts)


def roster_changes(old: Roster, new: Roster) -> list[str]:
    """List who joins, who leaves, and whose keys are others, one line each."""
    were, become = ({party.id: party for party in roster.parties} for roster in (old, new))
    lines = [f"{id} leaves; its keys are revoked" for id in were if id not in become]
    for id, party in become.items():
        if id not in were:
            lines.append(f"{id} joins as {_list(party.roles)}: {party.organisation}; fingerprint {party.keys.sign_id}")
        elif party.keys.sign == were[id].keys.sign and party.keys != were[id].keys:
            lines.append(f"{id} has renewed its keys; its fingerprint stays")
        else:
            lines += _party(were[id], party)
    return [*lines, f"it holds until {new.expires}"]


def _terms(old: Agreement, new: Agreement) -> Iterator[str]:
    pairs: Mapping[str, tuple[object, object]] = {
        "name": (f"{old.id} {old.version}", f"{new.id} {new.version}"),
        "title": (old.title, new.title),
        "purpose": (old.purpose, new.purpose),
        "suite": (old.suite, new.suite),
        "first day": (old.starts, new.starts),
        "last day": (old.expires, new.expires),
        "review date": (old.review_by or "none", new.review_by or "none"),
        "schedule": (
            f"every {old.schedule.every} ({old.schedule.cron}; missed: {old.schedule.missed})",
            f"every {new.schedule.every} ({new.schedule.cron}; missed: {new.schedule.missed})",
        ),
        "tables": (
            f"{old.schedule.tables}, waited for {old.schedule.wait_hours} h",
            f"{new.schedule.tables}, waited for {new.schedule.wait_hours} h",
        ),
        "proposer": (old.proposer, new.proposer),
        "approvals needed": (old.quorum, new.quorum),
        "computations for one period": (old.iterations, new.iterations),
        "corrections of what was handed in": (_corrections(old), _corrections(new)),
        **{f"disclosure rule {name}": (was, new.rules.facts()[name]) for name, was in old.rules.facts().items()},
        "days that nodes keep shares": (old.share_retention_days, new.share_retention_days),
        "licence of released tables": (old.licence or "none", new.licence or "none"),
        "days that results can be opened": (old.release_retention_days, new.release_retention_days),
    }
    for what, (was, becomes) in pairs.items():
        if was != becomes:
            yield f"{what}: was {was}, becomes {becomes}"
    yield from _members(
        "disclosure policies", *([f"{p.source} ({p.digest[:16]})" for p in each.policies] for each in (old, new))
    )


def _parties(old: Agreement, new: Agreement) -> Iterator[str]:
    roles: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
        "owners": (old.owners, new.owners),
        "nodes": (old.nodes, new.nodes),
        "coordinator": ((old.coordinator,), (new.coordinator,)),
        "recipients": (old.recipients, new.recipients),
        "reviewers": (old.reviewers, new.reviewers),
        "checkers": (old.checkers, new.checkers),
        "cross-checks": (old.cross_checks, new.cross_checks),
        "nodes of the repeated agreement": (_repeated(old), _repeated(new)),
        "pinned software": (old.software, new.software),
    }
    for role, (were, become) in roles.items():
        yield from _members(role, were, become)
    if bool(old.software) != bool(new.software):
        yield "software of the nodes: " + ("is pinned" if new.software else "is pinned no longer")
    yield from _audiences(old, new)
    for id in new.recipients:
        was, becomes = (each.delivery.get(id, "the exchange") for each in (old, new))
        if id in old.recipients and was != becomes:
            yield f"{id}, delivery: was {was}, becomes {becomes}"
    for id in sorted({*old.parties} & {*new.parties}):
        yield from _party(old.roster.party(id), new.roster.party(id))


def _audiences(old: Agreement, new: Agreement) -> Iterator[str]:
    were, become = ({each.name: each for each in agreement.audiences} for agreement in (old, new))
    yield from _members("audiences", were, become)
    for name, audience in become.items():
        if name not in were:
            yield f"{name} are recipients with {audience}: {_list(audience.members)}"
            continue
        if str(were[name]) != str(audience):
            yield f"{name}: was recipients with {were[name]}, becomes recipients with {audience}"
        yield from _members(f"{name}: who that is", were[name].members, audience.members)


def _corrections(agreement: Agreement) -> str:
    return "until the nodes begin to compute" if agreement.corrections else "none"


def _repeated(agreement: Agreement) -> tuple[str, ...]:
    return agreement.repeats.nodes if agreement.repeats else ()


def _party(old: Party, new: Party) -> Iterator[str]:
    if old.keys != new.keys:
        yield f"{old.id} has other keys: compare the fingerprint {new.keys.sign_id} with it"
    own: Mapping[str, tuple[object, object]] = {
        "roles": (_list(old.roles), _list(new.roles)),
        **{
            what: (getattr(old, what), getattr(new, what))
            for what in ("organisation", "jurisdiction", "hosting", "address")
        },
        **{what: (_has(old, what), _has(new, what)) for what in sorted({*old.attributes} | {*new.attributes})},
    }
    for what, (was, becomes) in own.items():
        if was != becomes:
            yield f"{old.id}, {what}: was {was}, becomes {becomes}"


def _has(party: Party, attribute: str) -> str:
    return _list(party.attributes.get(attribute, ("nothing",)))


def _contracts(old: Agreement, new: Agreement) -> Iterator[str]:
    yield from _members("contracts", old.contracts, new.contracts)
    for name in sorted({*old.admitted} | {*new.admitted}):
        every = {name: ("every column",)}
        yield from _members(
            f"columns of {name} that analyses may use",
            *({**every, **each.admitted}[name] for each in (old, new)),
        )
    for owner in (owner for owner in old.owners if owner in new.owners):
        yield from _members(f"{owner}: tables under the contracts", old.holdings[owner], new.holdings[owner])
    for name in sorted({*old.contracts} & {*new.contracts}):
        was, becomes = old.contracts[name], new.contracts[name]
        if was.digest != becomes.digest and meaning(was) == meaning(becomes):
            yield f"contract {name} changes in its descriptions alone, for which its owners stand"
        elif was.digest != becomes.digest:
            yield f"contract {name} changes{_versions(was, becomes)}; read it anew"


def _versions(old: Contract, new: Contract) -> str:
    return f" from {old.version} to {new.version}" if old.version != new.version else f" within version {old.version}"


def _plans(old: Agreement, new: Agreement) -> Iterator[str]:
    were = {plan.name: plan for plan in old.analyses}
    become = {plan.name: plan for plan in new.analyses}
    yield from _members("analyses", were, become)
    for name, plan in were.items():
        if name in become and plan.plan_digest != become[name].plan_digest:
            yield from _plan(plan, become[name])


def _plan(old: Planned, new: Planned) -> Iterator[str]:
    yield from _members(f"{old.name}: recipients", old.recipients, new.recipients)
    yield from _members(f"{old.name}: columns", old.columns, new.columns)
    if old.where != new.where:
        yield f"{old.name}: was about {in_words(old.where)}, becomes about {in_words(new.where)}"
    if (old.analysis, old.version) != (new.analysis, new.version):
        yield f"{old.name}: was {old.analysis} version {old.version}, becomes {new.analysis} version {new.version}"
    if old.privacy != new.privacy:
        yield f"{old.name}: was {old.privacy or 'exact'}, becomes {new.privacy or 'exact'}"
    if old.instead != new.instead:
        was, becomes = (each.instead or "waiting" for each in (old, new))
        yield f"{old.name}, where it differs too little: was {was}, becomes {becomes}"
    if old.interval != new.interval:
        was, becomes = (f"once in {each.interval} days" if each.interval else "each period" for each in (old, new))
        yield f"{old.name}, exact: was {was}, becomes {becomes}"
    for parameter in sorted({*old.params} | {*new.params}):
        was, becomes = old.params.get(parameter, "not given"), new.params.get(parameter, "not given")
        if was != becomes:
            yield f"{old.name}, {parameter}: was {_value(was)}, becomes {_value(becomes)}"


def _budgets(old: Agreement, new: Agreement) -> Iterator[str]:
    were = {(each.recipient, each.contract): each for each in old.budgets}
    become = {(each.recipient, each.contract): each for each in new.budgets}
    for recipient, contract in sorted({*were} | {*become}):
        was, becomes = were.get((recipient, contract)), become.get((recipient, contract))
        what = f"what noised results under {contract} may tell {recipient}"
        if (was and was.cap) != (becomes and becomes.cap):
            yield f"{what}: was {was.cap if was else 'nothing'}, becomes {becomes.cap if becomes else 'nothing'}"
        elif was and becomes and was.alert != becomes.alert:
            yield f"{what}: an alert was at {was.alert} %, becomes at {becomes.alert} %"


def _members(what: str, were: Iterable[str], become: Iterable[str]) -> Iterator[str]:
    before, after = list(were), list(become)
    if joining := [item for item in after if item not in before]:
        yield f"{what}: {_list(joining)} added"
    if leaving := [item for item in before if item not in after]:
        yield f"{what}: {_list(leaving)} removed"


def _value(value: object) -> str:
    return _list(map(str, value)) if isinstance(value, tuple) else str(value)


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
