"""What each owner brings to a rehearsal: its own table, or one that is made of its contract; checked and minimised.

An own table goes through all that its owner would do with it before anything leaves, but for what a home remembers.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from counterfoil.canonical import MAX_YAML_BYTES
from counterfoil.data.checking.expectation_rules import compile_rules
from counterfoil.data.checking.expectations import validate
from counterfoil.data.minimising.minimise import Minimised
from counterfoil.data.reading.table import Table, load
from counterfoil.data.row_tags import KEY_BYTES
from counterfoil.data.synthetic import synth
from counterfoil.errors import AgreementError, NotFoundError, WrongTypeError
from counterfoil.files import read_named
from counterfoil.governance.agreements.agreement import Agreement, Part
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.minimisation import Demands
from counterfoil.governance.documents import did_you_mean
from counterfoil.roles.preparation import Preparation

Given: TypeAlias = "pd.DataFrame | Path | str"
"""A table, or the path of its file."""

ROWS: Final = 1_000
"""Of each table that is made, unless told."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What is left of an owner's table when it would leave, as the arrays that are split, and what became of the rest.

    `own` says that the rows are somebody's, and not made up. `account` counts rows by what became of them.
    """

    table: Table
    arrays: Mapping[str, NDArray[np.int64]]
    own: bool
    account: Mapping[str, int]


def bring(
    terms: Agreement, period: str, folder: Path, given: Mapping[str, Given], rows: int | None, seed: int
) -> dict[Part, Brought]:
    """Bring a table for every part: the given one, or one of so many rows that its contract and the seed make.

    Unless it is told how many, ROWS, or as many as its contract asks for at least, or allows at most.

    `given` is by owner, or by `owner/contract` where one has several; `folder` has the files of contracts that others
    refer to.

    Raises: AgreementError for a table of nobody; NotFoundError; DataError and its kin where a given table does not
        satisfy its contract; ContractError, QualityRuleError where none can be made; RefusedError, PlanError.
    """
    owns = {_part(terms, name): table for name, table in given.items()}
    tags, links = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES)
    found = {}
    for index, owner in enumerate(terms.owners):
        made: Mapping[str, Table] | None = None
        for name in terms.holdings[owner]:
            part, steps = Part(owner, name), Preparation(terms, name, period, lambda: tags, lambda: links)
            if part in owns:
                kept = _own(part, steps, owns[part])
            else:
                made = made or _made(terms, folder, rows, [seed, index])
                kept = _minimised(steps, made[terms.contracts[name].source])
            arrays, _ = steps.encode(kept.table)
            found[part] = Brought(kept.table, arrays, part in owns, kept.account)
    return found


def _part(terms: Agreement, name: str) -> Part:
    """Find which part a table is for. Raises: AgreementError."""
    owner, _, contract = name.partition("/")
    if owner not in terms.holdings:
        raise AgreementError(
            f"{terms.source}: a table is given for {owner!r}, which is no owner{did_you_mean(owner, terms.owners)}; "
            f"the owners are {', '.join(terms.owners)}"
        )
    held = terms.holdings[owner]
    if not contract and len(held) == 1:
        return Part(owner, held[0])
    if contract not in held:
        raise AgreementError(
            f"{terms.source}: say of which contract the table of {owner} is: "
            f"{' or '.join(f'{owner}/{each}' for each in held)}"
        )
    return Part(owner, contract)


def _made(terms: Agreement, folder: Path, rows: int | None, seed: list[int]) -> Mapping[str, Table]:
    """Make one owner's tables, all of so many rows."""
    contracts = {contract.source: contract for contract in terms.contracts.values()}
    waiting = [reference.file for contract in contracts.values() for reference in contract.references]
    while waiting:
        if (file := waiting.pop()) not in contracts and (folder / file).exists():
            contracts[file] = parse_contract(read_named(folder / file, MAX_YAML_BYTES), file)
            waiting += [reference.file for reference in contracts[file].references]
    if rows is None:
        rows = min([max([ROWS, *map(_least, contracts.values())]), *(each.most_rows for each in contracts.values())])
    return synth.make_tables(contracts, rows, seed)


def _least(contract: Contract) -> int:
    """Return how many rows a table has at least, by the contract's quality rules."""
    counted = [rule for rule in compile_rules(contract) if rule.expectation == "ExpectTableRowCountToBeBetween"]
    return max((rule.arguments["min_value"] or 0 for rule in counted), default=0)


def _own(part: Part, steps: Preparation, given: Given) -> Minimised:
    """Check and minimise a table as its owner's worker does; pages beside it say what does not fit, and who stands out.

    Of a frame, they are in the working folder.
    """
    if isinstance(given, pd.DataFrame):
        page = Path(f"{part.owner}.{part.contract}.faults.html")
        with _in_memory(part, given) as file:
            table = load(file, steps.terms.contracts[part.contract], page)
        validate(table, page)
        return steps.minimise(table, page.with_name(f"{part.owner}.{part.contract}.risk.html"))
    path = Path(given)
    if not path.exists():
        raise NotFoundError(f"{path}: no such file; give the path of the table of {part.owner} for {part.contract}")
    return steps.minimise(steps.check(path)[0], path.with_suffix(".risk.html"))


def _minimised(steps: Preparation, made: Table) -> Minimised:
    """Minimise a made table. There is nobody in it whom a demand of anonymity could protect."""
    everybody = replace(made, contract=replace(made.contract, demands=Demands()))
    with tempfile.TemporaryDirectory() as folder:
        return steps.minimise(everybody, Path(folder) / "risk.html")


@contextmanager
def _in_memory(part: Part, frame: pd.DataFrame) -> Iterator[Path]:
    """Give the frame as a Parquet file that is on no disk, so that it is read as a file is."""
    named = [name for name in frame.index.names if name is not None]
    table = frame.reset_index() if named else frame
    with tempfile.TemporaryDirectory() as folder, os.fdopen(os.memfd_create("table"), "w+b") as file:
        try:
            table.to_parquet(file, index=False)
        except (pa.ArrowException, ValueError, TypeError) as error:  # its text may quote cells
            raise WrongTypeError(
                f"the table of {part.owner} for {part.contract}: pandas cannot write its columns as Parquet "
                f"({type(error).__name__}); give every column one type: frame.convert_dtypes()"
            ) from None
        file.flush()
        path = Path(folder) / f"{part.owner}.{part.contract}.parquet"
        path.symlink_to(f"/proc/self/fd/{file.fileno()}")
        yield path
