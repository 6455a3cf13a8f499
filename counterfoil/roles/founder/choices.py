"""What somebody who founds a consortium chooses, as words on a command line: organisations, tables, analyses.

Knows what analyses there are; knows no table.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.formulas.formula import read
from counterfoil.analyses.registry import REGISTRY
from counterfoil.canonical import check_id
from counterfoil.errors import DocumentError, NotFoundError, PlanError
from counterfoil.governance.documents import did_you_mean
from counterfoil.roles.founder.staffing import PEOPLE, Organisation
from counterfoil.roles.owner import FORMATS

_PERIOD: Final = re.compile(r"\.(\d{4}-(?:w\d{2}|\d{2}(?:-\d{2})?))$")
_COLUMNS: Final = "columns"
"""What is not a parameter of an analysis, but the columns that it is about, where no parameter names them."""

_FORMULA: Final = "formula"
"""The parameter that names columns in a language of its own."""

_SETTING: Final = re.compile(r"\s+(?=\w+=)(?![^()]*\))")
"""Where the next parameter begins, which is not inside the parentheses of a formula."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """An owner's file, with the contract that its name asks for, and the period if it has one."""

    owner: str
    path: Path
    contract: str
    period: str = ""

    @property
    def name(self) -> str:
        """What the file is called in its owner's home."""
        return ".".join(filter(None, (self.contract, self.period))) + self.path.suffix


@dataclass(frozen=True, slots=True)
class Choice:
    """One analysis that is to be run: which, on which columns, with which parameters."""

    analysis: str
    version: int
    columns: tuple[str, ...]
    params: Mapping[str, Any]
    contract: str = ""
    number: int = 1

    @property
    def name(self) -> str:
        """What its results are called; with its number, where others before it would be called the same."""
        words = "-".join((self.analysis, *self.columns))
        name = re.sub(r"[^a-z0-9]+", "-", words.lower())[:60].strip("-")
        return name if self.number == 1 else f"{name}-{self.number}"


def read_organisations(
    texts: Iterable[str], people: Iterable[str], owners: Iterable[str], country: str
) -> list[Organisation]:
    """Read organisations as `id`, `id=Name` or `id=Name,DE`, and how many people they have as `id=1`.

    Raises: DocumentError.
    """
    has = dict(_pair(each, "--people", "hospital-a=1") for each in people)
    known, found = set(owners), []
    for text in texts:
        id, _, rest = text.partition("=")
        name, _, place = rest.rpartition(",") if re.search(r",\s*[A-Za-z]{2}$", rest) else (rest, "", country)
        check_id(id.strip(), "organisation")
        number = has.pop(id, str(PEOPLE))
        if not number.isdecimal() or int(number) < 1:
            raise DocumentError(f"--people {id}={number}: a number from 1, how many people it has for this")
        found.append(Organisation(id, name.strip() or id, place.strip().upper(), int(number), id in known))
    if strangers := [*has, *sorted(known - {each.id for each in found})]:
        raise DocumentError(f"{strangers[0]} is no --organisation; there are {', '.join(each.id for each in found)}")
    return found


def read_tables(texts: Iterable[str]) -> list[TableFile]:
    """Read which files each owner has, as `id=file` or `id=folder`, of which every table is taken.

    A file is called after its contract, and after the period that it is of if it is of one: `visits.2026-w48.csv`.

    Raises: DocumentError; NotFoundError when there is no such file.
    """
    found = []
    for text in texts:
        owner, where = _pair(text, "--table", "hospital-a=visits.csv")
        path = Path(where).expanduser()
        paths = sorted(each for each in path.iterdir() if each.suffix in FORMATS) if path.is_dir() else [path]
        if not paths or not all(each.is_file() for each in paths):
            raise NotFoundError(f"--table {text}: no table is there; name a file, or a folder with some")
        found += [_table(owner, each) for each in paths]
    return found


def _table(owner: str, path: Path) -> TableFile:
    period = _PERIOD.search(path.stem)
    stem = path.stem[: period.start()] if period else path.stem
    contract = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:64].strip("-") or "table"
    return TableFile(owner, path, contract, period[1] if period else "")


def read_choice(text: str) -> Choice:
    """Read an analysis as `mean_by_group value=days by=ward,sex`; `columns=` names columns that are no parameter.

    What a parameter takes is what its analysis declares; a formula may have blanks in it.

    Raises: PlanError with the analyses that there are; DocumentError.
    """
    key, *rest = text.split(maxsplit=1)
    settings = [each for every in rest for each in _SETTING.split(every.strip())]
    latest = {name: analysis for (name, _), analysis in REGISTRY.items()}
    if key not in latest:
        raise PlanError(f"--analysis: no analysis {key!r}{did_you_mean(key, latest)}; there are {', '.join(latest)}")
    given = dict(_pair(each, f"--analysis {key}", "column=days") for each in settings)
    taken = {*latest[key].params, _COLUMNS, "contract"}
    for name in given:
        if name not in taken:
            raise PlanError(
                f"--analysis {key}: no parameter {name!r}{did_you_mean(name, taken)}; it takes {_taken(latest[key])}"
            )
    contract, listed = given.pop("contract", ""), given.pop(_COLUMNS, "")
    forms = {name: latest[key].params[name].form.get("type") for name in given}
    params = {name: each if forms[name] == "string" else _value(each, forms[name]) for name, each in given.items()}
    return Choice(key, latest[key].version, tuple(filter(None, listed.split(","))), params, contract)


def _taken(analysis: type[Analysis]) -> str:
    return ", ".join(f"{name}=" for name in (*sorted(analysis.params), _COLUMNS))


def bind_choice(choice: Choice, columns: Mapping[str, Sequence[str]]) -> Choice:
    """Find the contract that the analysis is about, and the columns that its parameters name.

    Args:
        choice: The analysis as it was chosen.
        columns: The columns of each contract's tables.

    Raises: PlanError, which names what there is.
    """
    contract = choice.contract or (next(iter(columns)) if len(columns) == 1 else "")
    if contract not in columns:
        raise PlanError(
            f"--analysis {choice.analysis}: of which table? add contract= and one of {', '.join(columns)}"
            f"{did_you_mean(contract, columns) if contract else ''}"
        )
    there = columns[contract]
    named: list[str] = []
    for name, found in {_COLUMNS: list(choice.columns), **_columns_of(choice)}.items():
        for text in found:
            if text not in there:
                raise PlanError(_no_column(f"--analysis {choice.analysis} {name}=", text, there))
        named += found
    if not named:
        raise PlanError(f"--analysis {choice.analysis}: of which columns? add columns= and some of {', '.join(there)}")
    return Choice(choice.analysis, choice.version, tuple(dict.fromkeys(named)), choice.params, contract)


def told_apart(choices: Iterable[Choice]) -> list[Choice]:
    """Give a number to each that would be called as one before it: an analysis of the same columns."""
    seen, found = Counter[str](), list[Choice]()
    for each in choices:
        seen[each.name] += 1
        found.append(replace(each, number=seen[each.name]))
    return found


def _columns_of(choice: Choice) -> dict[str, list[str]]:
    """Return which columns each parameter names. Raises: PlanError for a formula that cannot be read."""
    declared = REGISTRY[choice.analysis, choice.version].params
    found = {name: texts(value) for name, value in choice.params.items() if declared[name].takes is not None}
    if _FORMULA in choice.params:
        try:
            found[_FORMULA] = list(read(choice.params[_FORMULA]).columns)
        except PlanError as error:
            raise PlanError(f"--analysis {choice.analysis} {_FORMULA}=: {error}") from None
    return found


def _no_column(where: str, text: str, there: Sequence[str]) -> str:
    return f"{where}: no column {text!r}{did_you_mean(text, there)}; the table has {', '.join(there)}"


def texts(value: Any) -> list[str]:
    """Return the texts that a parameter lists, or the one that it is."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def _value(text: str, form: Any = None) -> Any:
    if form == "array" or "," in text:
        return [_value(each.strip()) for each in text.split(",") if each.strip()]
    try:
        read = json.loads(text)
    except ValueError:
        return text
    return read if isinstance(read, (int, float, bool)) else text


def read_pairs(texts: Iterable[str], option: str, example: str) -> list[tuple[str, str]]:
    """Read what is written `name=value`. Raises: DocumentError."""
    return [_pair(each, option, example) for each in texts]


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise DocumentError(f"{option} {text}: is written like {example}")
    return name.strip(), value.strip()
