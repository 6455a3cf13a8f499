"""Every stage of the joint job, as its own file describes it; whatever else is said of stages is derived from here.

A description is read without importing its file: a party need not import what it has others do, and Prefect loads the
worker, which asks about stages, in every command. So it is made of literals alone. Knows no flow and no party.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from counterfoil_prefect import flows

START_S: Final = 3600.0
"""For how long a party is waited for whose worker has not begun a run, because it is off or busy."""

ALONE: Final = "alone"
"""The work queue of stages that a party takes part in one at a time; the server gives out one of its runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the server starts a stage by itself: by a cron line, in UTC, or every so many seconds."""

    slug: str
    cron: str | None = None
    interval: int | None = None

    def __str__(self) -> str:
        return f"{self.slug}, `{self.cron}` UTC" if self.cron else f"{self.slug}, every {self.interval} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Describe one stage, in the decorator of its flow.

    Attributes:
        roles: The stage runs at parties with one of these.
        limit_s: No run of it takes longer.
        title: What a display or a table says of it in a few words.
        repeatable: It does no harm when it is done again, so the coordinator repeats it after a failure that may pass.
        together: Its parties wait for each other: it begins when all of them are at work, and a party takes part in
            one at a time.
        resumes: It starts from the top whenever its process was lost.
        after: The stage that has to be done before the coordinator orders this one.
        schedule: When the server starts it by itself.
        loads: Modules that its steps import when they need them, and that take seconds: a worker imports them once,
            before it forks the stage's runs.
        ends: States that only this stage ends in, or that ask for something else after it; and what an operator does.
        name: The name of its flow and of its file.
        summary: The first line of the flow's docstring.
        parameters: What the flow takes.
    """

    roles: tuple[str, ...] = ()
    limit_s: float
    title: str = ""
    repeatable: bool = False
    together: bool = False
    resumes: bool = False
    after: str | None = None
    schedule: Schedule | None = None
    loads: tuple[str, ...] = ()
    ends: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    summary: str = ""
    parameters: tuple[str, ...] = ()

    @property
    def queue(self) -> str | None:
        """The queue of its party's work pool that its runs wait in, if it is not the pool's own."""
        return ALONE if self.together else None

    @property
    def module(self) -> str:
        """The module that its flow is in."""
        return f"{flows.__name__}.{self.name}"

    @property
    def entry_point(self) -> str:
        """Where Prefect's own command finds its flow."""
        return f"{self.module}:{self.name}"


def find_stages(folders: Iterable[str]) -> dict[str, Stage]:
    """Read the descriptions of all stages in the folders, by name and in the order of a job.

    Raises: ValueError when a description is not made of literals, or follows a stage that is not there.
    """
    files = sorted(file for folder in folders for file in Path(folder).glob("*.py"))
    found = {stage.name: stage for stage in map(read_stage, files) if stage is not None}
    if missing := {stage.after for stage in found.values()} - {None, *found}:
        raise ValueError(f"no stage is called {', '.join(map(str, missing))}, which another one is to follow")
    leading = {stage.after for stage in found.values()}
    ordered: dict[str, Stage] = {}

    def follow(after: str | None) -> None:
        for stage in sorted(found.values(), key=lambda stage: (stage.name not in leading, stage.name)):
            if stage.after == after:
                ordered[stage.name] = stage
                follow(stage.name)

    follow(None)
    return ordered


def read_stage(file: Path) -> Stage | None:
    """Read the stage that the file describes, unless it describes none. Raises: ValueError, naming the line."""
    text = file.read_text("utf-8")
    if "@stage(" not in text:
        return None
    for node in ast.parse(text, str(file)).body:
        if isinstance(node, ast.FunctionDef) and node.name == file.stem:
            for decorator in node.decorator_list:
                match decorator:
                    case ast.Call(func=ast.Name(id="stage"), args=[described]):
                        taken = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                        return named(_value(described, file), node.name, ast.get_docstring(node), taken)
    return None


def named(described: Stage, name: str, said: str | None, parameters: Iterable[str]) -> Stage:
    """Complete the description with what the flow itself says: its name, docstring and parameters."""
    return replace(described, name=name, summary=(said or "").split("\n")[0], parameters=tuple(parameters))


def _value(node: ast.expr, file: Path) -> Any:
    kinds = {kind.__name__: kind for kind in (Stage, Schedule)}
    match node:
        case ast.Call(func=ast.Name(id=name), args=[], keywords=given) if name in kinds:
            return kinds[name](**{each.arg or "": _value(each.value, file) for each in given})
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"{file}:{node.lineno}: a stage is described by literals alone: {ast.unparse(node)}") from None


STAGES: Final[dict[str, Stage]] = find_stages(flows.__path__)
"""Every installed stage by its name, those of a job in the order in which they are done."""

MENDABLE: Final = frozenset(
    {
        "TransportError",
        "PeerLostError",
        "PeerTimeoutError",
        "BusyError",
        "BusyNodeError",
        "StoreError",
        "Crashed",
        "TimedOut",
        "Cancelled",
        "Unresponsive",
    }
)
"""States after which a new attempt may end well. A failed check of integrity or identity needs a person."""


def stages_of(roles: Iterable[str]) -> tuple[str, ...]:
    """Name the stages that a party with these roles runs."""
    has = frozenset(roles)
    return tuple(sorted(name for name, stage in STAGES.items() if has.intersection(stage.roles)))
