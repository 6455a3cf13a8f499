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
from counterfoil.disclosure.declaration import Cells, Limits
from counterfoil.disclosure.protection import Protected, protect
from counterfoil.disclosure.rounding import rounded
from counterfoil.disclosure.suppression import Judged, hide
from counterfoil.disclosure.tables.layout import layouts
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
      - {{name: late, logicalType: boolean, required: true, description: whether late, customProperties: [
          {{property: privacyRole, value: quasi}}, {{property: purpose, value: test}}]}}
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


def lung_contract(longest: int) -> Contract:
    """Of patients: their sex, how many days they were observed, and whether they died then."""
    text = _CONTRACT.replace("id: small", "id: lung").replace(f"[{', '.join(REGIONS)}]", "[male, female]")
    text = (
        text.replace("name: region", "name: sex")
        .replace("name: value", "name: time")
        .replace("name: debt", "name: died")
    )
    text = text.replace("minimum: 0, maximum: 1000", f"minimum: 1, maximum: {longest}")
    text = text.replace("minimum: -10, maximum: 1000", "minimum: 0, maximum: 1")
    product = text[text.index("      - {name: product") : text.index("      - {name: time")]
    days = "{property: purpose, value: test}, {property: unit, value: days}"
    at = text.index("name: time")
    text = text[:at] + text[at:].replace("{property: purpose, value: test}", days, 1)
    return parse_contract(text.replace(product, "").encode(), "lung.odcs.yaml")


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

    found = _run(plans, frames, rules, suite, lambda _, __, ___, protected: _flat(protected.judged))
    return [(each["safe"], {rule: fail for rule, fail in each.items() if rule != "safe"}) for each in found]


def _flat(found: Mapping[str, Judged]) -> list[Any]:
    return [{"safe": verdict.safe, **verdict.fails} for verdict in found.values()]


def released(
    plans: Sequence[Planned],
    frames: Sequence[pd.DataFrame],
    rules: Rules,
    suite: str = "plain",
    *,
    complementary: bool = True,
    contract: Contract | None = None,
    withheld: str = "",
) -> dict[str, dict[str, NDArray[Any]]]:
    """What each plan's recipient opens; of a plan that is withheld, as where it is not due, nothing leaves."""

    def hidden(p: Any, analyses: Mapping[str, Analysis], cells: Mapping[str, Cells], found: Protected) -> list[Any]:
        kept = {name: hide(p, each, found.safe[name], analyses[name].whole_from) for name, each in cells.items()}
        return list(rounded(p, analyses, kept).values())

    made = _run(plans, frames, rules, suite, hidden, complementary=complementary, contract=contract, withheld=withheld)
    return dict(zip((plan.name for plan in plans if plan.name != withheld), made, strict=True))


def _run(
    plans: Any,
    frames: Any,
    rules: Rules,
    suite: str,
    after: Any,
    *,
    complementary: bool = True,
    contract: Contract | None = None,
    withheld: str = "",
) -> list[dict[str, NDArray[Any]]]:
    contract = contract or CONTRACT
    analyses = {plan.name: build(plan, contract, Limits(len(frames), contract.most_rows, rules)) for plan in plans}
    laid = layouts(analyses)
    tables = [Table(contract, "test", pa.Table.from_pandas(frame, preserve_index=False)) for frame in frames]
    sources: list[Any] = [*analyses.values(), *laid.values()]
    inputs = [source.inputs() if isinstance(source, Analysis) else source.inputs for source in sources]
    flat = [
        made[item.name]
        for source, items in zip(sources, inputs, strict=True)
        for table in tables
        for made in [source.local(source.used(table) if isinstance(source, Analysis) else table)]
        for item in items
    ]

    def program(p: Any, *shares: Any) -> Any:
        given = iter(shares)
        checked = []
        for items in inputs:
            handed = [Handed(items, {item.name: next(given) for item in items}, table.rows) for table in tables]
            checked.append(check_ranges(p, handed)[0])
        cells = {
            name: analysis.conclude(p, analysis.secure(p, own))
            for (name, analysis), own in zip(analyses.items(), checked, strict=False)
        }
        contributions = {
            name: layout.given([each.values for each in own])
            for (name, layout), own in zip(laid.items(), checked[len(analyses) :], strict=True)
        }
        cells.pop(withheld, None)
        found = protect(p, analyses, laid, cells, contributions, complementary=complementary)
        return after(p, analyses, cells, found)

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
