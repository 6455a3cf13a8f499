"""Templates: agreements that work as they are, one an industry, and the policies that any agreement may adopt.

They are the examples of this repository, shipped with the package. Who starts from one gets files of its own to edit,
whose days fit the day of the set-up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from counterfoil.errors import AgreementError, NotFoundError
from counterfoil.files import write_file
from counterfoil.governance.agreements.dating import date_agreement, date_document
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.documents import did_you_mean, read_document, schema_text
from counterfoil.governance.policies.policy import Policy, parse_policy

INDUSTRIES: Final = {
    "banking": "exposure",
    "health": "readmissions",
    "retail": "market",
    "millionaires": "millionaires",
}
"""Every template's agreement."""

BEGAN_DAYS: Final = 28
"""The agreements of `copy_examples` began so many days ago, so that there are periods to catch up with."""

_SCHEMAS: Final = ("agreement", "contract", "policy", "roster")
_DATED: Final = ("data", "policies")
_AGREEMENT, _POLICY, _ROSTER = ".agreement.yaml", ".policy.yaml", ".roster.yaml"


@dataclass(frozen=True, slots=True)
class Template:
    """An agreement with all it rests on."""

    id: str
    title: str
    raw: bytes
    roster: str
    contracts: tuple[Contract, ...]
    policies: tuple[Policy, ...]


def templates() -> dict[str, Template]:
    """Return every template, by its industry."""
    return {industry: _template(_root() / "agreements" / f"{id}{_AGREEMENT}") for industry, id in INDUSTRIES.items()}


def policies() -> list[Policy]:
    """Return every policy that is ready for use, in the order of their files' names."""
    files = [file for file in (_root() / "policies").iterdir() if file.name.endswith(_POLICY)]
    return [parse_policy(file.read_bytes(), file.name) for file in sorted(files, key=lambda file: file.name)]


def schemas() -> dict[str, bytes]:
    """Return the schemas by which editors check what people write, by their files' names."""
    return {f"{name}.schema.json": schema_text(name) for name in _SCHEMAS}


def chosen_policy(id: str, today: date) -> Policy:
    """Return the policy of that id, with days that fit today. Raises: NotFoundError, which lists the policies."""
    ready = {policy.id: policy for policy in policies()}
    if id not in ready:
        raise NotFoundError(f"no policy {id!r}{did_you_mean(id, ready)}; there are {', '.join(ready)}")
    found = ready[id]
    return parse_policy(date_document(found.raw.decode(), today).encode(), found.source)


def start_from(name: str, folder: Path, today: date, adopt: Sequence[str] = ()) -> list[Path]:
    """Copy the template's files into the folder, to be edited.

    The agreement runs from today on, with these policies instead of its own if any are given. Its file comes first.

    Raises: NotFoundError for an unknown template or policy; StoreError if a file is there already.
    """
    if name not in INDUSTRIES:
        raise NotFoundError(f"no template {name!r}{did_you_mean(name, INDUSTRIES)}; there are {', '.join(INDUSTRIES)}")
    template, ready = templates()[name], {policy.id: policy for policy in policies()}
    for id in adopt:
        if id not in ready:
            raise NotFoundError(f"no policy {id!r}{did_you_mean(id, ready)}; there are {', '.join(ready)}")
    chosen = [ready[id] for id in adopt] or list(template.policies)
    text = date_agreement(template.raw.decode(), today, today)
    if adopt:
        listed = "policies:\n" + "".join(f"  - {policy.source}\n" for policy in chosen)
        text = re.sub(r"^policies:\n(?:  - .*\n)+", listed, text, flags=re.MULTILINE)
    documents = {
        **{f"data/{contract.source}": contract.raw for contract in template.contracts},
        **{f"policies/{policy.source}": policy.raw for policy in chosen},
    }
    files = {
        f"agreements/{template.id}{_AGREEMENT}": text.encode(),
        **{path: date_document(raw.decode(), today).encode() for path, raw in documents.items()},
        f"rosters/{template.roster}{_ROSTER}": (_root() / "rosters" / f"{template.roster}{_ROSTER}").read_bytes(),
        **{f"schema/{name}": schema for name, schema in schemas().items()},
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_file(folder / path, content)
    return [folder / path for path in files]


def copy_examples(folder: Path, today: date) -> None:
    """Copy every example to a new folder, as if its parties had agreed four weeks ago; for demonstrations and tests."""
    for room in _root().iterdir():
        (folder / room.name).mkdir(parents=True)
        for file in room.iterdir():
            text = file.read_text("utf-8")
            if file.name.endswith(_AGREEMENT):
                text = date_agreement(text, today - timedelta(days=BEGAN_DAYS), today)
            elif room.name in _DATED:
                text = date_document(text, today)
            write_file(folder / room.name / file.name, text.encode())


def _template(file: Traversable) -> Template:
    raw = file.read_bytes()
    value = read_document(raw, file.name, "agreement", AgreementError).value
    found: dict[str, Contract] = {}
    waiting = list(value["contracts"].values())
    while waiting:
        source = waiting.pop(0)
        if source not in found:
            found[source] = parse_contract((_root() / "data" / source).read_bytes(), source)
            waiting += [reference.file for reference in found[source].references]
    adopted = [parse_policy((_root() / "policies" / name).read_bytes(), name) for name in value["policies"]]
    return Template(value["id"], value["title"], raw, value["roster"], tuple(found.values()), tuple(adopted))


def _root() -> Traversable:
    return resources.files("counterfoil") / "templates"
