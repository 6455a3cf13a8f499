"""Expectations that a contract declares: ODCS quality rules of `engine: greatExpectations`.

A rule names one core expectation and gives its arguments, which are data. Each is checked against the catalogue and the
contract's columns; names may be written as Great Expectations' suites, its classes or camelCase write them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.canonical import load_yaml
from counterfoil.errors import DocumentError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.expectations import arguments
from counterfoil.governance.contracts.expectations.catalogue import (
    FORBIDDEN,
    FORMS,
    REFUSED,
    TYPES,
    Form,
    find,
    near,
    squashed,
)
from counterfoil.governance.contracts.quality import is_expectation
from counterfoil.governance.documents import Path, Problems, shown

_TYPED: Final = ("type", "expectation_type")
_LIMITS: Final = (("min_value", "max_value"),)


@dataclass(frozen=True, slots=True)
class Expectation:
    """A core expectation, `type`, with its arguments as the contract writes them; `columns` are those it is about."""

    name: str
    type: str
    columns: tuple[str, ...]
    arguments: Mapping[str, Any]
    place: str = field(default="", compare=False)

    @property
    def form(self) -> Form:
        """How such an expectation is written."""
        return FORMS[self.type]

    @property
    def title(self) -> str:
        """The expectation's name with its columns."""
        return f"{', '.join(self.columns) or 'table'}: {self.name}"

    def __str__(self) -> str:
        rest = {name: each for name, each in self.arguments.items() if name not in ("column", "column_A", "column_B")}
        return f"{self.type} {rest}" if rest else self.type


def read_expectations(
    table: Mapping[str, Any], columns: Sequence[Column], path: Path, problems: Problems
) -> tuple[Expectation, ...]:
    """Return the expectations of a table and its columns; what is wrong with them is added to the problems."""
    found = list(read_rules(table.get("quality", []), columns, None, path, problems))
    for index, (item, column) in enumerate(zip(table["properties"], columns, strict=True)):
        found += read_rules(item.get("quality", []), columns, column, (*path, "properties", index), problems)
    return tuple(found)


def read_rules(
    rules: Sequence[Mapping[str, Any]], columns: Sequence[Column], of: Column | None, path: Path, problems: Problems
) -> Iterator[Expectation]:
    """Yield the expectations among the rules of a column, or of the table; what is wrong with them is noted."""
    for index, rule in enumerate(rules):
        if is_expectation(rule):
            found = _Reading(columns, of, (*path, "quality", index), problems).expectation(rule)
            if found:
                yield found


class _Reading:
    """Reads one rule; whatever is wrong with it is noted, all at once."""

    def __init__(self, columns: Sequence[Column], of: Column | None, path: Path, problems: Problems) -> None:
        self._columns = {column.name: column for column in columns}
        self._of, self._path, self._problems = of, path, problems
        self._wrong = False

    def expectation(self, rule: Mapping[str, Any]) -> Expectation | None:
        given = self._implementation(rule)
        if given is None:
            return None
        form = self._form(given)
        if form is None:
            return None
        kwargs = self._arguments(form, given.get("kwargs") or {})
        columns = self._about(form, kwargs)
        for name, value in () if self._wrong else kwargs.items():
            if problem := arguments.problem(form.kind(name), value, columns, list(self._columns)):
                self._note(problem, "kwargs", name)
        self._check_limits(form, kwargs)
        if self._wrong:
            return None
        name = rule.get("name") or form.name
        at = self._problems.where(self._path)
        return Expectation(name, form.name, tuple(each.name for each in columns), kwargs, at)

    def _implementation(self, rule: Mapping[str, Any]) -> Mapping[str, Any] | None:
        for name in sorted({"metric", "arguments", "unit"} & set(rule) | {each for each in rule if "must" in each}):
            self._add((*self._path, name), f"{name!r} is for metrics of the standard; remove it, or the engine")
        if squashed(str(rule.get("engine", ""))) != "greatexpectations":
            self._add(self._path, "a rule of type custom needs 'engine: greatExpectations', the one that is run here")
        given = rule.get("implementation")
        if isinstance(given, str):
            try:
                given = load_yaml(given.encode(), "implementation").value
            except DocumentError as error:
                self._add((*self._path, "implementation"), f"is no YAML: {error}")
                return None
        if not isinstance(given, dict):
            wanted = "'implementation: {type: expect_..., kwargs: {...}}'"
            self._add(self._path, f"a rule of Great Expectations says which expectation it is; add {wanted}")
            return None
        for name in given:
            if name not in (*_TYPED, "kwargs", "meta", "severity", "notes", "id", "description"):
                self._note(f"the field {name!r} is not known here{near(name, ('type', 'kwargs'))}; remove it", name)
        if not isinstance(given.get("kwargs", {}), dict | None):
            self._note("must be a mapping (key: value)", "kwargs")
            return None
        return given

    def _form(self, given: Mapping[str, Any]) -> Form | None:
        name = next((given[each] for each in _TYPED if each in given), None)
        if not isinstance(name, str):
            self._note("the field 'type' is missing; name the expectation, as expect_column_values_to_be_between")
            return None
        known = find(name)
        if known is None:
            self._note(f"no core expectation of Great Expectations is called {shown(name)}{near(name, FORMS)}", "type")
            return None
        if known in REFUSED:
            self._note(f"{known} is not run here: {REFUSED[known]}; remove it", "type")
            return None
        return FORMS[known]

    def _arguments(self, form: Form, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments under the names that Great Expectations gives them."""
        spelt, found = {squashed(name): name for name in form.kinds}, {}
        for name, value in given.items():
            known = spelt.get(squashed(str(name)))
            forbidden = next((why for each, why in FORBIDDEN.items() if squashed(each) == squashed(str(name))), None)
            if value is None:
                continue
            if forbidden:
                self._note(f"no contract gives {name!r}: {forbidden}", "kwargs", name)
            elif known is None:
                hint = near(str(name), form.kinds)
                takes = ", ".join(each for each in form.kinds if each != "column") or "none"
                self._note(f"{form.name} has no argument {str(name)!r}{hint}; it takes {takes}", "kwargs", name)
            else:
                found[known] = list(value) if isinstance(value, tuple) else value
        if self._of and form.one_column:
            if found.setdefault("column", self._of.name) != self._of.name:
                self._note(f"is a rule of column {self._of.name}; remove it, or move the rule", "kwargs", "column")
                found["column"] = self._of.name
        elif self._of:
            self._note(f"{form.name} is about more than one column; move it up to schema[0].quality", "type")
        for name in form.needed:
            if name not in found:
                self._note(f"{form.name} needs the argument {name!r}; add it", "kwargs")
        return {name: found[name] for name in form.kinds if name in found}

    def _about(self, form: Form, kwargs: Mapping[str, Any]) -> list[Column]:
        """Return the columns that the expectation is about, each of a type that suits it."""
        found = []
        for name, kind in form.kinds.items():
            if name not in kwargs or kind.rstrip("!") not in ("column", "columns"):
                continue
            if problem := arguments.problem(form.kind(name), kwargs[name], (), list(self._columns)):
                self._note(problem, "kwargs", name)
                continue
            named = kwargs[name] if isinstance(kwargs[name], list) else [kwargs[name]]
            found += [self._columns[each] for each in named]
        for column in found:
            if column.type not in TYPES[form.suits]:
                suits = ", ".join(TYPES[form.suits])
                self._note(
                    f"{form.name} is for columns of type {suits}; {column.name} is of type {column.type}", "type"
                )
        return found

    def _check_limits(self, form: Form, kwargs: Mapping[str, Any]) -> None:
        for low, high in _LIMITS:
            if low not in form.kinds or self._wrong or "partition_object" in form.kinds:
                continue
            if low not in kwargs and high not in kwargs:
                self._note(f"{form.name} needs 'min_value', 'max_value' or both; add one", "kwargs")
            elif low in kwargs and high in kwargs and kwargs[low] > kwargs[high]:
                self._note("'min_value' is above 'max_value'; swap them", "kwargs", low)

    def _note(self, text: str, *below: str) -> None:
        self._add((*self._path, "implementation", *below), text)

    def _add(self, path: Path, text: str) -> None:
        self._wrong = True
        self._problems.add(path, text)
