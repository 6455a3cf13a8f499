"""What the demo says at its end, from the regulator's report, the nodes' logs and, for once, all the tables."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from counterfoil.audit.event import Event
from counterfoil.canonical import Ref
from counterfoil.data.minimising.minimise import minimise
from counterfoil.data.reading.table import Table, load
from counterfoil.data.row_tags import without_identifiers
from counterfoil.governance.agreements.agreement import Agreement
from counterfoil.governance.agreements.signing.signed import fetch_agreement
from counterfoil.home import Home
from counterfoil.joint.computation import analyses
from counterfoil.roles.owner import table_file
from counterfoil.terminal import say

FLOAT = 1e-9
"""What floating point may make of a quotient, beside its bound."""


def main() -> None:
    """`summary HOMES AGREEMENT REPORT`: print the results beside the answer that pooling all tables gives."""
    homes, agreement, report = Path(sys.argv[1]), Ref.parse(sys.argv[2]), json.loads(Path(sys.argv[3]).read_bytes())
    terms = fetch_agreement(Home.open(homes / "regulator").exchange, agreement)
    tables = {part: _read(homes / part.owner, part.contract, terms) for part in terms.parts}
    plans = analyses(terms)
    lines = [f"{terms.title}, {report['period']}"]
    for result in report["results"]:
        plan = plans[result["name"]]
        pooled = plan.answer([tables[part] for part in terms.parts if part.contract == plan.planned.contract])
        label, same = _compare(result["tables"][0], pooled)
        hidden = f"; {result['suppressed']} of {result['cells']} cells hidden" if result["suppressed"] else ""
        verdict = "equal to" if same else "DIFFERENT FROM"
        lines += [f"  {result['name']}: {result['findings'][0]}", f"    {label}; {verdict} the pooled tables{hidden}"]
    costs = [_cost(homes / node) for node in terms.nodes]
    lines.append(
        f"Joint computation: {max(cost['milliseconds'] for cost in costs) / 1000:.2f} s, "
        f"{sum(cost['bytes-sent'] for cost in costs) / 1e6:.1f} MB between the nodes in {costs[0]['rounds']} rounds."
    )
    say(*lines)


def _compare(table: dict[str, Any], expected: pd.DataFrame) -> tuple[str, bool]:
    got = pd.DataFrame(table["rows"], columns=[column["name"] for column in table["columns"]])
    labels: set[str] = set()
    same = True
    for column in table["columns"]:
        if column["role"] != "measure":
            continue
        labels.add(column["label"])
        name = column["name"]
        shown = got[name].notna()
        close = (
            0.0 if column["label"] == "exact" else FLOAT
        )  # beside the bound: what floating point makes of a quotient
        difference = (got[name][shown].astype(float) - expected[name][shown.to_numpy()].astype(float).to_numpy()).abs()
        same &= bool((difference <= column["bound"] + close).all())
    return " and ".join(sorted(labels)), same


def _read(home: Path, name: str, terms: Agreement) -> Table:
    """Read an owner's table as its contribution does, with all rows that count."""
    owner, contract = Home.open(home), terms.contracts[name]
    path = table_file(owner, name)
    whole = load(path, contract, path.with_suffix(".summary.html"), party=owner.party)
    needed = {column for plan in terms.analyses if plan.contract == name for column in plan.needed}
    return minimise(without_identifiers(whole), needed).table


def _cost(home: Path) -> dict[str, int]:
    events = [Event.parse(entry) for entry in Home.open(home).log.entries()]
    return dict(next(event.counts for event in reversed(events) if event.type == "draft-made"))
