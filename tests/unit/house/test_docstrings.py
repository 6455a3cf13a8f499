"""A docstring says what a call does; the engine's also say shapes, cost, what is revealed, and which errors."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

import counterfoil.errors
import counterfoil.mpc

_NAMES = "Shapes|Cost|Reveals|Raises|Source"
_HEADING = re.compile(rf"\b((?:{_NAMES})(?:, (?:{_NAMES}))*): ")
_SHARED = re.compile(r"\b(Arith|Bits|Number|Fixed|Words)\b")
_ERRORS = {name for name, each in vars(counterfoil.errors).items() if inspect.isclass(each)}

_ROOT = Path(__file__).parents[3]
_RUFF = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
_NOT_YET = [pattern for pattern, codes in _RUFF["per-file-ignores"].items() if "D" in codes]
_FOLDERS = ("benchmarks", "counterfoil", "deployments", "docs", "flows", "mpc_tasks", "synthetic_data")
_CHECKED = [
    name
    for folder in _FOLDERS
    for path in sorted((_ROOT / folder).rglob("*.py"))
    if not any(fnmatch(name := str(path.relative_to(_ROOT)), pattern) for pattern in _NOT_YET)
]
#: how a docstring begins that says what comes of a call instead of what it does; ruff knows the moods of verbs alone
_NO_VERBS = {
    *(
        "a",
        "an",
        "the",
        "this",
        "that",
        "what",
        "whether",
        "who",
        "whose",
        "whom",
        "where",
        "when",
        "which",
        "how",
        "as",
    ),
    *("all", "each", "every", "no", "nothing", "none", "one", "of", "for", "in", "by", "from", "with", "without", "if"),
    "raises:",
}


def public() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Each public function or method of the engine, by name, with its docstring or the one that it inherits."""
    for found in pkgutil.walk_packages(counterfoil.mpc.__path__, "counterfoil.mpc."):
        for name, thing in vars(importlib.import_module(found.name)).items():
            if name.startswith("_") or getattr(thing, "__module__", "") != found.name:
                continue
            if inspect.isfunction(thing):
                yield f"{found.name}.{name}", thing, inspect.getdoc(thing) or ""
            elif inspect.isclass(thing):
                for member, raw in vars(thing).items():
                    function = raw.fget if isinstance(raw, property) else getattr(raw, "__func__", raw)
                    if not member.startswith("_") and inspect.isfunction(function):
                        said = inspect.getdoc(raw) or inspect.getdoc(getattr(thing, member)) or ""
                        yield f"{found.name}.{name}.{member}", function, said


PUBLIC = {name: (function, said) for name, function, said in public()}


def headings(said: str) -> set[str]:
    return {heading for together in _HEADING.findall(f"{said} ") for heading in together.split(", ")}


def raised(function: Callable[..., Any]) -> set[str]:
    """The library's errors that stand in the function's own raise statements."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
    names = (call.func if isinstance(call, ast.Call) else call for call in calls)
    return {name.id for name in names if isinstance(name, ast.Name)} & _ERRORS


def without_verb(source: str) -> list[str]:
    """The functions and methods, but for properties, whose docstring does not begin with a verb."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    called = [each for each in found if not any(ast.unparse(by).endswith("property") for by in each.decorator_list)]
    return [each.name for each in called if (ast.get_docstring(each) or "It").split()[0].lower() in _NO_VERBS]


def test_there_is_something_to_read() -> None:
    assert len(PUBLIC) > 200
    assert len(_CHECKED) > 150
    assert without_verb('def f():\n    """The sum."""\ndef g():\n    """Raises: E."""\n') == ["f", "g"]
    assert without_verb('def f():\n    """Add up."""\n@property\ndef g():\n    """The sum."""\n') == []
    assert headings("Shapes, Cost: as `x`.\nRaises: E; F.\nno Source here") == {"Shapes", "Cost", "Raises"}
    assert raised(PUBLIC["counterfoil.mpc.suites.rep3.multiply.matmul"][0]) == {"ShapeError"}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_says_what_applies(name: str) -> None:
    function, said = PUBLIC[name]
    assert said, "has no docstring"
    of_arguments = [str(kind) for argument, kind in function.__annotations__.items() if argument != "return"]
    if {"Protocol", "Replicated", "Party"} & set(of_arguments):  # it may send something
        wanted = {"Cost", "Reveals"}
        if _SHARED.search(" ".join(map(str, function.__annotations__.values()))):
            wanted.add("Shapes")
        assert not wanted - headings(said), said
    if errors := raised(function):
        assert "Raises" in headings(said), said
        assert not {error for error in errors if error not in said}, said


@pytest.mark.parametrize("name", _CHECKED)
def test_a_docstring_says_what_a_call_does(name: str) -> None:
    assert not without_verb((_ROOT / name).read_text())
