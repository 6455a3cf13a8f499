"""What the demo says at its end: each result beside the pooled tables, of the rows that it is about."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import counterfoil
from counterfoil import clock
from counterfoil.data.synthetic import synth
from counterfoil.governance.agreements.templates import copy_examples
from counterfoil.governance.contracts.contract import parse_contract
from counterfoil.home import Home
from counterfoil.report.render import result_json
from counterfoil_prefect.deployments import summary

TOTAL = "    parameters:\n      column: balance\n    recipients: [regulator, bank-a]\n"


def test_a_filtered_total_is_compared_with_the_rows_that_it_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_examples(tmp_path / "ours", clock.today())
    file = tmp_path / "ours" / "agreements" / "exposure.agreement.yaml"
    text = file.read_text()
    assert text.count(TOTAL) == 1
    text = text.replace(TOTAL, f"    where: {{region: north}}\n{TOTAL}").replace(
        "    columns: [balance]\n", "    columns: [balance, region]\n", 1
    )
    file.write_text(text)
    contract = parse_contract((tmp_path / "ours" / "data" / "loans.odcs.yaml").read_bytes(), "loans.odcs.yaml")
    tables = {}
    for number, bank in enumerate(("bank-a", "bank-b", "bank-c", "bank-d")):
        home = Home.create(tmp_path / "homes" / bank, bank, str(tmp_path / "exchange"), ("owner",))
        tables[bank] = home.data / "loans.csv"
        synth.write_table(synth.make_table(contract, 1000, number, {}), tables[bank])
    for node in ("node-0", "node-1", "node-2"):
        home = Home.create(tmp_path / "homes" / node, node, str(tmp_path / "exchange"), ("node",))
        home.log.append("draft-made", counts={"milliseconds": 1200, "bytes-sent": 10**6, "rounds": 500})
    rehearsed = counterfoil.rehearse(file, tables)
    report = tmp_path / "report.json"
    report.write_text(
        json.dumps({"period": "2026-W48", "results": [result_json(each) for each in rehearsed.results.values()]})
    )
    Home.create(tmp_path / "homes" / "regulator", "regulator", str(tmp_path / "exchange"), ("recipient",))
    monkeypatch.setattr(summary, "fetch_agreement", lambda *_: rehearsed.terms)
    monkeypatch.setattr(sys, "argv", ["summary", str(tmp_path / "homes"), f"agreement:bank-a:{'0' * 64}", str(report)])
    summary.main()
    said = capsys.readouterr().out
    assert rehearsed.terms.planned("total-exposure").where
    assert said.count("equal to the pooled tables") == len(rehearsed.results) and "DIFFERENT" not in said
    wrong = json.loads(report.read_text())
    wrong["results"][0]["tables"][0]["rows"][0][1] += 1
    report.write_text(json.dumps(wrong))
    summary.main()
    assert capsys.readouterr().out.count("DIFFERENT FROM") == 1
