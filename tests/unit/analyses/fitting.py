"""Tables of few columns, with their contracts, and what is released of models that are fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from counterfoil.analyses.base import Analysis, Result
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Limits
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.policies.rules import OFF, Rules
from tests.unit.analyses.judging import MOST, planned, released

BARE = Rules(safe_threshold=1, **OFF)
"""A minimum that only tests may have."""

_HEAD = """
apiVersion: v3.1.0
kind: DataContract
id: small
version: 1.0.0
status: active
description: {purpose: columns that a test makes}
schema:
  - name: small
    logicalType: object
    quality: [{id: rows, metric: rowCount, mustBeBetween: [0, %d]}]
    properties:
"""
_FOOT = """
customProperties:
  - {property: lawfulBasis, value: consent}
  - {property: minimumCount, value: 2}
  - {property: retention, value: 30}
  - {property: expires, value: "2030-01-01"}
  - {property: allowedAnalyses, value: [linear_regression]}
"""


def contract_of(columns: Mapping[str, Any], most: int = MOST) -> Contract:
    """A contract of these columns: (low, high) of whole numbers, (low, high, places) of numbers, or categories."""
    lines = []
    for name, kind in columns.items():
        own, options = [], ""
        if isinstance(kind, list):
            of, own = "string", [f"{{property: categories, value: [{', '.join(kind)}]}}"]
        elif len(kind) == 3:
            of, own = "number", [f"{{property: resolution, value: {kind[2]}}}"]
        else:
            of = "integer"
        if not isinstance(kind, list):
            options = f"logicalTypeOptions: {{minimum: {kind[0]}, maximum: {kind[1]}}}, "
        role = "quasi" if of == "string" else "measure"
        custom = ", ".join([f"{{property: privacyRole, value: {role}}}", "{property: purpose, value: test}", *own])
        lines.append(f"      - {{name: {name}, logicalType: {of}, required: true, description: a column, {options}")
        lines.append(f"         customProperties: [{custom}]}}")
    return parse_contract((_HEAD % most + "\n".join(lines) + _FOOT).encode(), "small.odcs.yaml")


def split(frame: pd.DataFrame, owners: int = 3) -> list[pd.DataFrame]:
    """The rows of so many owners."""
    return [frame.iloc[at].reset_index(drop=True) for at in np.array_split(np.arange(len(frame)), owners)]


def fit(
    formula: str,
    frames: Sequence[pd.DataFrame],
    contract: Contract,
    rules: Rules = BARE,
    suite: str = "plain",
    **params: Any,
) -> tuple[Result, dict[str, Any], Analysis]:
    """What a recipient is shown of a regression, and what was released, and the analysis."""
    names = [each.name for each in contract.columns if each.name in formula]
    plan = planned("linear_regression", *names, formula=formula, **params)
    opened = released([plan], frames, rules, suite, contract=contract)["linear_regression"]
    analysis = build(plan, contract, Limits(len(frames), contract.most_rows, rules))
    return analysis.present(opened), opened, analysis
