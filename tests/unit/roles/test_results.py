"""Results in Python: what was released is verified before it is a DataFrame, and what was rehearsed says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import counterfoil
from counterfoil import clock
from counterfoil.errors import DocumentError, NotEntitledError, NotFoundError, TamperedError
from counterfoil.roles.recipient.opening import open_job
from tests.lib.consortium import CONTRACTS, OWNERS, Consortium, found

EXPOSURE = CONTRACTS / "agreements" / "exposure.agreement.yaml"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Consortium, str]:
    """A consortium after its first release, and the evidence."""
    banks = found(tmp_path_factory.mktemp("banks"), 1000)
    evidence = banks.analyse([banks.hand_in(owner, banks.table(owner)) for owner in OWNERS])[0].digest
    banks.review(evidence, ["reviewer-1", "reviewer-2"])
    banks.release(evidence)
    return banks, evidence


@pytest.mark.slow
def test_a_release_is_opened_as_frames(released: tuple[Consortium, str], tmp_path: Path) -> None:
    banks, evidence = released
    home = banks.homes["bank-a"]
    with pytest.raises(NotFoundError, match="neither a recipient's home nor a report"):
        counterfoil.open(tmp_path)
    opened = open_job(home, banks.signed("bank-a"), evidence, clock.now())
    places = [home.path, opened.page.parent, opened.page, opened.page.with_name("report.json")]
    shutil.copytree(opened.page.parent, tmp_path / "sent")
    for place, given in [*((place, None) for place in places), (tmp_path / "sent", home.path)]:
        results = counterfoil.open(place, home=given)
        assert not results.rehearsed and results.period == banks.period
        assert list(results) == [result.name for result in opened.results]
        for result in opened.results:
            pd.testing.assert_frame_equal(results[result.name], result.tables[0].frame, check_exact=True)
        assert results.measures("total-exposure")["label"].tolist() == ["exact", "exact"]
        assert "no release" not in results._repr_html_()
    again = counterfoil.open(home.path, agreement="exposure", period=banks.period)
    assert list(again) == list(results)
    entries = [json.loads(entry)["type"] for entry in home.log.entries()]
    assert entries.count("release-opened") == 1 + len(places) + 2


@pytest.mark.slow
def test_what_is_not_verified_is_not_opened(released: tuple[Consortium, str], tmp_path: Path) -> None:
    banks, evidence = released
    home = banks.homes["regulator"]
    page = open_job(home, banks.signed("regulator"), evidence, clock.now()).page
    shutil.copytree(page.parent, tmp_path / "sent")
    with pytest.raises(NotFoundError, match="give the home of one of its recipients"):
        counterfoil.open(tmp_path / "sent")
    with pytest.raises(NotFoundError, match="nothing was released to bank-b"):
        counterfoil.open(banks.homes["bank-b"].path)
    with pytest.raises(NotEntitledError):
        counterfoil.open(banks.homes["bank-b"].path, agreement="exposure")
    with pytest.raises(NotFoundError, match="give another home"):
        counterfoil.open(tmp_path / "sent", home=banks.homes["bank-b"].path)
    changed = json.loads((tmp_path / "sent" / "report.json").read_text())
    rows = changed["results"][0]["tables"][0]["rows"][0]
    rows[0] += 1
    for folder in (tmp_path / "sent", page.parent):
        (folder / "report.json").write_text(json.dumps(changed))
        with pytest.raises(TamperedError, match="other numbers than were released"):
            counterfoil.open(folder, home=home.path)
    assert counterfoil.open(page.parent)["total-exposure"]["rows"].item() == rows[0] - 1
    (tmp_path / "sent" / "report.json").write_text("{")
    with pytest.raises(DocumentError, match="not JSON"):
        counterfoil.open(tmp_path / "sent", home=home.path)


def test_a_rehearsal_is_read_as_one(tmp_path: Path) -> None:
    rehearsed = counterfoil.rehearse(EXPOSURE)
    (page, *_) = rehearsed.save(tmp_path / "rehearsed")
    for place in (page, page.parent):
        read = counterfoil.open(place)
        assert read.rehearsed and "no release" in read._repr_html_()
        for name in read:
            pd.testing.assert_frame_equal(read[name], rehearsed[name], check_dtype=False, check_exact=True)
            pd.testing.assert_frame_equal(read.measures(name), rehearsed.measures(name), check_exact=True)
        pd.testing.assert_frame_equal(read.hidden, rehearsed.for_recipient(page.parent.name).hidden)
    told = json.loads(page.with_name("rehearsal.json").read_text())
    for broken in ({**told, "format": "counterfoil/report/1"}, {**told, "results": [{}]}, []):
        page.with_name("rehearsal.json").write_text(json.dumps(broken))
        with pytest.raises(DocumentError):
            counterfoil.open(page)
