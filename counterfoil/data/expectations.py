"""Check a table against every rule of its contract with Great Expectations, in this process and nowhere else.

The only module that imports Great Expectations, and only when a table is checked (it takes seconds). The verdicts are
booleans; where a rule does not hold, a second look finds the rows for the owner's page. No file but that page, no
network, no usage report.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from counterfoil.data.cells import SHOWN
from counterfoil.data.faults import Fault, Faults
from counterfoil.data.persons import check_persons
from counterfoil.data.rules import Rule, compile_rules
from counterfoil.data.table import Table, load
from counterfoil.errors import MissingColumnError
from counterfoil.governance.contract import Column, Contract


@dataclass(frozen=True, slots=True)
class Validation:
    """The table satisfies its contract: the named rules all held on so many rows. May leave the owner."""

    contract: str
    rows: int
    rules: tuple[str, ...]

    @property
    def rules_checked(self) -> int:
        return len(self.rules)


def load_valid(path: Path, contract: Contract) -> tuple[Table, Validation]:
    """The file as a table that satisfies its contract. Else `<name>.faults.html` beside it lists what to mend.

    Cost: as `load` and `validate`.
    Raises: DataError and its kin; ContractError for a rule that cannot be checked.
    """
    page = path.with_suffix(".faults.html")
    page.unlink(missing_ok=True)
    table = load(path, contract, page)
    verdict = validate(table, page)
    check_persons(table, page)
    return table, verdict


def validate(table: Table, page: Path) -> Validation:
    """Every rule of the table's contract holds.

    Cost: 3 to 8 s to import Great Expectations once; then about 0.2 s a million cells.
    Raises: the DataError of the first rule that fails, naming all that fail; then `page` lists the rows. ContractError.
    """
    frame = table.frame()
    rules = [rule for rule in compile_rules(table.contract) if _can_be_asked(rule, frame)]
    batch = _batch(frame)
    faults = Faults(table.source, table.contract, page)
    for rule, held in zip(rules, _verdicts(batch, rules, frame), strict=True):
        if not held:
            faults.found.append(_fault(batch, rule, frame, table))
    faults.refuse()
    return Validation(table.contract.digest, table.rows, tuple(rule.title for rule in rules))


def _can_be_asked(rule: Rule, frame: pd.DataFrame) -> bool:
    """Of a column that is not there, only whether it is."""
    return rule.error is MissingColumnError or set(rule.columns) <= set(frame.columns)


def _batch(frame: pd.DataFrame) -> Any:
    """The frame as Great Expectations takes it, in a context that keeps nothing and reports nothing."""
    import great_expectations as gx  # noqa: PLC0415 (seconds; see the module's docstring)
    from great_expectations.data_context.types import base  # noqa: PLC0415

    logging.captureWarnings(False)  # the import turned it on; warnings of other modules are not ours to log
    config = base.DataContextConfig(
        analytics_enabled=False,
        progress_bars=base.ProgressBarsConfig(globally=False),
        store_backend_defaults=base.InMemoryStoreBackendDefaults(),
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("owner").add_dataframe_asset("table")
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})


def _expectation(rule: Rule, frame: pd.DataFrame, number: int) -> Any:
    from great_expectations import expectations as gxe  # noqa: PLC0415

    arguments = dict(rule.arguments)
    if rule.tolerance is not None:
        present = int(frame[list(rule.columns)].notna().all(axis=1).sum())
        if rule.expectation == "ExpectColumnValuesToNotBeNull":
            present = len(frame)
        good = max(present - rule.tolerance.rows(len(frame)), 0)
        arguments["mostly"] = good / present if present else 1.0
    return getattr(gxe, rule.expectation)(**arguments, meta={"rule": number})


def _verdicts(batch: Any, rules: Sequence[Rule], frame: pd.DataFrame) -> list[bool]:
    import great_expectations as gx  # noqa: PLC0415

    expectations = [_expectation(rule, frame, number) for number, rule in enumerate(rules)]
    suite = gx.ExpectationSuite(name="contract", expectations=expectations)
    held = [False] * len(rules)
    for result in batch.validate(suite, result_format="BOOLEAN_ONLY").results:  # in an order of its own
        held[result.expectation_config.meta["rule"]] = bool(result.success)
    return held


def _fault(batch: Any, rule: Rule, frame: pd.DataFrame, table: Table) -> Fault:
    """The rows that break a rule, for the owner's page."""
    format_ = {"result_format": "SUMMARY", "partial_unexpected_count": SHOWN}
    found = batch.validate(_expectation(rule, frame, 0), result_format=format_).result
    rows = found.get("partial_unexpected_index_list", [])
    columns = [table.contract.column(name) for name in rule.columns]
    cells = (", ".join(_shown(column, frame[column.name].iloc[row]) for column in columns) for row in rows)
    return Fault(
        rule.error,
        ", ".join(rule.columns) or None,
        rule.name,
        rule.remedy,
        found.get("unexpected_count"),
        tuple(row + 1 for row in rows),
        tuple(cells),
    )


def _shown(column: Column, cell: Any) -> str:
    if pd.isna(cell):
        return "(empty)"
    if column.type == "number":
        return f"{cell / 10**column.resolution:.{column.resolution}f}"
    return f"{cell:%Y-%m-%d}" if column.type == "date" else str(cell)
