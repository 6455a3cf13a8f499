"""Results as people are shown them: names, and units larger than those that files count in, with all digits."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from counterfoil.analyses.base import Measure, Result, ResultTable
from counterfoil.analyses.registry import build
from counterfoil.disclosure.declaration import Limits
from counterfoil.errors import ContractError
from counterfoil.governance.contracts.column import Column
from counterfoil.governance.contracts.contract import Contract, parse_contract
from counterfoil.governance.contracts.diff import compare
from counterfoil.governance.contracts.forms.display import Display
from counterfoil.governance.policies.rules import OFF, Rules
from counterfoil.report.pages import figures, page, tables
from counterfoil.report.pages.displayed import displayed
from counterfoil.report.render import result_json
from counterfoil.report.results import Results, _result
from tests.unit.analyses.judging import CONTRACT, planned
from tests.unit.report.reports import means

EUROS = Display("euros", 2)
COLUMNS = (
    Column("owed", "integer", "measure", "what is owed", minimum=0, maximum=10**7, unit="cents",
           business_name="Outstanding balance", display=EUROS),
    Column("region", "string", "quasi", "where", categories=("north", "south"), business_name="Region of the branch"),
    Column("age", "integer", "quasi", "how old", minimum=18, maximum=99, unit="years"),
)  # fmt: skip
BARE = Rules(**{**OFF, "safe_threshold": 2})


def asked(analysis: str, *columns: str, rules: Rules = BARE, **parameters: Any) -> Any:
    terms = replace(CONTRACT, columns=COLUMNS)
    return build(planned(analysis, *columns, **parameters), terms, Limits(3, 1000, rules))


def total() -> Result:
    return asked("total", "owed", column="owed").presented(
        {"safe": np.array(1), "count": np.array(70), "sum": np.array(123_456_789)}
    )


def test_a_total_of_cents_reads_in_euros_and_keeps_its_digits() -> None:
    found = total()
    assert found.findings == ("owed adds up to 1,234,567.89 euros over 70 rows.",)
    (table,) = found.tables
    assert table.frame["owed"].item() == 123_456_789 and table.measures["owed"].unit == "cents"
    shown = tables.shown(displayed(table), "hidden")
    assert [(each.name, each.unit) for each in shown.columns] == [("rows", ""), ("Outstanding balance", "euros")]
    assert [cell.text for cell in shown.rows[0]] == ["70", "1,234,567.89"]


def test_bounds_and_intervals_are_in_the_unit_of_the_numbers() -> None:
    frame = pd.DataFrame({"region": ["north"], "mean": [1_234_567.0]})
    for given, label in (
        (Measure("cents", 1000.0, display=EUROS), "bounded, ± 10"),
        (Measure("cents", interval=2500, display=EUROS), "noised, 95 % within ± 25"),
        (Measure("cents", interval=np.nan, display=EUROS), "noised"),
        (Measure("cents", display=EUROS), "exact"),
    ):
        shown = tables.shown(displayed(ResultTable("Mean", frame, {"mean": given})), "hidden")
        assert (shown.columns[1].label, shown.columns[1].unit) == (label, "euros")
        assert shown.rows[0][1].text in ("12,345.67", "12,346", "12,345.7")


def test_a_hidden_cell_stays_hidden_in_the_other_unit() -> None:
    table = means().tables[0]
    found = displayed(replace(table, measures={**table.measures, "mean": Measure("cents", display=EUROS)}))
    assert found.frame["mean"].isna().tolist() == table.frame["mean"].isna().tolist()
    assert found.frame["mean"].dropna().tolist() == pytest.approx((table.frame["mean"].dropna() / 100).tolist())
    whole = ResultTable("T", pd.DataFrame({"owed": pd.array([None], "Int64")}), {"owed": Measure(display=EUROS)})
    assert [cell.text for cell in tables.shown(displayed(whole), "hidden").rows[0]] == ["hidden"]


def test_charts_and_pages_have_headings_and_the_unit_for_people() -> None:
    opened = {"safe": np.array([1, 1]), "count": np.array([10, 20]), "sum": np.array([10_000, 60_000])}
    found = asked("mean_by_group", "owed", "region", value="owed", by=("region",)).presented(opened)
    assert found.findings[0] == "The highest mean owed, 30.00 euros, is in south."
    (shown,) = page.part(found).tables
    assert shown.caption == "mean (euros); exact" and ">30<" in shown.figure
    assert next(each.name for each in shown.shown.columns) == "Region of the branch"
    assert "euros" in figures.caption(displayed(found.tables[0]))


def test_bins_and_bands_say_their_unit() -> None:
    found = asked("histogram", "owed", column="owed", edges=(0, 100_050, 10**7)).presented(
        {"safe": np.array([1, 1]), "count": np.array([5, 6])}
    )
    table = displayed(found.tables[0])
    assert table.frame.columns[0] == "Outstanding balance (euros)"
    assert table.frame.iloc[:, 0].tolist() == ["[0.00 – 1,000.50)", "[1,000.50 – 100,000.00]"]


def test_a_table_of_columns_by_columns_has_headings_on_both_sides() -> None:
    frame = pd.DataFrame({"column": ["owed", "age"], "owed": [1.0, 0.5], "age": [0.5, 1.0]})
    table = ResultTable("Links", frame, {"owed": Measure(), "age": Measure()}, "heatmap", {"owed": "Debt"})
    found = displayed(table)
    assert found.frame["column"].tolist() == ["Debt", "age"] and list(found.measures) == ["Debt", "age"]
    assert table.frame["column"].tolist() == ["owed", "age"]


def test_one_heading_never_stands_for_two_columns() -> None:
    frame = pd.DataFrame({"rows": [1], "a": [2], "b": [3]})
    table = ResultTable("T", frame, dict.fromkeys(("a", "b"), Measure()), headings={"a": "Sum", "b": "Sum"})
    assert list(displayed(table).frame.columns) == ["rows", "Sum (a)", "Sum (b)"]
    assert list(displayed(replace(table, headings={"a": "rows"})).frame.columns) == ["rows", "rows (a)", "b"]


def test_the_json_of_a_report_says_headings_and_units_and_reads_back() -> None:
    written = json.loads(json.dumps(result_json(total())))
    assert written["tables"][0]["columns"][1] == {
        "name": "owed", "role": "measure", "heading": "Outstanding balance", "unit": "cents", "label": "exact",
        "bound": 0, "display": {"unit": "euros", "divideBy": 100},
    }  # fmt: skip
    assert written["tables"][0]["rows"] == [[70, 123_456_789]]
    read = Results("T", "2026-W47", {"total-1": _result(written)})
    (frame,) = read.displayed("total-1")
    assert frame["Outstanding balance"].item() == Decimal("1234567.89")
    assert frame.attrs["columns"]["Outstanding balance"]["unit"] == "euros"
    assert read["total-1"]["owed"].item() == 123_456_789


LOANS = (Path(__file__).parents[3] / "contracts" / "data" / "loans.odcs.yaml").read_text("utf-8")
SHOWN = "          - property: display\n            value: {{unit: euros, divideBy: {}}}\n"


def contract(after: str, text: str) -> Contract:
    assert LOANS.count(after) == 1
    return parse_contract(LOANS.replace(after, after + text).encode(), "loans.odcs.yaml")


def test_a_contract_says_the_unit_for_people() -> None:
    place = "            value: euro cents\n"
    found = contract(place, SHOWN.format(100))
    assert next(each for each in found.columns if each.name == "balance").display == EUROS
    (change,) = compare(contract(place, ""), found).changes
    assert "shown as" in change.text and "euros, of 100 each" in change.text and change.breaks == ()
    for wrong in ("60", "1", "-100", "1000000000000", "ten"):
        with pytest.raises(ContractError, match="divideBy"):
            contract(place, SHOWN.format(wrong))


def test_only_numbers_are_shown_in_another_unit() -> None:
    with pytest.raises(ContractError, match="display is for columns of type integer or number, not string"):
        contract("            value: [mortgage, car, personal, card]\n", SHOWN.format(100))
