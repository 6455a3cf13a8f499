"""Analyses taken through their three worlds in one process, up to the verdict of the disclosure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from counterfoil.analyses.base import Analysis
from counterfoil.analyses.registry import REGISTRY, build
from counterfoil.data.reading.table import Table
from counterfoil.disclosure.complement import complement
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.disclosure.rounding import rounded
from counterfoil.disclosure.suppression import hide, judge
from counterfoil.governance.agreements.agreement import Planned
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.policies.rules import Rules
from counterfoil.joint.range_check import Handed, check_ranges
from counterfoil.mpc.ring.shares import as_signed
from counterfoil.mpc.session.in_process import reveal, run_local
from counterfoil.mpc.suites.plain.protocol import Plain

REGIONS, PRODUCTS = ("north", "east", "south"), ("car", "card")
MOST = 500

_CONTRACT = f"""
apiVersion: v3.1.0
kind: DataContract
id: small
version: 1.0.0
status: active
description: {{purpose: a table small enough to be enumerated}}
schema:
  - name: small
    logicalType: object
    quality: [{{id: rows, metric: rowCount, mustBeBetween: [0, {MOST}]}}]
    properties:
      - {{name: region, logicalType: string, required: true, description: where, customProperties: [
          {{property: privacyRole, value: quasi}}, {{property: purpose, value: test}},
          {{property: categories, value: [{", ".join(REGIONS)}]}}]}}
      - {{name: product, logicalType: string, required: true, description: what, customProperties: [
          {{property: privacyRole, value: quasi}}, {{property: purpose, value: test}},
          {{property: categories, value: [{", ".join(PRODUCTS)}]}}]}}
      - {{name: value, logicalType: integer, required: true, description: how much,
          logicalTypeOptions: {{minimum: 0, maximum: 1000}}, customProperties: [
          {{property: privacyRole, value: measure}}, {{property: purpose, value: test}}]}}
      - {{name: debt, logicalType: integer, required: true, description: how little,
          logicalTypeOptions: {{minimum: -10, maximum: 1000}}, customProperties: [
          {{property: privacyRole, value: measure}}, {{property: purpose, value: test}}]}}
customProperties:
  - {{property: lawfulBasis, value: consent}}
  - {{property: minimumCount, value: 2}}
  - {{property: retention, value: 30}}
  - {{property: expires, value: "2030-01-01"}}
  - {{property: allowedAnalyses, value: [total, mean_by_group, histogram, correlation]}}
"""
CONTRACT: Contract = parse_contract(_CONTRACT.encode(), "small.odcs.yaml")


def wide_contract(reach: int) -> Contract:
    """The same with values from 0 to `reach`, and debts from as far below 0."""
    text = _CONTRACT.replace("minimum: 0, maximum: 1000", f"minimum: 0, maximum: {reach}")
    return parse_contract(
        text.replace("minimum: -10, maximum: 1000", f"minimum: {-reach}, maximum: 0").encode(), "wide"
    )


def newest(analysis: str) -> int:
    """The newest version of an analysis; 1 of one that there is not."""
    return max((version for key, version in REGISTRY if key == analysis), default=1)


def planned(analysis: str, *columns: str, name: str = "", **params: object) -> Planned:
    version = newest(analysis)
    return Planned(name or analysis, analysis, version, "test", "small", columns, params, ("somebody",), "0" * 64)


def judged(
    plans: Sequence[Planned], frames: Sequence[pd.DataFrame], rules: Rules, suite: str = "plain"
) -> list[tuple[NDArray[Any], Mapping[str, NDArray[Any]]]]:
    """For each plan which cells are safe, and how many tests of each rule each cell fails."""

    def verdicts(p: Any, analyses: Mapping[str, Analysis], cells: Mapping[str, Cells]) -> list[Any]:
        found = judge(p, list(cells.values()), [each.rules for each in analyses.values()])
        return [{"safe": verdict.safe, **verdict.fails} for verdict in found]

    found = _run(plans, frames, rules, suite, verdicts)
    return [(each["safe"], {rule: fail for rule, fail in each.items() if rule != "safe"}) for each in found]


def released(
    plans: Sequence[Planned],
    frames: Sequence[pd.DataFrame],
    rules: Rules,
    suite: str = "plain",
    *,
    complementary: bool = True,
) -> dict[str, dict[str, NDArray[Any]]]:
    """What each plan's recipient opens."""

    def hidden(p: Any, analyses: Mapping[str, Analysis], cells: Mapping[str, Cells]) -> list[Any]:
        found = judge(p, list(cells.values()), [each.rules for each in analyses.values()])
        flags = {name: verdict.safe for name, verdict in zip(cells, found, strict=True)}
        if complementary:
            flags = complement(p, analyses, cells, dict(zip(cells, found, strict=True)))
        kept = {name: hide(p, each, flags[name]) for name, each in cells.items()}
        return list(rounded(p, analyses, kept).values())

    return dict(zip((plan.name for plan in plans), _run(plans, frames, rules, suite, hidden), strict=True))


def _run(plans: Any, frames: Any, rules: Rules, suite: str, after: Any) -> list[dict[str, NDArray[Any]]]:
    analyses = bound(plans, len(frames), rules)
    arrays = [[_local(analysis, frame) for frame in frames] for analysis in analyses.values()]
    flat = [array for each in arrays for owner in each for array in owner.values()]

    def program(p: Any, *shares: Any) -> Any:
        given = iter(shares)
        cells = {}
        for name, analysis in analyses.items():
            handed = [
                Handed(analysis.inputs(), {item.name: next(given) for item in analysis.inputs()}, len(frame))
                for frame in frames
            ]
            checked, _ = check_ranges(p, handed)
            cells[name] = analysis.conclude(p, analysis.secure(p, checked))
        return after(p, analyses, cells)

    if suite == "plain":
        p = Plain()
        return [
            {name: as_signed(share.parts[0]) for name, share in each.items()}
            for each in program(p, *map(p.constant, flat))
        ]
    parties = run_local(suite, program, inputs=flat)
    return [
        {name: as_signed(reveal([party[i][name] for party in parties])) for name in parties[0][i]}
        for i in range(len(plans))
    ]


def bound(plans: Sequence[Planned], owners: int, rules: Rules) -> dict[str, Analysis]:
    """The analyses of these plans, by name."""
    return {plan.name: build(plan, CONTRACT, Limits(owners, MOST, rules)) for plan in plans}


def _local(analysis: Analysis, frame: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
    made = analysis.local(Table(CONTRACT, "test", pa.Table.from_pandas(frame, preserve_index=False)))
    return {item.name: made[item.name] for item in analysis.inputs()}


def draw(rng: np.random.Generator, owners: int, rows: int) -> list[pd.DataFrame]:
    """Tables of so many owners with few rows in some cells, and some values that outweigh the others."""
    frames = []
    for _ in range(owners):
        n = int(rng.integers(0, rows))
        value = rng.integers(0, 20, n) * rng.choice([0, 1, 50], n, p=[0.3, 0.6, 0.1])
        frames.append(
            pd.DataFrame(
                {
                    "region": rng.choice(REGIONS, n, p=rng.dirichlet([0.5] * 3)),
                    "product": rng.choice(PRODUCTS, n),
                    "value": value.astype(np.int64),
                    "debt": rng.integers(-10, 10, n),
                }
            )
        )
    return frames
