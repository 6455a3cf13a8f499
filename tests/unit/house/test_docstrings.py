"""The engine's public functions say what is true of them: shapes, cost, what is revealed, which errors."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import counterfoil.errors
import counterfoil.mpc

_NAMES = "Shapes|Cost|Reveals|Raises|Source"
_HEADING = re.compile(rf"\b((?:{_NAMES})(?:, (?:{_NAMES}))*): ")
_SHARED = re.compile(r"\b(Arith|Bits|Number|Fixed|Words)\b")
_ERRORS = {name for name, each in vars(counterfoil.errors).items() if inspect.isclass(each)}


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


def test_there_is_something_to_read() -> None:
    assert len(PUBLIC) > 200
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
