"""Wherever data or shares are read, computed on, sealed, opened, delivered or erased, a log entry says so.

The places are found in the code: whatever touches data writes an entry itself, or everything that calls it does. A new
place fails this test until somebody has decided which entry it writes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = {
    "counterfoil": "counterfoil",
    "flows": "counterfoil_prefect.flows",
    "mpc_tasks": "counterfoil_prefect.mpc_tasks",
}
"""The folders of what users run, and the names that they are imported by."""

TOUCHES = (
    r".*\bvault\.(load|keep|remove|destroy)",
    r"counterfoil\.crypto\.seal\.(seal|unseal)",
    r"counterfoil\.data\.(reading\.table\.(load|read)|drafting\.(profile\.profile|database\.exported))",
    r"counterfoil\.data\.minimising\.(minimise\.minimise|protect\.protect)",
    r"counterfoil\.mpc\.suites\.(input\.(split|accept)|output\.recombine)",
    r"counterfoil\.joint\.computation\.local_parts",
    r".*\._computing\.(check|look_back|evaluate|compare|add_noise|suppress|finish)",
    r".*open_store\(.*\)\.(get|put|discard)",
)
"""Calls that touch data or shares, by where the function is defined, or by how it is called."""

METHODS = {
    "counterfoil.roles.owner.Contribution": "contribution",
    "counterfoil.roles.node.attempt.Computation": "computation",
    "counterfoil.roles.node.drafting.Results": "settled",
    "counterfoil.roles.preparation.Preparation": r"(self\._)?steps",
}
"""Classes whose methods touch data, and what those who call them name the object."""

ELSEWHERE = {
    "counterfoil.storage.vault.": "the vault itself",
    "counterfoil.mpc.session.in_process.": "all nodes in one process, for tests of circuits",
    "counterfoil.joint.rehearsal.": "synthetic rows, which are nobody's",
    "counterfoil.governance.agreements.signing.link_key.": "the key for pseudonyms, used where a table is minimised",
    "counterfoil.data.reading.table.load": "used by no command, step or role; whoever uses it needs an entry",
    "counterfoil.mpc.session.step_checkpoint.": "the engine's; who resumes from it writes the entry",
}
"""Where what is touched is no data of a job."""

WRITES = {
    "counterfoil_prefect.mpc_tasks.validate.validate": "table-validated",
    "counterfoil_prefect.mpc_tasks.minimise.minimise": "table-minimised",
    "counterfoil_prefect.mpc_tasks.share.share": "shares-submitted",
    "counterfoil_prefect.mpc_tasks.receive.receive": "submissions-received",
    "counterfoil.roles.node.attempt.Computation.meet": "attempt-begun",
    "counterfoil.roles.node.attempt.Computation.fail": "attempt-failed",
    "counterfoil_prefect.mpc_tasks.range_check.range_check": "ranges-checked",
    "counterfoil_prefect.mpc_tasks.look_back.look_back": "releases-compared",
    "counterfoil_prefect.mpc_tasks.evaluate.evaluate": "analysis-evaluated",
    "counterfoil_prefect.mpc_tasks.compare.compare": "sums-compared",
    "counterfoil_prefect.mpc_tasks.noise.noise": "noise-added",
    "counterfoil_prefect.mpc_tasks.suppress.suppress": "cells-suppressed",
    "counterfoil_prefect.mpc_tasks.audit.audit": "draft-made",
    "counterfoil.roles.node.handover.hand_over": "released",
    "counterfoil.governance.releases.revocation.revoke": "release-revoked",
    "counterfoil.governance.retention.purge._erase": "shares-erased",
    "counterfoil.cli.commands.catalogue.offer": "table-read",
    "counterfoil.roles.recipient.attacking.attack_held": "release-attacked",
    "counterfoil.cli.commands.table.erase": "persons-erased",
    "counterfoil.roles.table_memory.learn": "releases-learned",
}
"""Functions that touch data, and the entry that each of them writes."""

THROUGH = {
    "counterfoil.cli.commands.adopt.adopt": ("counterfoil.cli.options.note_read", "table-read"),
    "counterfoil.cli.commands.new.consortium": ("counterfoil.cli.options.note_read", "table-read"),
    "counterfoil.cli.commands.contract.new": ("counterfoil.cli.options.note_read", "table-read"),
    "counterfoil.cli.commands.contract.test": ("counterfoil.cli.options.note_read", "table-read"),
    "counterfoil.cli.commands.rehearse.rehearse": ("counterfoil.cli.options.note_read", "table-read"),
    "counterfoil.cli.commands.contract.risk": ("counterfoil.cli.options.note_read", "table-read"),
    "counterfoil.roles.recipient.opening.open_job": ("counterfoil.roles.recipient.opening._note", "release-opened"),
}
"""Functions that touch data, what they call to have an entry written, and that entry or the constant for it."""


@dataclass
class Place:
    """A function: what it uses, resolved as far as names go, and the entries that it writes itself."""

    name: str
    uses: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)


def functions(tree: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
    """Every function and method of a module, by its full name; what is nested belongs to the one around it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name}.{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{name}.{node.name}")
        elif not isinstance(node, ast.expr):
            yield from functions(node, name)


def entry_given(call: ast.Call) -> ast.expr | None:
    """What a call that writes an entry says the entry's type is."""
    for name, at in (("log.append", 0), ("._note", 0), ("note_step", 2)):
        if ast.unparse(call.func).endswith(name) and len(call.args) > at:
            return call.args[at]
    return None


def read_module(path: Path) -> Iterator[Place]:
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join((PACKAGES[folder], *rest)).removesuffix(".__init__")
    tree = ast.parse(path.read_text("utf-8"))
    own_functions = dict(functions(tree, module))
    known = {name.removeprefix(f"{module}."): name for name in own_functions}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            known |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    for name, function in own_functions.items():
        place = Place(name)
        for node in ast.walk(function):
            if isinstance(node, ast.Name | ast.Attribute):
                first, dot, rest = ast.unparse(node).partition(".")
                own = first == "self" and "." not in rest
                place.uses.add(f"{name.rpartition('.')[0]}.{rest}" if own else known.get(first, first) + dot + rest)
            if isinstance(node, ast.Call) and (given := entry_given(node)):
                told = ast.unparse(given).partition("(")[0]  # a word, or a function that chooses among some
                for each in ast.walk(own_functions.get(f"{module}.{told}", given)):
                    place.entries |= {str(each.value)} if isinstance(each, ast.Constant) else set()
                    place.entries |= {each.id} if isinstance(each, ast.Name) else set()
        yield place


@cache
def places() -> dict[str, Place]:
    """Every function of what users run, by its full name."""
    files = (path for folder in PACKAGES for path in sorted((ROOT / folder).rglob("*.py")))
    return {place.name: place for path in files for place in read_module(path)}


def used_as(name: str) -> str:
    """A pattern of what others write to use the function."""
    owner, _, method = name.rpartition(".")
    return f"{re.escape(name)}|{METHODS[owner]}\\.{method}" if owner in METHODS else re.escape(name)


def users(pattern: str) -> list[str]:
    """The functions that use what the pattern describes on a job's data."""
    return [
        place.name
        for place in places().values()
        if not place.name.startswith(tuple(ELSEWHERE)) and any(re.fullmatch(pattern, use) for use in place.uses)
    ]


@cache
def touching() -> dict[str, list[str]]:
    """Every function that touches data, itself or by what it uses; who uses it, if it leaves the entry to them."""
    found: dict[str, list[str]] = {}
    fresh = {name for pattern in TOUCHES for name in users(pattern)}
    while fresh:
        name = fresh.pop()
        found[name] = [] if name in WRITES or name in THROUGH else users(used_as(name))
        fresh |= set(found[name]) - found.keys()
    return found


def test_whatever_touches_data_writes_an_entry_or_all_who_use_it_do() -> None:
    silent = [name for name, by in touching().items() if not by and name not in WRITES and name not in THROUGH]
    assert not silent, f"these touch data and write no entry: {silent}; give them one, and list it in WRITES"


def test_the_search_finds_what_is_listed_and_nothing_is_listed_in_vain() -> None:
    assert (WRITES.keys() | THROUGH.keys()) - touching().keys() == set()
    for pattern in TOUCHES:
        assert users(pattern), pattern


@pytest.mark.parametrize(("name", "entry"), WRITES.items())
def test_what_is_said_to_write_an_entry_does(name: str, entry: str) -> None:
    assert entry in places()[name].entries


@pytest.mark.parametrize(("name", "through"), THROUGH.items())
def test_what_has_an_entry_written_calls_what_writes_it(name: str, through: tuple[str, str]) -> None:
    writer, entry = through
    assert writer in places()[name].uses
    assert entry in places()[writer].entries
