"""Reference of the library: every public module, class and function with its docstring, a page a room."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs.site.text import escape, said, table, toctree

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "counterfoil"

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def rooms() -> Iterator[tuple[str, Path]]:
    """Yield every room that others may import from, by its dotted name."""
    for init in sorted(LIBRARY.rglob("__init__.py")):
        parts = init.parent.relative_to(ROOT).parts
        if not any(part.startswith("_") for part in parts):
            yield ".".join(parts), init.parent


def modules(room: Path) -> Iterator[tuple[str, Path]]:
    """Yield the public modules of a room, itself first, by their dotted names."""
    name = ".".join(room.relative_to(ROOT).parts)
    yield name, room / "__init__.py"
    for path in sorted(room.glob("*.py")):
        if not path.stem.startswith("_"):
            yield f"{name}.{path.stem}", path


def pages() -> Mapping[str, str]:
    made: dict[str, str] = {}
    rows = []
    for name, room in rooms():
        text, first = f"# {name}\n\n", ""
        for module, path in modules(room):
            tree = ast.parse(path.read_text("utf-8"))
            about = ast.get_docstring(tree) or ""
            if module == name:
                first = about.split("\n\n")[0]
                text += said(about) + "\n" + "".join(_members(tree, "##"))
            else:
                text += f"## {module}\n\n{said(about)}\n" + "".join(_members(tree, "###"))
        made[f"reference/python/{name}.md"] = text
        rows.append([f"[`{name}`]({name}.md)", escape(" ".join(first.split()))])
    made["reference/python/index.md"] = (
        "# The library\n\nEvery public module by room. `Shapes`, `Cost`, `Reveals`, `Raises` and `Source` say what "
        "arrays a function takes, what it sends, what anybody learns by it, how it fails, and the paper it is from; "
        "tests check the first four where a function may send something.\n\n"
        + table(("room", "what it is for"), rows)
        + toctree([name for name, _ in rooms()], "hidden:")
    )
    return made


def public(body: list[ast.stmt]) -> Iterator[Definition]:
    """Yield what is defined there and may be used elsewhere."""
    for each in body:
        if isinstance(each, Definition) and not each.name.startswith("_"):
            yield each


def _members(tree: ast.Module, level: str) -> Iterator[str]:
    constants = list(_constants(tree.body))
    if constants:
        yield _block(constants)
    for each in public(tree.body):
        yield f"{level} {each.name}\n\n{_block([_signature(each), *_fields(each)])}{said(ast.get_docstring(each))}\n"
        if isinstance(each, ast.ClassDef):
            for member in public(each.body):
                text = ast.get_docstring(member)
                yield _block([_signature(member)]) + (f"{said(text)}\n" if text else "")


def _block(lines: list[str]) -> str:
    return "```python\n" + "\n".join(lines) + "\n```\n\n"


def _signature(each: Definition) -> str:
    """Write the definition without its body. Defaults longer than a few words are cut."""
    if isinstance(each, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in [*each.bases, *(word.value for word in each.keywords)])
        line = f"class {each.name}({bases})" if bases else f"class {each.name}"
    else:
        start = "async def" if isinstance(each, ast.AsyncFunctionDef) else "def"
        returned = f" -> {ast.unparse(each.returns)}" if each.returns else ""
        line = f"{start} {each.name}({ast.unparse(each.args)}){returned}"
        if len(line) > 100:
            arguments = ast.unparse(each.args)
            line = f"{start} {each.name}(\n    {_one_a_line(arguments)}\n){returned}"
    marks = [ast.unparse(mark) for mark in each.decorator_list]
    kept = [mark for mark in marks if mark.split("(")[0] in {"property", "classmethod", "staticmethod", "dataclass"}]
    return "\n".join([*(f"@{mark}" for mark in kept), line])


def _one_a_line(arguments: str) -> str:
    depth, made = 0, ""
    for sign in arguments:
        depth += (sign in "([{") - (sign in ")]}")
        made += sign
        if sign == "," and not depth:
            made += "\n   "
    return made


def _fields(each: Definition) -> Iterator[str]:
    if isinstance(each, ast.ClassDef):
        for line in _constants(each.body):
            yield f"    {line}"


def _constants(body: list[ast.stmt]) -> Iterator[str]:
    """Annotated or capitalised names that are public, with short values."""
    for each in body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            name, kind, value = each.target.id, f": {ast.unparse(each.annotation)}", each.value
        elif isinstance(each, ast.Assign) and len(each.targets) == 1 and isinstance(each.targets[0], ast.Name):
            name, kind, value = each.targets[0].id, "", each.value
            if not name.isupper() and name not in {"exit_code", "key", "version", "title"}:
                continue
        else:
            continue
        if not name.startswith("_"):
            text = ast.unparse(value) if value else ""
            yield f"{name}{kind}" + (f" = {text if len(text) <= 60 else '...'}" if text else "")
