"""The agreement's JSON Schema as an editor is helped by it: with analyses, and with what a folder has.

Analyses, their versions and parameters come from the registry, each with what it is for. Parties, contracts and columns
are those of the folder. It completes and warns; what counts is `agreement lint`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.parameters import Parameter
from counterfoil.analyses.registry import REGISTRY
from counterfoil.canonical import MAX_YAML_BYTES, load_yaml
from counterfoil.errors import CounterfoilError
from counterfoil.files import read_named
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.documents import schema_text

MODELINE: Final = "# yaml-language-server: $schema=../schema/agreement.schema.json"
"""By this first line of an agreement's file editors find the schema beside its folder."""

_CONTRACT, _POLICY, _ROSTER = ".odcs.yaml", ".policy.yaml", ".roster.yaml"


@dataclass(frozen=True, slots=True)
class Known:
    """What a folder has: contracts by their names in the agreement, files, and parties with their roles.

    `unread` says why what else is there could not be read.
    """

    contracts: Mapping[str, Contract] = field(default_factory=dict)
    contract_files: Sequence[str] = ()
    policy_files: Sequence[str] = ()
    parties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unread: Sequence[str] = ()


def known_beside(agreement: Path) -> Known:
    """Read what is in the folders beside an agreement's file, which itself need not be finished."""
    root, unread = agreement.resolve().parent.parent, list[str]()
    said = _said(agreement)
    named = said["contracts"] if isinstance(said.get("contracts"), Mapping) else {}
    contracts, files = dict[str, Contract](), list[str]()
    for file in sorted((root / "data").glob(f"*{_CONTRACT}")):
        files.append(file.name)
        try:
            contract = parse_contract(read_named(file, MAX_YAML_BYTES), file.name)
        except CounterfoilError as error:
            unread.append(str(error).split("\n", 1)[0])
            continue
        called = [name for name, each in named.items() if each == file.name]
        contracts |= dict.fromkeys(called or [file.name.removesuffix(_CONTRACT)], contract)
    parties = dict[str, Mapping[str, Any]]()
    rosters = sorted((root / "rosters").glob(f"*{_ROSTER}"))
    own = [file for file in rosters if file.name == f"{said.get('roster')}{_ROSTER}"]
    for file in own or rosters:
        try:
            listed = load_yaml(read_named(file, MAX_YAML_BYTES), file.name).value["parties"]
            parties |= {each["id"]: each for each in listed if isinstance(each["id"], str)}
        except (CounterfoilError, KeyError, TypeError):
            unread.append(f"{file.name}: no roster that can be read")
    policies = [file.name for file in sorted((root / "policies").glob(f"*{_POLICY}"))]
    return Known(contracts, files, policies, parties, unread)


def editor_schema(known: Known | None = None) -> bytes:
    """Write the schema of agreements, with the analyses that there are, and what is known of a folder."""
    known = known or Known()
    schema: Any = json.loads(schema_text("agreement"))
    fields = schema["properties"]
    plan = fields["analyses"]["items"]
    plan["properties"]["analysis"] = {
        "description": "which analysis, by its key",
        "oneOf": [
            {"const": key, "title": each.title, "description": _about(each)} for key, each in sorted(_by_key().items())
        ],
    }
    plan["properties"]["contract"] |= _hints(
        {name: contract.name for name, contract in known.contracts.items()}, closed=True
    )
    plan["allOf"] = [*plan.get("allOf", ()), *_versions(), *_conditions(known.contracts)]
    fields["contracts"]["additionalProperties"] |= _hints(dict.fromkeys(known.contract_files, "a contract of ../data"))
    fields["policies"]["items"] |= _hints(dict.fromkeys(known.policy_files, "a policy of ../policies"))
    review = fields["review"]["properties"]
    for role, place in (
        ("node", fields["nodes"]["items"]),
        ("coordinator", fields["coordinator"]),
        ("recipient", fields["recipients"]["items"]),
        ("recipient", plan["properties"]["recipients"]["items"]),
        ("reviewer", review["reviewers"]["items"]),
    ):
        place.update(_hints(_with_role(known, role)))
    review["proposer"] |= _hints(_with_role(known))
    if owners := _with_role(known, "owner"):
        each = fields["owners"]["additionalProperties"]
        fields["owners"]["properties"] = {id: {**each, "description": words} for id, words in owners.items()}
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


def with_modeline(text: str) -> str:
    """Return an agreement's text with the line by which editors find the schema."""
    return text if text.startswith("# yaml-language-server:") else f"{MODELINE}\n{text}"


def _said(agreement: Path) -> Mapping[str, Any]:
    """Read what the file says so far; nothing where it is no YAML yet."""
    try:
        value = load_yaml(read_named(agreement, MAX_YAML_BYTES), agreement.name).value
    except CounterfoilError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _by_key() -> dict[str, type[Analysis]]:
    return {key: analysis for (key, _), analysis in sorted(REGISTRY.items())}


def _about(analysis: type[Analysis]) -> str:
    return " ".join((inspect.getdoc(analysis) or analysis.title).split("\n\n")[0].split())


def _hints(words: Mapping[str, str], *, closed: bool = False) -> dict[str, Any]:
    """Offer these values; others stand, too, unless it is closed: an audience may be named where a party is."""
    offered = [{"const": value, "description": each} for value, each in words.items()]
    if not offered:
        return {}
    return {"oneOf": offered} if closed else {"anyOf": [*offered, {"type": "string"}]}


def _with_role(known: Known, role: str = "") -> dict[str, str]:
    return {
        id: f"{each.get('organisation', id)}: {', '.join(map(str, each.get('roles', ())))}"
        for id, each in known.parties.items()
        if not role or role in each.get("roles", ())
    }


def _versions() -> Iterator[dict[str, Any]]:
    for key in _by_key():
        versions = [version for known, version in REGISTRY if known == key]
        yield _given({"analysis": key}, {"version": {"enum": versions, "default": versions[-1]}})


def _conditions(contracts: Mapping[str, Contract]) -> Iterator[dict[str, Any]]:
    """Say what follows from a plan's analysis, and from that and its contract."""
    for key, analysis in _by_key().items():
        parameters = {name: _parameter(each) for name, each in analysis.params.items()}
        needed = [name for name, each in analysis.params.items() if each.required]
        then = {"parameters": {"properties": parameters, "required": needed, "additionalProperties": False}}
        made = _given({"analysis": key}, then)
        if needed:
            made["then"]["required"] = ["parameters"]
        yield made
        for name, contract in contracts.items():
            fitting = {
                parameter: _columns(each, contract, analysis)
                for parameter, each in analysis.params.items()
                if each.takes is not None
            }
            if fitting:
                yield _given({"analysis": key, "contract": name}, {"parameters": {"properties": fitting}})
    for name, contract in contracts.items():
        every = {each.name: each.description for each in contract.columns if each.role != "identifier"}
        yield _given({"contract": name}, {"columns": {"items": _hints(every, closed=True)}})


def _given(when: Mapping[str, str], then: Mapping[str, Any]) -> dict[str, Any]:
    condition = {"properties": {name: {"const": value} for name, value in when.items()}, "required": list(when)}
    return {"if": condition, "then": {"properties": dict(then)}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {"description": parameter.means, **parameter.form}


def _columns(parameter: Parameter, contract: Contract, analysis: type[Analysis]) -> dict[str, Any]:
    """Offer the contract's columns that the parameter can name."""
    takes = parameter.takes
    fit = {
        each.name: each.description
        for each in contract.shared().columns
        if takes is not None and each.role != "identifier" and takes.misfit(each, analysis.key, contract.id) is None
    }
    offered = _hints(fit, closed=True) if fit else {"not": {}}
    return {"items": offered} if parameter.form.get("type") == "array" else offered
