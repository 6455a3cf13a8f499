"""What `counterfoil help` explains, from what the code states: errors, analyses, disclosure rules, fields of documents.

The site has the same as pages; an installed program has this alone.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any, Final

import yaml

from counterfoil import errors
from counterfoil.errors import CounterfoilError, NotFoundError
from counterfoil.governance.documents import did_you_mean, schema_text

DOCUMENTS: Final = ("agreement", "contract", "policy", "roster")
_GROUPS: Final = ("errors", "analyses", "rules")


def explain(topic: str) -> list[str]:
    """Return the lines that explain the topic. Raises: NotFoundError for one that there is not."""
    if topic in DOCUMENTS:
        return _document(topic)
    if topic == "errors":
        return [f"{each.exit_code} {each.__name__}: {_one_line(each)}" for each in every_error()]
    if topic == "rules":
        return [*_rules()]
    if topic == "analyses":
        return [f"{key} v{version}: {title}" for key, version, title in _analyses()]
    for each in every_error():
        if topic in (str(each.exit_code), each.__name__):
            return [f"{each.__name__}, exit code {each.exit_code}", _one_line(each), each.remedy]
    if topic in (known := [key for key, _, _ in _analyses()]):
        return _analysis(topic)
    words = [*DOCUMENTS, *_GROUPS, *known, *(each.__name__ for each in every_error())]
    near = did_you_mean(topic, words)
    if not near and (about := _about(topic)):
        near = f"; analyses that are about it: {', '.join(about)}"
    raise NotFoundError(f"nothing is known of {topic!r}{near}; see what is: counterfoil help")


def topics() -> list[str]:
    """Say what can be asked for."""
    return [
        "counterfoil help NUMBER or NAME: what an exit code, or the error of that name, means, and what to do",
        "counterfoil help errors: all of them",
        "counterfoil help analyses: which there are; counterfoil help total: what one takes and tells",
        "counterfoil help rules: what a disclosure policy may set",
        f"counterfoil help {', '.join(DOCUMENTS)}: each field of that document",
        "counterfoil COMMAND --help: how a command is typed",
    ]


def every_error() -> list[type[CounterfoilError]]:
    """List every class of errors, by exit code."""
    found = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, CounterfoilError)}
    return sorted(found, key=lambda each: each.exit_code)


def _one_line(kind: type[CounterfoilError]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())


def _analyses() -> Iterator[tuple[str, int, str]]:
    from counterfoil.analyses.registry import REGISTRY

    for (key, version), analysis in REGISTRY.items():
        yield key, version, analysis.title


def _about(topic: str) -> list[str]:
    """Name the analyses whose key, title or description has the word."""
    from counterfoil.analyses import registry

    texts = {row["analysis"]: f"{row['analysis']} {row['title']} {row['means']}".lower() for row in registry.table()}
    return [key for key, text in texts.items() if topic.lower() in text]


def _analysis(key: str) -> list[str]:
    from counterfoil.analyses import registry

    lines: list[str] = []
    for row in registry.table():
        if row["analysis"] == key:
            lines += [f"{key} version {row['version']}: {row['title']}", *row["means"].split("\n"), ""]
            lines += [
                f"{name}: {row[name]}"
                for name in ("parameters", "columns", "recipients learn", "statistics", "rules")
                if row[name]
            ]
            plan = registry.example(registry.REGISTRY[key, int(row["version"])])
            lines += ["", "for example:", *yaml.safe_dump([plan], sort_keys=False, default_flow_style=None).split("\n")]
    return lines


def _rules() -> Iterator[str]:
    from counterfoil.governance.policies import rules

    for row in rules.table():
        yield f"{row['rule']}: {row['means']} ({row['default']} by default)"


def _document(name: str) -> list[str]:
    schema = json.loads(schema_text(name))
    lines = [f"{schema['title']}.", ""]
    lines += _fields(schema, "")
    for each, definition in schema.get("$defs", {}).items():
        if inner := _fields(definition, ""):
            lines += ["", f"{each}:", *inner]
    return lines


def _fields(schema: Any, path: str) -> list[str]:
    """List the fields below, each with what it is, but for those that a condition adds."""
    found: list[str] = []
    for name, each in schema.get("properties", {}).items():
        if isinstance(each, dict):
            needed = "" if name in schema.get("required", ()) else " (optional)"
            found += [f"{path}{name}{needed}: {_told(each)}", *_fields(each, f"{path}{name}.")]
    if isinstance(items := schema.get("items"), dict):
        found += _fields(items, f"{path.removesuffix('.')}[].")
    if isinstance(every := schema.get("additionalProperties"), dict):
        found += _fields(every, f"{path}NAME.")
    for each in schema.get("allOf", ()):
        told = each.get("then", {}).get("properties", {}).get("value", {})
        for name in _named(each.get("if", {}).get("properties", {}).get("property", {})):
            found.append(f"{path}{name}: {_told(told)}")
    return found


def _told(schema: Any) -> str:
    """Say what a field is, with an example where the schema has one."""
    examples = schema.get("examples", [])
    shown = f", for example {json.dumps(examples[0], ensure_ascii=False)}" if examples else ""
    return f"{schema.get('description', '')}{shown}"


def _named(condition: Any) -> list[str]:
    """List the custom properties that a condition is about."""
    return [condition["const"]] if "const" in condition else list(condition.get("enum", ()))
