"""Reference of the documents: a table of fields for every JSON schema, a page a schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.site.text import cell, code, escape, table, toctree

LIBRARY = Path(__file__).parents[2] / "counterfoil"


def schemas() -> Mapping[str, Any]:
    """Load every schema of the library by its name."""
    return {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text("utf-8"))
        for path in sorted(LIBRARY.rglob("*.schema.json"))
    }


def pages() -> Mapping[str, str]:
    known = schemas()
    made = {f"reference/documents/{name}.md": _page(name, schema) for name, schema in known.items()}
    rows = [[f"[`{name}`]({name}.md)", cell(schema.get("title", ""))] for name, schema in known.items()]
    made["reference/documents/index.md"] = (
        "# Documents\n\nWhat partners write (YAML) and what parties sign (JSON). Each is checked against its schema "
        "before anything else is done with it; a field that a schema does not name is refused.\n\n"
        + table(("document", "what it is"), rows)
        + toctree(known, "hidden:")
    )
    return made


def _page(name: str, schema: Any) -> str:
    made = f"# {escape(name)}\n\n{escape(schema.get('title', ''))}.\n\n"
    if text := schema.get("description"):
        made += f"{escape(text)}\n\n"
    made += _section("Fields", schema)
    for each, definition in sorted(schema.get("$defs", {}).items()):
        made += _section(each, definition)
    return made


def _section(heading: str, schema: Any) -> str:
    made = f"## {heading}\n\n"
    if heading != "Fields":
        made += (
            f"{_kind(schema)}{'. ' if schema.get('description') else '.'}{escape(schema.get('description', ''))}\n\n"
        )
    rows = list(_fields(schema, ""))
    return made + (table(("field", "type", "meaning"), rows) + "\n" if rows else "")


def _fields(schema: Any, path: str) -> Iterator[list[str]]:
    """Yield a row for every field below: of objects, of lists of objects, and of alternatives."""
    required = schema.get("required", [])
    for name, each in schema.get("properties", {}).items():
        at = f"{path}{name}"
        if isinstance(each, bool):
            yield [code(at), "", "" if each else "not allowed here"]
            continue
        needed = "" if name in required else "optional; "
        meaning = cell(f"{needed}{each.get('description', '')}".strip().removesuffix(";"))
        yield [code(at), _kind(each), "; ".join(filter(None, [meaning, _example(each)]))]
        yield from _fields(each, f"{at}.")
    if isinstance(items := schema.get("items"), dict):
        yield from _fields(items, f"{path.removesuffix('.')}[].")
    if isinstance(every := schema.get("additionalProperties"), dict):
        yield [code(f"{path}*"), _kind(every), cell(every.get("description", ""))]
        yield from _fields(every, f"{path}*.")
    for alternatives in ("oneOf", "anyOf", "allOf", "then", "else"):
        options = schema.get(alternatives, [])
        for option in options if isinstance(options, list) else [options]:
            if isinstance(option, dict):
                yield from _fields(option, path)


def _example(schema: Mapping[str, Any]) -> str:
    """Show the first example of a field, as YAML and JSON write it."""
    examples = schema.get("examples", [])
    return f"for example {code(json.dumps(examples[0], ensure_ascii=False))}" if examples else ""


def _kind(schema: Any) -> str:
    """Name a schema's type in a few words."""
    if not isinstance(schema, dict):
        return ""
    if reference := schema.get("$ref"):
        name = str(reference).rsplit("/", 1)[-1]
        return f"[{escape(name)}](#{name.lower()})" if reference.startswith("#/$defs/") else escape(name)
    if "const" in schema:
        return code(json.dumps(schema["const"], ensure_ascii=False))
    if "enum" in schema:
        return "one of " + ", ".join(code(each) for each in schema["enum"])
    for several in ("oneOf", "anyOf"):
        if several in schema and "type" not in schema:
            kinds = dict.fromkeys(filter(None, map(_kind, schema[several])))
            return " or ".join(kinds)
    kind = schema.get("type", "")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if kind == "array" and isinstance(schema.get("items"), dict):
        inner = _kind(schema["items"])
        kind = f"list of {inner}" if inner else "list"
    limits = [
        (schema.get("minimum"), "from {}"), (schema.get("exclusiveMinimum"), "above {}"),
        (schema.get("maximum"), "to {}"), (schema.get("exclusiveMaximum"), "below {}"),
        (schema.get("maxLength"), "at most {} characters"), (schema.get("maxItems"), "at most {}"),
        (schema.get("minItems"), "at least {}"),
    ]  # fmt: skip
    stated = [words.format(limit) for limit, words in limits if limit is not None]
    if pattern := schema.get("pattern"):
        stated.append(f"like {code(pattern)}")
    return ", ".join([kind, *stated]) if kind else ", ".join(stated)
