"""Complete a drafted contract by what was chosen: whom rows are about, what columns are needed for, the terms.

Columns that no analysis uses and that tell nobody apart are left out: what is not in the contract is not read. What a
column means is taken from its name until its owners say it better. Knows no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from counterfoil.canonical import load_yaml
from counterfoil.data.drafting.draft import draft
from counterfoil.data.drafting.profile import Profile
from counterfoil.errors import DocumentError
from counterfoil.governance.documents import did_you_mean
from counterfoil.governance.writing import comments_of, write_yaml
from counterfoil.roles.founder.choices import Choice, texts

RETENTION_DAYS: Final = 30
_DAYS: Final = 2 * 365


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person decides about every contract; `person` is the column that tells whom a row is about."""

    purpose: str = ""
    lawful_basis: str = ""
    person: str = ""
    about_nobody: bool = False
    events: bool = False
    minimum_count: int = 10
    meanings: Mapping[str, str] = field(default_factory=dict)


def contract_of(name: str, seen: Profile, choices: Iterable[Choice], terms: Terms, today: date) -> str:
    """Write the contract for tables of this profile, complete, so that it can be signed.

    Raises: DocumentError when nothing says whom rows are about, or a column that is named is not there.
    """
    chosen = [each for each in choices if each.contract == name]
    columns = [each.name for each in seen.columns]
    used = {column for each in chosen for column in each.columns}
    person = _person(name, seen, used, terms)
    kept = [each for each in columns if each in used or each == person]
    text = draft(replace(seen, columns=tuple(each for each in seen.columns if each.name in kept)), name)
    document = load_yaml(text.encode(), name)
    value = dict(document.value)
    value |= {"version": "1.0.0", "status": "active", "description": {"purpose": terms.purpose}}
    (table,) = value["schema"]
    items = [_column(dict(item), person, chosen, terms) for item in table["properties"]]
    value["schema"] = [{**table, "properties": items}]
    value["customProperties"] = _properties(seen, person, chosen, terms, today)
    comments = comments_of(text, document)
    comments.above = {path: lines for path, lines in comments.above.items() if len(path) > 1}  # not the draft's head
    comments.above[()] = [
        "yaml-language-server: $schema=../schema/contract.schema.json",
        f"Drafted from {seen.rows} rows or fewer of each owner, on one machine, for the analyses that were chosen:",
        "it has the columns that these use, and no other. Read it, say better what columns mean, and sign it.",
    ]
    return write_yaml(value, comments)


def _person(name: str, seen: Profile, used: Iterable[str], terms: Terms) -> str:
    """Choose the column that tells whom a row is about: the one that is named, or the one that numbers the rows."""
    columns = [each.name for each in seen.columns]
    if terms.person:
        if terms.person not in columns:
            hint = did_you_mean(terms.person, columns)
            raise DocumentError(
                f"--person {terms.person}: {name} has no such column{hint}; it has {', '.join(columns)}"
            )
        return terms.person
    numbering = [each.name for each in seen.columns if each.different == seen.rows and each.name not in set(used)]
    texts = [each.name for each in seen.columns if each.kind == "string" and each.name in numbering]
    if not (texts or numbering) and not terms.about_nobody:
        raise DocumentError(
            f"{name}: no column numbers its rows, so nobody can count how many persons a result is about; say which "
            "column tells persons apart: --person COLUMN, or that rows are about none: --about-nobody"
        )
    return next(iter(texts or numbering), "")


def _column(item: dict[str, Any], person: str, chosen: Sequence[Choice], terms: Terms) -> dict[str, Any]:
    name = item["name"]
    own = [each for each in item.get("customProperties") or [] if each["property"] != "categories" or name != person]
    meaning = terms.meanings.get(name, f"{name.replace('_', ' ')}, as the owners' tables have it")
    uses = [each for each in chosen if name in each.columns]
    if not uses:
        role = [{"property": "privacyRole", "value": "identifier"}]
        item["required"] = True
    else:
        needed = "; ".join(sorted({f"{each.analysis.replace('_', ' ')}" for each in uses}))
        role = [
            {"property": "privacyRole", "value": _role(item, uses)},
            {"property": "purpose", "value": f"needed for {needed}"},
        ]
    if name == person and item.get("unique"):
        item["primaryKey"] = True
    first = {"name": name, "description": meaning}
    return {**first, **{key: each for key, each in item.items() if key not in first}, "customProperties": role + own}


def _role(item: Mapping[str, Any], uses: Sequence[Choice]) -> str:
    grouped = any(item["name"] in texts(each.params.get("by")) for each in uses)
    return "measure" if item["logicalType"] in ("integer", "number") and not grouped else "quasi"


def _properties(
    seen: Profile, person: str, chosen: Sequence[Choice], terms: Terms, today: date
) -> list[dict[str, Any]]:
    found: dict[str, Any] = {
        "lawfulBasis": terms.lawful_basis,
        "minimumCount": terms.minimum_count,
        "retention": RETENTION_DAYS,
        "expires": (today + timedelta(days=_DAYS)).isoformat(),
        "allowedAnalyses": sorted({each.analysis for each in chosen}),
        "tableKind": "events" if terms.events else "stock",
    }
    numbered = any(each.name == person and each.different == seen.rows for each in seen.columns)
    if person and not numbered:
        found["rowsPerPerson"] = {"columns": [person], "most": 10}
    if not person:
        found["notAboutPersons"] = True
    return [{"property": name, "value": value} for name, value in found.items()]
